//! 100rel (RFC 3262): a 180 that is sent until it is acknowledged, and the 200 that waits for that.

use std::time::Duration;

use hotline::sip::{CallEvent, EndCause, IncomingCall, Refusal};

use super::sip_client::{ANSWER, House, OFFER, Phone, body, event, field};

const RELIABLE: &str = "Require: 100rel\r\n";

/// A call that rings so, and its 180.
async fn ringing(house: &mut House, phone: &mut Phone) -> (IncomingCall, String) {
    phone.send(&phone.request("INVITE", 1, &phone.branch, RELIABLE, OFFER)).await;
    let call = house.call().await;
    call.ring();
    let ringing = phone.status(180).await;
    (call, ringing)
}

/// What comes to a PRACK with this RAck; no 200 to the INVITE comes before.
async fn prack(phone: &mut Phone, sequence: u32, rack: &str) -> String {
    phone.send(&phone.request("PRACK", sequence, "", &format!("RAck: {rack}\r\n"), "")).await;
    loop {
        let response = phone.response().await;
        if field(&response, "CSeq").ends_with("PRACK") {
            return response;
        }
        assert!(response.starts_with("SIP/2.0 180 "), "{response}");
    }
}

#[tokio::test]
async fn it_comes_again_until_its_prack_and_the_200_waits() {
    let mut house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    let (call, ringing) = ringing(&mut house, &mut phone).await;
    assert_eq!(field(&ringing, "Require"), "100rel");
    let number: u32 = field(&ringing, "RSeq").parse().unwrap();
    assert!((1..1 << 31).contains(&number));
    assert!(
        field(&ringing, "Contact").contains(&house.address.to_string()) && field(&ringing, "Allow").contains("PRACK")
    );
    assert!(body(&ringing).is_empty());
    // Said again it is the same; and the call is taken at once.
    call.ring();
    let mut call = call.accept(ANSWER.to_owned());
    for _ in 0..2 {
        assert_eq!(phone.response().await, ringing);
    }
    let wrong = [
        format!("{} 1 INVITE", number + 1),
        format!("{number} 2 INVITE"),
        format!("{number} 1 UPDATE"),
        format!("{number} 1"),
        format!("{number} 1 INVITE 2"),
        "x".to_owned(),
        String::new(),
    ];
    for (sequence, rack) in (2..).zip(wrong) {
        let refused = prack(&mut phone, sequence, &rack).await;
        assert!(refused.starts_with("SIP/2.0 481 "), "{rack}: {refused}");
    }
    let right = prack(&mut phone, 20, &format!("{number} 1 INVITE")).await;
    assert!(right.starts_with("SIP/2.0 200 "), "{right}");
    let ok = phone.response().await;
    assert!(ok.starts_with("SIP/2.0 200 ") && field(&ok, "CSeq") == "1 INVITE" && body(&ok) == ANSWER, "{ok}");
    assert_eq!(field(&ok, "To"), field(&ringing, "To"));
    phone.ack("").await;
    assert!(matches!(event(&mut call).await, CallEvent::Confirmed { .. }));
    phone.send(&phone.request("PRACK", 21, "", &format!("RAck: {number} 1 INVITE\r\n"), "")).await;
    assert!(phone.status(481).await.contains("21 PRACK"), "it has been acknowledged");
    phone.send(&phone.request("BYE", 22, "", "", "")).await;
    assert!(phone.status(200).await.contains("22 BYE"));
}

#[tokio::test]
async fn a_call_that_is_taken_after_its_prack_is_answered_at_once() {
    let mut house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    let (call, ringing) = ringing(&mut house, &mut phone).await;
    assert!(prack(&mut phone, 2, &format!("{} 1 INVITE", field(&ringing, "RSeq"))).await.starts_with("SIP/2.0 200 "));
    let _call = call.accept(ANSWER.to_owned());
    let ok = phone.response().await;
    assert!(ok.starts_with("SIP/2.0 200 ") && field(&ok, "CSeq") == "1 INVITE", "{ok}");
}

#[tokio::test]
async fn who_never_acknowledges_it_is_refused() {
    let mut house = House::with(|config| config.t1 = Duration::from_millis(10)).await;
    let mut phone = Phone::new(house.address).await;
    let (call, _) = ringing(&mut house, &mut phone).await;
    let mut call = call.accept(ANSWER.to_owned());
    phone.status(500).await;
    phone.ack_refusal().await;
    let end = event(&mut call).await;
    assert!(matches!(end, CallEvent::Ended(EndCause::Refused(Refusal::Failed { .. }))), "{end:?}");
    house.stands(|now| now.calls == 0).await;
}

#[tokio::test]
async fn who_only_could_acknowledge_it_need_not() {
    let mut house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.request("INVITE", 1, &phone.branch, "Supported: 100rel\r\n", OFFER)).await;
    let call = house.call().await;
    call.ring();
    let ringing = phone.status(180).await;
    assert_eq!((field(&ringing, "RSeq"), field(&ringing, "Require")), ("", ""));
    let _call = call.accept(ANSWER.to_owned());
    phone.status(200).await;
}

#[tokio::test]
async fn without_an_offer_the_200_comes_without_a_ringing() {
    let mut house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.request("INVITE", 1, &phone.branch, RELIABLE, "")).await;
    let call = house.call().await;
    call.ring();
    let _call = call.accept(OFFER.to_owned());
    let ok = phone.response().await;
    assert!(ok.starts_with("SIP/2.0 200 ") && body(&ok) == OFFER, "{ok}");
}

#[tokio::test]
async fn one_that_is_cancelled_is_over() {
    let mut house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    let (mut call, _) = ringing(&mut house, &mut phone).await;
    let tag = std::mem::take(&mut phone.remote_tag);
    phone.send(&phone.request("CANCEL", 1, &phone.branch, "", "")).await;
    phone.status(487).await;
    phone.remote_tag = tag;
    phone.ack_refusal().await;
    let ended = call.next_event().await;
    assert!(matches!(ended, Some(CallEvent::Ended(EndCause::Cancelled))), "{ended:?}");
    phone.send(&phone.request("PRACK", 2, "", "RAck: 1 1 INVITE\r\n", "")).await;
    assert!(phone.response().await.starts_with("SIP/2.0 481 "), "the 180 does not come any more");
}

#[tokio::test]
async fn what_could_not_be_rung_is_refused_as_an_extension() {
    let house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.request("OPTIONS", 1, "", RELIABLE, "")).await;
    let refused = phone.response().await;
    assert!(refused.starts_with("SIP/2.0 420 ") && field(&refused, "Unsupported") == "100rel", "{refused}");
    phone.remote_tag.clear();
    phone.send(&phone.request("OPTIONS", 2, "", "", "")).await;
    assert_eq!(field(&phone.response().await, "Supported"), "100rel, timer");
}
