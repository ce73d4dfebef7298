//! However many callers key their passwords at once, each of which takes a hash, balances are read meanwhile; and each password
//! is answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use hotline::facts::{CallId, Identity, Origin, PersonRef, Query, Reply, Secret};
use hotline::records::{LockPolicy, PoolOptions, Records, RecordsPool};

use crate::records_support::{at, each, person};

const PASSWORDS: usize = 40;
const PATIENCE: Duration = Duration::from_secs(120);

/// One of callers who key a card and a password that is not theirs.
fn by_password(caller: usize) -> Query {
    let card = person("ordinary").card.chars().filter(char::is_ascii_digit).collect();
    let identity =
        Identity { card: Some(Secret::new(card)), password: Some(Secret::new("999999".into())), ..Identity::default() };
    let caller = Some(Secret::new(format!("139{caller:08}")));
    Query::Verify { identity, from: Origin { caller, trunk: None } }
}

#[test]
fn by_every_back_end_with_one_worker() {
    let policy = LockPolicy { failures: 100, id_failures: 10_000, ..LockPolicy::default() };
    for (name, records) in each(policy) {
        let records: Arc<dyn Records> = Arc::from(records);
        let pool = RecordsPool::start(&records, PoolOptions { workers: 1, ..PoolOptions::default() }).unwrap();
        let (tell, told) = unbounded();
        let expires = Instant::now() + PATIENCE;
        for caller in 0..PASSWORDS {
            let tell = tell.clone();
            let reply = move |reply| tell.send(("password", reply)).unwrap();
            assert!(pool.ask(CallId::new([1; 16]), by_password(caller), at(0), expires, reply));
        }
        let balances = Query::Balances(PersonRef(1));
        assert!(
            pool.ask(CallId::new([2; 16]), balances, at(0), expires, move |reply| tell
                .send(("balance", reply))
                .unwrap())
        );
        let order: Vec<(&str, Reply)> = told.iter().collect();
        assert_eq!(order.len(), PASSWORDS + 1, "{name}: each is answered once");
        let place = order.iter().position(|(what, _)| *what == "balance").unwrap();
        assert!(matches!(order[place].1, Reply::Balances(_)), "{name}: {:?}", order[place].1);
        assert!(place < PASSWORDS / 2, "{name}: the balance is read after {place} of {PASSWORDS} passwords");
        let wrong = order.iter().filter(|(_, reply)| *reply == Reply::Unmatched).count();
        assert_eq!(wrong, PASSWORDS, "{name}: {order:?}");
    }
}
