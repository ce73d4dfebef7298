//! How long a hotline rings. At once answered, a call has no 180, which on its way through proxies could come after the 200.

use std::time::Duration;

use super::sip_client::{OFFER, Phone};
use crate::support::node::start;

#[tokio::test(flavor = "multi_thread")]
async fn told_nothing_it_answers_at_once_and_without_180() {
    let running = start(&[("12333", "bench/300")], |_| ()).await;
    let mut phone = Phone::new(running.address).await;
    phone.send(&phone.invite(OFFER)).await;
    assert!(phone.message().await.starts_with("SIP/2.0 100 "));
    let next = phone.message().await;
    assert!(next.starts_with("SIP/2.0 200 "), "{next}");
}

#[tokio::test(flavor = "multi_thread")]
async fn told_a_time_it_rings_first() {
    let running = start(&[("12333", "bench/300")], |config| config.sip.ring = Duration::from_millis(300)).await;
    let mut phone = Phone::new(running.address).await;
    phone.send(&phone.invite(OFFER)).await;
    phone.status(180).await;
    phone.status(200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_gives_up_while_it_rings_is_recorded() {
    let running = start(&[("12333", "bench/300")], |config| config.sip.ring = Duration::from_secs(60)).await;
    let mut phone = Phone::new(running.address).await;
    phone.send(&phone.invite(OFFER)).await;
    phone.status(180).await;
    let tag = std::mem::take(&mut phone.remote_tag);
    phone.send(&phone.request("CANCEL", 1, &phone.branch, "", "")).await;
    phone.remote_tag = tag;
    phone.status(487).await;
    phone.ack_refusal().await;
    let database = running.folder.path().join("hotline.db");
    running.node.drain().await;
    let row = rusqlite::Connection::open(database).unwrap().query_row(
        "SELECT answered IS NULL, outcome FROM calls",
        [],
        |row| Ok((row.get::<_, bool>(0)?, row.get::<_, String>(1)?)),
    );
    assert_eq!(row.expect("one call record"), (true, "nothing".to_owned()));
}
