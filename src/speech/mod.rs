//! What is said: message + values + language become text, and the list of clips that speaks it.
//!
//! ```text
//!   balance { $amount = 123405 fen }                              a Line, from the dialogue
//!     -> "您的个人账户余额为" MONEY "，截至" MONTH "。"             Fluent, prompts/zh-CN/*.ftl
//!     -> 您的个人账户余额为 | 一千 | 两百 | 三十 | 四元 | 零 | 五分 | pause | 截至 | …     Spoken
//! ```
//!
//! A clip is known by its text, its form and its language, so a text has one recording wherever it is said.

mod line;

pub use crate::facts::Form;
pub use line::{Line, Pace, Part, Spoken, Value, ValueKind};
