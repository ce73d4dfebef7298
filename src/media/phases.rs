//! Where in a tick of 20 ms each call's packets are sent: spread, so that they do not all come at once, and soon.
//!
//! ```text
//!   |0 ms: calls 3, 17 |1 ms: 8 |2 ms: 5, 21 | …      one that begins at 1 ms has its packets at 1 ms
//!                       └── the next 4 ms, where fewest are
//! ```

/// Milliseconds over which calls are spread.
const PHASES: usize = 20;
/// Milliseconds that a beginning is put off at most, to where fewer calls are.
pub(super) const SOON: u64 = 4;

/// How many calls send in each millisecond of a tick.
#[derive(Default)]
pub(super) struct Phases {
    calls: [u32; PHASES],
}

impl Phases {
    /// Gives a call that begins at `earliest` or soon after its place, in place of the one it had. Returns when it begins: not later
    /// than a packet's length after `now`, so who must wait for `earliest` waits for little more.
    pub(super) fn enter(&mut self, phase: &mut Option<usize>, now: u64, earliest: u64) -> u64 {
        self.leave(phase.take());
        let crowd = |at: &u64| self.calls.get((at % PHASES as u64) as usize).copied();
        let end = (earliest + SOON).min(now + PHASES as u64);
        let begin = (earliest..end).min_by_key(crowd).unwrap_or(earliest);
        let place = (begin % PHASES as u64) as usize;
        if let Some(calls) = self.calls.get_mut(place) {
            *calls += 1;
            *phase = Some(place);
        }
        begin
    }

    /// A call has ended.
    pub(super) fn leave(&mut self, phase: Option<usize>) {
        if let Some(calls) = phase.and_then(|phase| self.calls.get_mut(phase)) {
            *calls = calls.saturating_sub(1);
        }
    }

    /// Calls that have a place.
    pub(super) fn calls(&self) -> u32 {
        self.calls.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_begin_together_are_spread_and_none_is_put_off_for_long() {
        let (mut phases, mut places) = (Phases::default(), vec![None; 100]);
        for (index, place) in places.iter_mut().enumerate() {
            let earliest = 1_000 + index as u64 / 5;
            let begins = phases.enter(place, earliest, earliest);
            assert!((earliest..earliest + SOON).contains(&begins), "{begins}");
        }
        assert_eq!(phases.calls(), 100);
        assert!(phases.calls.iter().all(|calls| (3..=7).contains(calls)), "{:?}", phases.calls);
        let begins = phases.enter(&mut places[0], 5_013, 5_013);
        assert!((5_013..5_017).contains(&begins));
        for wait in 18..=20 {
            let begins = phases.enter(&mut places[0], 5_013, 5_013 + wait);
            assert!((5_013 + wait..5_034).contains(&begins), "{begins}");
        }
        places.into_iter().for_each(|place| phases.leave(place));
        assert_eq!(phases.calls(), 0);
    }
}
