//! `hotline doctor`: what the machine and the network give, a line each, with its mend; exit 1 where something is wrong.

use std::collections::HashSet;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;

use hotline::facts::Month;
use hotline::records::demo::{self, DemoOptions};
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use crate::support::binary::{Server, run};
use crate::support::hotline::in_tree;
use crate::support::ports::free_port;
use crate::support::tls::Authority;

/// A folder with a configuration of the demo hotline, records, and no sockets but those it is given.
fn hotline(sip: &str, more: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let as_of = Month::new(2026, 9).unwrap();
    demo::write(&folder.path().join("hotline.db"), DemoOptions::named_only(as_of), false, || ()).unwrap();
    let (prompts, menu) = (in_tree("prompts"), in_tree("voice-menus/12333"));
    let text = format!(
        "[sip]\n{sip}\n[prompts]\nfolder = {prompts:?}\ncache = \"cache\"\n[numbers]\n\"12333\" = {menu:?}\n{more}"
    );
    fs::write(folder.path().join("hotline.toml"), text).unwrap();
    folder
}

async fn doctor(folder: &Path) -> (Option<i32>, String) {
    run(&["doctor", "--config", folder.join("hotline.toml").to_str().unwrap()]).await
}

/// The line of a check with these words, and the one below it.
fn line<'a>(told: &'a str, check: &str, words: &str) -> (&'a str, &'a str) {
    let mut lines = told.lines();
    let found = lines.find(|line| line.split_whitespace().nth(1) == Some(check) && line.contains(words));
    (found.unwrap_or_else(|| panic!("no {check} with {words} in\n{told}")), lines.next().unwrap_or_default())
}

#[tokio::test]
async fn all_is_well_on_the_loopback() {
    let port = free_port();
    let folder = hotline(&format!("listen = [\"127.0.0.1:{port}\", \"tcp:127.0.0.1:{port}\"]"), "");
    let files = || fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<HashSet<_>>();
    let before = files();
    let (code, told) = doctor(folder.path()).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(line(&told, "port", &format!("udp 127.0.0.1:{port} is free")).0.starts_with("ok "));
    line(&told, "port", &format!("tcp 127.0.0.1:{port} is free"));
    let (said, mend) = line(&told, "nat", "127.0.0.1");
    assert!(said.starts_with("note ") && mend.trim_start().starts_with("mend: "), "{told}");
    assert!(told.lines().last().is_some_and(|line| line.starts_with("0 wrong, ")), "{told}");
    assert_eq!(files(), before, "something was written");
}

#[tokio::test]
async fn whoever_holds_a_port_is_named() {
    let (datagrams, stream) = (UdpSocket::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let (udp, tcp) = (datagrams.local_addr().unwrap(), stream.local_addr().unwrap());
    let folder = hotline(&format!("listen = [\"{udp}\", \"tcp:{tcp}\"]"), "");
    let (code, told) = doctor(folder.path()).await;
    assert_eq!(code, Some(1), "{told}");
    let this = format!("(process {})", std::process::id());
    for (transport, address) in [("udp", udp), ("tcp", tcp)] {
        let (said, mend) = line(&told, "port", &format!("{transport} {address}"));
        assert!(said.starts_with("wrong ") && said.contains(&this), "{said}");
        assert!(mend.contains("mend: stop it, or name another port"), "{mend}");
    }
}

#[tokio::test]
async fn a_running_hotline_is_no_stranger_at_its_own_port() {
    let server = Server::start(&[("300", "bench/300")], "off").await;
    let folder = hotline(&format!("listen = [\"{}\"]", server.address), "");
    let (code, told) = doctor(folder.path()).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(line(&told, "port", &server.address.to_string()).0.contains("hotline (process "), "{told}");
}

#[tokio::test]
async fn an_address_that_callers_cannot_reach_is_told() {
    let folder = hotline("listen = [\"127.0.0.1:0\"]\nadvertised = \"10.1.2.3\"", "");
    let (code, told) = doctor(folder.path()).await;
    assert_eq!(code, Some(0), "{told}");
    let (said, mend) = line(&told, "nat", "sip.advertised is 10.1.2.3");
    assert!(said.starts_with("warn ") && mend.contains("on the Internet"), "{told}");
    line(&told, "nat", "Contact and SDP will say 10.1.2.3");

    let folder = hotline("listen = [\"198.51.100.77:5060\"]", "");
    let (code, told) = doctor(folder.path()).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(line(&told, "address", "198.51.100.77:5060 is not of this machine").0.starts_with("wrong "), "{told}");
}

#[tokio::test]
async fn certificates_are_looked_at() {
    let authority = Authority::new();
    let put = |from: i32, until: i32| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["hotline.example.org".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let files = authority.files();
        fs::write(&files.certificate, params.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    };
    let tls = |files: &hotline::sip::tls::IdentityFiles| {
        format!("[sip.tls]\ncertificate = {:?}\nkey = {:?}\n", files.certificate, files.key)
    };
    let folder = hotline("listen = [\"tls:127.0.0.1:0\"]", &tls(&put(2000, 2020)));
    let (code, told) = doctor(folder.path()).await;
    assert_eq!(code, Some(1), "{told}");
    let (said, mend) = line(&told, "certificate", "expired on 2020-01-01");
    assert!(said.starts_with("wrong ") && mend.contains("renewed"), "{told}");

    put(2000, 2090);
    let (code, told) = doctor(folder.path()).await;
    assert_eq!(code, Some(0), "{told}");
    // The key was written for everybody to read.
    assert!(line(&told, "certificate", "read by everybody").0.starts_with("warn "), "{told}");

    fs::write(authority.files().key, authority.issue(&["a.example"]).1).unwrap();
    let (code, told) = doctor(folder.path()).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(line(&told, "certificate", "is not the key of").0.starts_with("wrong "), "{told}");
    line(&told, "configuration", "faults would keep it");
}

#[tokio::test]
async fn trunks_are_asked_and_registered_with() {
    let alive = Server::start(&[("300", "bench/300")], "off").await;
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let more = format!(
        "[trunks.alive.ping]\nto = \"sip:{}\"\n[trunks.silent.ping]\nto = \"sip:{}\"\n\
         [trunks.lost]\nfrom = [\"host.invalid\"]\n[trunks.wide]\nfrom = [\"203.0.113.0/24\"]\n\
         [trunks.account.register]\nregistrar = \"sip:{}\"\nuser = \"12333\"\npassword-file = \"account.secret\"\n",
        alive.address,
        silent.local_addr().unwrap(),
        alive.address,
    );
    let folder = hotline("listen = [\"127.0.0.1:0\"]", &more);
    fs::write(folder.path().join("account.secret"), "p4ss w0rd\n").unwrap();
    let (code, told) = doctor(folder.path()).await;
    assert_eq!(code, Some(1), "{told}");
    for (verdict, words) in [
        ("ok ", "alive: sip:"),
        ("warn ", "silent: sip:"),
        ("wrong ", "lost: host.invalid has no address"),
        ("note ", "wide: nobody was asked"),
        // Another hotline is no registrar.
        ("wrong ", "account: the registrar answers 405"),
    ] {
        let (said, mend) = line(&told, "trunk", words);
        assert!(said.starts_with(verdict) && (verdict == "ok " || mend.contains("mend: ")), "{said}\n{told}");
    }
    line(&told, "password", "account");
    assert!(!told.contains("p4ss"), "{told}");
}

#[tokio::test]
async fn a_configuration_with_mistakes_is_shown_with_them_and_nothing_else() {
    let folder = hotline("listen-on = 3\ncalls = 0", "");
    let (code, told) = doctor(folder.path()).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("hotline.toml:2:1") && told.contains("2 errors, 0 warnings"), "{told}");
    let (code, told) = run(&["doctor", "--config", "/nowhere/hotline.toml"]).await;
    assert!(code == Some(2) && told.contains("/nowhere/hotline.toml"), "{told}");
    let (_, help) = run(&["doctor", "--help"]).await;
    assert!(help.contains("hotline doctor --config hotline.toml"), "{help}");
}

#[test]
fn the_page_is_the_one_made_from_the_table() {
    crate::expected::compare(&in_tree("docs/doctor.md"), &hotline::node::doctor::reference());
}
