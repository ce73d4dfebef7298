//! `hotline call` that is told to end, by Ctrl-C or by a service manager, ends its call as a telephone does: with BYE, or with
//! CANCEL while it rings. The hotline knows at once that its caller is gone.

use std::process::Stdio;

use tokio::process::Child;

use crate::support::binary::{SIP, Server, hotline};

fn call(server: &Server, keys: &str) -> Child {
    let target = format!("sip:100@{}", server.address);
    let mut call = hotline();
    call.args(["call", &target, "--keys", keys, "--quiet"]).stdout(Stdio::piped());
    call.spawn().unwrap()
}

fn signal(call: &Child, name: &str) {
    let id = call.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
}

/// Outcome and ending of the only call.
fn record(server: &Server) -> (String, String) {
    let records = rusqlite::Connection::open(server.database()).unwrap();
    records
        .query_row("SELECT outcome, ending FROM calls", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("one call record")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_runs_ends_with_bye() {
    for name in ["INT", "TERM"] {
        let mut server = Server::start(&[("100", "bench/100")], "debug").await;
        let call = call(&server, "w60");
        server.prints("step=id").await;
        signal(&call, name);
        let called = call.wait_with_output().await.unwrap();
        let said = String::from_utf8_lossy(&called.stdout);
        assert!(called.status.code() == Some(1) && said.contains("hung up"), "{said}");
        server.terminate();
        let (status, printed) = server.ended().await;
        assert!(status.success(), "{printed}");
        assert_eq!(record(&server).1, "caller-hung-up");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_rings_is_cancelled() {
    let mut server =
        Server::launch(hotline(), &format!("ring = \"60s\"\n{SIP}"), &[("100", "bench/100")], "debug").await;
    let mut call = call(&server, "w60");
    let mut out = tokio::io::BufReader::new(call.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("(it rings)") {
        assert!(tokio::io::AsyncBufReadExt::read_line(&mut out, &mut said).await.unwrap() > 0, "{said}");
    }
    signal(&call, "INT");
    tokio::io::AsyncReadExt::read_to_string(&mut out, &mut said).await.unwrap();
    assert!(call.wait().await.unwrap().code() == Some(1) && said.contains("hung up"), "{said}");
    // Otherwise it would wait for this call.
    server.terminate();
    let (status, printed) = server.ended().await;
    assert!(status.success() && printed.contains("ended; 0 calls were cut off"), "{printed}");
}
