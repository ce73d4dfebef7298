//! A call from INVITE to BYE, by either side, with the offer early or late, and with messages lost or doubled.

use hotline::sip::sdp::{self, Codec, Local};
use hotline::sip::{CallEvent, EndCause, Refusal};

use super::sip_client::{ANSWER, House, OFFER, Phone, body, event, field};

fn answer_to(call: &hotline::sip::IncomingCall) -> String {
    sdp::answer(call.offer.as_ref().unwrap(), &Local::new(call.local, 30_000, 1)).unwrap().0
}

#[tokio::test]
async fn a_call_rings_is_answered_acknowledged_and_hung_up_by_the_caller() {
    let mut house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.invite(OFFER)).await;
    assert!(phone.message().await.starts_with("SIP/2.0 100 "));
    let call = house.call().await;
    assert_eq!(
        (call.number.as_str(), call.caller.user.as_str(), call.caller.display.as_str()),
        ("12333", "13800000000", "Test")
    );
    assert_eq!((call.source, call.call_id.as_str()), (phone.here, phone.call_id.as_str()));
    assert_eq!(call.offer.as_ref().unwrap().codecs().collect::<Vec<_>>(), [Codec::Pcmu, Codec::Pcma]);
    call.ring();
    let ringing = phone.response().await;
    assert!(ringing.starts_with("SIP/2.0 180 "));
    let answer = answer_to(&call);
    let mut call = call.accept(answer.clone());
    let ok = phone.response().await;
    assert!(ok.starts_with("SIP/2.0 200 "));
    assert_eq!(body(&ok), answer);
    assert_eq!(field(&ok, "Content-Type"), "application/sdp");
    assert_eq!(field(&ok, "To"), field(&ringing, "To"), "one call, one tag");
    assert!(field(&ok, "Contact").contains(&house.address.to_string()));
    assert!(field(&ok, "Allow").contains("INFO"));
    phone.ack("").await;
    assert!(matches!(event(&mut call).await, CallEvent::Confirmed { answer: None }));
    phone.send(&phone.request("BYE", 2, "", "", "")).await;
    assert!(phone.status(200).await.contains("2 BYE"));
    assert!(matches!(event(&mut call).await, CallEvent::Ended(EndCause::ByeReceived)));
    assert!(call.next_event().await.is_none());
}

#[tokio::test]
async fn this_side_hangs_up_with_a_bye_along_the_route() {
    let mut house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    let route = format!("Record-Route: <sip:{};lr;x=1>, <sip:far.example;lr>\r\n", phone.here);
    phone.send(&phone.request("INVITE", 1, &phone.branch, &route, OFFER)).await;
    let call = house.call().await;
    let answer = answer_to(&call);
    let mut call = call.accept(answer);
    let ok = phone.status(200).await;
    assert!(field(&ok, "Record-Route").contains("far.example"));
    phone.ack("").await;
    assert!(matches!(event(&mut call).await, CallEvent::Confirmed { .. }));
    call.hang_up();
    let bye = phone.request_of("BYE").await;
    assert!(bye.starts_with(&format!("BYE sip:13800000000@{} SIP/2.0", phone.here)), "{bye}");
    assert!(field(&bye, "Route").contains(";lr;x=1"));
    assert!(field(&bye, "To").ends_with(";tag=phone") && field(&bye, "From").contains(&phone.remote_tag));
    assert!(matches!(event(&mut call).await, CallEvent::Ended(EndCause::HungUp)));
    // Its 200 is lost: it comes again.
    assert_eq!(phone.request_of("BYE").await, bye);
    phone.answer(&bye, "200 OK", "", "").await;
    // A BYE of the far side that crossed it is answered too.
    phone.send(&phone.request("BYE", 2, "", "", "")).await;
    assert!(phone.status(200).await.contains("2 BYE"));
}

#[tokio::test]
async fn an_invite_without_an_offer_gets_one_and_the_ack_brings_the_answer() {
    let mut house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.invite("")).await;
    let call = house.call().await;
    assert!(call.offer.is_none());
    let local = Local::new(call.local, 30_000, 1);
    let mut call = call.accept(sdp::offer(&local));
    let ok = phone.status(200).await;
    assert!(body(&ok).contains("m=audio 30000 RTP/AVP 8 0 101\r\n"), "{ok}");
    phone.ack(ANSWER).await;
    let CallEvent::Confirmed { answer: Some(answer) } = event(&mut call).await else { panic!("no answer in the ACK") };
    let agreed = sdp::accept_answer(&local, &answer).unwrap();
    assert_eq!((agreed.codec, agreed.remote.port()), (Codec::Pcmu, 50_000));
}

#[tokio::test]
async fn a_retransmitted_invite_gets_the_same_answer_and_no_second_call() {
    let mut house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    let invite = phone.invite(OFFER);
    phone.send(&invite).await;
    let call = house.call().await;
    call.ring();
    let ringing = phone.response().await;
    phone.send(&invite).await;
    assert_eq!(phone.response().await, ringing);
    let answer = answer_to(&call);
    let mut call = call.accept(answer);
    let ok = phone.status(200).await;
    phone.send(&invite).await;
    // Until the ACK the 200 comes again by itself.
    assert_eq!(phone.status(200).await, ok);
    phone.ack("").await;
    assert!(matches!(event(&mut call).await, CallEvent::Confirmed { .. }));
    // A late copy, after the ACK.
    phone.send(&invite).await;
    assert_eq!(phone.status(200).await, ok);
    assert!(house.calls.try_recv().is_err(), "a second call");
    assert_eq!(house.agent.standing().calls, 1);
    // It is acknowledged again, and an ACK is answered by nothing.
    phone.ack("").await;
    phone.send(&phone.request("BYE", 2, "z9hG4bKbye", "", "")).await;
    assert!(phone.response().await.starts_with("SIP/2.0 200 "));
    assert!(matches!(event(&mut call).await, CallEvent::Ended(EndCause::ByeReceived)));
}

#[tokio::test]
async fn the_same_invite_by_another_way_is_merged() {
    let mut house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.invite(OFFER)).await;
    let _call = house.call().await;
    phone.send(&phone.request("INVITE", 1, "z9hG4bKanother", "", OFFER)).await;
    assert!(phone.response().await.starts_with("SIP/2.0 482 "));
}

#[tokio::test]
async fn a_bye_before_the_ack_ends_the_call() {
    let mut house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.invite(OFFER)).await;
    let call = house.call().await;
    let answer = answer_to(&call);
    let mut call = call.accept(answer);
    phone.status(200).await;
    phone.send(&phone.request("BYE", 2, "", "", "")).await;
    assert!(phone.status(200).await.contains("2 BYE"));
    assert!(matches!(event(&mut call).await, CallEvent::Ended(EndCause::ByeReceived)));
}

#[tokio::test]
async fn a_bye_while_it_rings_ends_the_invite_too() {
    let mut house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.invite(OFFER)).await;
    let mut call = house.call().await;
    call.ring();
    phone.status(180).await;
    phone.send(&phone.request("BYE", 2, "", "", "")).await;
    assert!(phone.status(200).await.contains("2 BYE"));
    assert!(phone.status(487).await.contains("1 INVITE"));
    phone.ack_refusal().await;
    assert!(matches!(call.next_event().await, Some(CallEvent::Ended(EndCause::ByeReceived))));
}

#[tokio::test]
async fn hanging_up_before_the_ack_waits_for_it() {
    let mut house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.invite(OFFER)).await;
    let call = house.call().await;
    let answer = answer_to(&call);
    let mut call = call.accept(answer);
    call.hang_up();
    phone.status(200).await;
    // The 200 again, and no BYE between.
    assert!(phone.message().await.starts_with("SIP/2.0 200 "));
    phone.ack("").await;
    let bye = phone.request_of("BYE").await;
    phone.answer(&bye, "200 OK", "", "").await;
    assert!(matches!(event(&mut call).await, CallEvent::Confirmed { .. }));
    assert!(matches!(event(&mut call).await, CallEvent::Ended(EndCause::HungUp)));
}

#[tokio::test]
async fn a_200_that_nobody_acknowledges_ends_in_a_bye() {
    let mut house = House::with(|config| config.t1 = std::time::Duration::from_millis(20)).await;
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.invite(OFFER)).await;
    let call = house.call().await;
    let answer = answer_to(&call);
    let mut call = call.accept(answer);
    let bye = phone.request_of("BYE").await;
    phone.answer(&bye, "200 OK", "", "").await;
    assert!(matches!(event(&mut call).await, CallEvent::Ended(EndCause::NoAck)));
}

#[tokio::test]
async fn a_handle_that_is_dropped_ends_its_call() {
    let mut house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.invite(OFFER)).await;
    drop(house.call().await);
    assert!(phone.response().await.starts_with("SIP/2.0 480 "));
    phone.ack_refusal().await;
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.invite(OFFER)).await;
    let call = house.call().await;
    let answer = answer_to(&call);
    let call = call.accept(answer);
    phone.status(200).await;
    phone.ack("").await;
    drop(call);
    phone.request_of("BYE").await;
}

#[tokio::test]
async fn a_refusal_has_its_status_and_comes_again_until_it_is_acknowledged() {
    let mut house = House::open().await;
    for (refusal, line) in [
        (Refusal::Busy, "SIP/2.0 486 Busy Here\r\n"),
        (Refusal::NoSuchNumber, "SIP/2.0 404 Not Found\r\n"),
        (Refusal::Overloaded { retry_after: 7 }, "SIP/2.0 503 Service Unavailable\r\n"),
    ] {
        let mut phone = Phone::new(house.address).await;
        phone.send(&phone.invite(OFFER)).await;
        house.call().await.reject(refusal);
        let first = phone.response().await;
        assert!(first.starts_with(line), "{first}");
        assert_eq!(field(&first, "Retry-After"), refusal.retry_after().map(|s| s.to_string()).unwrap_or_default());
        assert_eq!(phone.response().await, first, "not sent again");
        phone.ack_refusal().await;
    }
}

#[tokio::test]
async fn an_agent_on_all_addresses_and_on_ipv6_says_where_it_is_reached() {
    let mut house = House::with(|config| config.listen = vec!["0.0.0.0:0".parse().unwrap()]).await;
    let mut phone = Phone::new(([127, 0, 0, 1], house.address.port()).into()).await;
    phone.send(&phone.invite(OFFER)).await;
    let call = house.call().await;
    assert_eq!(call.local.to_string(), "127.0.0.1");
    let _call = call.accept(ANSWER.to_owned());
    assert!(field(&phone.status(200).await, "Contact").contains(&format!("@127.0.0.1:{}>", house.address.port())));
    if std::net::UdpSocket::bind("[::1]:0").is_err() {
        println!("skipped: this machine has no IPv6");
        return;
    }
    let mut house = House::with(|config| config.listen = vec!["[::1]:0".parse().unwrap()]).await;
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.invite(OFFER)).await;
    let mut call = house.call().await.accept(ANSWER.to_owned());
    assert!(field(&phone.status(200).await, "Contact").contains(&format!("@[::1]:{}>", house.address.port())));
    phone.ack("").await;
    assert!(matches!(event(&mut call).await, CallEvent::Confirmed { .. }));
    call.hang_up();
    assert!(phone.request_of("BYE").await.starts_with(&format!("BYE sip:13800000000@{} SIP/2.0", phone.here)));
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_with_its_name() {
    let house = House::open().await;
    let (sender, _calls) = tokio::sync::mpsc::channel(1);
    let again = hotline::sip::Agent::start(hotline::sip::AgentConfig::new(vec![house.address.into()]), sender).await;
    let fault = again.err().expect("listening twice").to_string();
    assert!(fault.contains(&house.address.to_string()), "{fault}");
}
