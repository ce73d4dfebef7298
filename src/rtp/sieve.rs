//! What the kernel is told to drop of a call's RTP when nobody listens to its sound: a classic BPF program for
//! `SO_ATTACH_FILTER`, which sees a datagram from its UDP header on.
//!
//! ```text
//!    0        8        9            10            12
//!   | UDP  ...| V P X  | M | PT (7) | sequence    | ...
//!                        │            │
//!                        ├─ a telephone-event's, or RTCP (64–95, RFC 5761 section 4) ──> let through
//!                        └─ else ──── a multiple of 64 ────────────────────────────────> let through
//!                                     else one in 256, by lot ─────────────────────────> let through
//! ```
//!
//! Every 64th packet of the sound tells how much of it is lost and how evenly it comes ([`super::Reception`]). Those by lot tell that
//! a far end lives whose sequence numbers are odd ones, or always the same. No key is lost by it: every packet of every event goes through,
//! as does whatever is no sound.

/// Of so many packets of sound one is let through, by its sequence number.
pub const STRIDE: u16 = 64;

/// The most payload types of telephone-events that are told apart; with more there is no sieve.
pub const MOST_EVENTS: usize = 16;

/// Of the others one in so many, less one.
const LOT: u32 = 255;
/// Where a datagram's bytes are, from its UDP header on.
const PAYLOAD_TYPE_AT: u32 = 8 + 1;
const SEQUENCE_AT: u32 = 8 + 2;
/// `SKF_AD_OFF + SKF_AD_RANDOM`: not a byte of the datagram but a number by lot.
const RANDOM_AT: u32 = 0xFFFF_F000 + 56;
/// The payload types that RTCP's packet types look like.
const RTCP: (u32, u32) = (64, 95);

const LOAD_BYTE: u16 = 0x30;
const LOAD_HALF: u16 = 0x28;
const LOAD_WORD: u16 = 0x20;
const AND: u16 = 0x54;
const IF_EQUAL: u16 = 0x15;
const IF_GREATER: u16 = 0x25;
const IF_AT_LEAST: u16 = 0x35;
const IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

/// One instruction (linux/filter.h, `struct sock_filter`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What it does.
    pub code: u16,
    /// Instructions passed over where it is true.
    pub if_true: u8,
    /// And where it is not.
    pub if_false: u8,
    /// Its operand.
    pub operand: u32,
}

const fn plain(code: u16, operand: u32) -> Instruction {
    Instruction { code, if_true: 0, if_false: 0, operand }
}

const fn branch(code: u16, operand: u32, if_true: u8, if_false: u8) -> Instruction {
    Instruction { code, if_true, if_false, operand }
}

/// The program for these payload types of telephone-events. `None` where there are none, or more than [`MOST_EVENTS`].
pub fn program(events: &[u8]) -> Option<Vec<Instruction>> {
    if events.is_empty() || events.len() > MOST_EVENTS {
        return None;
    }
    let events = events.iter().zip((0..events.len() as u8).rev());
    let events = events.map(|(event, after)| branch(IF_EQUAL, u32::from(*event), after + 7, 0));
    let begin = [plain(LOAD_BYTE, PAYLOAD_TYPE_AT), plain(AND, 0x7F)];
    let end = [
        branch(IF_AT_LEAST, RTCP.0, 0, 1),
        branch(IF_GREATER, RTCP.1, 0, 5),
        plain(LOAD_HALF, SEQUENCE_AT),
        branch(IF_ANY_BIT, u32::from(STRIDE - 1), 0, 3),
        plain(LOAD_WORD, RANDOM_AT),
        branch(IF_ANY_BIT, LOT, 0, 1),
        plain(RETURN, 0),
        plain(RETURN, u32::MAX),
    ];
    Some(begin.into_iter().chain(events).chain(end).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the kernel would do with it (linux/Documentation/networking/filter.rst): whether the datagram is let through.
    fn run(program: &[Instruction], payload: &[u8], lot: u32) -> bool {
        let datagram: Vec<u8> = [0; 8].iter().chain(payload).copied().collect();
        let (mut at, mut a) = (0, 0_u32);
        loop {
            let Instruction { code, if_true, if_false, operand } = program[at];
            at += 1;
            let bytes = |count: usize| datagram.get(operand as usize..operand as usize + count);
            let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
            let jump = |condition: bool| usize::from(if condition { if_true } else { if_false });
            match code {
                LOAD_WORD if operand == RANDOM_AT => a = lot,
                LOAD_BYTE | LOAD_HALF => match bytes(if code == LOAD_BYTE { 1 } else { 2 }) {
                    Some(bytes) => a = number(bytes),
                    None => return false,
                },
                AND => a &= operand,
                IF_EQUAL => at += jump(a == operand),
                IF_GREATER => at += jump(a > operand),
                IF_AT_LEAST => at += jump(a >= operand),
                IF_ANY_BIT => at += jump(a & operand != 0),
                RETURN => return operand > 0,
                other => panic!("no such instruction: {other}"),
            }
        }
    }

    proptest! {
        #[test]
        fn events_rtcp_and_one_in_many_go_through(
            events in prop::collection::vec(96_u8..128, 1..=MOST_EVENTS),
            marker in any::<bool>(), payload_type in 0_u8..128, sequence in any::<u16>(), lot in any::<u32>(),
        ) {
            let program = program(&events).unwrap();
            let [high, low] = sequence.to_be_bytes();
            let packet = [0x80, payload_type | u8::from(marker) << 7, high, low, 0, 0, 0, 0, 0, 0, 0, 0];
            let always = events.contains(&payload_type) || (64..=95).contains(&payload_type);
            prop_assert_eq!(run(&program, &packet, lot), always || sequence % STRIDE == 0 || lot % 256 == 0);
        }

        #[test]
        fn it_ends_whatever_comes(events in prop::collection::vec(any::<u8>(), 1..=MOST_EVENTS), packet in prop::collection::vec(any::<u8>(), 0..20)) {
            run(&program(&events).unwrap(), &packet, 1);
        }
    }

    #[test]
    fn without_events_there_is_none() {
        assert_eq!(program(&[]), None);
        assert_eq!(program(&[101; MOST_EVENTS + 1]), None);
    }
}
