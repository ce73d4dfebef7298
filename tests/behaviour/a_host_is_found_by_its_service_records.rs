//! A carrier's domain is no machine: its SRV records say which one and at what port (RFC 3263). Asked of dnsmasq, from hosts in
//! network namespaces.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::binary::Server;
use crate::support::namespaces::{Networks, ours};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hotline");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_leads_to_the_machine_and_port_that_it_names() {
    let Some(networks) = Networks::new() else { return };
    networks.ask_for_names_at("203.0.113.2");
    let mut names = networks.outside("dnsmasq");
    names.args(["--keep-in-foreground", "--no-hosts", "--no-resolv", "--conf-file=/dev/null", "--pid-file="]);
    names.args(["--local=/example/", "--srv-host=_sip._udp.carrier.example,edge.carrier.example,5070"]);
    names.args(["--host-record=edge.carrier.example,203.0.113.2", "--host-record=plain.example,203.0.113.2"]);
    names.args(["--srv-host=_sip._tcp.office.example,gate.office.example,5060"]);
    names.arg("--host-record=gate.office.example,203.0.113.1");
    let mut names = ours(names);
    if Command::new("dnsmasq").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        println!("skipped: there is no dnsmasq (Debian: dnsmasq-base)");
        return;
    }
    let _names = names.spawn().expect("dnsmasq");
    let sip = "listen = [\"203.0.113.2:5060\", \"203.0.113.2:5070\"]\n[trunks.office]\nfrom = [\"office.example\"]";
    let mut server = Server::launch(ours(networks.outside(PROGRAM)), sip, &[("100", "bench/100")], "info").await;
    for target in ["sip:100@carrier.example", "sip:100@plain.example"] {
        let mut call = ours(networks.inside(PROGRAM));
        call.args(["call", target, "--keys", "s 119999198503150010# s 10000001#"]);
        let done = tokio::time::timeout(Duration::from_secs(90), call.output()).await.expect("the call hangs").unwrap();
        assert!(done.status.success(), "{target}: {done:?}");
    }
    server.terminate();
    let (status, printed) = server.ended().await;
    assert!(status.success(), "{printed}");
    let rows = rusqlite::Connection::open(server.database()).unwrap();
    let rows = rows.query_row("SELECT group_concat(outcome || ' ' || trunk) FROM calls", [], |row| row.get(0));
    assert_eq!(rows, Ok("served office,served office".to_owned()), "{printed}");
}
