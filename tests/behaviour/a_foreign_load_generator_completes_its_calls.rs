//! SIPp's own caller scenario against an agent: every call is set up, acknowledged and ended.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use hotline::sip::sdp::{self, Local};

use super::sip_client::{House, PATIENCE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sipp_completes_two_hundred_calls() {
    if !Path::new("/usr/bin/sipp").exists() {
        println!("skipped: there is no /usr/bin/sipp (Debian: sip-tester)");
        return;
    }
    let House { agent, address, mut calls } = House::open().await;
    let answering = tokio::spawn(async move {
        while let Some(call) = calls.recv().await {
            tokio::spawn(async move {
                call.ring();
                let local = Local::new(call.local, 30_000, 1);
                let answer = sdp::answer(call.offer.as_ref().unwrap(), &local).unwrap().0;
                let mut call = call.accept(answer);
                while call.next_event().await.is_some() {}
            });
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let mut sipp = tokio::process::Command::new("/usr/bin/sipp");
    sipp.args(["-sn", "uac", "-m", "200", "-r", "50", "-d", "200", "-i", "127.0.0.1", "-nostdin", "-timeout", "60s"]);
    sipp.arg(address.to_string()).current_dir(folder.path()).env("TERM", "dumb").stdin(Stdio::null());
    let done = tokio::time::timeout(4 * PATIENCE, sipp.kill_on_drop(true).output()).await.expect("sipp hangs").unwrap();
    assert!(done.status.success(), "{}\n{}", done.status, String::from_utf8_lossy(&done.stdout));
    // SIPp has its last answer a moment before the call is off the table.
    let ended = async {
        while agent.standing().calls > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("every call is off the table");
    answering.abort();
}
