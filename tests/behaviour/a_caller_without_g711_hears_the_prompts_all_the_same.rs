//! Codecs that clips are not kept in: taken only where there is no other, and transcoded to as the sound is sent.

use std::sync::Arc;
use std::time::Duration;

use hotline::audio::{Clip, Codec, Decoder, Item, MOST_DECODED, Playlist, sine};
use hotline::media::MediaParams;
use hotline::sip::sdp::{self, Local, Offer};

use crate::support::media::*;

fn answered(media: &str) -> (String, sdp::Negotiated) {
    let offer = format!("v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\n{media}");
    let local = Local::new("192.0.2.1".parse().unwrap(), 30_000, 77);
    sdp::answer(&Offer::parse(offer.as_bytes()).unwrap(), &local).unwrap()
}

#[test]
fn g722_is_taken_only_without_g711() {
    let (answer, agreed) = answered("m=audio 4000 RTP/AVP 9 101\r\na=rtpmap:101 telephone-event/8000\r\n");
    assert!(answer.contains("m=audio 30000 RTP/AVP 9 101\r\na=rtpmap:9 G722/8000\r\n"), "{answer}");
    assert_eq!((agreed.codec, agreed.payload_type, agreed.sent_event()), (Codec::G722, 9, Some(101)));
    for (list, codec) in [("9 8 0", Codec::Pcma), ("9 0", Codec::Pcmu), ("18 9", Codec::G722)] {
        assert_eq!(answered(&format!("m=audio 4000 RTP/AVP {list}\r\n")).1.codec, codec, "{list}");
    }
    // Nor is it offered.
    assert!(sdp::offer(&Local::new("192.0.2.1".parse().unwrap(), 30_000, 77)).contains("RTP/AVP 8 0 101\r\n"));
}

/// N08 pjproject#4159: G.722 has 16,000 samples a second, and its timestamps count 8000.
#[test]
fn n08_sound_arrives_in_g722_with_a_clock_of_8000() {
    for ptime in [20, 30] {
        let engine = engine(|_| ());
        let mut leg = engine.reserve().unwrap();
        let far_end = FarEnd::of(&leg);
        let sent = sine(1000.0, -15.0, Duration::from_millis(600));
        let list = Playlist::new(vec![Item::Clip(Arc::new(Clip::from_samples(&sent)))]);
        let params = MediaParams { codec: Codec::G722, payload_type: 9, ptime, ..far_end.params() };
        let events = begin(&mut leg, params, Player::of(&[list]));
        let mut decoder = Decoder::new(Codec::G722);
        let (mut heard, mut first) = (Vec::new(), None);
        while heard.len() < sent.len() {
            let got = far_end.get();
            let first = *first.get_or_insert(got.header.timestamp);
            assert_eq!(got.header.payload_type, 9);
            assert_eq!(got.header.timestamp.wrapping_sub(first) as usize, heard.len());
            assert_eq!(got.payload.len(), usize::from(ptime) * 8);
            let mut samples = [0; MOST_DECODED];
            let length = decoder.decode(&got.payload, &mut samples);
            heard.extend_from_slice(&samples[..length]);
        }
        // The tone that was sent, as loud as it was, and nothing else: within a sample it is somewhere on its way.
        let power = |sound: &[i16]| sound.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (at, sample) in heard[400..4400].iter().enumerate() {
            let phase = std::f64::consts::TAU * 1000.0 * at as f64 / 8000.0;
            real += f64::from(*sample) * phase.cos();
            imaginary += f64::from(*sample) * phase.sin();
        }
        let tone = 2.0 * (real * real + imaginary * imaginary) / 4000.0;
        assert!((power(&heard[400..4400]) - tone) < 0.01 * tone);
        assert!((tone / power(&sent[400..4400]) - 1.0).abs() < 0.1);
        leg.end();
        ended(&events);
    }
}
