//! Requests inside a call: re-INVITE, hold, UPDATE, INFO, OPTIONS, and those that do not belong to it.

use hotline::sip::sdp::{self, Direction, Local};
use hotline::sip::{Call, CallEvent, Refusal};

use super::sip_client::{ANSWER, House, OFFER, Phone, body, event, field};

async fn running(house: &mut House) -> (Phone, Call, Local) {
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.invite(OFFER)).await;
    let call = house.call().await;
    let local = Local::new(call.local, 30_000, 1);
    let answer = sdp::answer(call.offer.as_ref().unwrap(), &local).unwrap().0;
    let mut call = call.accept(answer);
    phone.status(200).await;
    phone.ack("").await;
    assert!(matches!(event(&mut call).await, CallEvent::Confirmed { .. }));
    (phone, call, local.next())
}

#[tokio::test]
async fn a_hold_is_answered_recvonly_with_a_new_version_and_a_resume_sendrecv() {
    let mut house = House::open().await;
    let (mut phone, mut call, local) = running(&mut house).await;
    for (method, sequence, change, direction) in
        [("INVITE", 2, "a=sendonly\r\n", Direction::RecvOnly), ("UPDATE", 3, "a=sendrecv\r\n", Direction::SendRecv)]
    {
        let offer = format!("{OFFER}{change}");
        // X04 pjproject#965: with the branch of the first INVITE.
        phone.send(&phone.request(method, sequence, &phone.branch, "", &offer)).await;
        let CallEvent::Reoffer(reoffer) = event(&mut call).await else { panic!("no new offer") };
        let (answer, agreed) = sdp::answer(reoffer.offer.as_ref().unwrap(), &local).unwrap();
        assert_eq!(agreed.direction, direction);
        reoffer.accept(answer);
        let ok = phone.status(200).await;
        assert_eq!(field(&ok, "CSeq"), format!("{sequence} {method}"));
        assert!(body(&ok).contains("o=- 1 2 IN IP4 127.0.0.1\r\n"), "{ok}");
        if method == "INVITE" {
            phone.send(&phone.request("ACK", sequence, "", "", "")).await;
        }
    }
}

#[tokio::test]
async fn a_reinvite_without_an_offer_gets_one_and_its_ack_brings_the_answer() {
    let mut house = House::open().await;
    let (mut phone, mut call, local) = running(&mut house).await;
    phone.send(&phone.request("INVITE", 2, "", "", "")).await;
    let CallEvent::Reoffer(reoffer) = event(&mut call).await else { panic!("no request for an offer") };
    assert!(reoffer.offer.is_none());
    reoffer.accept(sdp::offer(&local));
    phone.status(200).await;
    // While that answer is open another offer has to wait.
    phone.send(&phone.request("UPDATE", 3, "", "", OFFER)).await;
    assert!(phone.status(491).await.contains("3 UPDATE"));
    phone.send(&phone.request("ACK", 2, "", "", ANSWER)).await;
    let CallEvent::Reanswer(answer) = event(&mut call).await else { panic!("no answer") };
    assert_eq!(sdp::accept_answer(&local, &answer).unwrap().remote.port(), 50_000);
}

#[tokio::test]
async fn a_refused_change_leaves_the_call_and_a_second_one_has_to_wait() {
    let mut house = House::open().await;
    let (mut phone, mut call, _) = running(&mut house).await;
    phone.send(&phone.request("INVITE", 2, "z9hG4bKa", "", OFFER)).await;
    let CallEvent::Reoffer(reoffer) = event(&mut call).await else { panic!("no new offer") };
    phone.send(&phone.request("INVITE", 3, "z9hG4bKb", "", OFFER)).await;
    let refused = phone.status(500).await;
    assert!(refused.contains("3 INVITE") && !field(&refused, "Retry-After").is_empty());
    phone.send(&phone.request("ACK", 3, "z9hG4bKb", "", "")).await;
    reoffer.refuse(Refusal::NotAcceptable);
    assert!(phone.status(488).await.contains("2 INVITE"));
    phone.send(&phone.request("ACK", 2, "z9hG4bKa", "", "")).await;
    // One that cannot be answered at all is refused without asking.
    let video = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 4000 RTP/AVP 31\r\n";
    phone.send(&phone.request("UPDATE", 4, "", "", video)).await;
    assert!(phone.status(488).await.contains("4 UPDATE"));
    phone.send(&phone.request("BYE", 5, "", "", "")).await;
    assert!(phone.status(200).await.contains("5 BYE"));
}

#[tokio::test]
async fn an_info_is_answered_and_handed_on_once() {
    // N22 siphon-sip#347
    let mut house = House::open().await;
    let (mut phone, mut call, _) = running(&mut house).await;
    let info = phone.request("INFO", 2, "z9hG4bKinfo", "", "Signal=5\r\nDuration=160");
    let info = info.replace("application/sdp", "application/dtmf-relay");
    phone.send(&info).await;
    let first = phone.status(200).await;
    phone.send(&info).await;
    assert_eq!(phone.status(200).await, first);
    let CallEvent::Info { content_type, body } = event(&mut call).await else { panic!("no INFO") };
    assert_eq!((content_type.as_str(), body.as_slice()), ("application/dtmf-relay", &b"Signal=5\r\nDuration=160"[..]));
    phone.send(&phone.request("UPDATE", 3, "", "", "")).await;
    assert!(phone.status(200).await.contains("3 UPDATE"), "a sign of life");
    phone.send(&phone.request("OPTIONS", 4, "", "", "")).await;
    assert!(field(&phone.status(200).await, "Allow").contains("UPDATE"));
    assert!(
        format!("{:?}", event_after_bye(&mut phone, &mut call).await).contains("ByeReceived"),
        "the INFO came twice"
    );
}

async fn event_after_bye(phone: &mut Phone, call: &mut Call) -> CallEvent {
    phone.send(&phone.request("BYE", 9, "", "", "")).await;
    event(call).await
}

#[tokio::test]
async fn old_and_foreign_requests_do_not_touch_the_call() {
    let mut house = House::open().await;
    let (mut phone, call, _) = running(&mut house).await;
    phone.send(&phone.request("INFO", 1, "", "", "")).await;
    assert!(phone.status(500).await.contains("1 INFO"), "an old number");
    let tag = phone.remote_tag.clone();
    phone.remote_tag = "another".to_owned();
    phone.send(&phone.request("BYE", 7, "", "", "")).await;
    assert!(phone.status(481).await.contains("7 BYE"), "another To tag");
    phone.remote_tag = tag;
    phone.send(&phone.request("BYE", 8, "", "", "").replace("tag=phone", "tag=other")).await;
    assert!(phone.status(481).await.contains("8 BYE"), "another From tag");
    phone.send(&phone.request("MESSAGE", 9, "", "", "")).await;
    assert!(phone.status(405).await.contains("9 MESSAGE"));
    assert_eq!(house.agent.standing().calls, 1);
    drop(call);
}

#[tokio::test]
async fn an_info_with_another_body_is_refused_and_one_without_is_not() {
    let mut house = House::open().await;
    let (mut phone, mut call, _) = running(&mut house).await;
    let info = |phone: &Phone, sequence, kind: &str| {
        phone.request("INFO", sequence, "", "", "Signal=5\r\n").replace("Content-Type: application/sdp", kind)
    };
    for (place, kind) in ["application/media_control+xml", "application/sdp", "text/plain", ""].into_iter().enumerate()
    {
        let kind = if kind.is_empty() { "X-Nothing: 1".into() } else { format!("Content-Type: {kind}") };
        phone.send(&info(&phone, 2 + place as u32, &kind)).await;
        let refused = phone.status(415).await;
        assert_eq!(field(&refused, "CSeq"), format!("{} INFO", 2 + place));
        assert!(field(&refused, "Accept").contains("application/dtmf-relay, application/dtmf"));
    }
    phone.send(&phone.request("INFO", 6, "", "", "")).await;
    assert!(phone.status(200).await.contains("6 INFO"));
    phone.send(&info(&phone, 7, "c: Application/DTMF;charset=utf-8")).await;
    assert!(phone.status(200).await.contains("7 INFO"));
    for expected in ["", "Application/DTMF;charset=utf-8"] {
        let CallEvent::Info { content_type, .. } = event(&mut call).await else { panic!("no INFO") };
        assert_eq!(content_type, expected);
    }
}

/// Over a connection nothing comes a second time: what arrives as a call ends must be answered too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_with_the_end_of_a_call_is_answered() {
    let mut house = House::open().await;
    for _ in 0..100 {
        let (mut phone, call, _) = running(&mut house).await;
        let requests = [phone.request("BYE", 2, "", "", ""), phone.request("OPTIONS", 3, "", "", "")];
        for request in requests.iter().chain([&phone.request("BYE", 4, "", "", "")]) {
            phone.send(request).await;
        }
        let mut answered = Vec::new();
        while answered.len() < 3 {
            let response = phone.response().await;
            answered.push((field(&response, "CSeq").to_owned(), response[8..11].to_owned()));
        }
        answered.sort();
        for ((sequence, status), wanted) in answered.iter().zip([["200", "200"], ["481", "200"], ["481", "200"]]) {
            assert!(wanted.contains(&status.as_str()), "{sequence}: {status}");
        }
        drop(call);
    }
}
