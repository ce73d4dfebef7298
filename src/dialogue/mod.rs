//! One call as a state machine: [`Input`] in, [`Output`] out. No I/O, no async, no clock, no randomness.

mod events;

pub use events::{Ending, Input, Outcome, Output, Say, SayingId, Story};
