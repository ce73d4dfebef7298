//! Calls that this side makes: ringing, answered, acknowledged along the route and again, refused, cancelled, forked.

use std::time::Duration;

use hotline::sip::{CallEvent, Dialing, DialingEvent, EndCause};
use tokio::time::timeout;

use super::sip_client::{ANSWER, House, OFFER, PATIENCE, Phone, body, event, field};

const SDP: &str = "Content-Type: application/sdp\r\n";

async fn dial(house: &House, phone: &mut Phone) -> (Dialing, String) {
    let target = format!("sip:12333@{}", phone.here);
    let dialing = house.agent.dial(&target, "sip:test@127.0.0.1", OFFER.to_owned()).await.unwrap();
    let invite = phone.request_of("INVITE").await;
    phone.answer(&invite, "100 Trying", "", "").await;
    (dialing, invite)
}

async fn next(dialing: &mut Dialing) -> DialingEvent {
    timeout(PATIENCE, dialing.next_event()).await.expect("nothing happened").expect("it is over")
}

#[tokio::test]
async fn a_call_out_rings_is_answered_and_hung_up() {
    let house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    let (mut dialing, invite) = dial(&house, &mut phone).await;
    assert!(invite.starts_with(&format!("INVITE sip:12333@{} SIP/2.0\r\n", phone.here)), "{invite}");
    assert_eq!(body(&invite), OFFER);
    assert_eq!(field(&invite, "Call-ID"), dialing.call_id());
    phone.answer(&invite, "183 Session Progress", SDP, ANSWER).await;
    let DialingEvent::Ringing { early: Some(early) } = next(&mut dialing).await else { panic!("it does not ring") };
    assert_eq!(early, ANSWER.as_bytes());
    // X20 flexisip#202: the ACK goes along the route to the Contact, not to where the INVITE went.
    let mut proxy = Phone::new(house.address).await;
    let more = format!(
        "{SDP}Record-Route: <sip:last.example;lr>\r\nRecord-Route: <sip:{};lr>\r\nContact: <sip:real@10.9.8.7:5080>\r\n",
        proxy.here
    );
    phone.answer(&invite, "200 OK", &more, ANSWER).await;
    let ack = proxy.request_of("ACK").await;
    assert!(ack.starts_with("ACK sip:real@10.9.8.7:5080 SIP/2.0\r\n"), "{ack}");
    assert_eq!(field(&ack, "CSeq"), "1 ACK");
    // X23 siphon-sip#389: every 200 that comes again is acknowledged again, along the same route.
    for _ in 0..2 {
        phone.answer(&invite, "200 OK", &more, ANSWER).await;
        assert_eq!(field(&proxy.request_of("ACK").await, "Route"), field(&ack, "Route"));
    }
    let DialingEvent::Answered { mut call, answer: Some(answer) } = next(&mut dialing).await else {
        panic!("not answered")
    };
    assert_eq!(answer, ANSWER.as_bytes());
    assert!(dialing.next_event().await.is_none());
    drop(dialing);
    call.hang_up();
    let bye = proxy.request_of("BYE").await;
    assert!(bye.starts_with("BYE sip:real@10.9.8.7:5080 SIP/2.0\r\n") && field(&bye, "CSeq") == "2 BYE", "{bye}");
    assert!(field(&bye, "To").ends_with(";tag=far"));
    proxy.answer(&bye, "200 OK", "", "").await;
    assert!(matches!(event(&mut call).await, CallEvent::Ended(EndCause::HungUp)));
}

#[tokio::test]
async fn the_far_side_may_hang_up_and_a_200_with_many_contacts_is_acknowledged() {
    // X21 SIP.js#684
    let house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    let (mut dialing, invite) = dial(&house, &mut phone).await;
    let (here, others) = (phone.here, ", <sip:b@192.0.2.2;transport=x>;q=0.5, <sip:c@192.0.2.3;transport=tcp>");
    let more = format!("{SDP}Contact: <sip:a@{here}>{others}\r\nContact: <sip:d@192.0.2.4>, <sip:e@192.0.2.5>\r\n");
    phone.answer(&invite, "200 OK", &more, ANSWER).await;
    let ack = phone.request_of("ACK").await;
    assert!(ack.starts_with(&format!("ACK sip:a@{here} SIP/2.0")), "{ack}");
    let DialingEvent::Answered { mut call, .. } = next(&mut dialing).await else { panic!("not answered") };
    let local_tag = field(&invite, "From").split_once(";tag=").unwrap().1.to_owned();
    phone.call_id = call.call_id().to_owned();
    phone.remote_tag = local_tag;
    phone.send(&phone.request("BYE", 1, "", "", "").replace("tag=phone", "tag=far")).await;
    assert!(phone.status(200).await.contains("1 BYE"));
    assert!(matches!(event(&mut call).await, CallEvent::Ended(EndCause::ByeReceived)));
}

#[tokio::test]
async fn a_refusal_is_told_and_acknowledged() {
    let house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    let (mut dialing, invite) = dial(&house, &mut phone).await;
    phone.answer(&invite, "486 Out To Lunch", "", "").await;
    let DialingEvent::Refused { status: 486, reason } = next(&mut dialing).await else { panic!("not refused") };
    assert_eq!(reason, "Out To Lunch");
    let ack = phone.request_of("ACK").await;
    assert_eq!(field(&ack, "Via"), field(&invite, "Via"));
    assert_eq!(house.agent.standing().calls, 0);
}

#[tokio::test]
async fn giving_up_cancels_the_call() {
    let house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    let target = format!("sip:12333@{}", phone.here);
    let dialing = house.agent.dial(&target, "sip:test@127.0.0.1", OFFER.to_owned()).await.unwrap();
    let invite = phone.request_of("INVITE").await;
    drop(dialing);
    // No CANCEL before the first provisional answer: the INVITE comes again instead.
    assert_eq!(phone.message().await, invite);
    phone.answer(&invite, "180 Ringing", "", "").await;
    let cancel = phone.request_of("CANCEL").await;
    assert_eq!(field(&cancel, "Via"), field(&invite, "Via"));
    assert_eq!(field(&cancel, "CSeq"), "1 CANCEL");
    phone.answer(&cancel, "200 OK", "", "").await;
    phone.answer(&invite, "487 Request Terminated", "", "").await;
    phone.request_of("ACK").await;
}

#[tokio::test]
async fn an_answer_that_crosses_the_cancel_is_hung_up() {
    let house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    let (dialing, invite) = dial(&house, &mut phone).await;
    phone.answer(&invite, "180 Ringing", "", "").await;
    drop(dialing);
    let cancel = phone.request_of("CANCEL").await;
    phone.answer(&cancel, "200 OK", "", "").await;
    let contact = format!("{SDP}Contact: <sip:a@{}>\r\n", phone.here);
    phone.answer(&invite, "200 OK", &contact, ANSWER).await;
    phone.request_of("ACK").await;
    phone.request_of("BYE").await;
}

#[tokio::test]
async fn a_second_answer_of_a_fork_is_acknowledged_and_ended() {
    let house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    let (mut dialing, invite) = dial(&house, &mut phone).await;
    let contact = format!("{SDP}Contact: <sip:a@{}>\r\n", phone.here);
    phone.answer(&invite, "200 OK", &contact, ANSWER).await;
    phone.request_of("ACK").await;
    let DialingEvent::Answered { call, .. } = next(&mut dialing).await else { panic!("not answered") };
    let forked =
        invite.replace(&format!("To: {}", field(&invite, "To")), &format!("To: {};tag=fork", field(&invite, "To")));
    phone.answer(&forked, "200 OK", &contact, ANSWER).await;
    assert!(field(&phone.request_of("ACK").await, "To").ends_with(";tag=fork"));
    assert!(field(&phone.request_of("BYE").await, "To").ends_with(";tag=fork"));
    drop(call);
    assert!(field(&phone.request_of("BYE").await, "To").ends_with(";tag=far"));
}

#[tokio::test]
async fn nobody_there_is_told_as_a_timeout() {
    let house = House::with(|config| config.t1 = Duration::from_millis(20)).await;
    let phone = Phone::new(house.address).await;
    let target = format!("sip:12333@{}", phone.here);
    let mut dialing = house.agent.dial(&target, "sip:test@127.0.0.1", OFFER.to_owned()).await.unwrap();
    assert!(matches!(next(&mut dialing).await, DialingEvent::Refused { status: 408, .. }));
    for wrong in ["12333", "tel:12333", "sip:", "http://127.0.0.1", "sip:a b@127.0.0.1", "sip:1@127.0.0.1\r\nX: y"] {
        assert!(house.agent.dial(wrong, "sip:test@127.0.0.1", OFFER.to_owned()).await.is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn an_agent_can_call_another_and_even_itself() {
    let mut house = House::open().await;
    let target = format!("sip:12333@{}", house.address);
    let mut dialing = house.agent.dial(&target, "sip:test@127.0.0.1", OFFER.to_owned()).await.unwrap();
    let incoming = house.call().await;
    assert_eq!(incoming.number, "12333");
    let mut callee = incoming.accept(ANSWER.to_owned());
    let DialingEvent::Answered { call: mut caller, .. } = next(&mut dialing).await else { panic!("not answered") };
    assert!(matches!(event(&mut callee).await, CallEvent::Confirmed { .. }));
    callee.hang_up();
    assert!(matches!(event(&mut caller).await, CallEvent::Ended(EndCause::ByeReceived)));
    assert!(matches!(event(&mut callee).await, CallEvent::Ended(EndCause::HungUp)));
}
