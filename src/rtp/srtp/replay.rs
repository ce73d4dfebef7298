//! Which packets of a stream have come (RFC 3711 section 3.3.2), and where in it a packet stands (section 3.3.1).
//!
//! ```text
//!   window, 128 packets:   … 1 1 0 1 1 1     bit n: the packet n before the highest has come
//!                                    └ highest index yet
//! ```

/// Packets behind the highest that may still come.
const WINDOW: u64 = 128;

/// One source's packets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Replay {
    /// Highest index, and the window; nothing before the first packet.
    seen: Option<(u64, u128)>,
}

impl Replay {
    /// The highest index that has come.
    pub(super) fn highest(self) -> Option<u64> {
        self.seen.map(|(highest, _)| highest)
    }

    /// Whether a packet has come before, or is too old for that to be known.
    pub(super) fn has_seen(self, index: u64) -> bool {
        let Some((highest, window)) = self.seen else { return false };
        let behind = highest.saturating_sub(index);
        index <= highest && (behind >= WINDOW || window >> behind & 1 == 1)
    }

    /// Notes a packet that has been found genuine.
    pub(super) fn note(&mut self, index: u64) {
        let (highest, window) = self.seen.unwrap_or((index, 0));
        self.seen = Some(match index.checked_sub(highest) {
            Some(ahead) if ahead >= WINDOW => (index, 1),
            Some(ahead) => (index, window << ahead | 1),
            None if highest - index < WINDOW => (highest, window | 1 << (highest - index)),
            None => (highest, window),
        });
    }
}

/// The index that a sequence number most likely has: the nearest to the highest one yet. Nothing before the stream's
/// beginning.
pub(super) fn nearest(highest: u64, sequence: u16) -> Option<u64> {
    let ahead = sequence.wrapping_sub(highest as u16).cast_signed();
    highest.checked_add_signed(ahead.into()).filter(|index| *index < 1 << 48)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn a_sequence_number_stands_nearest_to_the_highest() {
        assert_eq!(nearest(0xFFFF, 0), Some(0x1_0000));
        assert_eq!(nearest(0x1_0000, 0xFFFF), Some(0xFFFF));
        assert_eq!(nearest(3, 0xFFFF), None);
        assert_eq!(nearest((1 << 48) - 1, 0), None);
        assert_eq!(nearest(0x5_1234, 0x1300), Some(0x5_1300));
    }

    proptest! {
        #[test]
        fn each_packet_is_let_in_once(steps in prop::collection::vec(-200_i64..300, 1..200)) {
            let (mut replay, mut let_in, mut at) = (Replay::default(), HashSet::new(), 1000_i64);
            for step in steps {
                at = (at + step).max(0);
                let index = at.cast_unsigned();
                if replay.has_seen(index) {
                    let highest = replay.highest().unwrap();
                    prop_assert!(let_in.contains(&index) || highest - index >= WINDOW);
                } else {
                    prop_assert!(let_in.insert(index));
                    replay.note(index);
                    prop_assert!(replay.has_seen(index));
                }
            }
        }
    }
}
