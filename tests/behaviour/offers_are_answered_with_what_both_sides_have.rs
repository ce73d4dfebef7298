//! Offer and answer: codecs, keys, hold, several streams, and the cases other systems got wrong.

use hotline::sip::Refusal;
use hotline::sip::sdp::{self, Codec, Direction, Local, Negotiated, Offer, SdpFault};

fn local() -> Local {
    Local::new("192.0.2.1".parse().unwrap(), 30_000, 77)
}

fn offer(media: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{media}")
}

fn answered(media: &str) -> (String, Negotiated) {
    sdp::answer(&Offer::parse(offer(media).as_bytes()).unwrap(), &local()).unwrap()
}

fn refused(media: &str) -> SdpFault {
    Offer::parse(offer(media).as_bytes()).unwrap_err()
}

#[test]
fn a_plain_offer_gets_this_answer_to_the_letter() {
    let (answer, agreed) =
        answered("m=audio 49170 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n");
    assert_eq!(
        answer,
        "v=0\r\no=- 77 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 8 101\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
    assert_eq!(
        agreed,
        Negotiated {
            remote: "198.51.100.7:49170".parse().unwrap(),
            rtcp: Some("198.51.100.7:49171".parse().unwrap()),
            rtcp_mux: false,
            codec: Codec::Pcma,
            payload_type: 8,
            ptime: 20,
            telephone_event: vec![(101, 8000)],
            direction: Direction::SendRecv,
            local_port: 30_000,
            srtp: None,
        }
    );
    let again =
        sdp::answer(&Offer::parse(offer("m=audio 4 RTP/AVP 0\r\n").as_bytes()).unwrap(), &local().next()).unwrap();
    assert!(again.0.contains("o=- 77 2 IN IP4 192.0.2.1\r\n"));
}

#[test]
fn keys_go_out_on_the_event_with_the_codecs_clock() {
    // N03 pjproject#2679, N05 rtpengine#1553
    let (answer, agreed) = answered(
        "m=audio 4000 RTP/AVP 102 0 103 101\r\na=rtpmap:102 opus/48000/2\r\na=rtpmap:103 telephone-event/48000\r\n\
         a=rtpmap:101 telephone-event/8000\r\n",
    );
    assert_eq!((agreed.codec, agreed.sent_event()), (Codec::Pcmu, Some(101)));
    assert!(answer.contains("m=audio 30000 RTP/AVP 0 101\r\n"), "{answer}");
    assert_eq!(agreed.telephone_event, [(101, 8000), (103, 48_000)], "all of them are understood");
    // N04 asterisk#1004
    let (_, agreed) = answered(
        "m=audio 4000 RTP/AVP 104 8 100 101\r\na=rtpmap:104 AMR-WB/16000\r\na=rtpmap:100 telephone-event/16000\r\n\
         a=rtpmap:101 telephone-event/8000\r\n",
    );
    assert_eq!((agreed.codec, agreed.sent_event()), (Codec::Pcma, Some(101)));
    // N01 rtpengine#1530
    let (_, agreed) = answered(
        "m=audio 4000 RTP/AVP 121 122 0 101\r\na=rtpmap:121 G7221/32000\r\na=rtpmap:122 G7221/16000\r\n\
         a=rtpmap:101 telephone-event/8000\r\n",
    );
    assert_eq!(agreed.telephone_event, [(101, 8000)]);
    // Only at another clock: understood, and said so, but nothing to send on.
    let (answer, agreed) = answered("m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/16000\r\n");
    assert_eq!((agreed.sent_event(), agreed.telephone_event), (None, vec![(96, 16_000)]));
    assert!(
        answer.contains("m=audio 30000 RTP/AVP 0 96\r\n") && answer.contains("a=rtpmap:96 telephone-event/16000\r\n")
    );
}

#[test]
fn an_offer_without_events_or_a_side_without_them_has_none() {
    // N11 freeswitch#1937
    let (answer, agreed) = answered("m=audio 4000 RTP/AVP 0 13\r\n");
    assert!(agreed.telephone_event.is_empty() && answer.contains("RTP/AVP 0\r\n"));
    let (answer, agreed) = answered("m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/0\r\n");
    assert!(agreed.telephone_event.is_empty() && answer.contains("RTP/AVP 0\r\n"), "no time passes at 0 Hz: {answer}");
    // N12 freeswitch#2542
    let off = Local { telephone_event: false, ..local() };
    let with = offer("m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n");
    let (answer, agreed) = sdp::answer(&Offer::parse(with.as_bytes()).unwrap(), &off).unwrap();
    assert!(agreed.telephone_event.is_empty() && !answer.contains("telephone-event"));
    assert!(!sdp::offer(&off).contains("101"));
}

#[test]
fn the_answer_to_our_offer_is_read_liberally() {
    // N02 rtpengine#1136, N13 pjproject#2369
    let answer = offer("m=audio 6000 RTP/AVP 8 96\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:96 telephone-event/8000\r\n");
    let agreed = sdp::accept_answer(&local(), answer.as_bytes()).unwrap();
    assert_eq!((agreed.sent_event(), agreed.telephone_event), (Some(96), vec![(96, 8000), (101, 8000)]));
    let agreed = sdp::accept_answer(&local(), offer("m=audio 6000 RTP/AVP 0\r\n").as_bytes()).unwrap();
    assert!(agreed.telephone_event.is_empty());
    let rejected = sdp::accept_answer(&local(), offer("m=audio 0 RTP/AVP 0\r\n").as_bytes());
    assert_eq!(rejected, Err(SdpFault::NoAudio));
    let two = offer("m=video 5 RTP/AVP 31\r\nm=audio 6000 RTP/AVP 0\r\n");
    assert_eq!(sdp::accept_answer(&local(), two.as_bytes()), Err(SdpFault::Mismatch));
}

#[test]
fn codecs_are_known_by_their_name_and_by_their_number() {
    let (answer, agreed) = answered("m=audio 4000 RTP/AVP 98 9\r\na=rtpmap:98 pcma/8000/1\r\n");
    assert_eq!((agreed.codec, agreed.payload_type), (Codec::Pcma, 98));
    assert!(answer.contains("a=rtpmap:98 PCMA/8000\r\n"));
    assert_eq!(refused("m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 G729/8000\r\n"), SdpFault::NoCodec);
    assert_eq!(refused("m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/16000\r\n"), SdpFault::NoCodec);
    assert_eq!(refused("m=audio 4000 RTP/AVP 18 4 3 255 x\r\n"), SdpFault::NoCodec);
    let only = Local { codecs: vec![Codec::Pcma], ..local() };
    let both = Offer::parse(offer("m=audio 4 RTP/AVP 0 8\r\n").as_bytes()).unwrap();
    assert_eq!(sdp::answer(&both, &only).unwrap().1.codec, Codec::Pcma);
    // An event whose rtpmap was forgotten.
    assert_eq!(answered("m=audio 4 RTP/AVP 0 101\r\na=fmtp:101 0-15\r\n").1.telephone_event, [(101, 8000)]);
}

#[test]
fn the_first_usable_audio_is_taken_and_every_other_stream_is_switched_off() {
    let (answer, agreed) = answered(
        "m=video 51372 RTP/AVP 31 32\r\nm=audio 5000 RTP/SAVP 0\r\nm=audio 0 RTP/AVP 0\r\nm=audio 5002 RTP/AVP 18\r\n\
         m=audio 5004 RTP/AVP 0\r\nm=audio 5006 RTP/AVP 8\r\nm=application 9 UDP/BFCP *\r\n",
    );
    let lines: Vec<_> = answer.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        lines,
        [
            "m=video 0 RTP/AVP 31 32",
            "m=audio 0 RTP/SAVP 0",
            "m=audio 0 RTP/AVP 0",
            "m=audio 0 RTP/AVP 18",
            "m=audio 30000 RTP/AVP 0",
            "m=audio 0 RTP/AVP 8",
            "m=application 0 UDP/BFCP *",
        ]
    );
    assert_eq!(agreed.remote.port(), 5004);
}

#[test]
fn what_cannot_be_taken_is_refused_with_488_and_what_cannot_be_read_with_400() {
    for media in ["", "m=video 5 RTP/AVP 31\r\n", "m=audio 5 UDP/TLS/RTP/SAVPF 0\r\n"] {
        assert_eq!((refused(media), Refusal::from(refused(media)).status()), (SdpFault::NoAudio, 488), "{media}");
    }
    for connection in ["c=IN IP4 media.example", "c=IN IP4 224.2.1.1/127", "c=IN IP4 255.255.255.255"] {
        let fault = refused(&format!("m=audio 4 RTP/AVP 0\r\n{connection}\r\n"));
        assert_eq!((&fault, Refusal::from(fault.clone()).status()), (&SdpFault::NoAddress, 488), "{connection}");
    }
    let bare = "v=0\r\ns=-\r\nm=audio 4 RTP/AVP 0\r\n";
    assert_eq!(Offer::parse(bare.as_bytes()).unwrap_err(), SdpFault::NoAddress);
    let fault = Offer::parse(b"v=0\r\no=secret 13800138000\r\n").unwrap_err();
    assert_eq!(Refusal::from(fault.clone()).status(), 400);
    assert!(!fault.to_string().contains("secret") && fault.to_string().contains("line 2"), "{fault}");
    assert_eq!(Offer::parse(&vec![b'a'; sdp::MAX_OCTETS + 1]).unwrap_err(), SdpFault::TooLong);
    assert_eq!(Offer::parse(&"a\n".repeat(sdp::MAX_LINES + 1).into_bytes()).unwrap_err(), SdpFault::TooLong);
    assert_eq!(refused(&"m=audio 4 RTP/AVP 0\r\n".repeat(sdp::MAX_STREAMS + 1)), SdpFault::TooLong);
}

#[test]
fn a_hold_is_answered_and_nothing_is_sent() {
    for (line, ours, answer) in [
        ("a=sendonly\r\n", Direction::RecvOnly, "a=recvonly\r\n"),
        ("a=inactive\r\n", Direction::Inactive, "a=inactive\r\n"),
        ("a=recvonly\r\n", Direction::SendOnly, "a=sendonly\r\n"),
        ("c=IN IP4 0.0.0.0\r\n", Direction::RecvOnly, "a=recvonly\r\n"),
        ("c=IN IP4 0.0.0.0\r\na=sendrecv\r\n", Direction::RecvOnly, "a=recvonly\r\n"),
    ] {
        let text = offer(&format!("m=audio 4 RTP/AVP 0\r\n{line}"));
        let held = Offer::parse(text.as_bytes()).unwrap();
        assert_eq!(held.holds(), !ours.may_send(), "{line}");
        let (text, agreed) = sdp::answer(&held, &local()).unwrap();
        assert_eq!(agreed.direction, ours, "{line}");
        assert!(text.ends_with(answer), "{text}");
    }
    let session_wide =
        "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\na=sendonly\r\nm=audio 4 RTP/AVP 0\r\n";
    assert!(Offer::parse(session_wide.as_bytes()).unwrap().holds());
}

#[test]
fn rtcp_addresses_packet_times_and_shared_ports_are_read() {
    let rtcp = |lines: &str| answered(&format!("m=audio 4000 RTP/AVP 0\r\n{lines}")).1.rtcp.map(|a| a.to_string());
    assert_eq!(rtcp("a=rtcp:53020\r\n").as_deref(), Some("198.51.100.7:53020"));
    assert_eq!(rtcp("a=rtcp:53020 IN IP4 203.0.113.9\r\n").as_deref(), Some("203.0.113.9:53020"));
    assert_eq!(answered("m=audio 65535 RTP/AVP 0\r\n").1.rtcp, None);
    for (lines, ptime) in [
        ("", 20),
        ("a=ptime:30\r\n", 30),
        ("a=ptime:10\r\n", 10),
        ("a=ptime:60\r\n", 60),
        ("a=ptime:25\r\n", 25),
        ("a=ptime:30.0\r\n", 30),
        ("a=ptime:0\r\n", 20),
        ("a=ptime:x\r\n", 20),
        ("a=ptime:5\r\n", 10),
        ("a=ptime:200\r\n", 60),
        ("a=ptime:99999\r\n", 20),
        ("a=maxptime:10\r\n", 10),
        ("a=maxptime:5\r\n", 10),
        ("a=maxptime:0\r\n", 20),
        ("a=maxptime:150\r\n", 20),
        ("a=ptime:60\r\na=maxptime:40\r\n", 40),
    ] {
        assert_eq!(answered(&format!("m=audio 4000 RTP/AVP 0\r\n{lines}")).1.ptime, ptime, "{lines}");
    }
    let text = offer("m=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\n");
    let shared = Offer::parse(text.as_bytes()).unwrap();
    assert!(!sdp::answer(&shared, &local()).unwrap().0.contains("rtcp-mux"));
    let (answer, agreed) = sdp::answer(&shared, &Local { rtcp_mux: true, ..local() }).unwrap();
    assert!(answer.contains("a=rtcp-mux\r\n") && agreed.rtcp == Some(agreed.remote));
}

#[test]
fn ipv6_is_spoken_and_bare_line_feeds_are_read() {
    let text = "v=0\no=- 1 1 IN IP6 2001:db8::7\ns=-\nc=IN IP6 2001:db8::7\nt=0 0\nm=audio 4000/2 RTP/AVP 0\n";
    let local = Local::new("2001:db8::1".parse().unwrap(), 30_000, 1);
    let (answer, agreed) = sdp::answer(&Offer::parse(text.as_bytes()).unwrap(), &local).unwrap();
    assert_eq!(agreed.remote.to_string(), "[2001:db8::7]:4000");
    assert!(answer.contains("c=IN IP6 2001:db8::1\r\n"));
}

/// Z08 asterisk PR#1834: an ICE user name longer than any buffer.
#[test]
fn attributes_without_end_are_passed_over() {
    for name in ["ice-ufrag", "ice-pwd", "candidate", "x"] {
        let (answer, agreed) = answered(&format!("m=audio 4000 RTP/AVP 0\r\na={name}:{}\r\n", "x".repeat(60_000)));
        assert!(agreed.codec == Codec::Pcmu && answer.len() < 300, "{name}");
    }
}

#[test]
fn no_description_makes_it_panic() {
    use rand::{Rng as _, RngExt as _, SeedableRng as _};
    let mut chance = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let seed = offer(
        "b=AS:64\r\na=sendrecv\r\nm=audio 4000/2 RTP/AVP 102 0 8 101\r\na=rtpmap:102 opus/48000/2\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=rtcp:53020 IN IP4 1.2.3.4\r\na=ptime:20\r\nz=0 -1h\r\nk=clear:x\r\n",
    );
    for _ in 0..50_000 {
        let mut octets = seed.clone().into_bytes();
        for _ in 0..chance.random_range(1..6) {
            let at = chance.random_range(0..octets.len());
            match chance.next_u32() % 3 {
                0 => octets[at] = chance.next_u32() as u8,
                1 => drop(octets.drain(at..(at + 9).min(octets.len()))),
                _ => octets.insert(at, b" \r\n:/=0m"[chance.random_range(0..8)]),
            }
            if octets.is_empty() {
                break;
            }
        }
        if let Ok(offer) = Offer::parse(&octets) {
            let (answer, _) = sdp::answer(&offer, &local()).unwrap();
            assert!(answer.lines().filter(|line| line.starts_with("m=")).count() >= 1);
        }
        let _ = sdp::accept_answer(&local(), &octets);
    }
}
