//! Verifications are answered at whole steps of time after they were asked, so that how long one took tells nothing of what it
//! came to.
//!
//! ```text
//!   asked             done                      due
//!     │─────────────────│·······················│          due = asked + the least whole number of steps that is later than done
//!
//!   worker ──(due, answer)──▶ [ 1,024 ] ──▶ thread "records-pace": [ up to 4,096, by when they are due ] ──▶ who asked
//! ```
//!
//! No worker waits for it, unless both bounds are reached: then the workers do, and the pool's queue refuses what it cannot
//! take. What is left to be told by is how often an answer takes longer than a step.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::pool::now;

/// Answers on their way to the thread.
const MOST_COMING: usize = 1_024;
/// Answers that the thread holds.
const MOST_HELD: usize = 4_096;

/// An answer that is to be given.
pub(super) type Answer = Box<dyn FnOnce() + Send>;

/// The thread that gives answers when they are due. Dropping it gives those that are held, and joins it.
pub(super) struct Pace {
    step: Duration,
    coming: Option<Sender<(Instant, Answer)>>,
    thread: Option<JoinHandle<()>>,
}

impl Pace {
    /// # Errors
    /// The system's, if it grants no thread.
    pub(super) fn start(step: Duration) -> std::io::Result<Pace> {
        let (coming, come) = crossbeam_channel::bounded(MOST_COMING);
        let thread = std::thread::Builder::new().name("records-pace".into()).spawn(move || hold(&come))?;
        Ok(Pace { step, coming: Some(coming), thread: Some(thread) })
    }

    /// Gives the answer to what was asked then at the next whole step from now.
    pub(super) fn give(&self, asked: Instant, answer: Answer) {
        let due = due(asked, now(), self.step);
        let refused = match &self.coming {
            Some(coming) => coming.send((due, answer)).err().map(|refused| refused.into_inner().1),
            None => Some(answer),
        };
        refused.into_iter().for_each(call);
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        self.coming = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The first whole step after `asked` that is later than `done`. Steps have a length.
fn due(asked: Instant, done: Instant, step: Duration) -> Instant {
    let step = step.max(Duration::from_millis(1));
    let took = done.saturating_duration_since(asked).as_nanos();
    let steps = u32::try_from(took / step.as_nanos()).unwrap_or(u32::MAX).saturating_add(1);
    step.checked_mul(steps).and_then(|later| asked.checked_add(later)).unwrap_or(done)
}

fn hold(coming: &Receiver<(Instant, Answer)>) {
    let mut held: BTreeMap<(Instant, u64), Answer> = BTreeMap::new();
    let mut place = 0_u64;
    loop {
        while let Some(first) = held.first_entry()
            && first.key().0 <= now()
        {
            call(first.remove());
        }
        let come = match held.first_key_value() {
            None => coming.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(((due, _), _)) if held.len() >= MOST_HELD => {
                let _ = crossbeam_channel::at(*due).recv();
                continue;
            }
            Some(((due, _), _)) => coming.recv_deadline(*due),
        };
        match come {
            Ok((due, answer)) => {
                held.insert((due, place), answer);
                place = place.wrapping_add(1);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    held.into_values().for_each(call);
}

/// Gives an answer; one whose receiver panics harms no other.
pub(super) fn call(answer: Answer) {
    if catch_unwind(AssertUnwindSafe(answer)).is_err() {
        tracing::error!("a look-up's receiver panicked");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_due_at_the_next_whole_step() {
        let asked = now();
        let step = Duration::from_millis(100);
        for (took, steps) in [(0, 1), (1, 1), (99, 1), (100, 2), (101, 2), (250, 3), (3_000, 31)] {
            let done = asked + Duration::from_millis(took);
            assert_eq!(due(asked, done, step), asked + step * steps, "{took} ms");
        }
        assert_eq!(due(asked + step, asked, step), asked + step * 2, "a clock that went back");
        let done = asked + Duration::from_millis(5);
        assert!(due(asked, done, Duration::ZERO) > asked);
        assert_eq!(due(asked, done, Duration::MAX), done);
    }

    #[test]
    fn all_that_is_held_is_given_once_and_in_order_though_one_panics() {
        let pace = Pace::start(Duration::from_millis(20)).unwrap();
        let (tell, told) = crossbeam_channel::unbounded();
        let asked = now();
        for place in 0..10_000_u32 {
            let tell = tell.clone();
            let answer = move || {
                assert!(place != 7, "the asker is broken");
                tell.send(place).unwrap();
            };
            pace.give(asked, Box::new(answer));
        }
        drop((pace, tell));
        let told: Vec<u32> = told.iter().collect();
        assert_eq!(told.len(), 9_999);
    }
}
