//! What callers key and where they call from is read by nobody: not in the log at any level, not in what the programs
//! print, not in a call's record. Over SIP (keys by RFC 4733 and by INFO), without a line, and in simulated calls.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::sip_client::{OFFER, Phone};
use crate::support::binary::{Server, run};
use crate::support::media::DEADLINE;

const ID: &str = "119999198503150010";
const NUMBER: &str = "10000001";
const CALLER: &str = "13912345678";
const KEYS: &str = "s 119999198503150010# s 10000001#";

/// As a log might break them: whole, without a check symbol, the birth date, the last half.
fn secrets() -> [&'static str; 7] {
    [ID, &ID[..17], &ID[6..14], &ID[9..], NUMBER, CALLER, &CALLER[3..]]
}

fn assert_hides_all(text: &str, what: &str) {
    for secret in secrets() {
        assert!(!text.contains(secret), "{what} tells {secret}:\n{text}");
    }
    // A log that told each key on a line of its own would hide from the search above.
    for key in ["Digit(", "Key(", "key=", "Signal=", "digit="] {
        assert!(!text.contains(key), "{what} tells of single keys:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_call_over_sip() {
    let mut server =
        Server::start(&[("100", "bench/100"), ("12333", "12333")], "trace,rsipstack=trace,hotline=trace").await;
    let target = format!("sip:100@{}", server.address);
    let record = server.folder.path().join("heard.wav").display().to_string();
    let (code, printed) =
        run(&["call", &target, "--keys", KEYS, "--from", CALLER, "--quiet", "--record", &record]).await;
    assert_eq!(code, Some(0), "{printed}");
    assert_hides_all(&printed, "the phone");
    keys_by_info(&server).await;

    server.terminate();
    let (status, log) = tokio::time::timeout(DEADLINE, server.ended()).await.expect("it ends");
    assert!(status.success(), "{log}");
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "it logs in full: {log}");
    assert_hides_all(&log, "the log");

    let columns = columns_of_calls(&server.database());
    assert!(columns.contains("served") && columns.contains("*********78"), "{columns}");
    assert_hides_all(&columns, "the call records");
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
fn columns_of_calls(database: &std::path::Path) -> String {
    let connection = Connection::open(database).unwrap();
    let mut rows = connection.prepare("SELECT * FROM calls").unwrap();
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
}

#[tokio::test]
async fn of_a_simulated_call() {
    // The test calls' own files hold made-up numbers; what is printed of calls that went as written does not.
    let (code, printed) = run(&["test", "voice-menus/12333", "--only", "balance"]).await;
    assert_eq!(code, Some(0), "{printed}");
    assert_hides_all(&printed, "the report");
}
