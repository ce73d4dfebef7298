//! Sends keys: each press as RFC 4733 section 2.5.1 asks, one packet a tick, and always closed.
//!
//! ```text
//!   tick   | 0      1      2      3      4      5      6      7        8      ...
//!   press  | M 160  320    480    640    E 800  E 800  E 800            M 160
//!   of     | <------------- 100 ms ----------->|<---- gap, 60 ms ---->|
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use crate::facts::Key;

use super::Event;

/// The most steps of a plan.
const MOST_STEPS: usize = 1000;
/// The shortest press: what ITU-T Q.24 lets a receiver need. A shorter one is lengthened.
const SHORTEST: Duration = Duration::from_millis(40);
/// The longest press: its duration must fit 16 bits. A longer one is shortened.
const LONGEST: Duration = Duration::from_secs(8);
/// Between two presses.
const GAP: Duration = Duration::from_millis(60);
/// A press, where nothing else is said.
const PRESS: Duration = Duration::from_millis(100);
/// The tone's power: -10 dBm0.
const VOLUME: u8 = 10;
/// How often the end is sent.
const ENDS: u8 = 3;

/// One step of a key plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanStep {
    /// Do nothing for so long.
    Wait(Duration),
    /// Press a key for so long (held within 40 ms and 8 s).
    Press {
        /// Which.
        key: Key,
        /// How long.
        length: Duration,
    },
}

/// Keys to press, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPlan {
    steps: VecDeque<PlanStep>,
}

/// A text is no key plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyPlanFault {
    /// A symbol that is none of the plan's.
    #[error("symbol {place} is no key: 0-9 * # A-D, w (half a second), W (a second), and @milliseconds at the end")]
    Symbol {
        /// Which, from 1. Not shown itself: keys are secret.
        place: usize,
    },
    /// What follows `@` is no number.
    #[error("after @ comes the length of a press in milliseconds, as in 12#@100")]
    Length,
    /// More than 1000 steps.
    #[error("at most {MOST_STEPS} keys and waits")]
    TooLong,
}

impl KeyPlan {
    /// A plan without steps.
    pub fn new() -> KeyPlan {
        KeyPlan::default()
    }

    /// One press of 100 ms.
    pub fn press(key: Key) -> KeyPlan {
        KeyPlan { steps: [PlanStep::Press { key, length: PRESS }].into() }
    }

    /// Reads keys with waits: `w` half a second, `W` a second, spaces nothing, `@80` at the end the length of every
    /// press in milliseconds, as in `WW4w12#@80`.
    ///
    /// # Errors
    /// Another symbol, or more than 1000 steps.
    pub fn parse(text: &str) -> Result<KeyPlan, KeyPlanFault> {
        let (keys, length) = match text.split_once('@') {
            Some((keys, milliseconds)) => {
                let milliseconds: u16 = milliseconds.trim().parse().map_err(|_| KeyPlanFault::Length)?;
                (keys, Duration::from_millis(milliseconds.into()))
            }
            None => (text, PRESS),
        };
        let mut plan = KeyPlan::new();
        for (index, symbol) in keys.chars().enumerate() {
            let step = match symbol {
                ' ' => continue,
                'w' => PlanStep::Wait(Duration::from_millis(500)),
                'W' => PlanStep::Wait(Duration::from_secs(1)),
                _ => {
                    let key = Key::from_char(symbol).ok_or(KeyPlanFault::Symbol { place: index + 1 })?;
                    PlanStep::Press { key, length }
                }
            };
            plan.push(step)?;
        }
        Ok(plan)
    }

    /// Adds a step to the end.
    ///
    /// # Errors
    /// The plan has 1000 already.
    pub fn push(&mut self, step: PlanStep) -> Result<(), KeyPlanFault> {
        if self.steps.len() >= MOST_STEPS {
            return Err(KeyPlanFault::TooLong);
        }
        self.steps.push_back(step);
        Ok(())
    }

    /// The steps, in order.
    pub fn steps(&self) -> impl Iterator<Item = &PlanStep> {
        self.steps.iter()
    }
}

/// What to send at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStep {
    /// This packet, in place of sound.
    Packet {
        /// The header's marker.
        marker: bool,
        /// The header's timestamp: when the press began.
        timestamp: u32,
        /// The payload.
        payload: [u8; 4],
    },
    /// Nothing of this plan at this tick.
    Quiet,
    /// The plan is done.
    Done,
}

/// A key plan being sent.
#[derive(Clone, Debug)]
pub struct KeySender {
    steps: VecDeque<PlanStep>,
    clock_rate: u32,
    /// Ticks of the clock a packet.
    frame: u32,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Ready,
    /// Nothing until so many clock ticks after `from`.
    Waiting {
        from: u32,
        length: u32,
    },
    /// The key is down; `said` is the last duration sent.
    Down {
        code: u8,
        from: u32,
        length: u32,
        said: u16,
    },
    /// The end has been sent; it is sent `left` times more.
    Ending {
        code: u8,
        from: u32,
        said: u16,
        left: u8,
    },
}

impl KeySender {
    /// Begins a plan at the next tick. `clock_rate` is the payload type's, `frame` the ticks of that clock from one call
    /// of [`KeySender::tick`] to the next (160 for 20 ms at 8000 Hz).
    pub fn new(plan: KeyPlan, clock_rate: u32, frame: u32) -> KeySender {
        KeySender { steps: plan.steps, clock_rate: clock_rate.max(1), frame, state: State::Ready }
    }

    /// Adds another plan's steps.
    pub fn append(&mut self, plan: KeyPlan) {
        let room = MOST_STEPS.saturating_sub(self.steps.len());
        self.steps.extend(plan.steps.into_iter().take(room));
    }

    /// What to send now. `timestamp` is the stream's at this tick.
    pub fn tick(&mut self, timestamp: u32) -> KeyStep {
        // Each turn takes a step from the plan or returns.
        loop {
            match self.state {
                State::Ready => match self.steps.pop_front() {
                    None => return KeyStep::Done,
                    Some(PlanStep::Wait(length)) => {
                        self.state = State::Waiting { from: timestamp, length: self.ticks(length) };
                    }
                    Some(PlanStep::Press { key, length }) => {
                        // A clock faster than 8000 Hz fills the duration's 16 bits sooner.
                        let length = self.ticks(length.clamp(SHORTEST, LONGEST)).min(u16::MAX.into());
                        self.state = State::Down { code: key.event(), from: timestamp, length, said: 0 };
                    }
                },
                State::Waiting { from, length } if timestamp.wrapping_sub(from) < length => return KeyStep::Quiet,
                State::Waiting { .. } => self.state = State::Ready,
                State::Down { code, from, length, said } => {
                    let duration = self.duration(timestamp.wrapping_sub(from));
                    let end = u32::from(duration) >= length;
                    self.state = if end {
                        State::Ending { code, from, said: duration, left: ENDS - 1 }
                    } else {
                        State::Down { code, from, length, said: duration }
                    };
                    return packet(code, from, duration, end, said == 0);
                }
                State::Ending { code, from, said, left } if left > 0 => {
                    self.state = State::Ending { code, from, said, left: left - 1 };
                    return packet(code, from, said, true, false);
                }
                State::Ending { from, said, .. } => {
                    let length = self.ticks(GAP);
                    self.state = State::Waiting { from: from.wrapping_add(said.into()), length };
                }
            }
        }
    }

    /// Gives up the plan. A press that is under way must still be closed: these packets are to be sent at once (at most
    /// three).
    pub fn close(&mut self) -> impl Iterator<Item = KeyStep> + use<> {
        self.steps.clear();
        let (step, count) = match self.state {
            State::Down { code, from, said, .. } => (packet(code, from, said, true, false), ENDS),
            State::Ending { code, from, said, left } => (packet(code, from, said, true, false), left),
            State::Ready | State::Waiting { .. } => (KeyStep::Done, 0),
        };
        self.state = State::Ready;
        std::iter::repeat_n(step, count.into())
    }

    fn ticks(&self, length: Duration) -> u32 {
        u32::try_from(length.as_millis() * u128::from(self.clock_rate) / 1000).unwrap_or(u32::MAX / 2)
    }

    /// How long the key will have been down at the end of this packet's time.
    fn duration(&self, since: u32) -> u16 {
        u16::try_from(since.saturating_add(self.frame)).unwrap_or(u16::MAX)
    }
}

fn packet(code: u8, timestamp: u32, duration: u16, end: bool, marker: bool) -> KeyStep {
    KeyStep::Packet { marker, timestamp, payload: Event { code, end, volume: VOLUME, duration }.to_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every packet of a plan: (tick, marker, timestamp, event).
    fn sent(plan: &str) -> Vec<(u32, bool, u32, Event)> {
        let mut sender = KeySender::new(KeyPlan::parse(plan).unwrap(), 8000, 160);
        let mut packets = Vec::new();
        for tick in 0..100_000 {
            match sender.tick(1000 + tick * 160) {
                KeyStep::Packet { marker, timestamp, payload } => {
                    packets.push((tick, marker, timestamp - 1000, Event::from_bytes(payload)));
                }
                KeyStep::Quiet => {}
                KeyStep::Done => return packets,
            }
        }
        panic!("the plan never ends");
    }

    #[test]
    fn a_press_is_sent_as_the_rfc_draws_it() {
        let packets = sent("5");
        let durations: Vec<u16> = packets.iter().map(|packet| packet.3.duration).collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
        let ends: Vec<bool> = packets.iter().map(|packet| packet.3.end).collect();
        assert_eq!(ends, [false, false, false, false, true, true, true]);
        assert!(packets.iter().all(|packet| packet.2 == 0 && packet.3.code == 5));
        assert_eq!(packets.iter().filter(|packet| packet.1).count(), 1);
        assert!(packets[0].1);
    }

    /// D19 team-telnyx/freeswitch#650: `wwwwwww4@100` waits 3.5 s, `WW4` 2 s.
    #[test]
    fn waits_last_as_long_as_they_say() {
        assert_eq!(sent("wwwwwww4@100")[0].0, 175);
        assert_eq!(sent("WW4")[0].0, 100);
        assert_eq!(sent("W W\u{20}4@40")[0].0, 100);
    }

    /// D19: the timestamps of successive digits are a press and a gap apart.
    #[test]
    fn digits_are_a_press_and_a_gap_apart() {
        let begins: Vec<u32> = sent("123@200").iter().filter(|packet| packet.1).map(|packet| packet.2).collect();
        assert_eq!(begins, [0, 2080, 4160]);
        let begins: Vec<u32> = sent("12@40").iter().filter(|packet| packet.1).map(|packet| packet.2).collect();
        assert_eq!(begins, [0, 800]);
    }

    /// D18 asterisk#531: shorter than the minimum: lengthened once, not repeated.
    #[test]
    fn a_press_too_short_is_lengthened_once() {
        let packets = sent("7@1");
        assert_eq!(packets.iter().map(|packet| packet.3.duration).collect::<Vec<_>>(), [160, 320, 320, 320]);
        assert_eq!(packets.iter().filter(|packet| packet.1).count(), 1);
    }

    /// D17 asterisk-chan-dongle#28, D11 pjproject#1582: a press is closed though the call ends in the middle of it.
    #[test]
    fn a_press_cut_off_is_closed() {
        let mut sender = KeySender::new(KeyPlan::parse("19").unwrap(), 8000, 160);
        let _ = (sender.tick(0), sender.tick(160));
        let close: Vec<KeyStep> = sender.close().collect();
        let end = KeyStep::Packet { marker: false, timestamp: 0, payload: [1, 0x80 | 10, 1, 64] };
        assert_eq!(close, [end; 3]);
        assert_eq!(sender.tick(320), KeyStep::Done);
        let mut ending = KeySender::new(KeyPlan::parse("1@40").unwrap(), 8000, 160);
        let _ = (ending.tick(0), ending.tick(160));
        assert_eq!(ending.close().count(), 2);
        assert_eq!(KeySender::new(KeyPlan::parse("w1").unwrap(), 8000, 160).close().count(), 0);
    }

    /// D17: nor does a press go on for ever that is longer than a duration can say.
    #[test]
    fn the_longest_press_ends_at_every_clock() {
        for (clock_rate, frame) in [(8000, 160), (16_000, 320), (48_000, 960)] {
            let mut sender = KeySender::new(KeyPlan::parse("5@60000").unwrap(), clock_rate, frame);
            let ends = (0..1000).map(|tick| sender.tick(tick * frame)).take_while(|step| *step != KeyStep::Done);
            let ends = ends.filter(|step| matches!(step, KeyStep::Packet { payload: [_, 0x8A, ..], .. })).count();
            assert_eq!(ends, 3, "{clock_rate} Hz");
        }
    }

    #[test]
    fn what_is_no_plan_is_refused_without_showing_it() {
        assert_eq!(KeyPlan::parse("12x"), Err(KeyPlanFault::Symbol { place: 3 }));
        assert_eq!(KeyPlan::parse("12@fast"), Err(KeyPlanFault::Length));
        assert_eq!(KeyPlan::parse(&"1".repeat(1001)), Err(KeyPlanFault::TooLong));
        assert!(!format!("{:?}", KeyPlan::parse("123456").unwrap()).contains('5'));
    }

    proptest! {
        #[test]
        fn every_press_begins_once_and_ends_thrice(keys in "[0-9*#A-D]{0,12}", length in 0_u16..400, frame in 1_u32..4) {
            let mut plan = KeyPlan::parse(&format!("{keys}@{length}")).unwrap();
            plan.push(PlanStep::Wait(Duration::from_millis(30))).unwrap();
            let mut sender = KeySender::new(plan, 8000, 160 * frame);
            let (mut begun, mut ends) = (String::new(), 0);
            let mut timestamp = u32::MAX - 3000;
            loop {
                match sender.tick(timestamp) {
                    KeyStep::Done => break,
                    KeyStep::Quiet => {}
                    KeyStep::Packet { marker, payload, .. } => {
                        let event = Event::from_bytes(payload);
                        if marker {
                            begun.push(Key::from_event(event.code).unwrap().symbol());
                        }
                        ends += usize::from(event.end);
                    }
                }
                timestamp = timestamp.wrapping_add(160 * frame);
            }
            prop_assert_eq!(&begun, &keys);
            prop_assert_eq!(ends, 3 * keys.len());
        }
    }
}
