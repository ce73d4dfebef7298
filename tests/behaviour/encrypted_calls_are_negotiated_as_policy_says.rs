//! SRTP by SDES (RFC 4568): what is offered, what is answered, and what is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotline::facts::Secret;
use hotline::node::Config;
use hotline::phone::{self, CallEnd, parse_script};
use hotline::rtp::srtp::{MasterKey, Suite};
use hotline::sip::Refusal;
use hotline::sip::sdp::{self, Local, Negotiated, Offer, SdpFault, Srtp};
use hotline::telephony::SrtpPolicy;

use crate::support::node::start;

const THEIRS: &str = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNk";

fn key(letter: u8) -> MasterKey {
    Secret::new([letter; 30])
}

fn local(srtp: Option<bool>) -> Local {
    let mut local = Local::new("192.0.2.1".parse().unwrap(), 30_000, 77);
    local.srtp = srtp.map(|required| Srtp { required, keys: [key(b'8'), key(b'3')] });
    local
}

fn description(media: &str) -> Vec<u8> {
    format!("v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{media}").into_bytes()
}

fn answered(media: &str, srtp: Option<bool>) -> Result<(String, Negotiated), SdpFault> {
    sdp::answer(&Offer::parse(&description(media))?, &local(srtp))
}

fn crypto(tag: u32, suite: &str) -> String {
    format!("a=crypto:{tag} {suite} inline:{THEIRS}\r\n")
}

#[test]
fn the_answer_takes_the_first_known_suite_with_its_tag_and_a_key_of_its_own() {
    let offer = format!(
        "m=audio 4000 RTP/SAVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n{}{}{}",
        crypto(1, "AES_CM_256_HMAC_SHA1_80"),
        crypto(2, "AES_CM_128_HMAC_SHA1_32"),
        crypto(3, "AES_CM_128_HMAC_SHA1_80"),
    );
    let (answer, agreed) = answered(&offer, Some(false)).unwrap();
    assert!(answer.contains("m=audio 30000 RTP/SAVP 8 101\r\n"), "{answer}");
    let ours = STANDARD.encode([b'3'; 30]);
    assert!(answer.ends_with(&format!("a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{ours}\r\n")), "{answer}");
    assert_eq!(answer.matches("a=crypto").count(), 1);
    let srtp = agreed.srtp.unwrap();
    assert_eq!((srtp.suite, &srtp.ours), (Suite::AesCm128HmacSha1_32, &key(b'3')));
    assert_eq!(srtp.theirs.reveal()[..], STANDARD.decode(THEIRS).unwrap());
}

#[test]
fn a_plain_profile_with_keys_is_an_offer_that_may_be_taken() {
    let offer = format!("m=audio 4000 RTP/AVP 8\r\n{}", crypto(7, "AES_CM_128_HMAC_SHA1_80"));
    for required in [false, true] {
        let (answer, agreed) = answered(&offer, Some(required)).unwrap();
        assert!(answer.contains("m=audio 30000 RTP/AVP 8\r\n") && answer.contains("a=crypto:7 "), "{answer}");
        assert!(agreed.srtp.is_some());
    }
    let (answer, agreed) = answered(&offer, None).unwrap();
    assert!(!answer.contains("crypto") && agreed.srtp.is_none());
}

#[test]
fn of_an_encrypted_and_a_plain_stream_the_one_is_taken_that_policy_allows() {
    let secure = format!("m=audio 4000 RTP/SAVP 8\r\n{}", crypto(1, "AES_CM_128_HMAC_SHA1_80"));
    let plain = "m=audio 4002 RTP/AVP 8\r\n";
    let ports = |first: &str, second: &str, srtp| {
        let (answer, agreed) = answered(&format!("{first}{second}"), srtp).unwrap();
        assert_eq!(answer.matches("m=audio 30000 ").count(), 1, "{answer}");
        assert_eq!(answer.matches("m=audio 0 ").count(), 1, "{answer}");
        (agreed.remote.port(), agreed.srtp.is_some())
    };
    assert_eq!(ports(&secure, plain, None), (4002, false));
    assert_eq!(ports(&secure, plain, Some(false)), (4000, true));
    assert_eq!(ports(plain, &secure, Some(false)), (4002, false));
    assert_eq!(ports(plain, &secure, Some(true)), (4000, true));
}

#[test]
fn what_policy_forbids_is_refused_with_488() {
    let secure = format!("m=audio 4000 RTP/SAVP 8\r\n{}", crypto(1, "AES_CM_128_HMAC_SHA1_80"));
    let unknown = format!("m=audio 4000 RTP/SAVP 8\r\n{}", crypto(1, "AEAD_AES_256_GCM"));
    for (offer, srtp, fault) in [
        ("m=audio 4000 RTP/AVP 8\r\n", Some(true), SdpFault::Plain),
        (secure.as_str(), None, SdpFault::NoCrypto),
        ("m=audio 4000 RTP/SAVP 8\r\n", Some(false), SdpFault::NoCrypto),
        (unknown.as_str(), Some(false), SdpFault::NoCrypto),
    ] {
        let found = answered(offer, srtp).unwrap_err();
        assert_eq!((&found, Refusal::from(found.clone()).status()), (&fault, 488), "{offer}");
    }
}

#[test]
fn this_sides_offer_has_a_key_a_suite_and_its_answer_must_take_one() {
    assert!(sdp::offer(&local(Some(false))).contains("RTP/AVP 8"));
    let required = local(Some(true));
    let offer = sdp::offer(&required);
    assert!(offer.contains("m=audio 30000 RTP/SAVP 8 0 101\r\n"), "{offer}");
    for (line, letter) in [("1 AES_CM_128_HMAC_SHA1_80", b'8'), ("2 AES_CM_128_HMAC_SHA1_32", b'3')] {
        assert!(offer.contains(&format!("a=crypto:{line} inline:{}\r\n", STANDARD.encode([letter; 30]))), "{offer}");
    }
    let accept = |media: &str, local: &Local| sdp::accept_answer(local, &description(media));
    let agreed =
        accept(&format!("m=audio 5000 RTP/SAVP 8\r\n{}", crypto(2, "AES_CM_128_HMAC_SHA1_32")), &required).unwrap();
    assert_eq!(agreed.srtp.unwrap().ours, key(b'3'));
    let wrong_tag = format!("m=audio 5000 RTP/SAVP 8\r\n{}", crypto(1, "AES_CM_128_HMAC_SHA1_32"));
    assert_eq!(accept(&wrong_tag, &required), Err(SdpFault::Mismatch));
    assert_eq!(accept("m=audio 5000 RTP/AVP 8\r\n", &required), Err(SdpFault::Plain));
    // Keys that nobody asked for.
    let unasked = format!("m=audio 5000 RTP/AVP 8\r\n{}", crypto(1, "AES_CM_128_HMAC_SHA1_80"));
    assert_eq!(accept(&unasked, &local(Some(false))).unwrap().srtp, None);
}

#[test]
fn the_attributes_of_browsers_change_nothing() {
    let offer = format!(
        "a=group:BUNDLE 0\r\na=ice-lite\r\nm=audio 4000 RTP/SAVPF 8 126\r\na=mid:0\r\na=ice-ufrag:x\r\na=ice-pwd:y\r\n\
         a=candidate:1 1 udp 1 192.0.2.9 9 typ host\r\na=fingerprint:sha-256 00\r\na=setup:actpass\r\na=rtcp-fb:* nack\r\n\
         a=rtpmap:126 telephone-event/8000\r\n{}",
        crypto(1, "AES_CM_128_HMAC_SHA1_80")
    );
    let (answer, agreed) = answered(&offer, Some(false)).unwrap();
    assert!(answer.contains("m=audio 30000 RTP/SAVPF 8 126\r\n"), "{answer}");
    for unanswered in ["group", "ice", "candidate", "fingerprint", "rtcp-fb", "mid"] {
        assert!(!answer.contains(unanswered), "{answer}");
    }
    assert!(agreed.srtp.is_some());
}

#[test]
fn keys_are_in_no_log() {
    let offer = format!("m=audio 4000 RTP/SAVP 8\r\n{}", crypto(1, "AES_CM_128_HMAC_SHA1_80"));
    let read = Offer::parse(&description(&offer)).unwrap();
    let (_, agreed) = sdp::answer(&read, &local(Some(true))).unwrap();
    let shown = format!("{read:?} {agreed:?} {:?}", local(Some(true)));
    assert!(!shown.contains("QUJD") && !shown.contains("65, 66") && !shown.contains("56, 56"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hotline_refuses_what_its_configuration_forbids() {
    for (policy, srtp) in [("required", false), ("never", true)] {
        let text = format!("[media]\nsrtp = \"{policy}\"\n");
        let policy: SrtpPolicy = Config::parse("hotline.toml", &text).unwrap().media.srtp;
        let running = start(&[("300", "bench/300")], |config| config.media.srtp = policy).await;
        let target = format!("sip:300@{}", running.address);
        let call = phone::Call { script: Some(parse_script("w1").unwrap()), srtp, ..phone::Call::to(&target) };
        let (end, _) = phone::dial(call, &mut Vec::new()).await.expect("an answer");
        assert_eq!(end, CallEnd::Refused(488, "Not Acceptable Here".into()), "{text}");
    }
}
