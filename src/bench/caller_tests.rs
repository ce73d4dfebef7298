use super::*;

fn caller() -> Caller {
    let local = "127.0.0.1:7000".parse().unwrap();
    Caller::new(Line { uris: vec!["sip:200@127.0.0.1:5060".into()], local, run: 0xAB })
}

fn sent(caller: &mut Caller) -> Vec<String> {
    std::iter::from_fn(|| caller.poll_outgoing()).map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect()
}

fn events(caller: &mut Caller) -> Vec<Event> {
    std::iter::from_fn(|| caller.poll_event()).collect()
}

fn at(milliseconds: u64) -> Moment {
    Moment::from_micros(milliseconds * 1000)
}

const SOUND: &str = "127.0.0.1:8000";

fn answer(status: &str, method: &str, more: &str, body: &str) -> Vec<u8> {
    format!(
        "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 127.0.0.1:7000;branch=x\r\nFrom: <sip:bench@127.0.0.1:7000>;tag=ab-0\r\n\
         To: <sip:200@127.0.0.1:5060>;tag=far\r\nCall-ID: 0-ab@hotline-bench\r\nCSeq: 1 {method}\r\n{more}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[test]
fn a_call_is_set_up_along_its_route_and_hung_up() {
    let mut caller = caller();
    assert_eq!(caller.dial(at(0), SOUND.parse().unwrap()), 0);
    let [invite] = sent(&mut caller).try_into().unwrap();
    assert!(invite.starts_with("INVITE sip:200@127.0.0.1:5060 SIP/2.0\r\n"), "{invite}");
    assert!(invite.contains("m=audio 8000 RTP/AVP 0 101\r\n"), "{invite}");
    let route = "Record-Route: <sip:near;lr>\r\nRecord-Route: <sip:far;lr>\r\nContact: <sip:200@10.0.0.1:5062>\r\n";
    let sdp = "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 30000 RTP/AVP 0 101\r\n";
    caller.receive(at(7), &answer("200 OK", "INVITE", route, sdp));
    let media = Some("10.0.0.1:30000".parse().unwrap());
    assert_eq!(events(&mut caller), [Event::Answered { call: 0, media, after: Duration::from_millis(7) }]);
    let [ack] = sent(&mut caller).try_into().unwrap();
    assert!(ack.starts_with("ACK sip:200@10.0.0.1:5062 SIP/2.0\r\n"), "{ack}");
    assert!(ack.contains("Route: <sip:far;lr>\r\nRoute: <sip:near;lr>\r\n"), "{ack}");
    assert!(ack.contains("To: <sip:200@127.0.0.1:5060>;tag=far\r\n") && ack.contains("CSeq: 1 ACK"), "{ack}");

    // The answer again: its ACK was lost.
    caller.receive(at(600), &answer("200 OK", "INVITE", route, sdp));
    assert_eq!(sent(&mut caller), [ack]);
    caller.hang_up(at(1000), 0);
    caller.timeout(at(1500));
    let byes = sent(&mut caller);
    assert!(byes.len() == 2 && byes.iter().all(|bye| bye.starts_with("BYE sip:200@10.0.0.1:5062")), "{byes:?}");
    caller.receive(at(1600), &answer("200 OK", "BYE", "", ""));
    assert_eq!(events(&mut caller), [Event::Ended { call: 0, by_far_side: false, well: true }]);
    assert_eq!(caller.count(), 0);
}

#[test]
fn what_is_not_answered_is_sent_again_and_given_up() {
    let mut caller = caller();
    caller.dial(at(0), SOUND.parse().unwrap());
    for second in 0..40 {
        caller.timeout(at(second * 1000));
    }
    assert_eq!(events(&mut caller), [Event::Failed { call: 0, status: None }]);
    assert!((5..=8).contains(&sent(&mut caller).len()));
}

#[test]
fn a_refusal_is_acknowledged_and_told() {
    let mut caller = caller();
    caller.dial(at(0), SOUND.parse().unwrap());
    sent(&mut caller);
    caller.receive(at(1), &answer("100 Trying", "INVITE", "", ""));
    caller.receive(at(2), &answer("503 Service Unavailable", "INVITE", "", ""));
    assert_eq!(events(&mut caller), [Event::Failed { call: 0, status: Some(503) }]);
    let [ack] = sent(&mut caller).try_into().unwrap();
    assert!(ack.starts_with("ACK sip:200@127.0.0.1:5060") && ack.contains("branch=z9hG4bKab-0-INVITE"), "{ack}");
}

#[test]
fn the_far_side_may_hang_up_and_refresh() {
    let mut caller = caller();
    caller.dial(at(0), SOUND.parse().unwrap());
    caller.receive(at(1), &answer("200 OK", "INVITE", "", ""));
    sent(&mut caller);
    events(&mut caller);
    let request = |method: &str, call: &str| {
        format!(
            "{method} sip:bench@127.0.0.1:7000 SIP/2.0\r\nv: SIP/2.0/UDP 127.0.0.1:5060;branch=y\r\nf: <sip:200@x>;tag=far\r\n\
             t: <sip:bench@127.0.0.1:7000>;tag=ab-0\r\ni: {call}\r\nCSeq: 5 {method}\r\n\r\n"
        )
        .into_bytes()
    };
    caller.receive(at(2), &request("INVITE", "0-ab@hotline-bench"));
    let [agreed] = sent(&mut caller).try_into().unwrap();
    assert!(agreed.starts_with("SIP/2.0 200 OK\r\nv: ") && agreed.contains("m=audio 8000"), "{agreed}");
    caller.receive(at(3), &request("BYE", "0-ab@hotline-bench"));
    assert_eq!(events(&mut caller), [Event::Ended { call: 0, by_far_side: true, well: true }]);
    assert!(sent(&mut caller).concat().contains("CSeq: 5 BYE"));
    // Its 200 was lost; and strangers' calls are nobody's.
    caller.receive(at(4), &request("BYE", "0-ab@hotline-bench"));
    caller.receive(at(4), &request("OPTIONS", "0-cd@hotline-bench"));
    assert_eq!(sent(&mut caller).len(), 1);
    assert_eq!(events(&mut caller), []);
}
