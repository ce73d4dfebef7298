//! The voice-menu language: operators write it in TOML; here it is parsed, checked and compiled into typed steps.
//!
//! ```text
//!   menu.toml --read--> typed tables (script) --compile--> Menu --needs--> messages that the prompts must have
//!                 \_______________________________\______ every fault, with its place and a hint
//!   script's types --schema--> docs/menu.schema.json     --reference--> docs/menu-language.md
//! ```

mod compile;
mod compiled;
mod faults;
mod graph;
mod live;
mod messages;
mod needs;
mod parse;
mod read;
mod recordings;
mod reference;
mod scalar;
mod schema;
mod script;
mod slots;
mod syntax;
mod ways;

pub use compile::Place;
pub use compiled::{
    About, Choice, Field, Kind, Limits, Menu, MessageId, PagingKeys, Period, Rules, SlotId, Step, StepId, Target,
};
pub use faults::MOST_FAULTS;
pub use messages::check_messages;
pub use needs::{Need, needs};
pub use parse::{Compiled, parse, parse_as_far};
pub use read::{LONGEST_SCRIPT, MOST_STEPS};
pub use recordings::{WantedClip, check_clips, wanted_clips};
pub use reference::reference;
pub use schema::schema;
pub use ways::{By, Way};
