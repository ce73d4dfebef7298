//! `hotline call … | head -1`: nobody reads what a command tells, and it ends with an exit code as any other failure does; a hotline
//! that answers calls goes on answering.

use std::process::{Command, Stdio};

use crate::support::binary::SIP;
use crate::support::hotline::in_tree;

/// The program, whose standard output nobody reads.
fn unread(arguments: &[&str]) -> Command {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut hotline = Command::new(env!("CARGO_BIN_EXE_hotline"));
    hotline.args(arguments).current_dir(in_tree("")).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
    hotline
}

#[test]
fn where_nobody_reads_there_is_an_exit_code() {
    let calls = |more: &'static [&'static str]| [&["call", "--quiet", "--keys", "1"], more].concat();
    for arguments in [
        calls(&["sip:100@127.0.0.1:9"]),
        calls(&["--local", "--menu", "voice-menus/bench/100"]),
        vec!["bench", "simulate", "voice-menus/12333", "--seconds", "1"],
        vec!["prompts", "record", "voice-menus/12333", "--language", "en", "--voice", "Li Wei"],
    ] {
        let done = unread(&arguments).output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(done.status.code() == Some(1) && !said.contains("panicked"), "{arguments:?}: {:?} {said}", done.status);
    }
}

/// What it listens on is told to nobody; it is asked over the network, and told to end.
#[tokio::test(flavor = "multi_thread")]
async fn a_hotline_answers_whether_or_not_anybody_reads() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("hotline.db");
    let as_of = hotline::facts::Month::new(2026, 9).unwrap();
    let people = hotline::records::demo::DemoOptions::named_only(as_of);
    hotline::records::demo::write(&database, people, false, || ()).unwrap();
    let place = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = format!(
        "[sip]\n{}\n[records]\ndatabase = \"hotline.db\"\n[prompts]\nfolder = '{}'\n[numbers]\n\"100\" = '{}'\n",
        SIP.replace("127.0.0.1:0", &place.to_string()),
        in_tree("prompts").display(),
        in_tree("voice-menus/bench/100").display()
    );
    std::fs::write(folder.path().join("hotline.toml"), config).unwrap();
    let file = folder.path().join("hotline.toml");
    let hotline = unread(&["serve", "--config", file.to_str().unwrap()]).spawn().unwrap();
    let mut phone = crate::sip_client::Phone::new(place).await;
    // Until it listens nothing comes back.
    let asked = async {
        loop {
            phone.send(&phone.request("OPTIONS", 1, "", "", "")).await;
            let wait = std::time::Duration::from_millis(200);
            if let Ok(answer) = tokio::time::timeout(wait, phone.octets()).await
                && !answer.is_empty()
            {
                break String::from_utf8(answer).unwrap();
            }
        }
    };
    let answer = asked.await;
    assert!(answer.starts_with("SIP/2.0 "), "{answer}");
    let told = Command::new("kill").arg(hotline.id().to_string()).status().unwrap();
    assert!(told.success());
    let done = tokio::task::spawn_blocking(move || hotline.wait_with_output().unwrap()).await.unwrap();
    let log = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.code() == Some(0) && !log.contains("panicked"), "{:?} {log}", done.status);
}
