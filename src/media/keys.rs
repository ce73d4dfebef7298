//! The keys of one call, from wherever they come: RTP events, RTP sound, and signalling.
//!
//! ```text
//!   telephone-event packets ── KeyReceiver ──┐
//!   sound, if it is to be listened to ───────┼─> KeyStream ──> each press once
//!     JitterBuffer ── DtmfDetector           │
//!   INFO, through the leg ───────────────────┘
//! ```
//!
//! Many telephones and gateways agree on telephone-events and then send tones all the same, so what is agreed on tells
//! nothing; a key does. The sound is listened to until another source has told of a key, then no more: without the
//! detector, sound costs nothing and nobody's voice can press a key. A re-INVITE that takes telephone-events away or brings
//! others, or another far end, begins anew (N10 AlticeLabs/asterisk-i#11). With the call it ends.

use crate::audio::{Codec, Decoder, DtmfDetector, MOST_DECODED, Tone};
use crate::facts::{Key, KeyCounts, KeySource, Moment};
use crate::rtp::{Due, Event, Header, KeyReceiver};

use super::KeyStream;

/// Samples between two streams: more than any key is bridged over.
const ANOTHER_STREAM: u64 = 80_000;

/// What a call has heard of keys. Of a fixed size.
#[derive(Default)]
pub(super) struct HeardKeys {
    stream: KeyStream,
    events: KeyReceiver,
    tones: Option<Box<Tones>>,
}

impl HeardKeys {
    /// Another far end, or one that may key otherwise from now on.
    pub(super) fn far_end_changes(&mut self, listen: bool) {
        self.stream.rtp_changes();
        self.listen_for_tones(listen);
    }

    /// Begins or ends listening to the sound: for as long as no other source tells of a key.
    pub(super) fn listen_for_tones(&mut self, listen: bool) {
        self.tones = listen.then(Box::default);
    }

    /// A packet of telephone-events: the presses that it begins.
    pub(super) fn event(&mut self, now: Moment, header: &Header, clock_rate: u32, payload: &[u8]) -> Vec<Key> {
        let (events, stream) = (&mut self.events, &mut self.stream);
        let keys = events.receive(now, header, clock_rate, payload);
        let tones = &mut self.tones;
        let keys = keys.inspect(|_| *tones = None).filter(|key| stream.press(now, KeySource::Rfc4733, *key)).collect();
        let down = payload.first_chunk().map(|bytes| Event::from_bytes(*bytes));
        if let Some(key) = down.and_then(|event| Key::from_event(event.code)) {
            stream.goes_on(now, KeySource::Rfc4733, key);
        }
        keys
    }

    /// Whether there is reason to put the sound in order.
    pub(super) fn listens_for_tones(&self) -> bool {
        self.tones.is_some()
    }

    /// What comes next of the sound: the presses that are heard in it.
    pub(super) fn sound(&mut self, now: Moment, due: &Due, codec: Codec) -> Vec<Key> {
        let Some(tones) = &mut self.tones else { return Vec::new() };
        let (stream, mut keys) = (&mut self.stream, Vec::new());
        if let (Some(key), Due::Packet(_)) = (tones.down, due) {
            stream.goes_on(now, KeySource::InBand, key);
        }
        tones.take(due, codec, &mut |key| {
            if stream.press(now, KeySource::InBand, key) {
                keys.push(key);
            }
        });
        keys
    }

    /// An INFO: its press, if it has not been counted.
    pub(super) fn info(&mut self, now: Moment, key: Key) -> Option<Key> {
        self.tones = None;
        self.stream.press(now, KeySource::Info, key).then_some(key)
    }

    pub(super) fn counts(&self) -> KeyCounts {
        self.stream.counts()
    }
}

/// What is heard in the sound.
#[derive(Default)]
struct Tones {
    /// Of the codec that was last heard.
    decoder: Option<(Codec, Decoder)>,
    detector: DtmfDetector,
    /// The key that is down.
    down: Option<Key>,
}

impl Tones {
    fn take(&mut self, due: &Due, codec: Codec, press: &mut impl FnMut(Key)) {
        match *due {
            Due::Packet(payload) => self.hear(payload, codec, press),
            Due::Lost { ticks } | Due::Pause { ticks } => {
                let (rate, down) = (u64::from(codec.clock_rate().max(1)), &mut self.down);
                self.detector.lose(u64::from(ticks) * 8000 / rate, |tone| note(down, tone, press));
            }
            // What was under way is over.
            Due::Restart => {
                let down = &mut self.down;
                self.detector.lose(ANOTHER_STREAM, |tone| note(down, tone, press));
            }
        }
    }

    fn hear(&mut self, payload: &[u8], codec: Codec, press: &mut impl FnMut(Key)) {
        let decoder = match &mut self.decoder {
            Some((of, decoder)) if *of == codec => decoder,
            other => &mut other.insert((codec, Decoder::new(codec))).1,
        };
        for part in payload.chunks(codec.most_at_once()) {
            let (mut samples, down) = ([0; MOST_DECODED], &mut self.down);
            let length = decoder.decode(part, &mut samples);
            self.detector.hear(samples.into_iter().take(length), |tone| note(down, tone, press));
        }
    }
}

fn note(down: &mut Option<Key>, tone: Tone, press: &mut impl FnMut(Key)) {
    match tone {
        Tone::Down { key, .. } => {
            *down = Some(key);
            press(key);
        }
        Tone::Up { .. } => *down = None,
    }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
