//! Simulated callers in virtual time: the shell that testers use.
//!
//! A test call is a text file beside the menu script, readable by a tester:
//!
//! ```text
//! # An old caller hears both balances.
//! Given clock 2026-11-20 09:30
//! Given records demo
//!
//! Hotline (welcome): 您好，欢迎致电一二三三三，人力资源和社会保障服务热线。
//! Hotline (language): 普通话服务，请按一。
//! Hotline (language, en): For English, press two.
//! Caller presses 1
//! ...
//! Hotline hangs up
//! ```
//!
//! What the hotline says is what the dialogue said when the call was last blessed; what the caller does is the test.
//! Time is virtual: a call of three minutes takes microseconds, and speaking takes as long as its recordings do.

mod player;
mod suite;
mod transcript;

pub(crate) use player::{AT_ONCE, BETWEEN_KEYS, TO_THE_OTHER_END};
pub use player::{Played, Scene, play};
pub use suite::{Report, Suite, Verdict, run};
pub use transcript::{Action, Deed, Given, RecordsSay, RecordsState, TestCall, parse};
