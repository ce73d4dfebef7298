//! The keys of one call, from wherever they come: RTP events, RTP sound, and signalling.
//!
//! ```text
//!   telephone-event packets ── KeyReceiver ──┐
//!   sound, if it is to be listened to ───────┼─> KeyStream ──> each press once
//!     packets in order ── DtmfDetector       │
//!   INFO, through the leg ───────────────────┘
//! ```
//!
//! Many telephones and gateways agree on telephone-events and then send tones all the same, so what is agreed on tells
//! nothing; a key does. The sound is listened to until another source has told of a key, then no more: without the
//! detector, sound costs nothing and nobody's voice can press a key. A re-INVITE that takes telephone-events away or brings
//! others, or another far end, begins anew (N10 AlticeLabs/asterisk-i#11). With the call it ends.

use std::time::Duration;

use crate::audio::{Codec, Decoder, DtmfDetector, MOST_DECODED, Tone};
use crate::facts::{Key, KeyCounts, KeySource, Moment};
use crate::rtp::{Event, Header, KeyReceiver};

use super::KeyStream;

/// The longest payload that may be kept waiting for the one before it: 60 ms.
const LONGEST_HELD: usize = 480;
/// A timestamp that is further off than this is of another stream.
const ANOTHER_STREAM: Duration = Duration::from_secs(10);

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

    /// A packet of sound: the presses that are heard in it.
    pub(super) fn sound(&mut self, now: Moment, header: &Header, payload: &[u8], codec: Codec) -> Vec<Key> {
        let Some(tones) = &mut self.tones else { return Vec::new() };
        let (stream, mut keys) = (&mut self.stream, Vec::new());
        if let Some(key) = tones.down {
            stream.goes_on(now, KeySource::InBand, key);
        }
        tones.take(header, payload, codec, &mut |key| {
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

/// Sound in the order it was sent in, and what is heard in it.
#[derive(Default)]
struct Tones {
    /// Of the codec that was last heard. It wants its packets in their order, so those that wait are not decoded.
    decoder: Option<(Codec, Decoder)>,
    detector: DtmfDetector,
    /// The key that is down.
    down: Option<Key>,
    /// The stream, and the timestamp that it goes on with.
    next: Option<(u32, u32)>,
    /// A packet that came before the one that should have come: it waits for one more packet.
    held: Option<Held>,
}

struct Held {
    timestamp: u32,
    payload: [u8; LONGEST_HELD],
    length: usize,
}

impl Tones {
    fn take(&mut self, header: &Header, payload: &[u8], codec: Codec, press: &mut impl FnMut(Key)) {
        if self.decoder.as_ref().is_none_or(|(of, _)| *of != codec) {
            self.decoder = Some((codec, Decoder::new(codec)));
        }
        let ahead = self.ahead(header);
        if ahead == 0 {
            self.hear(payload, press);
        } else if ahead < 0 {
            // It comes too late, or again.
            return;
        } else if self.held.is_none() && payload.len() <= LONGEST_HELD && ahead as usize <= 2 * payload.len() {
            let mut held = Held { timestamp: header.timestamp, payload: [0; LONGEST_HELD], length: payload.len() };
            held.payload.iter_mut().zip(payload).for_each(|(place, byte)| *place = *byte);
            self.held = Some(held);
            return;
        } else {
            self.release(press);
            self.lose_up_to(header.timestamp, press);
            // The one that was held may have been this one.
            if self.ahead(header) == 0 {
                self.hear(payload, press);
            }
        }
        if self.held.as_ref().is_some_and(|held| self.next.is_some_and(|(_, next)| held.timestamp == next)) {
            self.release(press);
        }
    }

    /// How many samples a packet is ahead of the one that should come.
    fn ahead(&mut self, header: &Header) -> i32 {
        let most = ANOTHER_STREAM.as_secs() as u32 * 8000;
        let ahead =
            self.next.filter(|(ssrc, _)| *ssrc == header.ssrc).map(|(_, next)| header.timestamp.wrapping_sub(next));
        let ahead = ahead.map(u32::cast_signed).filter(|ahead| ahead.unsigned_abs() <= most);
        ahead.unwrap_or_else(|| {
            // Another stream: what was under way in the old one is over.
            let down = &mut self.down;
            self.detector.lose(u64::from(most), |tone| note(down, tone, &mut |_| ()));
            self.held = None;
            self.next = Some((header.ssrc, header.timestamp));
            0
        })
    }

    /// Hears the packet that was held, without what should have come before it.
    fn release(&mut self, press: &mut impl FnMut(Key)) {
        if let Some(held) = self.held.take() {
            self.lose_up_to(held.timestamp, press);
            self.hear(held.payload.get(..held.length).unwrap_or_default(), press);
        }
    }

    fn lose_up_to(&mut self, timestamp: u32, press: &mut impl FnMut(Key)) {
        if let Some((_, next)) = &mut self.next {
            let lost = timestamp.wrapping_sub(*next);
            if lost > 0 && lost.cast_signed() > 0 {
                *next = timestamp;
                let down = &mut self.down;
                self.detector.lose(u64::from(lost), |tone| note(down, tone, press));
            }
        }
    }

    /// A byte is a sample, and a tick of the clock, in every codec there is.
    fn hear(&mut self, payload: &[u8], press: &mut impl FnMut(Key)) {
        if let Some((_, next)) = &mut self.next {
            *next = next.wrapping_add(payload.len() as u32);
        }
        let Some((_, decoder)) = &mut self.decoder else { return };
        for part in payload.chunks(MOST_DECODED) {
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
