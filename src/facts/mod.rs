//! The values every room shares: what is keyed, what is spoken, what the records say. Nothing here does anything but
//! hold, check and convert.

mod account;
mod call_id;
mod case;
mod diagnostic;
mod files;
mod form;
mod identity;
mod inquiry;
mod key;
mod key_source;
mod language;
mod moment;
mod money;
mod month;
mod password;
mod secret;
mod time_text;
mod toml_keys;

pub use account::{Balances, Blame, Insurance, InsuranceSummary, Payment, Payments, Summary};
pub use call_id::{CallId, hex, octets};
pub use case::CaseNumber;
pub use diagnostic::{Example, Fault, did_you_mean};
pub use files::{Disk, Files};
pub use form::Form;
pub use identity::{CitizenId, IdFault};
pub use inquiry::{CARD_END, CallerNumber, Dispute, Fact, Identity, Origin, PersonRef, Query, Reply};
pub use key::Key;
pub use key_source::{KeyCounts, KeySource};
pub use language::Language;
pub use moment::Moment;
pub use money::Fen;
pub use month::Month;
pub use password::{PASSWORD_DIGITS, Weakness};
pub use secret::Secret;
pub use time_text::parse_duration;
pub use toml_keys::{plain_words, remove_at, word_meant};
