//! Calls over TCP: answers go back on the connection they are for, requests of ours use it while it lives and open another
//! when it does not.

use std::time::Duration;

use hotline::sip::sdp::{self, Local};
use hotline::sip::{CallEvent, DialingEvent, EndCause, IncomingCall, Transport};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::sip_client::{ANSWER, House, OFFER, PATIENCE, Phone, body, event, field};

const SDP: &str = "Content-Type: application/sdp\r\n";

async fn house() -> House {
    House::with(|config| config.listen = vec!["tcp:127.0.0.1:0".parse().unwrap()]).await
}

fn answer_to(call: &IncomingCall) -> String {
    sdp::answer(call.offer.as_ref().unwrap(), &Local::new(call.local, 30_000, 1)).unwrap().0
}

/// Sets a call up as its caller.
async fn established(house: &mut House, phone: &mut Phone) -> hotline::sip::Call {
    phone.send(&phone.invite(OFFER)).await;
    let call = house.call().await;
    let answer = answer_to(&call);
    let mut call = call.accept(answer);
    phone.status(200).await;
    phone.ack("").await;
    assert!(matches!(event(&mut call).await, CallEvent::Confirmed { .. }));
    call
}

#[tokio::test]
async fn a_call_is_answered_on_its_connection_and_the_caller_hangs_up() {
    let mut house = house().await;
    let mut phone = Phone::over_tcp(house.address).await;
    phone.send(&phone.invite(OFFER)).await;
    let trying = phone.message().await;
    assert!(trying.starts_with("SIP/2.0 100 "));
    let via = field(&trying, "Via");
    assert!(via.contains(&format!(";received=127.0.0.1;rport={}", phone.here.port())), "{via}");
    let call = house.call().await;
    assert_eq!((call.source, call.transport, call.local), (phone.here, Transport::Tcp, house.address.ip()));
    let answer = answer_to(&call);
    let mut call = call.accept(answer.clone());
    let ok = phone.status(200).await;
    assert_eq!(body(&ok), answer);
    assert_eq!(field(&ok, "Contact"), format!("<sip:hotline@{};transport=tcp>", house.address));
    phone.ack("").await;
    assert!(matches!(event(&mut call).await, CallEvent::Confirmed { answer: None }));
    phone.send(&phone.request("BYE", 2, "", "", "")).await;
    assert!(phone.status(200).await.contains("2 BYE"));
    assert!(matches!(event(&mut call).await, CallEvent::Ended(EndCause::ByeReceived)));
}

#[tokio::test]
async fn this_side_hangs_up_on_the_connection_that_the_call_came_by() {
    let mut house = house().await;
    let mut phone = Phone::over_tcp(house.address).await;
    let mut call = established(&mut house, &mut phone).await;
    call.hang_up();
    let bye = phone.request_of("BYE").await;
    assert!(bye.starts_with(&format!("BYE sip:13800000000@{};transport=tcp SIP/2.0\r\n", phone.here)), "{bye}");
    assert!(field(&bye, "Via").starts_with(&format!("SIP/2.0/TCP {};", house.address)), "{bye}");
    phone.answer(&bye, "200 OK", "", "").await;
    assert!(matches!(event(&mut call).await, CallEvent::Ended(EndCause::HungUp)));
}

#[tokio::test]
async fn a_connection_that_is_lost_ends_no_call_and_the_bye_opens_another() {
    let mut house = house().await;
    let mut phone = Phone::over_tcp(house.address).await;
    // The phone is reached where it listens, not where it connected from.
    let reached = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connected = std::mem::replace(&mut phone.here, reached.local_addr().unwrap());
    let mut call = established(&mut house, &mut phone).await;
    drop(phone.line);
    house.stands(|now| now.connections == 0).await;
    assert_eq!(house.agent.standing().calls, 1);
    call.hang_up();
    let (stream, _) = timeout(PATIENCE, reached.accept()).await.expect("no connection came").unwrap();
    let here = stream.local_addr().unwrap();
    assert_ne!(here, connected);
    let mut phone = Phone::over(Box::new(stream), house.address, here, "TCP", "");
    let bye = phone.request_of("BYE").await;
    assert!(field(&bye, "Via").starts_with(&format!("SIP/2.0/TCP {};", house.address)), "{bye}");
    phone.answer(&bye, "200 OK", "", "").await;
    assert!(matches!(event(&mut call).await, CallEvent::Ended(EndCause::HungUp)));
}

#[tokio::test]
async fn a_phone_that_connects_anew_is_hung_up_on_its_new_connection() {
    let mut house = house().await;
    let mut phone = Phone::over_tcp(house.address).await;
    let mut call = established(&mut house, &mut phone).await;
    let mut again = Phone::over_tcp(house.address).await;
    (again.call_id, again.remote_tag) = (phone.call_id.clone(), phone.remote_tag.clone());
    // The old connection is still open here, as one is whose far side has vanished without a word.
    again.send(&again.request("INFO", 2, "", "", "")).await;
    assert!(again.status(200).await.contains("2 INFO"));
    assert!(matches!(event(&mut call).await, CallEvent::Info { .. }));
    call.hang_up();
    again.request_of("BYE").await;
}

#[tokio::test]
async fn a_refusal_is_sent_once_since_nothing_is_lost() {
    let mut house = House::with(|config| {
        config.listen = vec!["tcp:127.0.0.1:0".parse().unwrap()];
        config.t1 = Duration::from_millis(20);
    })
    .await;
    let mut phone = Phone::over_tcp(house.address).await;
    phone.send(&phone.invite(OFFER)).await;
    house.call().await.reject(hotline::sip::Refusal::Busy);
    assert!(phone.response().await.starts_with("SIP/2.0 486 "));
    // Timer H is over: the transaction is gone, and what comes next is the answer to the next request.
    house.stands(|now| now.transactions == 0).await;
    phone.send(&phone.request("OPTIONS", 9, "", "", "")).await;
    assert!(phone.response().await.starts_with("SIP/2.0 481 "), "its Call-ID has just ended");
}

#[tokio::test]
async fn a_cancelled_call_is_over() {
    let mut house = house().await;
    let mut phone = Phone::over_tcp(house.address).await;
    phone.send(&phone.invite(OFFER)).await;
    let mut call = house.call().await;
    call.ring();
    phone.status(180).await;
    let tag = std::mem::take(&mut phone.remote_tag);
    phone.send(&phone.request("CANCEL", 1, &phone.branch, "", "")).await;
    let (mut codes, expected) = (Vec::new(), ["200 ", "487 "]);
    for _ in expected {
        codes.push(phone.response().await[8..12].to_owned());
    }
    codes.sort();
    assert_eq!(codes, expected);
    phone.remote_tag = tag;
    phone.ack_refusal().await;
    let end = timeout(PATIENCE, call.next_event()).await.expect("it does not end");
    assert!(matches!(end, Some(CallEvent::Ended(EndCause::Cancelled))));
}

/// An agent without a socket that could reach anybody but by TCP, and a phone that is called.
async fn called(house: &House) -> (hotline::sip::Dialing, Phone, String) {
    let far = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = far.local_addr().unwrap();
    let target = format!("sip:12333@{there};transport=tcp");
    let (dialing, accepted) =
        tokio::join!(house.agent.dial(&target, "sip:test@127.0.0.1", OFFER.to_owned()), far.accept());
    let mut phone = Phone::over(Box::new(accepted.unwrap().0), house.address, there, "TCP", ";transport=tcp");
    let invite = phone.request_of("INVITE").await;
    assert!(invite.starts_with(&format!("INVITE {target} SIP/2.0\r\n")), "{invite}");
    (dialing.unwrap(), phone, invite)
}

async fn next(dialing: &mut hotline::sip::Dialing) -> DialingEvent {
    timeout(PATIENCE, dialing.next_event()).await.expect("nothing happened").expect("it is over")
}

#[tokio::test]
async fn a_call_out_is_acknowledged_and_hung_up_on_one_connection() {
    let house = house().await;
    let (mut dialing, mut phone, invite) = called(&house).await;
    assert!(field(&invite, "Via").starts_with(&format!("SIP/2.0/TCP {};", house.address)), "{invite}");
    assert_eq!(field(&invite, "Contact"), format!("<sip:hotline@{};transport=tcp>", house.address));
    let more = format!("{SDP}Contact: <sip:a@10.9.8.7:5080;transport=tcp>\r\n");
    phone.answer(&invite, "180 Ringing", "", "").await;
    phone.answer(&invite, "200 OK", &more, ANSWER).await;
    let ack = phone.request_of("ACK").await;
    assert!(ack.to_lowercase().starts_with("ack sip:a@10.9.8.7:5080;transport=tcp sip/2.0\r\n"), "{ack}");
    assert!(field(&ack, "Via").starts_with(&format!("SIP/2.0/TCP {};", house.address)), "{ack}");
    // X23 siphon-sip#389
    phone.answer(&invite, "200 OK", &more, ANSWER).await;
    phone.request_of("ACK").await;
    assert!(matches!(next(&mut dialing).await, DialingEvent::Ringing { .. }));
    let DialingEvent::Answered { mut call, .. } = next(&mut dialing).await else { panic!("not answered") };
    call.hang_up();
    let bye = phone.request_of("BYE").await;
    phone.answer(&bye, "200 OK", "", "").await;
    assert!(matches!(event(&mut call).await, CallEvent::Ended(EndCause::HungUp)));
}

#[tokio::test]
async fn a_call_out_that_is_dropped_is_cancelled() {
    let house = house().await;
    let (dialing, mut phone, invite) = called(&house).await;
    phone.answer(&invite, "180 Ringing", "", "").await;
    drop(dialing);
    let cancel = phone.request_of("CANCEL").await;
    assert_eq!(field(&cancel, "Via"), field(&invite, "Via"));
}

#[tokio::test]
async fn a_connection_that_breaks_before_any_answer_ends_the_call_out_at_once() {
    let house = house().await;
    let (mut dialing, phone, _) = called(&house).await;
    drop(phone);
    assert!(matches!(next(&mut dialing).await, DialingEvent::Refused { .. }));
}

#[tokio::test]
async fn a_host_that_takes_no_connection_is_told_of() {
    let house = house().await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let target = format!("sip:12333@{nobody};transport=tcp");
    let fault = house.agent.dial(&target, "sip:test@127.0.0.1", OFFER.to_owned()).await.unwrap_err();
    assert!(fault.to_string().contains("refused"), "{fault}");
}

#[tokio::test]
async fn a_stopped_agent_closes_its_connections() {
    let house = house().await;
    let mut phone = Phone::over_tcp(house.address).await;
    phone.send(&phone.request("OPTIONS", 1, "", "", "")).await;
    phone.status(200).await;
    house.agent.stop();
    assert!(phone.is_closed().await);
}
