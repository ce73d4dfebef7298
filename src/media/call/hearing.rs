//! What a call hears besides telephone-events: its sound, if someone listens to it, put in order; and INFO. A call in which
//! nobody listens has no buffer.

use crate::facts::{Key, Moment};
use crate::rtp::{JitterBuffer, Packet};

use super::{Actions, Call};

impl Call {
    /// Begins to put the sound in order, or ceases to, as it is listened to from now on.
    pub(super) fn listen(&mut self) {
        let clock_rate = self.params.codec.clock_rate();
        self.sound = self.is_listened_to().then(|| Box::new(JitterBuffer::new(clock_rate)));
        if self.sound.is_some() {
            self.sieve.open(self.sending.line.ear());
        }
    }

    /// Whether there is reason to [`Call::listen`] anew.
    pub(super) fn listens_otherwise(&self) -> bool {
        self.sound.is_some() != self.is_listened_to()
    }

    fn is_listened_to(&self) -> bool {
        self.conductor.listens() || self.heard_keys.listens_for_tones()
    }

    /// A packet of sound.
    pub(super) fn hear(&mut self, now: Moment, packet: &Packet, out: &mut Actions) {
        if let Some(sound) = &mut self.sound {
            sound.push(now, &packet.header, self.params.codec.ticks(packet.payload), packet.payload);
            self.hear_due(now, out);
        } else if self.latch.is_latched() {
            self.sieve.unheard(now, self.sending.line.ear(), &self.params.events);
        }
    }

    /// The sound whose turn has come.
    pub(super) fn hear_due(&mut self, now: Moment, out: &mut Actions) {
        let Some(mut sound) = self.sound.take() else { return };
        let (codec, listens) = (self.params.codec, self.conductor.listens());
        while let Some(due) = sound.pop(now) {
            let keys = self.heard_keys.sound(now, &due, codec);
            self.press(now, keys, out);
            if listens {
                self.conduct(now, out, |conductor, _| conductor.heard(now, &due));
            }
        }
        // A gap has a timer.
        self.conducted |= sound.wake_at().is_some();
        self.sound = Some(sound).filter(|_| self.is_listened_to());
    }

    /// The far end has told of a key by SIP INFO.
    pub(in crate::media) fn receive_info(&mut self, now: Moment, key: Key, out: &mut Actions) {
        if !self.over {
            let key = self.heard_keys.info(now, key);
            self.press(now, key, out);
        }
    }

    /// When [`Call::hear_due`] will have something, even if nothing more comes.
    pub(super) fn hears_at(&self) -> Option<Moment> {
        self.sound.as_ref()?.wake_at()
    }
}
