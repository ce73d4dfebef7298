//! PostgreSQL is stopped and started again while people call: those who ask for their records are told that these do not
//! answer, and go on to the main menu; topics, messages and people are there all the same; and it mends itself.

use std::time::{Duration, Instant};

use hotline::phone::{self, CallEnd, parse_script};
use hotline::records::demo::{self, DemoOptions};
use hotline::records::{BreakerState, LockPolicy, Records, Source};
use hotline::simulate::{self, play};

use crate::records_support::as_of;
use crate::support::hotline::scene;
use crate::support::node::start;
use crate::support::postgres::PostgresServer;

const PATIENCE: Duration = Duration::from_secs(60);

fn filled() -> PostgresServer {
    let server = PostgresServer::start();
    demo::write_to_server(&server.options(), DemoOptions::named_only(as_of()), false, || ()).unwrap();
    server
}

/// One caller asks for a balance, then for a topic, then for a person.
const CALL: &str = "Caller presses 2\nCaller presses 2\nCaller presses 119999198503150010#\n\
                    Caller presses 10000001#\nCaller presses 1\nCaller presses #\nCaller presses 1\nCaller presses 2\n\
                    Caller hangs up\n";
/// The same where the records do not answer: from the main menu to a topic, and to a person.
const CALL_WITHOUT: &str = "Caller presses 2\nCaller presses 2\nCaller presses 119999198503150010#\n\
                            Caller presses 10000001#\nCaller presses 1\nCaller presses 2\nCaller presses 0\n\
                            Caller hangs up\n";

/// The names of what was said, in order.
fn said(records: &dyn Records, call: &str) -> Vec<String> {
    let call = simulate::parse("stopped.call", "stopped", call).unwrap();
    let played = play(&scene("12333"), &call, records);
    let names = played.transcript.lines().filter_map(|line| line.strip_prefix("Hotline (")?.split([')', ',']).next());
    names.map(str::to_owned).collect()
}

#[test]
fn in_the_demo_menu() {
    let mut server = filled();
    let records = Source::Postgres(server.options()).open(LockPolicy::default()).unwrap();
    let served = said(&*records, CALL);
    assert!(served.contains(&"balance".to_owned()), "{served:?}");
    server.stop();
    let without = said(&*records, CALL_WITHOUT);
    let place = without.iter().position(|name| name == "records-down").unwrap_or_else(|| panic!("{without:?}"));
    assert_eq!(without[place + 1], "main-menu", "{without:?}");
    assert!(without[place..].contains(&"topic-updates".to_owned()), "{without:?}");
    server.go_on();
    let begun = Instant::now();
    while !said(&*records, CALL).contains(&"balance".to_owned()) {
        assert!(begun.elapsed() < PATIENCE);
    }
    assert_eq!(records.remote().unwrap().breaker, BreakerState::Closed);
}

/// What a real call came to, by its call record.
async fn outcome(target: &str, database: &std::path::Path, calls: i64) -> String {
    let script = Some(parse_script("s 119999198503150010# s 10000001#").unwrap());
    let call = phone::Call { script, ..phone::Call::to(target) };
    let (end, _) = phone::dial(call, &mut std::io::sink()).await.expect("a call");
    assert_eq!(end, CallEnd::FarEnd);
    let begun = Instant::now();
    loop {
        let connection = rusqlite::Connection::open(database).unwrap();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?));
        let last = "SELECT count(*), (SELECT outcome FROM calls ORDER BY call DESC LIMIT 1) FROM calls";
        let (count, outcome) = connection.query_row(last, [], row).unwrap();
        if count == calls {
            return outcome.unwrap();
        }
        assert!(begun.elapsed() < PATIENCE, "{count} calls are recorded");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_line() {
    let mut server = filled();
    let url = server.url();
    let running = start(&[("100", "bench/100")], |config| {
        config.records.local = config.records.file().to_owned();
        config.records.database = url.parse().unwrap();
        config.records.deadline = Duration::from_secs(20);
        config.metrics.listen = None;
    })
    .await;
    let (target, own) = (format!("sip:100@{}", running.address), running.folder.path().join("hotline.db"));
    assert_eq!(outcome(&target, &own, 1).await, "served");
    server.stop();
    assert_eq!(outcome(&target, &own, 2).await, "records-down");
    assert_eq!(outcome(&target, &own, 3).await, "records-down");
    server.go_on();
    assert_eq!(outcome(&target, &own, 4).await, "served");
    assert_eq!(running.node.drain().await, 0);
}
