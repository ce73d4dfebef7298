//! Opus, for callers who have nothing else: what is agreed on, what is heard, and keys beside it.

use std::sync::Arc;
use std::time::Duration;

use hotline::audio::{Clip, Codec, Decoder, Encoder, Item, MOST_DECODED, Playlist, dtmf, read_wav};
use hotline::facts::{Key, KeySource};
use hotline::media::{EventType, MediaParams};
use hotline::rtp::{Event, KeyPlan, Packet};
use hotline::sip::sdp::{self, Local, Negotiated, Offer};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::sip_client::{PATIENCE, Phone, body};
use crate::support::hotline::in_tree;
use crate::support::media::*;
use crate::support::node::start;

const EVENTS: &str = "a=rtpmap:103 telephone-event/48000\r\na=rtpmap:101 telephone-event/8000\r\n";

fn local() -> Local {
    Local::new("192.0.2.1".parse().unwrap(), 30_000, 77)
}

fn description(media: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\n{media}")
}

fn answered(types: &str, more: &str) -> (String, Negotiated) {
    let offer = description(&format!("m=audio 4000 RTP/AVP {types}\r\na=rtpmap:102 opus/48000/2\r\n{more}"));
    sdp::answer(&Offer::parse(offer.as_bytes()).unwrap(), &local()).unwrap()
}

#[test]
fn opus_is_taken_only_where_there_is_no_other() {
    let (answer, agreed) = answered("102 103 101", EVENTS);
    assert_eq!((agreed.codec, agreed.payload_type), (Codec::Opus, 102));
    assert!(answer.contains(
        "m=audio 30000 RTP/AVP 102 103\r\na=rtpmap:102 opus/48000/2\r\n\
         a=fmtp:102 maxplaybackrate=8000;sprop-maxcapturerate=8000;useinbandfec=1\r\n\
         a=rtpmap:103 telephone-event/48000\r\na=fmtp:103 0-15\r\na=ptime:20\r\n"
    ));
    for (types, codec) in [("102 8 101", Codec::Pcma), ("102 0", Codec::Pcmu), ("102 9", Codec::G722)] {
        assert_eq!(answered(types, EVENTS).1.codec, codec, "{types}");
    }
    // Its rtpmap says two channels, always (RFC 7587 section 7), and no payload type is its own.
    for media in ["m=audio 4 RTP/AVP 111\r\na=rtpmap:111 opus/48000\r\n", "m=audio 4 RTP/AVP 111\r\n"] {
        assert_eq!(Offer::parse(description(media).as_bytes()).unwrap_err(), sdp::SdpFault::NoCodec, "{media}");
    }
    assert!(!sdp::offer(&local()).contains("opus"));
}

#[test]
fn packets_are_as_long_as_opus_has_them() {
    for (asked, ptime) in [("10", 10), ("20", 20), ("30", 20), ("40", 40), ("50", 40), ("60", 60), ("120", 60)] {
        let (answer, agreed) = answered("102", &format!("a=ptime:{asked}\r\n"));
        assert_eq!(agreed.ptime, ptime, "{asked}");
        assert!(answer.contains(&format!("a=ptime:{ptime}\r\n")), "{answer}");
    }
}

#[test]
fn keys_go_out_at_the_clock_of_opus() {
    // N03 pjproject#2679, N05 rtpengine#1553
    let (_, agreed) = answered("102 103 101", EVENTS);
    assert_eq!((agreed.sent_event(), &agreed.telephone_event[..]), (Some(103), &[(103, 48_000), (101, 8000)][..]));
    // Only at another clock: understood, and said so.
    let (answer, agreed) = answered("102 101", "a=rtpmap:101 telephone-event/8000\r\n");
    assert_eq!((agreed.sent_event(), &agreed.telephone_event[..]), (None, &[(101, 8000)][..]));
    assert!(answer.contains("m=audio 30000 RTP/AVP 102 101\r\n"), "{answer}");
    // An offer of Opus alone, as `hotline call --codec opus` makes it.
    let only = Local { codecs: vec![Codec::Opus], ..local() };
    let offer = sdp::offer(&only);
    assert!(offer.contains("m=audio 30000 RTP/AVP 111 101\r\na=rtpmap:111 opus/48000/2\r\n"), "{offer}");
    assert!(offer.contains("a=rtpmap:101 telephone-event/48000\r\n"), "{offer}");
    let taken =
        description("m=audio 6000 RTP/AVP 111 101\r\na=rtpmap:111 OPUS/48000/2\r\n") + &EVENTS.replace("103", "101");
    let agreed = sdp::accept_answer(&only, taken.as_bytes()).unwrap();
    assert_eq!((agreed.codec, agreed.payload_type, agreed.sent_event()), (Codec::Opus, 111, Some(101)));
}

fn params(far_end: &FarEnd) -> MediaParams {
    let event = |payload_type, clock_rate| EventType { payload_type, clock_rate };
    let events = vec![event(103, 48_000), event(101, 8000)];
    MediaParams { codec: Codec::Opus, payload_type: 102, events, ..far_end.params() }
}

/// How much of `heard` is `sent`, where it fits best, later by up to 20 ms: 1 is all of it.
fn likeness(sent: &[i16], heard: &[i16]) -> f64 {
    let at_lag = |lag: usize| {
        let pairs = sent.iter().zip(&heard[lag..]).map(|(sent, heard)| (f64::from(*sent), f64::from(*heard)));
        let (mut both, mut one, mut other) = (0.0, 1.0, 1.0);
        for (sent, heard) in pairs {
            both += sent * heard;
            one += sent * sent;
            other += heard * heard;
        }
        both / (one * other).sqrt()
    };
    (0..160).map(at_lag).fold(0.0, f64::max)
}

fn level(sound: &[i16]) -> f64 {
    10.0 * (sound.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / sound.len() as f64).log10()
}

/// N08 pjproject#4159: Opus's timestamps count 48,000 a second, whatever is inside.
#[test]
fn the_prompt_is_heard() {
    let sent = read_wav(&in_tree("prompts/en/way-window.wav")).unwrap();
    let sent = &sent[..sent.len().min(24_000)];
    for ptime in [20, 60] {
        let engine = engine(|_| ());
        let mut leg = engine.reserve().unwrap();
        let far_end = FarEnd::of(&leg);
        let list = Playlist::new(vec![Item::Clip(Arc::new(Clip::from_samples(sent))), Item::Silence(960)]);
        let events = begin(&mut leg, MediaParams { ptime, ..params(&far_end) }, Player::of(&[list]));
        let mut decoder = Decoder::new(Codec::Opus);
        let (mut heard, mut last, mut octets, mut repeating) = (Vec::new(), None, 0, 0);
        while heard.len() < sent.len() + 480 {
            let got = far_end.get();
            assert_eq!(got.header.payload_type, 102);
            if let Some((sequence, timestamp)) = last.replace((got.header.sequence, got.header.timestamp)) {
                let packets = u32::from(got.header.sequence.wrapping_sub(sequence));
                assert_eq!(got.header.timestamp.wrapping_sub(timestamp) % (u32::from(ptime) * 48), 0);
                assert_eq!(packets, 1);
            }
            octets += got.payload.len();
            // Its first bits say, for each 20 ms, whether there is speech, then whether the packet before is repeated (RFC
            // 6716 section 4.2.3).
            let repeats = 0x80_u8 >> (ptime / 20);
            repeating += usize::from(got.payload[1] & repeats != 0);
            let mut samples = [0; MOST_DECODED];
            let length = decoder.decode(&got.payload, &mut samples);
            assert_eq!(length, usize::from(ptime) * 8);
            heard.extend_from_slice(&samples[..length]);
        }
        let found = likeness(sent, &heard);
        assert!(found > 0.85, "{ptime} ms: {found:.3}");
        assert!((level(sent) - level(&heard)).abs() < 1.5, "{:.1} dB louder", level(&heard) - level(sent));
        let rate = octets as f64 * 8.0 / (heard.len() as f64 / 8000.0);
        assert!((8_000.0..32_000.0).contains(&rate), "{rate:.0} bit/s");
        assert!(repeating > 0, "FEC");
        leg.end();
        ended(&events);
    }
}

#[test]
fn keys_of_every_clock_and_of_the_sound_count_once() {
    let engine = engine(|_| ());
    let mut leg = engine.reserve().unwrap();
    let mut far_end = FarEnd::of(&leg);
    let mut player = Player::of(&[]);
    let told = player.listen();
    let params = MediaParams { in_band_keys: true, ..params(&far_end) };
    let events = begin(&mut leg, params, player);
    let mut sound = vec![0; 1600];
    sound.extend(dtmf(Key::Digit(7), -10.0, Duration::from_millis(120)));
    sound.resize(4800, 0);
    let mut encoder = Encoder::new(Codec::Opus).unwrap();
    for (place, samples) in (0..).zip(sound.chunks_exact(160)) {
        let mut payload = [0; 400];
        let length = encoder.encode(samples, &mut payload);
        far_end.send(102, false, place * 960, &payload[..length]);
    }
    await_told(&told, &Told::Key('7'));
    // N06 freeswitch#1724: a duration is counted in its event's own clock.
    for (payload_type, step, key, begun) in [(103, 960, '4', 100_000), (101, 160, '#', 200_000)] {
        let code = Key::from_char(key).unwrap().event();
        for packet in 1..=8_u16 {
            let event = Event { code, end: packet > 5, volume: 10, duration: step * packet.min(5) };
            far_end.send(payload_type, packet == 1, begun, &event.to_bytes());
        }
        await_told(&told, &Told::Key(key));
    }
    leg.end();
    let keys = ended(&events).keys;
    assert_eq!((keys.of(KeySource::InBand), keys.of(KeySource::Rfc4733), keys.all()), (1, 2, 3));
}

#[test]
fn keys_are_sent_with_durations_of_that_clock() {
    // N05 rtpengine#1553, N06 freeswitch#1724
    let engine = engine(|_| ());
    let mut leg = engine.reserve().unwrap();
    let far_end = FarEnd::of(&leg);
    let player = Player { keys: Some(KeyPlan::parse("5@100").unwrap()), ..Player::default() };
    let events = begin(&mut leg, params(&far_end), player);
    let mut durations = Vec::new();
    loop {
        let got = far_end.get();
        assert_eq!(got.header.payload_type, 103);
        let event = Event::from_bytes(*got.payload.first_chunk().unwrap());
        durations.push(event.duration);
        if durations.len() > 2 && event.end {
            break;
        }
    }
    assert_eq!(durations.last(), Some(&4800), "100 ms");
    assert!(durations.iter().all(|duration| duration % 960 == 0), "{durations:?}");
    leg.end();
    ended(&events);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_call_is_answered_and_speaks() {
    let running = start(&[("12333", "bench/100")], |_| ()).await;
    let rtp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = rtp.local_addr().unwrap().port();
    let mut phone = Phone::new(running.address).await;
    let offer = format!("m=audio {port} RTP/AVP 102 103\r\na=rtpmap:102 opus/48000/2\r\n{EVENTS}");
    phone.send(&phone.invite(&description(&offer).replace("1.2.3.4", "127.0.0.1"))).await;
    let ok = phone.status(200).await;
    assert!(body(&ok).contains(" RTP/AVP 102 103\r\n"), "{ok}");
    phone.ack("").await;
    let (mut decoder, mut heard) = (Decoder::new(Codec::Opus), Vec::new());
    while heard.len() < 8000 {
        let mut datagram = [0; 2048];
        let length = timeout(PATIENCE, rtp.recv(&mut datagram)).await.expect("nothing is heard").unwrap();
        let packet = Packet::parse(&datagram[..length]).expect("RTP");
        let mut samples = [0; MOST_DECODED];
        let length = decoder.decode(packet.payload, &mut samples);
        heard.extend_from_slice(&samples[..length]);
    }
    assert!(level(&heard) > 40.0, "speech, and no silence: {:.1} dB", level(&heard));
}
