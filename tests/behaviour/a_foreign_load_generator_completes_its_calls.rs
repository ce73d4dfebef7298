//! SIPp's own caller scenario against an agent, over UDP, TCP and TLS: every call is set up, acknowledged and ended. Debian's
//! SIPp has no TLS: what it says is encrypted on its way.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use hotline::sip::AgentConfig;
use hotline::sip::door::StrangerPolicy;
use hotline::sip::door::challenge::Algorithm;
use hotline::sip::sdp::{self, Local};

use super::sip_client::{House, PATIENCE};
use crate::support::hotline::in_tree;
use crate::support::tls::Authority;
use crate::support::trunk::{from, with_login};

/// 200 calls, with SIPp's arguments for the transport.
async fn sipp_completes(listen: &str, transport: &[&str]) {
    sipp_completes_against(transport, |address| address, |config| config.listen = vec![listen.parse().unwrap()]).await;
}

/// The same with an agent set up otherwise, which SIPp reaches at the address that comes of its own.
async fn sipp_completes_against(
    transport: &[&str],
    reached: impl FnOnce(SocketAddr) -> SocketAddr,
    change: impl FnOnce(&mut AgentConfig),
) {
    if !Path::new("/usr/bin/sipp").exists() {
        println!("skipped: there is no /usr/bin/sipp (Debian: sip-tester)");
        return;
    }
    let mut house = House::with(|config| {
        change(config);
        config.streams.per_source = 1000;
    })
    .await;
    let (address, mut calls) =
        (reached(house.address), std::mem::replace(&mut house.calls, tokio::sync::mpsc::channel(1).1));
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
    let own = transport.contains(&"-sf");
    sipp.args(if own { &[][..] } else { &["-sn", "uac"] });
    sipp.args(["-m", "200", "-r", "50", "-d", "200", "-i", "127.0.0.1", "-nostdin", "-timeout", "60s"]);
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
async fn over_udp_with_a_password() {
    let scenario = in_tree("tests/sipp/digest.xml");
    let arguments = ["-sf", scenario.to_str().unwrap()];
    let trunk = |config: &mut AgentConfig| {
        config.door.trunks = vec![with_login(from("roaming", &[]), "sipp", "s3cret")];
        config.door.strangers = StrangerPolicy::Silence;
        // It looks at the first challenge alone, and knows MD5.
        config.door.digest = vec![Algorithm::Md5, Algorithm::Sha256];
    };
    sipp_completes_against(&arguments, |address| address, trunk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_one_tcp_connection() {
    sipp_completes("tcp:127.0.0.1:0", &["-t", "t1"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_tcp_connection_a_call() {
    sipp_completes("tcp:127.0.0.1:0", &["-t", "tn", "-max_socket", "250"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_tls_connection_a_call() {
    let authority = Arc::new(Authority::new());
    let bridge = |far| {
        let near = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        near.set_nonblocking(true).unwrap();
        let (address, near, authority) =
            (near.local_addr().unwrap(), tokio::net::TcpListener::from_std(near).unwrap(), Arc::clone(&authority));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = near.accept().await {
                let authority = Arc::clone(&authority);
                tokio::spawn(async move {
                    let (mut encrypted, _) = authority.connect(far).await;
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut encrypted).await;
                });
            }
        });
        address
    };
    sipp_completes_against(&["-t", "tn", "-max_socket", "250"], bridge, |config| authority.secure(config)).await;
}
