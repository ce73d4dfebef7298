//! SIGTERM: new callers are sent elsewhere (503 with Retry-After), the call that runs goes on to its goodbye, its record is
//! stored, and the program ends well.

use crate::sip_client::{OFFER, Phone, field};
use crate::support::binary::{Server, hotline};

#[tokio::test(flavor = "multi_thread")]
async fn and_takes_no_new_ones() {
    let mut server = Server::start(&[("100", "bench/100")], "debug").await;
    let target = format!("sip:100@{}", server.address);
    let mut call = hotline();
    call.args(["call", &target, "--keys", "s 119999198503150010# s 10000001#", "--quiet"]);
    let caller = tokio::spawn(async move { call.output().await.unwrap() });
    server.prints("step=number").await;

    server.terminate();
    server.prints("draining: 1 calls").await;
    let mut late = Phone::new(server.address).await;
    late.send(&late.invite(OFFER).replace("sip:12333@", "sip:100@")).await;
    let refusal = late.status(503).await;
    assert_eq!(field(&refusal, "Retry-After"), "7", "{refusal}");
    late.ack_refusal().await;

    let called = caller.await.unwrap();
    assert!(called.status.success(), "the call that ran was cut off: {}", String::from_utf8_lossy(&called.stdout));
    let (status, printed) = server.ended().await;
    assert!(status.success(), "{printed}");
    assert!(printed.contains("ended; 0 calls were cut off"), "{printed}");
    let row = rusqlite::Connection::open(server.database()).unwrap().query_row(
        "SELECT outcome, ending FROM calls",
        [],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
    );
    assert_eq!(row.expect("one call record"), ("served".to_owned(), "hotline-hung-up".to_owned()));
}
