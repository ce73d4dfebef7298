//! SIPp dials, presses its own captures of RFC 4733 keys (`tests/sipp/keys.xml`), and listens to the end. What the wire
//! carried to it is, byte for byte, the clips that the dialogue asked for, in order, the amounts read back included;
//! between them nothing but silence.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::support::capture::{Capture, datagrams};
use crate::support::hotline::in_tree;
use crate::support::node::start;
use crate::support::sound::assert_balance_is_heard;

/// SIPp's port for RTP: above what the system gives away by itself and other tests take.
const MEDIA_PORT: &str = "61200";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sipp_keys_its_numbers_and_hears_the_balance() {
    if !Path::new("/usr/share/sip-tester/dtmf_2833_0.pcap").exists() {
        println!("skipped: SIPp and its captures are not here (Debian: sip-tester)");
        return;
    }
    let running = start(&[("100", "bench/100")], |_| ()).await;
    let file = running.folder.path().join("call.pcap");
    let Some(capture) = Capture::of(&format!("udp and dst port {MEDIA_PORT}"), &file) else { return };
    let mut sipp = tokio::process::Command::new("/usr/bin/sipp");
    sipp.arg("-sf").arg(in_tree("tests/sipp/keys.xml")).args(["-s", "100", "-m", "1", "-d", "6000", "-nostdin"]);
    sipp.args(["-i", "127.0.0.1", "-mi", "127.0.0.1", "-mp", MEDIA_PORT, "-timeout", "60s"]);
    sipp.arg(running.address.to_string()).current_dir(running.folder.path()).env("TERM", "dumb").stdin(Stdio::null());
    let call = tokio::time::timeout(Duration::from_secs(90), sipp.kill_on_drop(true).output());
    let done = call.await.expect("sipp hangs").unwrap();
    assert!(done.status.success(), "{}\n{}", done.status, String::from_utf8_lossy(&done.stdout));
    drop(capture);

    assert_balance_is_heard(&datagrams(&std::fs::read(&file).unwrap()));

    let database = running.folder.path().join("hotline.db");
    running.node.drain().await;
    let row = rusqlite::Connection::open(database)
        .unwrap()
        .query_row("SELECT outcome, keys FROM calls", [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)));
    assert_eq!(row.expect("one call record"), ("served".to_owned(), 28));
}
