//! While a database is down call records wait on the disk; each is then written once, in the order that calls ended in.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hotline::dialogue::{Ending, Outcome, Story};
use hotline::facts::{CallId, Language, Secret};
use hotline::records::{CallEntry, CallLog, CallLogOptions, CallPlace, CallRecord, CallServer, Seal, Service};
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;

use crate::support::postgres::PostgresServer;
use crate::support::records::record_of;

const PATIENCE: Duration = Duration::from_secs(60);

/// The nth call.
fn call(number: i64) -> CallRecord {
    let started = Timestamp::from_second(1_795_577_000 + number).unwrap();
    let story = Story {
        path: ["welcome", "main"].map(Into::into).to_vec(),
        entered: vec![Duration::ZERO; 2],
        outcome: Outcome::Nothing,
        ending: Some(Ending::CallerHungUp),
        ..Story::of(Language::ZhCn)
    };
    CallRecord {
        call: CallId::new(u128::try_from(number + 1).unwrap().to_be_bytes()),
        caller: Some(Secret::new(format!("139{number:08}"))),
        ..record_of(story, started, started + SignedDuration::from_secs(30))
    }
}

fn start(options: &CallLogOptions) -> CallLog {
    CallLog::start(options, &Seal::beside(&options.database).unwrap()).unwrap()
}

/// The calls that are kept, by their numbers, as they were written.
fn kept(place: &CallPlace) -> Vec<i64> {
    let mut kept = Vec::new();
    place.read(None, None, &mut |entry: CallEntry| kept.push(entry.call_id)).unwrap();
    kept.iter().map(|id| i64::from_str_radix(id, 16).unwrap() - 1).collect()
}

fn both(folder: &Path) -> [CallLogOptions; 2] {
    let sqlite = CallLogOptions::of(&folder.join("calls.db"));
    let lines = CallLogOptions {
        place: CallPlace::JsonLines(folder.join("lines")),
        ..CallLogOptions::of(&folder.join("other.db"))
    };
    [sqlite, lines]
}

/// On a server of the test's own.
fn on(server: &PostgresServer, folder: &Path) -> CallLogOptions {
    let place = CallPlace::Postgres(CallServer::new(&server.url(), None).unwrap());
    CallLogOptions { place, ..CallLogOptions::of(&folder.join("third.db")) }
}

/// Makes the place one that nothing can be written to, and back.
enum Down {
    Locked(Connection),
    Away(PathBuf),
}

impl Down {
    fn begin(place: &CallPlace) -> Down {
        match place {
            CallPlace::Sqlite(path) => {
                let holder = Connection::open(path).unwrap();
                holder.busy_timeout(PATIENCE).unwrap();
                holder.execute_batch("BEGIN IMMEDIATE").unwrap();
                Down::Locked(holder)
            }
            CallPlace::Postgres(_) => panic!("a server is stopped"),
            CallPlace::JsonLines(folder) => {
                std::fs::rename(folder, folder.with_extension("away")).unwrap();
                // Not even the one who may do anything can make a folder where a file is.
                std::fs::write(folder, "").unwrap();
                Down::Away(folder.clone())
            }
        }
    }

    fn end(self) {
        match self {
            Down::Locked(holder) => holder.execute_batch("COMMIT").unwrap(),
            Down::Away(folder) => {
                std::fs::remove_file(&folder).unwrap();
                std::fs::rename(folder.with_extension("away"), folder).unwrap();
            }
        }
    }
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_came_while_it_was_down_is_written_in_order_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    for options in both(folder.path()) {
        let log = start(&options);
        assert!(log.write(call(0)));
        until("the first is written", || kept(&options.place) == [0]);
        let down = Down::begin(&options.place);
        assert!(log.write(call(1)));
        until("it is seen to be down", || log.counts().down);
        // More than may wait in memory, as long calls end.
        for number in 2..3_000 {
            until("there is room", || log.write(call(number)));
        }
        assert!(log.counts().waiting > 0);
        down.end();
        until("all are written", || kept(&options.place).len() == 3_000);
        assert_eq!(kept(&options.place), (0..3_000).collect::<Vec<_>>(), "{:?}", options.place);
        until("nothing waits", || log.counts().waiting == 0 && !log.counts().down);
    }
}

#[test]
fn what_waits_when_the_process_ends_is_written_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    for options in both(folder.path()) {
        let log = start(&options);
        let down = Down::begin(&options.place);
        (0..10).for_each(|number| assert!(log.write(call(number))));
        drop(log);
        down.end();
        assert_eq!(kept(&options.place), [0; 0]);
        drop(start(&options));
        assert_eq!(kept(&options.place), (0..10).collect::<Vec<_>>(), "{:?}", options.place);
    }
}

#[test]
fn what_a_kill_leaves_in_the_spool_though_it_was_written_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    for options in both(folder.path()) {
        let log = start(&options);
        let down = Down::begin(&options.place);
        (0..10).for_each(|number| assert!(log.write(call(number))));
        drop(log);
        down.end();
        // A kill between the commit and the spool's letting go: the spool as it was before.
        let before = std::fs::read(segment(&options.spool)).unwrap();
        drop(start(&options));
        assert_eq!(kept(&options.place).len(), 10);
        std::fs::write(segment(&options.spool), &before).unwrap();
        let log = start(&options);
        assert!(log.write(call(10)));
        drop(log);
        assert_eq!(kept(&options.place), (0..11).collect::<Vec<_>>(), "{:?}", options.place);
    }
}

#[test]
fn a_server_that_is_killed_and_comes_back_has_every_call_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = PostgresServer::start();
    let options = on(&server, folder.path());
    let log = start(&options);
    assert!(log.write(call(0)));
    until("the first is written", || log.counts().waiting == 0 && kept(&options.place) == [0]);
    for (killed, calls) in [(1, 1..50), (2, 50..100)] {
        // It dies in the midst of them.
        calls.clone().for_each(|number| assert!(log.write(call(number))));
        server.stop();
        (100 * killed..100 * killed + 20).for_each(|number| assert!(log.write(call(number))));
        until("it is seen to be down", || log.counts().down);
        server.go_on();
        until("all are written", || log.counts().waiting == 0);
    }
    drop(log);
    let wanted: Vec<i64> = (0..50).chain(100..120).chain(50..100).chain(200..220).collect();
    assert_eq!(kept(&options.place), wanted, "in the order of their ends, each once");
    assert_eq!(options.place.prune(call(100).started).unwrap(), 100);
    assert_eq!(kept(&options.place).len(), 40);
}

#[test]
fn a_server_that_is_away_at_the_start_gets_what_waited() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = PostgresServer::start();
    let options = on(&server, folder.path());
    server.stop();
    let log = start(&options);
    (0..10).for_each(|number| assert!(log.write(call(number))));
    drop(log);
    server.go_on();
    let before = std::fs::read(segment(&options.spool)).unwrap();
    drop(start(&options));
    assert_eq!(kept(&options.place).len(), 10);
    // As a kill between the commit and the spool's letting go leaves it.
    std::fs::write(segment(&options.spool), &before).unwrap();
    let log = start(&options);
    assert!(log.write(call(10)));
    drop(log);
    assert_eq!(kept(&options.place), (0..11).collect::<Vec<_>>());
    // What is read is what was written, whatever it is kept in.
    let mut read = Vec::new();
    options.place.read(None, None, &mut |entry| read.push(entry)).unwrap();
    let [sqlite, _] = both(folder.path());
    let log = start(&sqlite);
    assert!(log.write(call(10)));
    drop(log);
    let mut same = Vec::new();
    sqlite.place.read(None, None, &mut |entry| same.push(entry)).unwrap();
    let without_hash = |entry: &CallEntry| CallEntry { caller_hash: None, ..entry.clone() };
    assert_eq!(read.last().map(without_hash), same.last().map(without_hash));
}

fn segment(spool: &Path) -> PathBuf {
    let files = std::fs::read_dir(spool).unwrap().map(|file| file.unwrap().path());
    let mut segments: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "spool")).collect();
    assert_eq!(segments.len(), 1);
    segments.remove(0)
}

#[test]
fn beyond_the_spools_bound_the_newest_are_lost_and_counted_and_the_oldest_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    for options in both(folder.path()) {
        let options = CallLogOptions { spool_size: 20_000, ..options };
        let log = start(&options);
        let down = Down::begin(&options.place);
        for number in 0..200 {
            until("there is room in memory", || log.write(call(number)));
        }
        until("the spool is full", || log.counts().lost > 0);
        down.end();
        drop(log);
        drop(start(&options));
        let kept = kept(&options.place);
        assert!((10..200).contains(&kept.len()), "{}", kept.len());
        assert_eq!(kept, (0..i64::try_from(kept.len()).unwrap()).collect::<Vec<_>>(), "{:?}", options.place);
    }
}

#[test]
fn half_a_line_that_a_kill_left_is_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    let [_, options] = both(folder.path());
    let CallPlace::JsonLines(lines) = &options.place else { panic!("JSON lines") };
    drop({
        let log = start(&options);
        assert!(log.write(call(0)));
        log
    });
    let file = std::fs::read_dir(lines).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, [&whole[..], b"{\"call_id\":\"000000000"].concat()).unwrap();
    let log = start(&options);
    assert!(log.write(call(1)));
    drop(log);
    assert_eq!(kept(&options.place), [0, 1]);
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 2);
}

#[test]
fn a_caller_who_calls_again_within_a_day_is_known_after_a_restart_too() {
    let folder = tempfile::tempdir().unwrap();
    for options in both(folder.path()) {
        let again = |number: i64, caller: &str| {
            let now = Timestamp::now() + SignedDuration::from_secs(number - 60);
            CallRecord {
                started: now,
                answered: Some(now),
                ended: now,
                caller: Some(Secret::new(caller.into())),
                ..call(number)
            }
        };
        let log = start(&options);
        assert!(log.write(again(0, "13912345678")) && log.write(again(1, "13912345678")));
        drop(log);
        let log = start(&options);
        assert!(log.write(again(2, "13912345678")) && log.write(again(3, "13900000000")));
        until("they are counted", || log.service().of(Service::Accepted) == 2);
        assert_eq!(log.service().of(Service::Repeated), 1);
        drop(log);
        let mut repeated = Vec::new();
        options.place.read(None, None, &mut |entry| repeated.push(entry.repeated)).unwrap();
        assert_eq!(repeated, [false, true, true, false], "{:?}", options.place);
    }
}
