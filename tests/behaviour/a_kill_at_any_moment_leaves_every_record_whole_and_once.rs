//! The program is killed (SIGKILL) in the middle of calls that write, again and again: each time the database is sound, the
//! audit log whole, and every call that had ended is recorded once, but for the one that was ending. `HOTLINE_KILLS=200` kills
//! it so often, to SQLite and to JSON lines by turns, and tells what was found.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hotline::facts::Month;
use hotline::records::demo::{self, DemoOptions};
use hotline::records::{CallEntry, CallPlace, audit};
use rand::RngExt as _;
use rusqlite::Connection;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;
use tokio::task::LocalSet;
use tokio::time::timeout;

use crate::sip_client::{OFFER, PATIENCE, Phone};
use crate::support::binary::hotline;
use crate::support::hotline::in_tree;

/// Telephones that call at once.
const CALLERS: usize = 4;
const ID: &str = "119999198503150010#";

fn kills() -> u32 {
    std::env::var("HOTLINE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(4)
}

/// One hotline's folder, and where its call records are.
struct House {
    folder: tempfile::TempDir,
    place: CallPlace,
}

impl House {
    fn new(json_lines: bool) -> House {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("hotline.db");
        demo::write(&database, DemoOptions::named_only(Month::new(2026, 9).unwrap()), false, || ()).unwrap();
        let quoted = |path: PathBuf| format!("\"{}\"", path.display());
        let (to, place) = match json_lines {
            true => ("json-lines", CallPlace::JsonLines(folder.path().join("hotline.db.calls"))),
            false => ("database", CallPlace::Sqlite(database)),
        };
        let text = format!(
            "[sip]\nlisten = [\"127.0.0.1:0\"]\n[media]\nworkers = 1\n[call-records]\nto = \"{to}\"\n\
             [records]\ndatabase = \"hotline.db\"\nfailures = 100\nwindow = \"1s\"\n\
             [prompts]\nfolder = {}\ncache = {}\n[numbers]\n\"12333\" = {}\n",
            quoted(in_tree("prompts")),
            quoted(in_tree("target/synthesized")),
            quoted(in_tree("voice-menus/bench/100")),
        );
        std::fs::write(folder.path().join("hotline.toml"), text).unwrap();
        House { folder, place }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("hotline.db")
    }

    /// Starts the program; its address.
    async fn open(&self) -> (Child, std::net::SocketAddr) {
        let mut program = hotline();
        program.args(["serve", "--config"]).arg(self.folder.path().join("hotline.toml"));
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let mut child = program.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        loop {
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap();
            let line = lines.next_line().await.unwrap();
            let line = line.unwrap_or_else(|| panic!("it does not listen: {}", log()));
            if let Some(address) = line.strip_prefix("listening on udp ") {
                let address = address.parse().unwrap();
                // What it prints is read on, so that it can print.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return (child, address);
            }
        }
    }

    /// Ends it as a service manager does, and waits for all of it.
    async fn close(mut child: Child) {
        let id = child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let ended = timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
        assert!(ended.success(), "{ended}");
    }

    /// What is kept of calls, each of them once.
    fn calls(&self) -> Vec<CallEntry> {
        let mut calls = Vec::new();
        self.place.read(None, None, &mut |call| calls.push(call)).unwrap();
        let ids: HashSet<&str> = calls.iter().map(|call| call.call_id.as_str()).collect();
        let sip: HashSet<_> = calls.iter().map(|call| call.sip_call_hash.clone()).collect();
        assert_eq!((ids.len(), sip.len()), (calls.len(), calls.len()), "a call is recorded once");
        calls
    }

    /// The database as the kill left it is sound.
    fn is_sound(&self) {
        let connection = Connection::open(self.database()).unwrap();
        let checked: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(checked, "ok");
        let foreign = connection.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap();
        assert!(!foreign, "a row of nobody");
        let counted = "SELECT (SELECT count(*) FROM lock_outs) = (SELECT count FROM lock_out_count)";
        assert!(connection.query_row(counted, [], |row| row.get::<_, bool>(0)).unwrap(), "lock-outs are counted");
        drop(connection);
        let verified = audit::verify(&self.database(), None).unwrap();
        assert!(verified.is_ok(), "{verified:?}");
    }

    /// No record of a verified call without its line in the audit log.
    fn is_audited(&self, calls: &[CallEntry]) {
        let mut matched = HashSet::new();
        audit::list(&self.database(), &audit::Wanted::default(), |line| {
            if line.outcome == "matched" {
                matched.extend(line.who.strip_prefix("call:").map(str::to_owned));
            }
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        for call in calls.iter().filter(|call| call.person_hash.is_some()) {
            assert!(matched.contains(&call.call_id), "{} is not in the audit log", call.call_id);
        }
    }
}

/// A telephone that calls, keys its numbers by INFO, right or wrong by turns, hangs up, and calls again.
async fn call_on(address: std::net::SocketAddr, caller: usize, ended: Arc<AtomicU64>) {
    for turn in 0_u32.. {
        let mut phone = Phone::new(address).await;
        phone.send(&phone.invite(OFFER).replace("13800000000", &format!("139000000{caller:02}"))).await;
        phone.status(200).await;
        phone.ack("").await;
        let number = if turn.is_multiple_of(2) { "10000001#" } else { "10000009#" };
        let keys = format!("{ID}{number}");
        for (place, key) in (2..).zip(keys.chars()) {
            let info = phone.request("INFO", place, "", "", &format!("Signal={key}\r\nDuration=100\r\n"));
            phone.send(&info.replace("application/sdp", "application/dtmf-relay")).await;
            phone.response().await;
        }
        phone.send(&phone.request("BYE", 90, "", "", "")).await;
        // A wrong number is hung up on: its BYE may have crossed.
        while !phone.response().await.contains("BYE") {}
        ended.fetch_add(1, Ordering::SeqCst);
    }
}

fn recorded(calls: &[CallEntry], caller: usize) -> u64 {
    let masked = format!("*********{caller:02}");
    calls.iter().filter(|call| call.caller_masked.as_deref() == Some(&masked)).count() as u64
}

async fn kill_once(house: &House, before: &[CallEntry]) -> [u64; 2] {
    let (mut child, address) = house.open().await;
    let ended: Vec<Arc<AtomicU64>> = (0..CALLERS).map(|_| Arc::default()).collect();
    let telephones = LocalSet::new();
    for (caller, ended) in ended.iter().enumerate() {
        telephones.spawn_local(call_on(address, caller, Arc::clone(ended)));
    }
    let (calls, moment) = (rand::rng().random_range(1..24), rand::rng().random_range(0..30));
    let all = || ended.iter().map(|ended| ended.load(Ordering::SeqCst)).sum::<u64>();
    let enough = async {
        while all() < calls {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    let killing = async {
        timeout(PATIENCE, enough).await.expect("calls end");
        // Not for luck: the moment of the kill is what is tried.
        tokio::time::sleep(std::time::Duration::from_millis(moment)).await;
        child.start_kill().unwrap();
        child.wait().await.unwrap();
    };
    telephones.run_until(killing).await;
    let ended: Vec<u64> = ended.iter().map(|ended| ended.load(Ordering::SeqCst)).collect();
    drop(telephones);
    house.is_sound();
    let at_once = house.calls().len() as u64;
    // The next start writes what the kill has left in the spool.
    House::close(house.open().await.0).await;
    house.is_sound();
    assert!(
        waits(house.folder.path()).iter().all(|octets| *octets == 8),
        "the spool is empty: only its segments' heads"
    );
    let after = house.calls();
    house.is_audited(&after);
    for (caller, ended) in ended.iter().enumerate() {
        let recorded = recorded(&after, caller) - recorded(before, caller);
        assert!(recorded + 1 >= *ended, "caller {caller}: {ended} calls ended, {recorded} are recorded");
        assert!(recorded <= ended + 1, "caller {caller}: {ended} calls ended, {recorded} are recorded");
    }
    [ended.iter().sum(), after.len() as u64 - at_once]
}

/// The lengths of the spool's segments.
fn waits(folder: &Path) -> Vec<u64> {
    let mut lengths = Vec::new();
    for journal in ["calls", "audit"] {
        for file in std::fs::read_dir(folder.join("hotline.db.spool").join(journal)).unwrap() {
            let path = file.unwrap().path();
            assert!(path.extension().is_none_or(|end| end != "damaged"), "{}", path.display());
            if path.extension().is_some_and(|end| end == "spool") {
                lengths.push(path.metadata().unwrap().len());
            }
        }
    }
    lengths
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_midst_of_calls_that_write() {
    let houses = [House::new(false), House::new(true)];
    let (mut ended, mut replayed, mut most) = (0, 0, 0);
    for kill in 0..kills() {
        let house = &houses[kill as usize % 2];
        let before = house.calls_if_any();
        let [of_this, left] = kill_once(house, &before).await;
        (ended, replayed, most) = (ended + of_this, replayed + left, most.max(left));
    }
    let kept: usize = houses.iter().map(|house| house.calls_if_any().len()).sum();
    let lines: i64 = houses.iter().map(|house| audit::verify(&house.database(), None).unwrap().unwrap().lines).sum();
    println!(
        "{} kills: {ended} calls had ended, {kept} are recorded, each once; {replayed} of them by the start after the kill, at \
         most {most} at once; {lines} lines of the audit log, whole each time",
        kills()
    );
}

impl House {
    fn calls_if_any(&self) -> Vec<CallEntry> {
        match &self.place {
            CallPlace::JsonLines(folder) if !folder.exists() => Vec::new(),
            _ => self.calls(),
        }
    }
}
