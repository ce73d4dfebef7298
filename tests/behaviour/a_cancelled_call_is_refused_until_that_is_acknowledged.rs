//! CANCEL: 200 to it, 487 to the INVITE, again and again until its ACK.

use std::time::Duration;

use hotline::sip::{CallEvent, EndCause};
use tokio::time::timeout;

use super::sip_client::{House, OFFER, Phone, field};

#[tokio::test]
async fn a_cancel_is_answered_and_the_487_comes_again_until_the_ack() {
    let mut house = House::with(|config| config.t1 = Duration::from_millis(100)).await;
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.invite(OFFER)).await;
    let mut call = house.call().await;
    call.ring();
    phone.status(180).await;
    let tag = std::mem::take(&mut phone.remote_tag);
    let cancel = phone.request("CANCEL", 1, &phone.branch, "", "");
    phone.remote_tag = tag;
    phone.send(&cancel).await;
    let (first, second) = (phone.response().await, phone.response().await);
    assert!(first.starts_with("SIP/2.0 200 ") && field(&first, "CSeq") == "1 CANCEL", "{first}");
    assert!(second.starts_with("SIP/2.0 487 ") && field(&second, "CSeq") == "1 INVITE", "{second}");
    assert!(matches!(call.next_event().await, Some(CallEvent::Ended(EndCause::Cancelled))));
    // Three losses of the ACK.
    for _ in 0..3 {
        assert_eq!(phone.response().await, second);
    }
    phone.ack_refusal().await;
    let quiet = timeout(Duration::from_secs(2), phone.message()).await;
    assert!(quiet.is_err(), "after the ACK: {quiet:?}");
    // Who answers it now is told that it is over.
    let mut call = call.accept(String::new());
    assert!(call.next_event().await.is_none());
}

#[tokio::test]
async fn a_cancel_after_the_answer_changes_nothing() {
    let mut house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.invite("")).await;
    let mut call = house.call().await.accept("v=0\r\n".to_owned());
    phone.status(200).await;
    let tag = std::mem::take(&mut phone.remote_tag);
    phone.send(&phone.request("CANCEL", 1, &phone.branch, "", "")).await;
    while field(&phone.status(200).await, "CSeq") != "1 CANCEL" {}
    phone.remote_tag = tag;
    phone.ack("").await;
    assert!(matches!(call.next_event().await, Some(CallEvent::Confirmed { .. })));
}

#[tokio::test]
async fn a_cancel_of_nothing_is_told_so() {
    let house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.request("CANCEL", 1, &phone.branch, "", "")).await;
    assert!(phone.response().await.starts_with("SIP/2.0 481 "));
}
