//! The voice-menu language: operators write it in TOML; here it is parsed, checked and compiled into typed steps.

mod compiled;

pub use compiled::{
    About, Choice, Field, Kind, Menu, MessageId, PagingKeys, Period, Rules, SlotId, Step, StepId, Target,
};
