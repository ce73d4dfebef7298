//! SIPp's own caller scenario against an agent, over UDP and TCP: every call is set up, acknowledged and ended.

use std::path::Path;
use std::process::Stdio;

use hotline::sip::sdp::{self, Local};

use super::sip_client::{House, PATIENCE};

/// 200 calls, with SIPp's arguments for the transport.
async fn sipp_completes(listen: &str, transport: &[&str]) {
    if !Path::new("/usr/bin/sipp").exists() {
        println!("skipped: there is no /usr/bin/sipp (Debian: sip-tester)");
        return;
    }
    let mut house = House::with(|config| {
        config.listen = vec![listen.parse().unwrap()];
        config.streams.per_source = 1000;
    })
    .await;
    let (address, mut calls) = (house.address, std::mem::replace(&mut house.calls, tokio::sync::mpsc::channel(1).1));
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
    sipp.args(transport).arg(address.to_string()).current_dir(folder.path()).env("TERM", "dumb").stdin(Stdio::null());
    let done = tokio::time::timeout(4 * PATIENCE, sipp.kill_on_drop(true).output()).await.expect("sipp hangs").unwrap();
    assert!(done.status.success(), "{}\n{}", done.status, String::from_utf8_lossy(&done.stdout));
    house.stands(|now| now.calls == 0).await;
    answering.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_udp() {
    sipp_completes("127.0.0.1:0", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_one_tcp_connection() {
    sipp_completes("tcp:127.0.0.1:0", &["-t", "t1"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_tcp_connection_a_call() {
    sipp_completes("tcp:127.0.0.1:0", &["-t", "tn", "-max_socket", "250"]).await;
}
