//! Session timers (RFC 4028): who refreshes, how, what becomes of a refresh that fails, and of a session that nobody keeps.

use std::time::Duration;

use hotline::phone::{self, CallEnd};
use hotline::sip::sdp::{self, Local};
use hotline::sip::{Call, CallEvent, DialingEvent, EndCause, SessionPolicy};
use tokio::time::{interval, timeout};

use super::sip_client::{ANSWER, House, OFFER, PATIENCE, Phone, body, event, field};
use crate::support::node::start;

const SDP: &str = "Content-Type: application/sdp\r\n";
const TIMER: &str = "Supported: timer\r\n";

/// An agent whose sessions last for so many seconds, or as few as one.
async fn lasting(seconds: u64) -> House {
    House::with(|config| config.session = policy(seconds)).await
}

fn policy(seconds: u64) -> SessionPolicy {
    SessionPolicy { expires: Duration::from_secs(seconds), minimum: Duration::from_secs(1) }
}

/// A call that is up; its INVITE has these headers too. Gives the 200.
async fn running(house: &mut House, phone: &mut Phone, more: &str) -> (Call, String) {
    phone.send(&phone.request("INVITE", 1, &phone.branch, more, OFFER)).await;
    let call = house.call().await;
    let answer = sdp::answer(call.offer.as_ref().unwrap(), &Local::new(call.local, 30_000, 1)).unwrap().0;
    let mut call = call.accept(answer);
    let ok = phone.status(200).await;
    phone.ack("").await;
    assert!(matches!(event(&mut call).await, CallEvent::Confirmed { .. }));
    (call, ok)
}

/// The number of a request.
fn number(request: &str) -> u32 {
    field(request, "CSeq").split(' ').next().unwrap().parse().unwrap()
}

/// The next request that is not the last one again.
async fn next_request(phone: &mut Phone, last: &str) -> String {
    loop {
        let message = phone.message().await;
        if !message.starts_with("SIP/2.0 ") && !message.starts_with("ACK ") && message != last {
            return message;
        }
    }
}

async fn is_expired(call: &mut Call) {
    let end = event(call).await;
    assert!(matches!(end, CallEvent::Ended(EndCause::SessionExpired)), "{end:?}");
}

#[tokio::test]
async fn the_200_says_for_how_long_and_who_refreshes() {
    let mut house = House::open().await;
    for (more, session, require) in [
        ("", "1800;refresher=uas", ""),
        ("Session-Expires: 3600\r\n", "1800;refresher=uas", ""),
        (TIMER, "1800;refresher=uac", "timer"),
        ("k: 100rel, timer\r\nx: 600\r\n", "600;refresher=uac", "timer"),
        ("Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n", "600;refresher=uac", "timer"),
        ("Supported: timer\r\nSession-Expires: 600;refresher=uas\r\n", "600;refresher=uas", "timer"),
        ("Supported: timer\r\nSession-Expires: 7200\r\nMin-SE: 3600\r\n", "3600;refresher=uac", "timer"),
        ("Require: timer\r\nSession-Expires: 90\r\n", "90;refresher=uac", "timer"),
    ] {
        let mut phone = Phone::new(house.address).await;
        let (_call, ok) = running(&mut house, &mut phone, more).await;
        assert_eq!((field(&ok, "Session-Expires"), field(&ok, "Require")), (session, require), "{more}");
        assert!(field(&ok, "Supported").contains("timer"), "{ok}");
    }
}

#[tokio::test]
async fn a_session_too_short_is_refused_with_the_shortest_there_is() {
    let mut house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.request("INVITE", 1, &phone.branch, "Supported: timer\r\nx: 60\r\n", OFFER)).await;
    let refused = phone.response().await;
    assert!(refused.starts_with("SIP/2.0 422 Session Interval Too Small\r\n"), "{refused}");
    assert_eq!(field(&refused, "Min-SE"), "90");
    phone.ack_refusal().await;
    assert_eq!(house.agent.standing().calls, 0);
    phone.remote_tag.clear();
    phone.branch.push('2');
    let again = "Supported: timer\r\nSession-Expires: 90\r\nMin-SE: 90\r\n";
    let (mut call, ok) = running(&mut house, &mut phone, again).await;
    assert_eq!(field(&ok, "Session-Expires"), "90;refresher=uac");
    // So is each that would change it; the call goes on.
    for (sequence, method, offer) in [(2, "UPDATE", ""), (3, "UPDATE", OFFER), (4, "INVITE", OFFER)] {
        phone.send(&phone.request(method, sequence, "z9hG4bKs", "Supported: timer\r\nx: 60\r\n", offer)).await;
        let refused = phone.response().await;
        assert!(refused.starts_with("SIP/2.0 422 ") && field(&refused, "Min-SE") == "90", "{method}: {refused}");
    }
    phone.send(&phone.request("ACK", 4, "z9hG4bKs", "", "")).await;
    phone.send(&phone.request("BYE", 5, "", "", "")).await;
    phone.status(200).await;
    assert!(matches!(event(&mut call).await, CallEvent::Ended(EndCause::ByeReceived)));
}

#[tokio::test]
async fn this_side_refreshes_by_update_where_the_far_side_takes_it() {
    let mut house = lasting(2).await;
    let mut phone = Phone::new(house.address).await;
    let route = format!("Allow: INVITE, UPDATE\r\nRecord-Route: <sip:{};lr;x=1>\r\n", phone.here);
    let (_call, _) = running(&mut house, &mut phone, &route).await;
    let first = phone.request_of("UPDATE").await;
    assert!(first.starts_with(&format!("UPDATE sip:13800000000@{} SIP/2.0\r\n", phone.here)), "{first}");
    assert!(field(&first, "Route").contains(";lr;x=1"));
    assert_eq!((field(&first, "Session-Expires"), field(&first, "Min-SE")), ("2;refresher=uac", "1"));
    assert_eq!((field(&first, "Supported"), field(&first, "Content-Length")), ("timer", "0"));
    assert!(field(&first, "Contact").contains(&house.address.to_string()));
    phone.answer(&first, "200 OK", "Session-Expires: 2;refresher=uac\r\nRequire: timer\r\n", "").await;
    let second = next_request(&mut phone, &first).await;
    assert!(second.starts_with("UPDATE ") && number(&second) == number(&first) + 1, "{second}");
    // The far side hands the refreshing over to itself, and then does not do it.
    phone.answer(&second, "200 OK", "Session-Expires: 2;refresher=uas\r\nRequire: timer\r\n", "").await;
    assert!(next_request(&mut phone, &second).await.starts_with("BYE "));
}

#[tokio::test]
async fn it_refreshes_by_a_reinvite_that_changes_nothing_where_it_does_not() {
    let mut house = lasting(6).await;
    let mut phone = Phone::new(house.address).await;
    let mut proxy = Phone::new(house.address).await;
    let route = format!("Record-Route: <sip:{};lr>\r\nRecord-Route: <sip:far.example;lr>\r\n", proxy.here);
    let (mut call, ok) = running(&mut house, &mut phone, &route).await;
    let invite = proxy.request_of("INVITE").await;
    assert_eq!(body(&invite), body(&ok), "the very description that was agreed on");
    assert_eq!(
        (field(&invite, "Session-Expires"), field(&invite, "Content-Type")),
        ("6;refresher=uac", "application/sdp")
    );
    assert!(!invite.contains("100rel"), "what is not done is not offered: {invite}");
    // Nothing comes: it is sent again.
    assert_eq!(proxy.request_of("INVITE").await, invite);
    proxy.answer(&invite, "100 Trying", "", "").await;
    // X21 SIP.js#684, X20 flexisip#202: to the first Contact, along the call's own route whatever the answer says.
    let contacts = "<sip:one@10.9.8.7:5080>, <sip:two@h>, <sip:three@h>\r\nContact: <sip:4@h>, <sip:5@h>, <sip:6@h>";
    let more = format!("{SDP}Contact: {contacts}\r\nRecord-Route: <sip:elsewhere.example;lr>\r\n");
    let moved = ANSWER.replace("50000", "50002");
    proxy.answer(&invite, "200 OK", &more, &moved).await;
    let ack = proxy.request_of("ACK").await;
    assert!(ack.starts_with("ACK sip:one@10.9.8.7:5080 SIP/2.0\r\n"), "{ack}");
    assert_eq!(field(&ack, "Route"), field(&invite, "Route"));
    assert!(ack.contains("Route: <sip:far.example;lr>\r\n") && !ack.contains("elsewhere"), "{ack}");
    assert_eq!(field(&ack, "CSeq"), format!("{} ACK", number(&invite)));
    assert_ne!(field(&ack, "Via"), field(&invite, "Via"));
    let CallEvent::Refreshed(answer) = event(&mut call).await else { panic!("no answer") };
    assert_eq!(answer, moved.as_bytes());
    // X23 siphon-sip#389: every 200 that comes again is acknowledged again.
    for _ in 0..2 {
        proxy.answer(&invite, "200 OK", &more, &moved).await;
        assert_eq!(proxy.request_of("ACK").await, ack);
    }
    let second = next_request(&mut proxy, &invite).await;
    assert!(second.starts_with("INVITE sip:one@10.9.8.7:5080 ") && body(&second) == body(&ok), "{second}");
}

#[tokio::test]
async fn it_refreshes_on_the_calls_connection() {
    let mut house = House::with(|config| {
        config.listen = vec!["tcp:127.0.0.1:0".parse().unwrap()];
        config.session = policy(2);
    })
    .await;
    let mut phone = Phone::over_tcp(house.address).await;
    let (_call, _) = running(&mut house, &mut phone, "").await;
    let invite = phone.request_of("INVITE").await;
    let more = format!("{SDP}Contact: <sip:a@10.9.8.7:5080;transport=tcp>\r\n");
    for _ in 0..2 {
        phone.answer(&invite, "200 OK", &more, ANSWER).await;
        let ack = phone.request_of("ACK").await;
        assert!(
            ack.starts_with("ACK sip:a@10.9.8.7:5080;transport=tcp ") && field(&ack, "Via").contains("/TCP "),
            "{ack}"
        );
    }
    // The connection is lost: the next refresh opens another one.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = listener.local_addr().unwrap();
    let contact = format!("Contact: <sip:a@{there};transport=tcp>\r\n");
    let update = phone.request("UPDATE", 2, "", "", "");
    let (head, rest) = update.split_once("Contact: ").unwrap();
    phone.send(&format!("{head}{contact}{}", rest.split_once("\r\n").unwrap().1)).await;
    phone.status(200).await;
    drop(phone);
    let (stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let mut phone = Phone::over(Box::new(stream), house.address, there, "TCP", ";transport=tcp");
    let again = phone.request_of("INVITE").await;
    phone.answer(&again, "200 OK", &format!("{SDP}{contact}"), ANSWER).await;
    phone.request_of("ACK").await;
}

#[tokio::test]
async fn a_refresh_that_is_refused_is_mended() {
    let mut house = lasting(6).await;
    let mut phone = Phone::new(house.address).await;
    let (_call, _) = running(&mut house, &mut phone, "Allow: INVITE, UPDATE\r\n").await;
    let update = phone.request_of("UPDATE").await;
    phone.answer(&update, "405 Method Not Allowed", "", "").await;
    let invite = next_request(&mut phone, &update).await;
    assert!(invite.starts_with("INVITE "), "{invite}");
    phone.answer(&invite, "422 Session Interval Too Small", "Min-SE: 8\r\n", "").await;
    let ack = phone.request_of("ACK").await;
    assert_eq!(field(&ack, "Via"), field(&invite, "Via"), "a refusal's ACK is of its transaction");
    assert_eq!(field(&ack, "CSeq"), format!("{} ACK", number(&invite)));
    let longer = next_request(&mut phone, &invite).await;
    assert_eq!((field(&longer, "Session-Expires"), field(&longer, "Min-SE")), ("8;refresher=uac", "8"));
    phone.answer(&longer, "200 OK", &format!("{SDP}Session-Expires: 8;refresher=uac\r\n"), ANSWER).await;
    phone.request_of("ACK").await;
    let next = next_request(&mut phone, &longer).await;
    assert_eq!(field(&next, "Session-Expires"), "8;refresher=uac");
}

#[tokio::test]
async fn a_refresh_that_fails_is_tried_again() {
    // The farther from its end a session is refreshed, the longer it may fail.
    let mut house = lasting(18).await;
    // G01 baresip#390: a refresh that was answered 401 was the last one.
    let refusals = [
        ("491 Request Pending", ""),
        ("500 Server Internal Error", "Retry-After: 1 (busy)\r\n"),
        ("401 Unauthorized", "WWW-Authenticate: Digest realm=\"h\", nonce=\"1\"\r\n"),
    ];
    let mut calls = Vec::new();
    for _ in refusals {
        let mut phone = Phone::new(house.address).await;
        let (call, _) = running(&mut house, &mut phone, "").await;
        calls.push((phone, call));
    }
    for ((phone, _call), (refusal, more)) in calls.iter_mut().zip(refusals) {
        let invite = phone.request_of("INVITE").await;
        phone.answer(&invite, refusal, more, "").await;
        assert_eq!(field(&phone.request_of("ACK").await, "Via"), field(&invite, "Via"));
        // It comes again, as if its ACK had been lost.
        phone.answer(&invite, refusal, more, "").await;
        phone.request_of("ACK").await;
        phone.branch = invite;
    }
    for ((phone, _call), (refusal, _)) in calls.iter_mut().zip(refusals) {
        let last = phone.branch.clone();
        let again = next_request(phone, &last).await;
        assert!(again.starts_with("INVITE ") && number(&again) == number(&last) + 1, "{refusal}: {again}");
        phone.answer(&again, "200 OK", SDP, ANSWER).await;
        phone.request_of("ACK").await;
    }
}

#[tokio::test]
async fn a_far_side_that_does_not_know_the_call_any_more_ends_it() {
    for gone in ["481 Call/Transaction Does Not Exist", "408 Request Timeout"] {
        for allow in ["", "Allow: INVITE, UPDATE\r\n"] {
            let mut house = lasting(2).await;
            let mut phone = Phone::new(house.address).await;
            let (mut call, _) = running(&mut house, &mut phone, allow).await;
            let refresh = next_request(&mut phone, "").await;
            phone.answer(&refresh, gone, "", "").await;
            assert!(next_request(&mut phone, &refresh).await.starts_with("BYE "), "{gone}");
            is_expired(&mut call).await;
        }
    }
}

#[tokio::test]
async fn a_refresh_that_nobody_answers_ends_the_call() {
    for allow in ["", "Allow: INVITE, UPDATE\r\n"] {
        let mut house = House::with(|config| {
            config.session = policy(8);
            config.t1 = Duration::from_millis(10);
        })
        .await;
        let mut phone = Phone::new(house.address).await;
        let (mut call, _) = running(&mut house, &mut phone, allow).await;
        phone.request_of(if allow.is_empty() { "INVITE" } else { "UPDATE" }).await;
        phone.request_of("BYE").await;
        is_expired(&mut call).await;
    }
}

#[tokio::test]
async fn a_far_side_that_does_not_refresh_is_given_up_and_one_that_does_is_not() {
    let mut house = lasting(3).await;
    let timer = "Supported: timer\r\nAllow: UPDATE\r\nSession-Expires: 3;refresher=uac\r\n";
    let (mut keeps, mut forgets) = (Phone::new(house.address).await, Phone::new(house.address).await);
    let (mut kept, _) = running(&mut house, &mut keeps, timer).await;
    let (mut forgotten, _) = running(&mut house, &mut forgets, timer).await;
    let (mut pace, mut sequence) = (interval(Duration::from_millis(250)), 1);
    let bye = loop {
        tokio::select! {
            bye = forgets.request_of("BYE") => break bye,
            _ = pace.tick() => {
                sequence += 1;
                // By turns; what refreshes by re-INVITE changes nothing.
                let (method, offer) = if sequence % 2 == 0 { ("UPDATE", "") } else { ("INVITE", OFFER) };
                let more = "Supported: timer\r\nSession-Expires: 3;refresher=uac\r\n";
                keeps.send(&keeps.request(method, sequence, "", more, offer)).await;
                if method == "INVITE" {
                    let CallEvent::Reoffer(reoffer) = event(&mut kept).await else { panic!("no offer") };
                    reoffer.accept(ANSWER.to_owned());
                }
                let ok = keeps.status(200).await;
                assert_eq!((field(&ok, "Session-Expires"), field(&ok, "Require")), ("3;refresher=uac", "timer"));
                if method == "INVITE" {
                    keeps.send(&keeps.request("ACK", sequence, "", "", "")).await;
                }
            }
        }
    };
    forgets.answer(&bye, "200 OK", "", "").await;
    is_expired(&mut forgotten).await;
    // The one that was begun first is still there.
    keeps.send(&keeps.request("BYE", sequence + 1, "", "", "")).await;
    assert!(keeps.status(200).await.contains(" BYE"));
    assert!(matches!(event(&mut kept).await, CallEvent::Ended(EndCause::ByeReceived)));
}

#[tokio::test]
async fn a_refresh_whose_200_is_never_acknowledged_ends_no_call() {
    // X24 freeswitch#1994: the calls broke off with "Ack Timeout" after their first refresh.
    let mut house = House::with(|config| config.t1 = Duration::from_millis(10)).await;
    let mut phone = Phone::new(house.address).await;
    let (mut call, _) = running(&mut house, &mut phone, TIMER).await;
    phone.send(&phone.request("INVITE", 2, "", TIMER, OFFER)).await;
    let CallEvent::Reoffer(reoffer) = event(&mut call).await else { panic!("no offer") };
    reoffer.accept(ANSWER.to_owned());
    phone.status(200).await;
    house.stands(|now| now.transactions == 0).await;
    phone.send(&phone.request("UPDATE", 3, "", TIMER, "")).await;
    while !phone.status(200).await.contains("3 UPDATE") {}
    phone.send(&phone.request("BYE", 4, "", "", "")).await;
    assert!(matches!(event(&mut call).await, CallEvent::Ended(EndCause::ByeReceived)));
}

#[tokio::test]
async fn offers_that_cross_a_reinvite_of_this_side_have_to_wait() {
    let mut house = lasting(2).await;
    let mut phone = Phone::new(house.address).await;
    let (mut call, _) = running(&mut house, &mut phone, "").await;
    let ours = phone.request_of("INVITE").await;
    phone.answer(&ours, "100 Trying", "", "").await;
    for (sequence, method) in [(2, "INVITE"), (3, "UPDATE")] {
        phone.send(&phone.request(method, sequence, "z9hG4bKglare", "", OFFER)).await;
        let refused = phone.status(491).await;
        assert_eq!(field(&refused, "CSeq"), format!("{sequence} {method}"));
    }
    phone.send(&phone.request("ACK", 2, "z9hG4bKglare", "", "")).await;
    // What offers nothing crosses nothing.
    phone.send(&phone.request("UPDATE", 4, "", "", "")).await;
    assert!(phone.status(200).await.contains("4 UPDATE"));
    phone.answer(&ours, "200 OK", SDP, ANSWER).await;
    phone.request_of("ACK").await;
    assert!(matches!(event(&mut call).await, CallEvent::Refreshed(_)));
    phone.send(&phone.request("INVITE", 5, "", "", OFFER)).await;
    assert!(matches!(event(&mut call).await, CallEvent::Reoffer(_)));
}

#[tokio::test]
async fn this_side_does_not_refresh_across_an_open_invite_of_the_far_side() {
    let mut house = lasting(4).await;
    let mut phone = Phone::new(house.address).await;
    let (mut call, _) = running(&mut house, &mut phone, "").await;
    phone.send(&phone.request("INVITE", 2, "", "", OFFER)).await;
    let CallEvent::Reoffer(open) = event(&mut call).await else { panic!("no offer") };
    // The far side's silence ends the session, and no request comes that would cross its own.
    assert!(next_request(&mut phone, "").await.starts_with("BYE "));
    is_expired(&mut call).await;
    drop(open);
}

async fn dialled(house: &House, phone: &mut Phone) -> (hotline::sip::Dialing, String) {
    let target = format!("sip:12333@{}", phone.here);
    let dialing = house.agent.dial(&target, "sip:test@127.0.0.1", OFFER.to_owned()).await.unwrap();
    let invite = phone.request_of("INVITE").await;
    (dialing, invite)
}

async fn next(dialing: &mut hotline::sip::Dialing) -> DialingEvent {
    timeout(PATIENCE, dialing.next_event()).await.expect("nothing happened").expect("it is over")
}

#[tokio::test]
async fn a_call_out_asks_for_a_session_and_for_a_longer_one_where_it_must() {
    let house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    let (mut dialing, invite) = dialled(&house, &mut phone).await;
    assert_eq!((field(&invite, "Session-Expires"), field(&invite, "Min-SE")), ("1800", "90"));
    assert_eq!(field(&invite, "Supported"), "timer", "a reliable 180 would have to be acknowledged");
    phone.answer(&invite, "422 Session Interval Too Small", "Min-SE: 3600\r\n", "").await;
    assert_eq!(field(&phone.request_of("ACK").await, "CSeq"), "1 ACK");
    let longer = next_request(&mut phone, &invite).await;
    assert_eq!((field(&longer, "Session-Expires"), field(&longer, "Min-SE")), ("3600", "3600"));
    for same in ["Call-ID", "From", "To"] {
        assert_eq!(field(&longer, same), field(&invite, same));
    }
    assert_eq!((field(&longer, "CSeq"), body(&longer)), ("2 INVITE", OFFER));
    assert_ne!(field(&longer, "Via"), field(&invite, "Via"));
    let more = format!("{SDP}Contact: <sip:a@{}>\r\nSession-Expires: 3600;refresher=uac\r\n", phone.here);
    phone.answer(&longer, "200 OK", &more, ANSWER).await;
    assert_eq!(field(&phone.request_of("ACK").await, "CSeq"), "2 ACK");
    let DialingEvent::Answered { call, .. } = next(&mut dialing).await else { panic!("not answered") };
    call.hang_up();
    assert_eq!(field(&phone.request_of("BYE").await, "CSeq"), "3 BYE");
    // A 422 that asks for no more than it was given is an answer like any other; and nobody is asked for ever.
    let (mut dialing, invite) = dialled(&house, &mut phone).await;
    phone.answer(&invite, "422 Session Interval Too Small", "Min-SE: 1800\r\n", "").await;
    assert!(matches!(next(&mut dialing).await, DialingEvent::Refused { status: 422, .. }));
    let (mut dialing, mut invite) = dialled(&house, &mut phone).await;
    for minimum in 1801..1805 {
        phone.answer(&invite, "422 Session Interval Too Small", &format!("Min-SE: {minimum}\r\n"), "").await;
        if minimum < 1804 {
            invite = next_request(&mut phone, &invite).await;
        }
    }
    assert_eq!(field(&invite, "CSeq"), "4 INVITE");
    assert!(matches!(next(&mut dialing).await, DialingEvent::Refused { status: 422, .. }));
}

#[tokio::test]
async fn a_call_out_that_asks_again_can_be_taken_back() {
    let house = House::open().await;
    let mut phone = Phone::new(house.address).await;
    let (dialing, invite) = dialled(&house, &mut phone).await;
    phone.answer(&invite, "422 Session Interval Too Small", "Min-SE: 3600\r\n", "").await;
    let longer = next_request(&mut phone, &invite).await;
    phone.answer(&longer, "180 Ringing", "", "").await;
    drop(dialing);
    let cancel = phone.request_of("CANCEL").await;
    assert_eq!((field(&cancel, "CSeq"), field(&cancel, "Via")), ("2 CANCEL", field(&longer, "Via")));
}

#[tokio::test]
async fn a_call_out_is_refreshed_or_expires_as_its_200_says() {
    for (session, refreshed) in [
        // A far side that says nothing of it knows nothing of it: this side refreshes.
        ("", true),
        ("Session-Expires: 2;refresher=uac\r\nRequire: timer\r\n", true),
        ("Session-Expires: 2;refresher=uas\r\nRequire: timer\r\n", false),
    ] {
        let house = lasting(2).await;
        let mut phone = Phone::new(house.address).await;
        let (mut dialing, invite) = dialled(&house, &mut phone).await;
        let more = format!("{SDP}Contact: <sip:a@{}>\r\n{session}", phone.here);
        phone.answer(&invite, "200 OK", &more, ANSWER).await;
        let DialingEvent::Answered { mut call, .. } = next(&mut dialing).await else { panic!("not answered") };
        let request = next_request(&mut phone, &invite).await;
        if refreshed {
            assert!(request.starts_with("INVITE ") && body(&request) == OFFER, "{session}: {request}");
            phone.answer(&request, "481 Call/Transaction Does Not Exist", "", "").await;
        } else {
            assert!(request.starts_with("BYE "), "{session}: {request}");
        }
        is_expired(&mut call).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_record_says_that_the_session_expired() {
    let running = start(&[("12333", "bench/100")], |config| {
        config.sip.session.expires = Duration::from_secs(3);
        config.sip.session.minimum = Duration::from_secs(1);
    })
    .await;
    let mut phone = Phone::new(running.address).await;
    phone.send(&phone.request("INVITE", 1, &phone.branch, "Supported: timer\r\nx: 3;refresher=uac\r\n", OFFER)).await;
    assert_eq!(field(&phone.status(200).await, "Session-Expires"), "3;refresher=uac");
    phone.ack("").await;
    let bye = phone.request_of("BYE").await;
    phone.answer(&bye, "200 OK", "", "").await;
    let database = running.folder.path().join("hotline.db");
    running.node.drain().await;
    let ending: String = rusqlite::Connection::open(database)
        .unwrap()
        .query_row("SELECT ending FROM calls", [], |row| row.get(0))
        .expect("one call record");
    assert_eq!(ending, "session-expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_that_moves_in_its_answer_to_a_refresh_is_followed() {
    let running = start(&[("12333", "12333")], |config| {
        config.sip.session.expires = Duration::from_secs(3);
        config.sip.session.minimum = Duration::from_secs(1);
    })
    .await;
    let rtp = [0, 1].map(|_| std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
    let described = |at: usize| OFFER.replace("40000", &rtp[at].local_addr().unwrap().port().to_string());
    let mut phone = Phone::new(running.address).await;
    phone.send(&phone.invite(&described(0))).await;
    let ok = phone.status(200).await;
    phone.ack("").await;
    let hears = |at: usize| {
        let socket = rtp[at].try_clone().unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        tokio::task::spawn_blocking(move || assert!(socket.recv(&mut [0; 2000]).unwrap() >= 172))
    };
    hears(0).await.unwrap();
    let invite = phone.request_of("INVITE").await;
    assert_eq!(body(&invite), body(&ok));
    phone.answer(&invite, "200 OK", SDP, &described(1)).await;
    phone.request_of("ACK").await;
    hears(1).await.unwrap();
    // L01 asterisk#1965: nothing that can be played; the stream stays, and the call.
    let invite = next_request(&mut phone, &invite).await;
    phone.answer(&invite, "200 OK", SDP, "v=0\r\n").await;
    phone.request_of("ACK").await;
    while rtp[1].recv(&mut [0; 2000]).is_ok() && rtp[1].set_nonblocking(true).is_ok() {}
    rtp[1].set_nonblocking(false).unwrap();
    hears(1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_telephone_of_the_command_answers_a_refresh() {
    // It takes no calls; whom it calls is hand-made.
    let mut far = Phone::new("127.0.0.1:9".parse().unwrap()).await;
    let target = format!("sip:12333@{}", far.here);
    let dialled = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let call = phone::Call { script: Some(phone::parse_script("w20").unwrap()), ..phone::Call::to(&target) };
        runtime.block_on(phone::dial(call, &mut std::io::sink())).unwrap().0
    });
    let invite = far.request_of("INVITE").await;
    assert_eq!(field(&invite, "Session-Expires"), "1800");
    far.peer = field(&invite, "Contact").split(['@', '>']).nth(1).unwrap().parse().unwrap();
    far.call_id = field(&invite, "Call-ID").to_owned();
    let more =
        format!("{SDP}Contact: <sip:a@{}>\r\nSession-Expires: 1800;refresher=uas\r\nRequire: timer\r\n", far.here);
    far.answer(&invite, "200 OK", &more, ANSWER).await;
    far.request_of("ACK").await;
    let request = |method: &str, sequence, offer: &str| {
        let request = far.request(method, sequence, "", TIMER, offer);
        let lines = request.split("\r\n").map(|line| match line.split_once(": ") {
            Some(("From", _)) => format!("From: {};tag=far", field(&invite, "To")),
            Some(("To", _)) => format!("To: {}", field(&invite, "From")),
            _ => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\r\n")
    };
    let (refresh, ack, bye) = (request("INVITE", 1, ANSWER), request("ACK", 1, ""), request("BYE", 2, ""));
    far.send(&refresh).await;
    let ok = far.status(200).await;
    assert_eq!(field(&ok, "Session-Expires"), "1800;refresher=uac");
    assert!(body(&ok).contains("RTP/AVP 0"), "{ok}");
    far.send(&ack).await;
    far.send(&bye).await;
    far.status(200).await;
    assert_eq!(dialled.join().unwrap(), CallEnd::FarEnd);
}
