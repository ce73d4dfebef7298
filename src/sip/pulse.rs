//! Whether a peer is alive, by what it answers to OPTIONS. Pure.
//!
//! | answer | means |
//! |---|---|
//! | any final one but 408 and 503: 200, 404, 405, 501 … | alive: whoever can refuse can also take a call |
//! | 408, 503, none, no way there | a miss |
//!
//! One answer makes it alive, three misses in a row make it down. Before either nothing is known.

/// So many misses in a row, and a peer is down.
const MOST_MISSES: u32 = 3;

/// What is known of a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pulse {
    misses: u32,
    alive: Option<bool>,
}

impl Pulse {
    /// Takes what OPTIONS has brought: a status, or nothing. Returns what it is from now on, where that is something new.
    pub(super) fn hear(&mut self, status: Option<u16>) -> Option<bool> {
        let answered = status.is_some_and(|status| !matches!(status, 408 | 503));
        self.misses = if answered { 0 } else { self.misses.saturating_add(1) };
        let alive = match answered {
            true => Some(true),
            false if self.misses >= MOST_MISSES => Some(false),
            false => self.alive,
        };
        let news = alive.filter(|_| alive != self.alive);
        self.alive = alive;
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_is_life_and_three_misses_in_a_row_are_none() {
        let mut pulse = Pulse::default();
        let (dead, alive) = ([None, Some(408), Some(503)], [Some(200), Some(404), Some(405), Some(501), Some(600)]);
        for answers in alive {
            assert_eq!(dead.map(|miss| pulse.hear(miss)), [None, None, Some(false)]);
            assert_eq!(pulse.hear(None), None, "it is told once");
            assert_eq!(pulse.hear(answers), Some(true));
            assert_eq!([pulse.hear(None), pulse.hear(None), pulse.hear(answers)], [None; 3], "two are not three");
        }
        let mut silent = Pulse::default();
        assert_eq!([(); 4].map(|()| silent.hear(None)), [None, None, Some(false), None]);
    }
}
