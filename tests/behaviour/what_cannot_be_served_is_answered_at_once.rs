//! The gate: what is mended, what is answered without state and with which status, what is dropped.

use std::borrow::Cow;
use std::net::SocketAddr;

use hotline::sip::Refusal;
use hotline::sip::gate::{FrontDesk, Gate, MAX_HEADERS, Reason, pass};

use super::sip_client::{House, OFFER, Phone, field};

/// Knows one call and takes new ones, or none.
struct Desk(Result<(), Refusal>);

impl FrontDesk for Desk {
    fn knows(&self, call_id: &str) -> bool {
        call_id == "known"
    }

    fn serves(&self, number: &str) -> bool {
        number != "nobody"
    }

    fn admits(&self) -> Result<(), Refusal> {
        self.0
    }
}

const OPEN: Desk = Desk(Ok(()));

fn source() -> SocketAddr {
    "203.0.113.5:7777".parse().unwrap()
}

/// An INVITE with some of its lines replaced: `("CSeq", "1 BYE")`; an empty value takes the line away.
fn message(method: &str, changes: &[(&str, &str)], body: &str) -> String {
    let cseq = format!("1 {method}");
    let length = body.len().to_string();
    let mut lines = vec![
        ("Via", "SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK1;rport"),
        ("Max-Forwards", "70"),
        ("From", "<sip:a@h>;tag=f"),
        ("To", "<sip:b@h>"),
        ("Call-ID", "new"),
        ("CSeq", cseq.as_str()),
        ("Contact", "<sip:a@10.0.0.9:5070>"),
        ("Content-Type", if body.is_empty() { "" } else { "application/sdp" }),
        ("Content-Length", &length),
    ];
    for (name, value) in changes {
        match lines.iter_mut().find(|(line, _)| line == name) {
            Some(line) => line.1 = value,
            None => lines.push((name, value)),
        }
    }
    let lines = lines.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}: {value}\r\n"));
    format!("{method} sip:12333@h SIP/2.0\r\n{}\r\n{body}", lines.collect::<String>())
}

#[track_caller]
fn answer(message: &str) -> String {
    match pass(message.as_bytes(), source(), &OPEN) {
        Gate::Answer(answer) => String::from_utf8(answer).unwrap(),
        other => panic!("{other:?} for\n{message}"),
    }
}

#[track_caller]
fn assert_status(message: &str, status: u16) {
    let answer = answer(message);
    assert!(answer.starts_with(&format!("SIP/2.0 {status} ")), "want {status} for\n{message}\ngot\n{answer}");
}

#[track_caller]
fn passed(message: &str) -> String {
    match pass(message.as_bytes(), source(), &OPEN) {
        Gate::Pass(octets) => String::from_utf8(octets.into_owned()).unwrap(),
        other => panic!("{other:?} for\n{message}"),
    }
}

#[test]
fn a_good_message_passes_untouched() {
    let good = message("INVITE", &[], OFFER);
    assert_eq!(pass(good.as_bytes(), source(), &OPEN), Gate::Pass(Cow::Borrowed(good.as_bytes())));
}

#[test]
fn a_message_is_mended_before_the_parser_sees_it() {
    let good = message("INVITE", &[], OFFER);
    assert_eq!(passed(&format!("\r\n\r\n{good}")), good, "leading line ends");
    assert_eq!(passed(&format!("{good}rubbish")), good, "more than Content-Length says");
    let without = message("INVITE", &[("Content-Length", "")], OFFER);
    assert_eq!(passed(&without), good, "no Content-Length");
    // X08 aboutsip/pkts#110
    let head_end = good.find("\r\n\r\n").unwrap();
    let bare = format!("{}\n\n{OFFER}", good[..head_end].replace("\r\n", "\n"));
    assert_eq!(passed(&bare), good, "bare line feeds");
    let folded = good.replace("From: <sip:a@h>;tag=f", "From: <sip:a@h>\r\n\t;tag=f");
    assert_eq!(passed(&folded), good, "a folded line");
    let spaced = good.replace(":5070;branch=", " : 5070 ;  branch = ").replace("SIP/2.0/UDP", "SIP / 2.0 / UDP");
    assert_eq!(passed(&spaced), good, "spaces about separators");
    let mut latin = message("INVITE", &[("Subject", "caf#")], OFFER).into_bytes();
    let at = latin.iter().position(|octet| *octet == b'#').unwrap();
    latin[at] = 0xe9;
    let Gate::Pass(octets) = pass(&latin, source(), &OPEN) else { panic!("dropped") };
    let text = String::from_utf8(octets.into_owned()).unwrap();
    assert!(text.contains("Subject: caf\u{fffd}\r\n") && text.ends_with(OFFER), "octets that are not UTF-8");
    let compact = good.replace("From:", "f:").replace("To:", "t:").replace("Call-ID:", "i:").replace("Via:", "v:");
    assert_eq!(passed(&compact), compact, "compact names");
    // RFC 4475, sections 3.3.11 and 3.3.15
    for line in [("Max-Forwards", "0"), ("Accept", "text/plain, */*"), ("Accept", "application/SDP;level=1")] {
        passed(&message("INVITE", &[line], OFFER));
    }
}

#[test]
fn each_fault_has_its_status() {
    let invite = |name, value| message("INVITE", &[(name, value)], OFFER);
    for (fault, status) in [
        // X06 kirm/sip.js#136
        (invite("CSeq", "abcdefg"), 400),
        (invite("CSeq", "1 BYE"), 400),
        (invite("CSeq", "36893488147419103232 INVITE"), 400),
        (invite("CSeq", ""), 400),
        (invite("From", ""), 400),
        (invite("From", "<sip:a@h>"), 400),
        (invite("To", ""), 400),
        (invite("To", "\"Mr. Doe <sip:b@h>"), 400),
        (invite("Call-ID", ""), 400),
        (invite("Max-Forwards", "300"), 400),
        (invite("Accept", "text/plain, application/pidf+xml"), 406),
        (invite("Content-Length", "9999"), 400),
        (invite("Content-Length", "-5"), 400),
        (invite("Content-Length", "many"), 400),
        // X01 opensips#2285, X03 pjproject#1092
        (invite("Contact", "<sip:42@10.0.0.9:5060;ob>\""), 400),
        (invite("Contact", "*"), 400),
        (invite("Contact", ""), 400),
        (invite("Contact", "<tel:42>"), 400),
        (invite("Via", "SIP/2.0/UDP ;branch=z9hG4bK1"), 400),
        (invite("Via", "SIP/2.0/UDP 192.0.2.15;;,;,,"), 400),
        (invite("Require", "100rel, nothingSupportsThis"), 420),
        (invite("Content-Type", "application/unknownformat"), 415),
        (invite("Content-Encoding", "gzip"), 415),
        (message("INVITE", &[("X", "\r\nFrom: <sip:x@h>;tag=2")], OFFER), 400),
        (message("INVITE", &[("To", "<sip:b@h>;tag=gone")], OFFER), 481),
        (invite("A", "").replacen("SIP/2.0\r\n", "SIP/7.0\r\n", 1), 505),
        (invite("A", "").replacen("SIP/2.0\r\n", "HTTP/1.1\r\n", 1), 400),
        (invite("A", "").replacen(" sip:", "  sip:", 1), 400),
        (invite("A", "").replacen("sip:12333@h ", "<sip:12333@h> ", 1), 400),
        (invite("A", "").replacen("sip:12333@h ", "sip: ", 1), 400),
        (invite("A", "").replacen("sip:12333@h ", "soap.beep://192.0.2.103:3002 ", 1), 416),
        (message("BREW", &[], ""), 501),
        (message("invite", &[], ""), 501),
        (message("REGISTER", &[], ""), 405),
        (message("SUBSCRIBE", &[("Contact", "*")], ""), 405),
        (message("PUBLISH", &[], ""), 405),
        (message("MESSAGE", &[("Contact", "*")], ""), 405),
        (message("REFER", &[], ""), 405),
        (message("PRACK", &[], ""), 481),
        (message("NOTIFY", &[], ""), 481),
        (message("BYE", &[], ""), 481),
        (message("BYE", &[("To", "<sip:b@h>;tag=t")], ""), 481),
        (message("INFO", &[("To", "<sip:b@h>;tag=t")], ""), 481),
        (message("CANCEL", &[], ""), 481),
        (message("OPTIONS", &[], ""), 200),
        (message("OPTIONS", &[("Require", "100rel")], ""), 420),
        (message("INVITE", &[("Subject", &"x".repeat(9000))], OFFER), 513),
    ] {
        assert_status(&fault, status);
    }
    let many: String = (0..=MAX_HEADERS).map(|n| format!("X-{n}: y\r\n")).collect();
    assert_status(&message("INVITE", &[], "").replacen("Via:", &format!("{many}Via:"), 1), 400);
    assert_status("OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=1\r\nFrom: <sip:a@h>;tag=1\r\n", 400);
}

#[test]
fn an_answer_mirrors_the_request_and_says_what_would_work() {
    let register =
        message("REGISTER", &[("Via", "SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK1;rport, SIP/2.0/UDP p2")], "");
    let register = register.replacen("Max-", "Via: SIP/2.0/UDP p3\r\nMax-", 1);
    let answer_text = answer(&register);
    assert_eq!(
        field(&answer_text, "Via"),
        "SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK1;received=203.0.113.5;rport=7777, SIP/2.0/UDP p2"
    );
    assert!(answer_text.contains("\r\nVia: SIP/2.0/UDP p3\r\n"));
    assert!(field(&answer_text, "To").starts_with("<sip:b@h>;tag="));
    assert_eq!((field(&answer_text, "From"), field(&answer_text, "Call-ID")), ("<sip:a@h>;tag=f", "new"));
    assert_eq!((field(&answer_text, "CSeq"), field(&answer_text, "Content-Length")), ("1 REGISTER", "0"));
    assert!(field(&answer_text, "Allow").contains("INVITE"));
    assert_eq!(answer(&register), answer_text, "the same for every retransmission");
    assert_eq!(field(&answer(&message("OPTIONS", &[("Require", "100rel")], "")), "Unsupported"), "100rel");
    passed(&message("INVITE", &[("Require", "100rel")], OFFER));
    let both = [("Require", "timer, nothing,\tX-more")];
    assert_eq!(
        field(&answer(&message("UPDATE", &both, "")), "Unsupported"),
        "nothing, X-more",
        "those that are lacking"
    );
    passed(&message("INVITE", &[("Require", "Timer")], OFFER));
    let options = answer(&message("OPTIONS", &[], ""));
    assert!(
        field(&options, "Accept").contains("application/sdp") && options.contains("\r\nSupported: 100rel, timer\r\n"),
        "{options}"
    );
    assert!(
        field(&answer(&message("INVITE", &[("Content-Type", "text/plain")], "x")), "Accept")
            .contains("application/sdp")
    );
}

#[test]
fn what_may_not_be_answered_is_dropped() {
    for keep_alive in ["", "\r\n\r\n", "\0\0\0\0", "  \r\n"] {
        assert_eq!(pass(keep_alive.as_bytes(), source(), &OPEN), Gate::Drop(Reason::KeepAlive), "{keep_alive:?}");
    }
    let no_via = message("INVITE", &[("Via", "")], OFFER);
    for unanswerable in ["rubbish", "INVITE", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", no_via.as_str()] {
        assert_eq!(pass(unanswerable.as_bytes(), source(), &OPEN), Gate::Drop(Reason::Unanswerable), "{unanswerable}");
    }
    let ack = message("ACK", &[("To", "<sip:b@h>;tag=t")], "");
    let broken_ack = message("ACK", &[("CSeq", "x")], "");
    let response =
        message("BYE", &[("To", "<sip:b@h>;tag=t")], "").replacen("BYE sip:12333@h SIP/2.0", "SIP/2.0 200 OK", 1);
    let strange = response.replacen("200 OK", "4294967301 better", 1).replace("Call-ID: new", "Call-ID: known");
    for stray in [&ack, &broken_ack, &response, &strange] {
        assert_eq!(pass(stray.as_bytes(), source(), &OPEN), Gate::Drop(Reason::Stray), "{stray}");
    }
    passed(&ack.replace("Call-ID: new", "Call-ID: known"));
    passed(&response.replace("Call-ID: new", "Call-ID: known"));
}

#[test]
fn a_number_where_nothing_answers_is_not_found() {
    for user in ["nobody", "%6eobody", "nobody;phone-context=x"] {
        let invite = message("INVITE", &[], "");
        let line = invite.lines().next().unwrap().to_owned();
        assert_status(&invite.replacen(&line, &format!("INVITE sip:{user}@10.0.0.1 SIP/2.0"), 1), 404);
    }
}

#[test]
fn a_full_or_draining_house_says_so_and_keeps_its_calls() {
    let full = Desk(Err(Refusal::Overloaded { retry_after: 9 }));
    for method in ["INVITE", "OPTIONS"] {
        let Gate::Answer(answer) = pass(message(method, &[], "").as_bytes(), source(), &full) else { panic!("taken") };
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("SIP/2.0 503 ") && field(&answer, "Retry-After") == "9", "{answer}");
    }
    for method in ["INVITE", "BYE", "INFO"] {
        let running = message(method, &[("Call-ID", "known"), ("To", "<sip:b@h>;tag=t")], "");
        assert!(matches!(pass(running.as_bytes(), source(), &full), Gate::Pass(_)));
    }
}

#[tokio::test]
async fn the_agent_refuses_on_the_wire() {
    let mut house = House::with(|config| config.max_calls = 1).await;
    let mut phone = Phone::new(house.address).await;
    assert!(house.is_alive().await);
    let video = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 4000 RTP/AVP 31\r\n";
    let mut other = Phone::new(house.address).await;
    other.send(&other.invite(video)).await;
    assert!(other.response().await.starts_with("SIP/2.0 488 "));
    other.ack_refusal().await;
    phone.send(&phone.invite(OFFER)).await;
    let call = house.call().await;
    let mut second = Phone::new(house.address).await;
    second.send(&second.invite(OFFER)).await;
    let refused = second.response().await;
    assert!(refused.starts_with("SIP/2.0 503 ") && field(&refused, "Retry-After") == "10", "{refused}");
    house.agent.drain();
    let mut call = call.accept(super::sip_client::ANSWER.to_owned());
    phone.status(200).await;
    phone.ack("").await;
    call.hang_up();
    phone.request_of("BYE").await;
    while call.next_event().await.is_some() {}
    let mut third = Phone::new(house.address).await;
    third.send(&third.invite(OFFER)).await;
    assert!(third.response().await.starts_with("SIP/2.0 503 "), "draining");
}

#[tokio::test]
async fn a_number_where_nothing_answers_costs_no_transaction() {
    let house = House::with(|config| config.numbers = Some(["100".to_owned()].into())).await;
    let mut phone = Phone::new(house.address).await;
    phone.send(&phone.invite(OFFER)).await;
    assert!(phone.response().await.starts_with("SIP/2.0 404 "), "the telephone dials 12333");
    let standing = house.agent.standing();
    assert_eq!((standing.calls, standing.transactions, standing.remembered), (0, 0, 0));
}
