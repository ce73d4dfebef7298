//! Whatever the records do, each look-up gets exactly one reply, and the pool goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::records_support::at;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use hotline::facts::{CallId, PersonRef, Query, Reply};
use hotline::records::{PoolOptions, Records, RecordsError, RecordsPool};
use jiff::Timestamp;

const CALL: CallId = CallId::new([1; 16]);
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers person 0 when it is let; panics at 13, errs at 14, matches the rest.
struct Scripted {
    begun: Sender<()>,
    let_go: Receiver<()>,
    asked: Arc<AtomicUsize>,
}

impl Records for Scripted {
    fn answer(&self, query: &Query, _at: Timestamp) -> Result<Reply, RecordsError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match query {
            Query::Balances(PersonRef(13)) => panic!("the records are broken"),
            Query::Balances(PersonRef(14)) => Err(RecordsError::Empty),
            Query::Balances(PersonRef(0)) => {
                self.begun.send(()).unwrap();
                self.let_go.recv().unwrap();
                Ok(Reply::Matched(PersonRef(0)))
            }
            Query::Balances(person) => Ok(Reply::Matched(*person)),
            _ => Err(RecordsError::NoSuchPerson),
        }
    }
}

struct Bench {
    pool: RecordsPool,
    begun: Receiver<()>,
    let_go: Sender<()>,
    asked: Arc<AtomicUsize>,
    replies: Receiver<(i64, Reply)>,
    reply_to: Sender<(i64, Reply)>,
}

impl Bench {
    fn new(options: PoolOptions) -> Bench {
        let ((begun_sender, begun), (let_go, gate)) = (unbounded(), bounded(16));
        let asked = Arc::new(AtomicUsize::new(0));
        let records: Arc<dyn Records> =
            Arc::new(Scripted { begun: begun_sender, let_go: gate, asked: Arc::clone(&asked) });
        let (reply_to, replies) = unbounded();
        Bench { pool: RecordsPool::start(&records, options).unwrap(), begun, let_go, asked, replies, reply_to }
    }

    fn ask(&self, person: i64, expires: Instant) -> bool {
        let reply_to = self.reply_to.clone();
        let reply = move |reply| reply_to.send((person, reply)).unwrap();
        self.pool.ask(CALL, Query::Balances(PersonRef(person)), at(0), expires, reply)
    }

    fn reply(&self) -> (i64, Reply) {
        self.replies.recv_timeout(PATIENCE).unwrap()
    }
}

fn one_worker(queue: usize) -> PoolOptions {
    PoolOptions { workers: 1, queue, ..PoolOptions::default() }
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

#[test]
fn a_full_queue_is_answered_at_once() {
    let bench = Bench::new(one_worker(2));
    assert!(bench.ask(0, later()));
    bench.begun.recv_timeout(PATIENCE).unwrap();
    assert!(bench.ask(1, later()) && bench.ask(2, later()));
    assert!(!bench.ask(3, later()));
    assert_eq!(bench.replies.try_recv().unwrap(), (3, Reply::Unavailable), "before the others, with no waiting");
    bench.let_go.send(()).unwrap();
    for person in 0..3 {
        assert_eq!(bench.reply(), (person, Reply::Matched(PersonRef(person))));
    }
}

#[test]
fn a_look_up_that_waited_beyond_its_deadline_does_not_reach_the_records() {
    let bench = Bench::new(one_worker(8));
    assert!(bench.ask(0, later()));
    bench.begun.recv_timeout(PATIENCE).unwrap();
    assert!(bench.ask(1, Instant::now()) && bench.ask(2, later()));
    bench.let_go.send(()).unwrap();
    assert_eq!(bench.reply().0, 0);
    assert_eq!(bench.reply(), (1, Reply::Unavailable));
    assert_eq!(bench.reply(), (2, Reply::Matched(PersonRef(2))));
    assert_eq!(bench.asked.load(Ordering::SeqCst), 2);
}

#[test]
fn errors_and_panics_become_unavailable_and_the_pool_goes_on() {
    let bench = Bench::new(one_worker(8));
    for person in [13, 14, 13, 1] {
        assert!(bench.ask(person, later()));
    }
    for expected in [(13, Reply::Unavailable), (14, Reply::Unavailable), (13, Reply::Unavailable)] {
        assert_eq!(bench.reply(), expected);
    }
    assert_eq!(bench.reply(), (1, Reply::Matched(PersonRef(1))));
    assert!(bench.pool.ask(CALL, Query::Balances(PersonRef(1)), at(0), later(), |_| panic!("the asker is broken")));
    assert!(bench.ask(2, later()));
    assert_eq!(bench.reply(), (2, Reply::Matched(PersonRef(2))));
}

#[test]
fn dropping_the_pool_answers_what_waits_and_ends_its_threads() {
    let bench = Bench::new(one_worker(8));
    assert!(bench.ask(0, later()));
    bench.begun.recv_timeout(PATIENCE).unwrap();
    assert!(bench.ask(1, later()));
    let Bench { pool, let_go, replies, reply_to, asked, .. } = bench;
    let dropping = std::thread::spawn(move || drop(pool));
    let_go.send(()).unwrap();
    dropping.join().unwrap();
    drop(reply_to);
    let rest: Vec<(i64, Reply)> = replies.iter().collect();
    assert_eq!(rest.len(), 2, "each is answered once");
    assert_eq!(rest[0], (0, Reply::Matched(PersonRef(0))));
    assert!(asked.load(Ordering::SeqCst) <= 2);
}
