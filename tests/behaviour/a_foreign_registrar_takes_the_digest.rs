//! SIPp as a registrar, which checks the digests by its own code: over UDP and TCP, at the first REGISTER and at a refresh.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use hotline::facts::Secret;
use hotline::sip::Patience;
use hotline::sip::agent::{RegisterConfig, RegisterNews, Registering};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::sip_client::{House, PATIENCE};
use crate::support::hotline::in_tree;

async fn sipp_is_registered_with(transport: &str, listen: &str, parameter: &str) {
    if !Path::new("/usr/bin/sipp").exists() {
        println!("skipped: there is no /usr/bin/sipp (Debian: sip-tester)");
        return;
    }
    let house = House::with(|config| config.listen = vec![listen.parse().unwrap()]).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut sipp = tokio::process::Command::new("/usr/bin/sipp");
    sipp.arg("-sf").arg(in_tree("tests/sipp/registrar.xml")).args(["-m", "1", "-i", "127.0.0.1", "-nostdin"]);
    sipp.args(["-t", transport, "-timeout", "60s", "-p", &free.port().to_string()]);
    sipp.current_dir(folder.path()).env("TERM", "dumb").stdin(Stdio::null()).stdout(Stdio::piped());
    let sipp = sipp.kill_on_drop(true).spawn().unwrap();
    let (_registering, mut told) = register(&house, free, parameter);
    let mut heard = Vec::new();
    let registered = async {
        while heard.iter().filter(|news| **news == RegisterNews::Answered(200)).count() < 2 {
            heard.push(told.recv().await.unwrap());
        }
    };
    let done = timeout(PATIENCE, registered).await;
    assert!(done.is_ok(), "{heard:?}");
    let output = timeout(PATIENCE, sipp.wait_with_output()).await.expect("sipp hangs").unwrap();
    assert!(output.status.success(), "{}\n{}", output.status, String::from_utf8_lossy(&output.stdout));
}

fn register(house: &House, at: SocketAddr, parameter: &str) -> (Registering, mpsc::UnboundedReceiver<RegisterNews>) {
    let (tell, told) = mpsc::unbounded_channel();
    let config = RegisterConfig {
        name: "sipp".into(),
        registrar: format!("sip:{at}{parameter}"),
        domain: None,
        user: "02112333".into(),
        auth_user: None,
        password: Some(Secret::new("open, sesame".into())),
        number: "02112333".into(),
        expires: Duration::from_secs(600),
        // It may not be there yet.
        patience: Patience { failed: Duration::from_millis(200), ..Patience::default() },
    };
    let on = move |news| {
        let _ = tell.send(news);
    };
    (house.agent.register(config, on).unwrap(), told)
}

#[tokio::test]
async fn over_udp() {
    sipp_is_registered_with("u1", "127.0.0.1:0", "").await;
}

#[tokio::test]
async fn over_tcp() {
    sipp_is_registered_with("t1", "tcp:127.0.0.1:0", ";transport=tcp").await;
}
