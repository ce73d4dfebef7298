//! A timing wheel: which call is due at which millisecond. Setting, moving and taking cost the same for one call and for
//! ten thousand; a call has one entry at most, so that nothing grows.
//!
//! ```text
//!   slots   ... | 17 | 18 | 19 | 20 | ...        a millisecond each; the wheel turns over
//!                      │         │
//!                     call 4    call 1 ⇄ call 9   first in, first out
//! ```
//!
//! What is due beyond one turn waits in the last slot and is set again when that comes.
//!
//! Its functions are inlined wherever they are called: what a packet costs does not depend on which code the compiler looks at together.

use arrayvec::ArrayVec;

/// No call.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Slot {
    first: u32,
    last: u32,
}

#[derive(Clone, Copy)]
struct Entry {
    /// Milliseconds; nothing if the call is not in the wheel.
    due: Option<u64>,
    /// The slot's millisecond.
    slot: u64,
    previous: u32,
    next: u32,
}

const UNSET: Entry = Entry { due: None, slot: 0, previous: NONE, next: NONE };
const EMPTY: Slot = Slot { first: NONE, last: NONE };

/// Entries for calls 0 to `calls` less one.
pub(super) struct Wheel {
    slots: Vec<Slot>,
    /// A bit a slot: whether there is anyone in it.
    occupied: Vec<u64>,
    entries: Vec<Entry>,
    /// All before this millisecond has been taken.
    now: u64,
}

impl Wheel {
    /// A wheel whose turn is `turn` milliseconds, rounded up to a power of two of at least 64.
    pub(super) fn new(turn: usize, calls: usize) -> Wheel {
        let turn = turn.next_power_of_two().max(64);
        Wheel { slots: vec![EMPTY; turn], occupied: vec![0; turn / 64], entries: vec![UNSET; calls], now: 0 }
    }

    fn turn(&self) -> u64 {
        self.slots.len() as u64
    }

    /// When the call is due, if it is.
    pub(super) fn due(&self, call: u32) -> Option<u64> {
        self.entries.get(call as usize)?.due
    }

    /// Makes the call due at this millisecond and at no other; at once if that has passed.
    #[inline]
    pub(super) fn set(&mut self, call: u32, due: u64) {
        self.clear(call);
        let slot = due.clamp(self.now, self.now + self.turn() - 2);
        let turn = self.turn();
        let Some(place) = self.slots.get_mut((slot % turn) as usize) else { return };
        let previous = place.last;
        let Some(entry) = self.entries.get_mut(call as usize) else { return };
        *entry = Entry { due: Some(due), slot, previous, next: NONE };
        place.last = call;
        if previous == NONE {
            place.first = call;
        } else if let Some(before) = self.entries.get_mut(previous as usize) {
            before.next = call;
        }
        self.mark(slot, true);
    }

    /// Makes the call due at no time.
    #[inline]
    pub(super) fn clear(&mut self, call: u32) {
        let Some(entry) = self.entries.get_mut(call as usize) else { return };
        let Entry { due: Some(_), slot, previous, next } = std::mem::replace(entry, UNSET) else { return };
        if let Some(before) = self.entries.get_mut(previous as usize) {
            before.next = next;
        }
        if let Some(after) = self.entries.get_mut(next as usize) {
            after.previous = previous;
        }
        let turn = self.turn();
        let Some(place) = self.slots.get_mut((slot % turn) as usize) else { return };
        if previous == NONE {
            place.first = next;
        }
        if next == NONE {
            place.last = previous;
        }
        if place.first == NONE {
            self.mark(slot, false);
        }
    }

    /// Takes calls that are due by `now`, as many as there are or `MOST`, the longest due first, and says when each was. None is
    /// left where there are fewer.
    #[inline]
    pub(super) fn take<const MOST: usize>(&mut self, now: u64) -> ArrayVec<(u32, u64), MOST> {
        let mut taken = ArrayVec::new();
        while !taken.is_full() {
            let Some(slot) = self.next_slot().filter(|slot| *slot <= now) else {
                self.now = self.now.max(now);
                break;
            };
            self.now = slot;
            self.take_from(slot, &mut taken);
        }
        taken
    }

    /// Takes a slot's calls, from its first on.
    #[inline]
    fn take_from<const MOST: usize>(&mut self, slot: u64, taken: &mut ArrayVec<(u32, u64), MOST>) {
        let turn = self.turn();
        let Some(place) = self.slots.get_mut((slot % turn) as usize) else { return };
        let mut first = place.first;
        let mut later = None;
        while let Some(entry) = self.entries.get_mut(first as usize).filter(|_| !taken.is_full()) {
            let (call, Entry { due, next, .. }) = (first, std::mem::replace(entry, UNSET));
            first = next;
            let due = due.unwrap_or(slot);
            if due > slot {
                // Due beyond the turn it was set in.
                later = Some((call, due));
                break;
            }
            taken.push((call, due));
        }
        place.first = first;
        match self.entries.get_mut(first as usize) {
            Some(entry) => entry.previous = NONE,
            None => {
                place.last = NONE;
                self.mark(slot, false);
            }
        }
        if let Some((call, due)) = later {
            self.now = slot + 1;
            self.set(call, due);
            self.now = slot;
        }
    }

    /// The first millisecond at which a call may be due.
    #[inline]
    pub(super) fn next_slot(&self) -> Option<u64> {
        let turn = self.turn();
        let start = self.now % turn;
        let words = self.occupied.len() as u64;
        // The first word from the start's bit, every other whole, the first again below the start's bit.
        for step in 0..=words {
            let index = (start / 64 + step) % words;
            let word = *self.occupied.get(index as usize)?;
            let above = u64::MAX << (start % 64);
            let word = if step == 0 {
                word & above
            } else if step == words {
                word & !above
            } else {
                word
            };
            if word != 0 {
                let place = index * 64 + u64::from(word.trailing_zeros());
                return Some(self.now + (place + turn - start) % turn);
            }
        }
        None
    }

    #[inline]
    fn mark(&mut self, slot: u64, occupied: bool) {
        let place = slot % self.turn();
        if let Some(word) = self.occupied.get_mut((place / 64) as usize) {
            let bit = 1 << (place % 64);
            *word = if occupied { *word | bit } else { *word & !bit };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn take<const MOST: usize>(wheel: &mut Wheel, now: u64) -> Vec<(u32, u64)> {
        wheel.take::<MOST>(now).to_vec()
    }

    #[test]
    fn calls_come_when_due_in_the_order_they_were_set() {
        let mut wheel = Wheel::new(64, 4);
        wheel.set(2, 10);
        wheel.set(0, 10);
        wheel.set(1, 5);
        wheel.set(3, 500);
        assert_eq!(wheel.next_slot(), Some(5));
        assert_eq!(take::<1>(&mut wheel, 4), []);
        assert_eq!(take::<1>(&mut wheel, 20), [(1, 5)]);
        wheel.clear(2);
        assert_eq!(take::<4>(&mut wheel, 20), [(0, 10)]);
        assert_eq!(take::<4>(&mut wheel, 499), []);
        wheel.set(0, 500);
        wheel.set(1, 501);
        assert_eq!(take::<3>(&mut wheel, 501), [(3, 500), (0, 500), (1, 501)]);
        assert_eq!(wheel.next_slot(), None);
        wheel.set(9, 1);
    }

    proptest! {
        #[test]
        fn it_says_what_a_sorted_map_says(
            steps in prop::collection::vec((0_u32..20, 0_u64..300, 0_u64..40, any::<bool>()), 0..200),
        ) {
            let mut wheel = Wheel::new(64, 20);
            let mut map: BTreeMap<u32, u64> = BTreeMap::new();
            let mut now = 0;
            for (call, ahead, passes, set) in steps {
                if set {
                    wheel.set(call, now + ahead);
                    map.insert(call, now + ahead);
                } else {
                    wheel.clear(call);
                    map.remove(&call);
                }
                if let (Some(slot), Some(first)) = (wheel.next_slot(), map.values().min()) {
                    prop_assert!(slot <= (*first).max(now));
                }
                now += passes;
                let mut taken = BTreeMap::new();
                let mut last = 0;
                loop {
                    let some = take::<3>(&mut wheel, now);
                    for (call, due) in &some {
                        prop_assert!(*due >= last);
                        last = *due;
                        taken.insert(*call, *due);
                    }
                    if some.len() < 3 {
                        break;
                    }
                }
                let wanted: BTreeMap<u32, u64> = map.iter().filter(|(_, due)| **due <= now).map(|(c, d)| (*c, *d)).collect();
                prop_assert_eq!(&taken, &wanted);
                map.retain(|_, due| *due > now);
            }
        }
    }
}
