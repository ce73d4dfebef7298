//! A registration against answers written by hand, one row of its table after the other, and against any at all.

use proptest::prelude::*;

use super::*;
use crate::facts::Secret;

const HOUR: Duration = Duration::from_secs(3600);

/// A registration, its clock, and what it has sent.
struct Desk {
    registration: Registration,
    now: Moment,
}

impl Desk {
    fn new() -> Self {
        let of = Login { user: "u".into(), password: Secret::new("p".into()) };
        Self::of(Some(of))
    }

    fn of(credentials: Option<Login>) -> Self {
        let registration = Registration::new("sip:r", credentials, HOUR, Patience::default(), Moment::ZERO);
        Self { registration, now: Moment::ZERO }
    }

    /// Goes to when the next REGISTER is due, and sends it: how long that took, and what it is.
    fn send(&mut self) -> (Duration, Attempt) {
        let due = self.registration.due().expect("nothing is due").max(self.now);
        let waited = due.since(self.now);
        self.now = due;
        (waited, self.registration.attempt(due, "c"))
    }

    fn hear(&mut self, answer: &Answer) -> Verdict {
        self.registration.hear(self.now, answer, 0.0)
    }

    /// Sends, and hears this.
    fn hears(&mut self, answer: &Answer) -> Verdict {
        self.send();
        self.hear(answer)
    }

    fn is_registered(&self) -> bool {
        self.registration.is_registered(self.now)
    }
}

fn granted(seconds: u32) -> Answer {
    Answer { expires: Some(seconds), ..Answer::of(200) }
}

fn challenge(nonce: &str, more: &str) -> Answer {
    Answer { registrar: vec![format!("Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\"{more}")], ..Answer::of(401) }
}

fn at_once(desk: &mut Desk) -> Attempt {
    let (waited, attempt) = desk.send();
    assert_eq!(waited, Duration::ZERO);
    attempt
}

fn credentials(attempt: &Attempt) -> String {
    attempt.credentials.iter().map(ToString::to_string).collect()
}

#[test]
fn a_registration_is_refreshed_at_half_of_what_is_granted_for_as_long_as_it_is_wanted() {
    let mut desk = Desk::new();
    assert_eq!(at_once(&mut desk), Attempt { sequence: 1, expires: 3600, credentials: vec![] });
    assert!(!desk.is_registered());
    assert_eq!(desk.hear(&granted(100)), Verdict::Registered(Duration::from_secs(100)));
    for sequence in 2..40 {
        assert!(desk.is_registered());
        let (waited, attempt) = desk.send();
        assert_eq!((waited.as_secs(), attempt.sequence, attempt.expires), (45, sequence, 3600));
        desk.hear(&granted(100));
    }
    // Without a word of its own it has what was asked for.
    assert_eq!(desk.hears(&Answer::of(200)), Verdict::Registered(HOUR));
    desk.send();
    assert_eq!(desk.registration.hear(desk.now, &granted(100), 1.0), Verdict::Registered(Duration::from_secs(100)));
    assert_eq!(desk.send().0.as_secs(), 55);
}

#[test]
fn a_challenge_is_answered_and_its_nonce_counted_on() {
    let mut desk = Desk::new();
    assert_eq!(desk.hears(&challenge("one", "")), Verdict::Again);
    for count in 1..=12 {
        let sent = credentials(&desk.send().1);
        assert!(sent.contains("nonce=\"one\"") && sent.contains(&format!("nc={count:08x}")), "{sent}");
        desk.hear(&granted(60));
    }
}

#[test]
fn a_challenge_at_a_refresh_is_answered_whether_it_says_stale_or_not() {
    // G01 baresip#390, G02 baresip#786
    for more in [", stale=true", ""] {
        let mut desk = Desk::new();
        desk.hears(&challenge("one", ""));
        desk.hears(&granted(60));
        desk.send();
        assert_eq!(desk.hear(&challenge("two", more)), Verdict::Again);
        let sent = credentials(&at_once(&mut desk));
        assert!(sent.contains("nonce=\"two\"") && sent.contains("nc=00000001"), "{sent}");
        assert!(matches!(desk.hear(&granted(60)), Verdict::Registered(_)));
    }
}

#[test]
fn a_wrong_password_is_not_tried_again_soon() {
    for (nonces, requests) in [(&["one", "one"][..], 2), (&["one", "two", "three"], 3)] {
        let mut desk = Desk::new();
        for (place, nonce) in nonces.iter().enumerate() {
            at_once(&mut desk);
            let verdict = desk.hear(&challenge(nonce, ""));
            match place + 1 == requests {
                false => assert_eq!(verdict, Verdict::Again),
                true => assert_eq!(verdict, Verdict::Refused(Duration::from_secs(300), Cause::Credentials)),
            }
        }
        let (waited, attempt) = desk.send();
        assert_eq!((waited.as_secs(), attempt.credentials.len()), (300, 0), "from the beginning");
        desk.hear(&challenge("four", ""));
        assert_eq!(desk.hears(&challenge("four", "")), Verdict::Refused(Duration::from_secs(600), Cause::Credentials));
    }
}

#[test]
fn a_nonce_that_is_always_stale_is_no_wrong_password() {
    let mut desk = Desk::new();
    desk.hears(&challenge("one", ""));
    assert_eq!(desk.hears(&challenge("two", ", stale=true")), Verdict::Again);
    assert_eq!(desk.hears(&challenge("three", ", stale=true")), Verdict::Failed(Duration::from_secs(2)));
}

#[test]
fn a_proxy_and_a_registrar_may_both_ask() {
    let mut desk = Desk::new();
    let of_proxy = "Digest realm=\"p\", nonce=\"p1\"".to_owned();
    desk.hears(&Answer { proxy: vec![of_proxy], ..Answer::of(407) });
    assert_eq!(desk.hears(&challenge("one", "")), Verdict::Again);
    let sent = credentials(&at_once(&mut desk));
    assert!(sent.contains("Proxy-Authorization: Digest username=\"u\", realm=\"p\""), "{sent}");
    assert!(sent.contains("Authorization: Digest username=\"u\", realm=\"r\""), "{sent}");
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let mut desk = Desk::new();
    let akav = challenge("n", ", algorithm=AKAv1-MD5");
    assert_eq!(desk.hears(&akav), Verdict::Refused(Duration::from_secs(300), Cause::Challenge));
    let mut desk = Desk::of(None);
    assert_eq!(desk.hears(&challenge("n", "")), Verdict::Refused(Duration::from_secs(300), Cause::NoPassword));
    for (status, cause) in [(403, Cause::Forbidden), (404, Cause::Unknown), (302, Cause::Elsewhere)] {
        let mut desk = Desk::new();
        for minutes in [5, 10, 20, 30, 30] {
            let wait = Duration::from_secs(minutes * 60);
            assert_eq!(desk.hears(&Answer::of(status)), Verdict::Refused(wait, cause));
        }
    }
}

#[test]
fn too_brief_an_interval_is_lengthened_once() {
    let mut desk = Desk::new();
    let brief = |least| Answer { min_expires: Some(least), ..Answer::of(423) };
    assert_eq!(desk.hears(&brief(7200)), Verdict::Again);
    assert_eq!(at_once(&mut desk).expires, 7200);
    assert_eq!(desk.hear(&brief(9000)), Verdict::Failed(Duration::from_secs(2)));
    assert!(matches!(desk.hears(&granted(7200)), Verdict::Registered(_)));
    assert_eq!(desk.send().1.expires, 7200, "it is kept");
    for foolish in [brief(u32::MAX), brief(7200), Answer::of(423)] {
        assert!(matches!(desk.hear(&foolish), Verdict::Failed(_)));
        desk.send();
    }
}

#[test]
fn failures_are_waited_for_longer_and_longer_and_forgotten_at_a_success() {
    // G04 esphome-intercom#104: 408 is also what silence is.
    let mut desk = Desk::new();
    for _ in 0..2 {
        for seconds in [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1800, 1800] {
            assert_eq!(desk.hears(&Answer::of(408)), Verdict::Failed(Duration::from_secs(seconds)));
        }
        desk.hears(&granted(3600));
    }
    desk.send();
    let shortest = desk.registration.hear(desk.now, &Answer::of(500), 1.0);
    assert_eq!(shortest, Verdict::Failed(Duration::from_millis(1500)));
}

#[test]
fn what_is_granted_holds_through_failures_until_it_is_over() {
    let mut desk = Desk::new();
    desk.hears(&granted(10));
    assert_eq!(desk.hears(&Answer::of(503)), Verdict::Failed(Duration::from_secs(2)));
    assert!(desk.is_registered());
    desk.hears(&Answer::of(503));
    assert!(desk.is_registered());
    desk.hears(&Answer::of(503));
    assert!(!desk.is_registered(), "ten seconds are over");
    assert_eq!(desk.registration.until(), Some(Moment::ZERO + Duration::from_secs(10)));
}

#[test]
fn retry_after_is_heeded() {
    let later = |seconds| Answer { retry_after: Some(seconds), ..Answer::of(503) };
    let mut desk = Desk::new();
    assert_eq!(desk.hears(&later(90)), Verdict::Failed(Duration::from_secs(90)));
    assert_eq!(desk.hears(&later(0)), Verdict::Failed(Duration::from_secs(4)), "no sooner than without");
    assert_eq!(desk.hears(&later(u32::MAX)), Verdict::Failed(DAY));
}

#[test]
fn a_lost_connection_is_replaced_soon_and_not_in_a_flood() {
    let mut desk = Desk::new();
    desk.hears(&granted(3600));
    for seconds in [2, 4, 8] {
        desk.registration.disconnected(desk.now, 0.0);
        assert_eq!(desk.send().0.as_secs(), seconds);
        desk.hear(&granted(3600));
    }
    assert_eq!(desk.send().0.as_secs(), 1620, "it held");
    desk.hear(&granted(3600));
    desk.registration.disconnected(desk.now, 0.0);
    assert_eq!(desk.send().0.as_secs(), 2);
    desk.hear(&Answer::of(403));
    let mut refused = Desk::new();
    refused.hears(&Answer::of(403));
    refused.registration.disconnected(refused.now, 0.0);
    assert_eq!(refused.send().0.as_secs(), 300, "a refusal is not shortened");
}

#[test]
fn at_the_end_it_is_taken_back_with_credentials_where_they_are_asked_for() {
    let mut desk = Desk::new();
    desk.hears(&granted(3600));
    desk.registration.end(desk.now);
    let attempt = at_once(&mut desk);
    assert_eq!((attempt.expires, attempt.sequence), (0, 2));
    assert_eq!(desk.hear(&challenge("one", "")), Verdict::Again);
    assert_eq!(at_once(&mut desk).expires, 0);
    assert_eq!(desk.hear(&Answer::of(200)), Verdict::Over);
    assert!(desk.registration.is_over() && !desk.is_registered());
    for after in [Answer::of(408), Answer::of(500), challenge("one", ", algorithm=x")] {
        let mut desk = Desk::new();
        desk.send();
        desk.registration.end(desk.now);
        assert_eq!(desk.hears(&after), Verdict::Over, "what was asked may stand; once is enough");
    }
    let mut unborn = Desk::new();
    unborn.registration.end(unborn.now);
    assert!(unborn.registration.is_over());
}

#[test]
fn a_registration_that_is_granted_nothing_is_none() {
    let mut desk = Desk::new();
    assert_eq!(desk.hears(&granted(0)), Verdict::Failed(Duration::from_secs(2)));
    assert!(!desk.is_registered());
}

#[test]
fn a_response_is_read_for_the_contact_that_is_ours() {
    let read = |headers: &str| {
        let text = format!("SIP/2.0 200 OK\r\n{headers}Content-Length: 0\r\n\r\n");
        Answer::read(&Response::try_from(text.as_bytes()).unwrap(), "sip:100@192.0.2.1:5060;transport=tcp").expires
    };
    let ours = "<sip:%3100@192.0.2.1:5060;ob>;q=1;expires=";
    for (headers, expires) in [
        ("", None),
        ("Expires: 120\r\n", Some(120)),
        ("Expires: 120\r\nContact: <sip:100@192.0.2.1:5060>\r\n", Some(120)),
        (&format!("Expires: 120\r\nContact: <sip:1@192.0.2.9>;expires=5, {ours}77\r\n"), Some(77)),
        (&format!("Contact: <sip:1@192.0.2.9>;expires=5\r\nContact: {ours}\"78\"\r\n"), Some(78)),
        ("Contact: <sip:100@198.51.100.7:1024>;expires=50, \"x, y\" <sip:z@h>;expires=40\r\n", Some(40)),
        ("Expires: soon\r\n", None),
        ("Expires: 99999999999999\r\n", Some(u32::MAX)),
    ] {
        assert_eq!(read(headers), expires, "{headers}");
    }
    let text = "SIP/2.0 503 Busy\r\nRetry-After: 120 (at lunch, or \"out\");duration=60\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(Answer::read(&Response::try_from(text.as_bytes()).unwrap(), "sip:a@b").retry_after, Some(120));
}

fn any_answer() -> impl Strategy<Value = Answer> {
    let nonce = prop_oneof![Just("a"), Just("b"), Just("c")];
    let more = prop_oneof![Just(""), Just(", stale=true"), Just(", algorithm=none")];
    let challenged = (nonce, more, any::<bool>()).prop_map(|(nonce, more, proxy)| {
        let answer = challenge(nonce, more);
        if proxy { Answer { status: 407, proxy: answer.registrar, ..Answer::default() } } else { answer }
    });
    let other = (200..700_u16, any::<Option<u32>>(), any::<Option<u32>>(), any::<Option<u32>>());
    let other = other.prop_map(|(status, expires, min_expires, retry_after)| Answer {
        expires,
        min_expires,
        retry_after,
        ..Answer::of(status)
    });
    prop_oneof![challenged, other, Just(granted(60)), Just(Answer::of(423))]
}

proptest! {
    /// Whatever is answered and lost: each REGISTER has a higher number, only a few come at once, and the next is never
    /// farther away than Retry-After may say; and the end is reached.
    #[test]
    fn no_answers_make_a_flood_or_a_silence(
        answers in prop::collection::vec((any_answer(), 0.0..1.0_f64, any::<bool>()), 1..80),
        last in prop::collection::vec(any_answer(), 8),
    ) {
        let mut desk = Desk::new();
        let (mut sequence, mut in_a_row) = (0, 0);
        for (answer, chance, loses) in &answers {
            let (waited, attempt) = desk.send();
            prop_assert!(attempt.sequence > sequence);
            sequence = attempt.sequence;
            in_a_row = if waited < Duration::from_millis(1500) { in_a_row + 1 } else { 0 };
            prop_assert!(in_a_row <= 7, "{} at once", in_a_row);
            prop_assert!(waited <= DAY.mul_f64(1.1));
            desk.registration.hear(desk.now, answer, *chance);
            if *loses {
                desk.registration.disconnected(desk.now, *chance);
            }
        }
        desk.registration.end(desk.now);
        for answer in &last {
            if desk.registration.is_over() {
                break;
            }
            prop_assert_eq!(at_once(&mut desk).expires, 0);
            desk.hear(answer);
        }
        prop_assert!(desk.registration.is_over());
        prop_assert!(!desk.is_registered());
    }
}
