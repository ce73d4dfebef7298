//! Hosts of two networks, with a router between them: a hotline behind NAT is reached, and so is a caller behind NAT, and
//! over IPv6 all is as over IPv4. SIPp is the caller but where it is behind NAT: it is silent between keys, and no
//! telephone is.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::binary::Server;
use crate::support::capture::{Capture, datagrams};
use crate::support::hotline::in_tree;
use crate::support::namespaces::{Networks, ours};
use crate::support::sound::assert_balance_is_heard;

const BENCH: [(&str, &str); 1] = [("100", "bench/100")];
const MEDIA_PORT: &str = "61200";
/// Both families, and the router's address for IPv4.
const BEHIND_NAT: &str =
    "listen = [\"0.0.0.0:5060\", \"[::]:5060\"]\nadvertised = \"203.0.113.1\"\n[media]\nports = [20000, 20099]";

/// A02 asterisk#1847: the sound, too, comes from the address that the caller was told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hotline_behind_nat_is_reached_at_the_address_it_advertises() {
    let Some(networks) = networks() else { return };
    let server = serve(networks.inside(PROGRAM), BEHIND_NAT).await;
    sipp_hears_its_balance(&networks, &server, "203.0.113.2", "203.0.113.1:5060", "src host 203.0.113.1").await;
    assert_served(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_over_ipv6_is_as_one_over_ipv4() {
    let Some(networks) = networks() else { return };
    let server = serve(networks.inside(PROGRAM), BEHIND_NAT).await;
    sipp_hears_its_balance(&networks, &server, "2001:db8:1::2", "[2001:db8:2::2]:5060", "src host 2001:db8:2::2").await;
    assert_served(server).await;
}

/// A01 livekit/sip#611: its session description names an address that leads nowhere from here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_behind_nat_is_heard_and_hears() {
    let Some(networks) = networks() else { return };
    let server = serve(networks.outside(PROGRAM), "listen = [\"0.0.0.0:5060\"]\n[media]\nports = [20000, 20099]").await;
    let heard = server.folder.path().join("heard.wav");
    let mut call = ours(networks.inside(PROGRAM));
    call.args(["call", "sip:100@203.0.113.2", "--keys", "s 119999198503150010# s 10000001#", "--record"]).arg(&heard);
    let done = tokio::time::timeout(Duration::from_secs(90), call.output()).await.expect("the call hangs").unwrap();
    assert!(done.status.success(), "{}\n{}", done.status, String::from_utf8_lossy(&done.stderr));
    let mut wav = hound::WavReader::open(&heard).unwrap();
    assert!(wav.samples::<i16>().any(|sample| sample.unwrap().unsigned_abs() > 1000), "nothing was heard");
    assert_served(server).await;
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_hotline");

fn networks() -> Option<Networks> {
    if !Path::new("/usr/share/sip-tester/dtmf_2833_0.pcap").exists() {
        println!("skipped: SIPp and its captures are not here (Debian: sip-tester)");
        return None;
    }
    Networks::new()
}

async fn serve(program: Command, sip: &str) -> Server {
    Server::launch(ours(program), sip, &BENCH, "info").await
}

async fn sipp_hears_its_balance(networks: &Networks, server: &Server, here: &str, there: &str, sender: &str) {
    let folder = server.folder.path();
    let (file, filter) = (folder.join("call.pcap"), format!("udp and dst port {MEDIA_PORT} and {sender}"));
    let Some(capture) = Capture::with(networks.outside("tcpdump"), "net0", &filter, &file) else { return };
    let mut sipp = ours(networks.outside("/usr/bin/sipp"));
    sipp.arg("-sf").arg(in_tree("tests/sipp/keys.xml")).args(["-s", "100", "-m", "1", "-d", "6000", "-nostdin"]);
    sipp.args(["-i", here, "-mi", here, "-mp", MEDIA_PORT, "-timeout", "60s", there]);
    sipp.current_dir(folder).env("TERM", "dumb");
    let done = tokio::time::timeout(Duration::from_secs(90), sipp.output()).await.expect("sipp hangs").unwrap();
    assert!(done.status.success(), "{}\n{}", done.status, String::from_utf8_lossy(&done.stdout));
    drop(capture);
    assert_balance_is_heard(&datagrams(&std::fs::read(&file).unwrap()));
}

/// One call, all its keys, its balance told.
async fn assert_served(mut server: Server) {
    server.terminate();
    let (status, printed) = server.ended().await;
    assert!(status.success(), "{printed}");
    let rows = rusqlite::Connection::open(server.database()).unwrap().query_row(
        "SELECT group_concat(outcome), sum(keys) FROM calls",
        [],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)),
    );
    assert_eq!(rows.expect("one call record"), ("served".to_owned(), 28), "{printed}");
}
