//! What is said: message + values + language become text, and the list of clips that speaks it.
//!
//! ```text
//!   balance { $amount = 123405 fen }                              a Line, from the dialogue
//!     -> "您的个人账户余额为" MONEY "，截至" MONTH "。"             Fluent, prompts/zh-CN/*.ftl
//!     -> 您的个人账户余额为 | 一千 | 两百 | 三十 | 四元 | 零 | 五分 | pause | 截至 | …     Spoken
//! ```
//!
//! A clip is known by its text, its form and its language, so a text has one recording wherever it is said.

mod catalogue;
mod compose;
pub mod grammar;
mod line;
mod load;
mod markers;
mod needs;
mod outline;
mod prompts;
mod written;

pub use crate::facts::Form;
pub use catalogue::Catalogue;
pub use compose::{FixedText, MOST_PARTS};
pub use grammar::{Function, vocabulary, vocabulary_of};
pub use line::{Line, Pace, Part, Spoken, Value, ValueKind};
pub use needs::Use;
pub use outline::How;
pub use prompts::{Prompts, Said, SaidLine, about_as_long_as};
