//! What callers key and where they call from is read by nobody: not in the log at any level, not in what the programs
//! print, not in a call's record. Over SIP (keys by RFC 4733 and by INFO), without a line, in simulated calls, and where calls
//! are replayed; nor in anything else that a run writes: spool, JSON lines, audit log, metrics page, spans, and what is said as it
//! breaks down. ID, number, card, query passwords old and new, the number to call back, the caller's own.

use std::path::Path;

use hotline::dialogue::{Caller, Dialogue, Input};
use hotline::facts::{
    Blame, CallId, Dispute, Identity, Insurance, Key, Moment, Month, Origin, PersonRef, Query, Reply, Secret,
};
use hotline::records::{Records as _, Seal, SqliteRecords, new_key_file};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::records_support::{everything_in, verify};
use crate::sip_client::{OFFER, Phone};
use crate::support::binary::{Server, hotline, run};
use crate::support::collector::Collector;
use crate::support::hotline::in_tree;
use crate::support::media::DEADLINE;

const ID: &str = "119999198503150010";
const NUMBER: &str = "10000001";
const CALLER: &str = "13912345678";
const KEYS: &str = "s 119999198503150010# s 10000001#";

const CARD: &str = "31000011";
const OLD_PASSWORD: &str = "274951";
const NEW_PASSWORD: &str = "863952";
const CALLBACK: &str = "02087651234";

/// A hotline of all that is secret beside ID and number: a card and its query password, a new one, a number to call back.
const SERVICES: &str = r#"
[hotline]
name = "services"
start = "card"
languages = ["en"]
notice-said-before = true

[defaults]
gave-up = "end"
person = "end"
unavailable = "end"

[card]
ask = "enter-card"
field = { digits = { min = 8, max = 12 } }
store = "card"
then = "password"

[password]
ask = "enter-password"
field = "password"
store = "password"
then = "verify"

[verify]
verify = { card = "card", password = "password" }
matched = "new-password"
unmatched = "end"
locked = "end"
initial = "end"

[new-password]
ask = "new-password"
field = "password"
store = "new-password"
then = "again"

[again]
ask = "new-password-again"
field = { password-again = "new-password" }
then = "set"

[set]
set-password = "new-password"
changed = "insurance"
weak = "end"

[insurance]
ask = "wrong-insurance"
field = "insurance"
store = "insurance"
then = "month"

[month]
ask = "wrong-month"
field = "month"
store = "month"
then = "whose-error"

[whose-error]
ask = "whose-error"
field = "whose-error"
store = "whose-error"
then = "callback"

[callback]
ask = "enter-callback"
field = { digits = { min = 7, max = 12 } }
store = "callback"
then = "dispute"

[dispute]
dispute = "case-kept"
about = { insurance = "insurance", month = "month", whose-error = "whose-error", callback = "callback" }
then = "end"
too-many = "end"

[end]
hang-up = true
"#;

/// Its folder.
fn services() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("menu.toml"), SERVICES).unwrap();
    folder
}

fn services_keys() -> String {
    format!("s {CARD}# {OLD_PASSWORD}# {NEW_PASSWORD}# {NEW_PASSWORD}# 1 202603# 1 {CALLBACK}#")
}

/// As a log might break them: whole, without a check symbol, the birth date, the last half.
fn secrets() -> [&'static str; 10] {
    [ID, &ID[..17], &ID[6..14], &ID[9..], NUMBER, CALLER, &CALLER[3..], CARD, CALLBACK, &CALLBACK[3..]]
}

/// Six digits by themselves: in a longer number, and in the fraction of a second, they stand by chance.
fn holds_a_password(octets: &[u8]) -> Option<&'static str> {
    let alone = |place: Option<&u8>| place.is_none_or(|octet| !octet.is_ascii_alphanumeric());
    [OLD_PASSWORD, NEW_PASSWORD].into_iter().find(|password| {
        let mut places = octets.windows(6).enumerate().filter(|(_, window)| *window == password.as_bytes());
        places.any(|(at, _)| {
            let before = at.checked_sub(1).map(|before| &octets[before]);
            alone(before) && before != Some(&b'.') && alone(octets.get(at + 6))
        })
    })
}

fn assert_hides_all(text: &str, what: &str) {
    for secret in secrets() {
        assert!(!text.contains(secret), "{what} tells {secret}:\n{text}");
    }
    assert_eq!(holds_a_password(text.as_bytes()), None, "{what}:\n{text}");
    // A log that told each key on a line of its own would hide from the search above.
    for key in ["Digit(", "Key(", "key=", "Signal=", "digit="] {
        assert!(!text.contains(key), "{what} tells of single keys:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_call_over_sip() {
    let services = services();
    let numbers = [("100", "bench/100"), ("12333", "12333"), ("7", services.path().to_str().unwrap())];
    let mut server = Server::start(&numbers, "trace,rsipstack=trace,hotline=trace").await;
    let target = format!("sip:100@{}", server.address);
    let record = server.folder.path().join("heard.wav").display().to_string();
    let (code, printed) =
        run(&["call", &target, "--keys", KEYS, "--from", CALLER, "--quiet", "--record", &record]).await;
    assert_eq!(code, Some(0), "{printed}");
    assert_hides_all(&printed, "the phone");
    keys_by_info(&server).await;
    key_services(&server).await;

    server.terminate();
    let (status, log) = tokio::time::timeout(DEADLINE, server.ended()).await.expect("it ends");
    assert!(status.success(), "{log}");
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "it logs in full: {log}");
    assert_hides_all(&log, "the log");

    let columns = columns_of_calls(&server.database());
    assert!(columns.contains("served") && columns.contains("*********78"), "{columns}");
    assert_hides_all(&columns, "the call records");
}

/// A call that changes the password and says that a record is wrong.
async fn key_services(server: &Server) {
    let (keys, target) = (services_keys(), format!("sip:7@{}", server.address));
    let (code, printed) = run(&["call", &target, "--keys", &keys, "--from", CALLER, "--quiet"]).await;
    assert_eq!(code, Some(0), "{printed}");
    assert_hides_all(&printed, "the phone");
    let way: String = Connection::open(server.database())
        .unwrap()
        .query_row("SELECT count(*) || ' passwords, ' || (SELECT count(*) FROM cases) FROM passwords", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert!(way.ends_with(" passwords, 1"), "the case was not opened: {way}");
}

/// A call whose number is keyed by INFO, each key a message, and one message of all of them.
async fn keys_by_info(server: &Server) {
    let mut phone = Phone::new(server.address).await;
    phone.send(&phone.invite(OFFER).replace("13800000000", CALLER)).await;
    phone.status(200).await;
    phone.ack("").await;
    let bodies = ID.chars().map(|key| format!("Signal={key}\r\nDuration=160\r\n"));
    for (place, body) in bodies.chain([format!("Signal={ID}\r\n")]).enumerate() {
        let sequence = 2 + u32::try_from(place).unwrap();
        let info = phone.request("INFO", sequence, "", "", &body);
        phone.send(&info.replace("application/sdp", "application/dtmf-relay")).await;
        phone.response().await;
    }
    phone.send(&phone.request("BYE", 40, "", "", "")).await;
    phone.status(200).await;
}

/// Every column of every row.
fn columns_of_calls(database: &Path) -> String {
    columns_of(&Connection::open(database).unwrap(), "calls")
}

fn columns_of(connection: &Connection, table: &str) -> String {
    let mut rows = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let columns = rows.column_count();
    let shown = rows.query_map([], |row| {
        let shown = (0..columns).map(|column| match row.get_ref(column)? {
            ValueRef::Text(text) => Ok(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
            other => Ok(format!("{other:?}")),
        });
        shown.collect::<Result<Vec<String>, rusqlite::Error>>()
    });
    shown.unwrap().flat_map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn of_a_call_in_this_process() {
    let menu = ["call", "--local", "--menu", "voice-menus/bench/100", "--keys", KEYS, "--from", CALLER, "--quiet"];
    let (code, printed) = run(&menu).await;
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("caller:  19 keys"), "{printed}");
    assert_hides_all(&printed, "the phone");

    let (services, keys, prompts) = (services(), services_keys(), in_tree("prompts"));
    let local =
        ["call", "--local", "--menu", services.path().to_str().unwrap(), "--prompts", prompts.to_str().unwrap()];
    let (code, printed) = run(&[&local[..], &["--keys", &keys, "--from", CALLER, "--quiet"]].concat()).await;
    assert!(code == Some(0) && printed.contains("has been registered"), "{printed}");
    assert_hides_all(&printed, "the phone");
}

#[tokio::test]
async fn of_a_simulated_call() {
    // The test calls' own files hold made-up numbers; what is printed of calls that went as written does not.
    for calls in ["balance", "password", "wrong-record"] {
        let (code, printed) = run(&["test", "voice-menus/12333", "--only", calls]).await;
        assert_eq!(code, Some(0), "{printed}");
        assert_hides_all(&printed, "the report");
    }
}

/// The calls of the call records through a changed menu: what is told of them, and what is written of them, whose keys are those of
/// made-up people.
async fn replay(database: &Path, services: &Path) {
    let (changed, written) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Each step is come to in this one too, though not by who has chosen a good password.
    let menu = SERVICES.replace("changed = \"insurance\"\nweak = \"end\"", "changed = \"bye\"\nweak = \"insurance\"");
    let menu = format!("{menu}\n[bye]\nhang-up = true\n");
    std::fs::write(changed.path().join("menu.toml"), menu).unwrap();
    let prompts = in_tree("prompts");
    let [database, before, after, calls, prompts] =
        [database, services, changed.path(), written.path(), prompts.as_path()].map(|path| path.to_str().unwrap());
    let arguments =
        ["replay", "--database", database, "--before", before, "--calls", calls, "--prompts", prompts, after];
    let (code, printed) = run(&arguments).await;
    assert!(code == Some(1) && printed.contains("1 would end elsewhere"), "{printed}");
    assert_hides_all(&printed, "the replay");
    let calls = everything_in(written.path());
    assert!(holds(&calls, "Caller presses"), "{}", String::from_utf8_lossy(&calls));
    for secret in [CALLER, NEW_PASSWORD, CALLBACK] {
        assert!(!holds(&calls, secret), "a replayed call holds {secret}");
    }
}

/// Not in the records: so no file at all may hold it.
const UNKNOWN: &str = "11010519491231002X";

/// A call that keys an ID number that nobody has, and the number of somebody who is there.
async fn key_unknown(server: &Server) {
    let keys = format!("s {}# s {NUMBER}#", UNKNOWN.replace('X', "*"));
    let target = format!("sip:100@{}", server.address);
    let (code, printed) = run(&["call", &target, "--keys", &keys, "--from", CALLER, "--quiet"]).await;
    assert_eq!(code, Some(0), "{printed}");
}

/// Amounts of the person who was verified, as they stand in the records and as people write them.
fn amounts(database: &Path) -> Vec<String> {
    let records = SqliteRecords::open(database).unwrap();
    let matched = records.answer(&verify(ID, NUMBER, None), jiff::Timestamp::now()).unwrap();
    let Reply::Matched(person) = matched else { panic!("not matched") };
    let balances = records.answer(&Query::Balances(person), jiff::Timestamp::now()).unwrap();
    let Reply::Balances(balances) = balances else { panic!("{balances:?}") };
    let fen = [balances.pension.0, balances.medical.0];
    fen.iter().flat_map(|fen| [fen.to_string(), format!("{}.{:02}", fen / 100, fen % 100)]).collect()
}

fn holds(octets: &[u8], text: &str) -> bool {
    octets.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Every word of every table but those of the insured themselves.
fn tables(database: &Path) -> String {
    let connection = Connection::open(database).unwrap();
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('records_a', 'records_b')";
    let names: Vec<String> =
        connection.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(names.len() > 4, "{names:?}");
    names.iter().map(|name| columns_of(&connection, name)).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn of_everything_that_a_run_wrote_to_its_database() {
    look_at_everything("database").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_everything_that_a_run_wrote_as_json_lines() {
    look_at_everything("json-lines").await;
}

async fn look_at_everything(to: &str) {
    let collector = Collector::start(Some(200)).await;
    let tables_of_config = format!(
        "listen = [\"127.0.0.1:0\"]\n[media]\nworkers = 1\n[metrics]\nlisten = \"127.0.0.1:0\"\n\
             [telemetry]\notlp = \"http://{}\"\n[call-records]\nto = \"{to}\"",
        collector.address
    );
    let services = services();
    let numbers = [("100", "bench/100"), ("12333", "12333"), ("7", services.path().to_str().unwrap())];
    // The insured and their cases are sealed, so that no file at all holds what a caller has keyed.
    let folder = tempfile::tempdir().unwrap();
    new_key_file(&Seal::file_beside(&folder.path().join("hotline.db"))).unwrap();
    let mut server = Server::launch_in(folder, hotline(), &tables_of_config, &numbers, "trace").await;
    let metrics = server.printed_after("metrics on http://").await;
    let (address, path) = metrics.split_once('/').unwrap();
    let target = format!("sip:100@{}", server.address);
    let (code, printed) = run(&["call", &target, "--keys", KEYS, "--from", CALLER, "--quiet"]).await;
    assert_eq!(code, Some(0), "{printed}");
    key_unknown(&server).await;
    key_services(&server).await;
    let amounts = amounts(&server.database());
    // What waits in the spool while the database is busy is killed there, and looked at as it lies.
    let busy = Connection::open(server.database()).unwrap();
    busy.busy_timeout(DEADLINE).unwrap();
    busy.execute_batch("BEGIN IMMEDIATE").unwrap();
    key_unknown(&server).await;
    let page = page(address, path).await;
    assert!(page.contains("hotline_audit_lines_waiting_bytes"), "{page}");
    let spooled = everything_in(&server.folder.path().join("hotline.db.spool"));
    server.signal("KILL");
    busy.execute_batch("COMMIT").unwrap();
    let (_, log) = tokio::time::timeout(DEADLINE, server.ended()).await.expect("it ends");
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "{log}");
    let spans = collector.bodies().concat();
    let lines = server.folder.path().join("hotline.db.calls");
    let lines = if lines.exists() { everything_in(&lines) } else { Vec::new() };
    assert_eq!(holds(&lines, "*********78"), to == "json-lines");
    assert!(holds(&spans, "step verify") && holds(&spooled, "HLSPOOL1"));
    let tables = tables(&server.database());
    assert!(tables.contains("call:"), "{tables}");
    let head = std::fs::read(server.folder.path().join("hotline.db.audit-head")).unwrap();
    let everything: [(&str, &[u8]); 7] = [
        ("the log", log.as_bytes()),
        ("the metrics page", page.as_bytes()),
        ("the spans", &spans),
        ("the spool", &spooled),
        ("the JSON lines", &lines),
        ("the tables", tables.as_bytes()),
        ("the head of the audit log", &head),
    ];
    for (what, octets) in everything {
        for secret in secrets().into_iter().chain([UNKNOWN, &UNKNOWN[..17], &UNKNOWN[6..14]]) {
            assert!(!holds(octets, secret), "{to}: {what} holds {secret}");
        }
        for amount in &amounts {
            assert!(!holds(octets, amount), "{to}: {what} holds {amount}");
        }
        assert_eq!(holds_a_password(octets), None, "{to}: {what}");
    }
    // All that was written anywhere, raw: of somebody who is not in the records there is nothing.
    let all = everything_in(server.folder.path());
    for secret in [UNKNOWN, &UNKNOWN[..17], CALLER, CALLBACK, &CALLBACK[3..]] {
        assert!(!holds(&all, secret), "{to}: a file holds {secret}");
    }
    assert_eq!(holds_a_password(&all), None, "{to}: a file");
    if to == "database" {
        replay(&server.database(), services.path()).await;
    }
}

async fn page(address: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await.unwrap();
    let mut page = String::new();
    let _ = stream.read_to_string(&mut page).await;
    page
}

#[test]
fn of_a_panic() {
    let today = jiff::civil::date(2026, 11, 25);
    let query = verify(ID, NUMBER, Some(CALLER));
    let caller = Caller { number: Some(Secret::new(CALLER.into())), ..Caller::unknown(today) };
    let mut call = Dialogue::new(crate::support::hotline::menu("bench/100"), caller.clone());
    call.handle(Moment::ZERO, Input::Answered);
    for symbol in ID.chars().take(12) {
        call.handle(Moment::ZERO, Input::Key(Key::from_char(symbol).unwrap()));
    }
    let keyed = |text: &str| Some(Secret::new(text.to_owned()));
    let identity = Identity { card: keyed(CARD), password: keyed(OLD_PASSWORD), ..Identity::default() };
    let by_card = Query::Verify { identity, from: Origin::default() };
    let set = Query::SetPassword { person: PersonRef(1), password: Secret::new(NEW_PASSWORD.into()) };
    let callback = Secret::new(CALLBACK.into());
    let month = Month::new(2026, 3).unwrap();
    let dispute = Dispute { insurance: Insurance::Pension, month, blame: Blame::Agency, callback };
    let dispute = Query::Dispute { person: PersonRef(1), dispute, call: CallId::new([0; 16]) };
    let queries = [query, by_card, set, dispute];
    let said = std::panic::catch_unwind(|| panic!("{queries:?} {caller:?} {call:?}")).unwrap_err();
    let said = said.downcast_ref::<String>().unwrap();
    assert!(said.contains("Secret(·)"), "{said}");
    assert_hides_all(said, "a panic");
}
