//! How values are said, in each language: as tokens, each of which has one recording.
//!
//! ```text
//!   MONEY(123405 fen)   zh-CN  一千|两百|三十|四元|零|五分
//!                       en     one|thousand|two hundred|thirty-four|yuan|and|five|fen
//!   COUNT(222222)       zh-CN  二十|二万|两千|两百|二十|二
//!   DIGITS(12345678)    zh-CN  一 二 三 四(ending) · 五 六 七 八(ending)        · a pause
//! ```
//!
//! Joined — with nothing between in Mandarin, with a space in English — the tokens are the written words. Amounts are
//! made of composite tokens (两百, 四元), because those sound better than single characters; digits have two forms, one
//! inside a group and one that ends it.
//!
//! Any number of 64 bits is spoken. Above 10¹⁶ in Mandarin and 10¹⁵ in English nobody has a settled way of saying them.

mod digits;
mod english;
mod mandarin;

use std::borrow::Cow;
use std::sync::Arc;

use super::{Form, Value, ValueKind};
use crate::facts::Language;

/// A way of speaking a value, by its name in the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Function {
    /// `MONEY($x)`: 元 角 分; in English yuan and fen.
    Money,
    /// `COUNT($x)`: how many; in Mandarin with 两.
    Count,
    /// `CARDINAL($x)`: the number itself; in Mandarin with 二. Few messages want it, and its 二百 and 二千 are not among
    /// the clips of a `COUNT`.
    Cardinal,
    /// `ORDINAL($x)`: 第二; second.
    Ordinal,
    /// `DIGITS($x)`: one by one, in groups.
    Digits,
    /// `PHONE($x)`: one by one as telephone numbers are said, with 幺.
    Phone,
    /// `YEAR($x)`: digit by digit, 二零二四年; in English by pairs, twenty twenty-four.
    Year,
    /// `MONTH($x)`: a month of a year.
    Month,
    /// `DATE($x)`: a day.
    Date,
}

impl Function {
    /// All of them.
    pub const ALL: [Function; 9] = [
        Function::Money,
        Function::Count,
        Function::Cardinal,
        Function::Ordinal,
        Function::Digits,
        Function::Phone,
        Function::Year,
        Function::Month,
        Function::Date,
    ];

    /// The name in a message, as in `MONEY`.
    pub const fn name(self) -> &'static str {
        match self {
            Function::Money => "MONEY",
            Function::Count => "COUNT",
            Function::Cardinal => "CARDINAL",
            Function::Ordinal => "ORDINAL",
            Function::Digits => "DIGITS",
            Function::Phone => "PHONE",
            Function::Year => "YEAR",
            Function::Month => "MONTH",
            Function::Date => "DATE",
        }
    }

    /// The function of a name.
    pub fn from_name(name: &str) -> Option<Function> {
        Function::ALL.into_iter().find(|function| function.name() == name)
    }

    /// How a value of this kind is spoken when its message says nothing else; nothing for a word.
    pub const fn of(kind: ValueKind) -> Option<Function> {
        match kind {
            ValueKind::Money => Some(Function::Money),
            ValueKind::Count => Some(Function::Count),
            ValueKind::Digits => Some(Function::Digits),
            ValueKind::Phone => Some(Function::Phone),
            ValueKind::Year => Some(Function::Year),
            ValueKind::Month => Some(Function::Month),
            ValueKind::Date => Some(Function::Date),
            ValueKind::Word => None,
        }
    }

    /// Whether it can speak values of this kind: its own; digits and telephone numbers each other's; the year of a month
    /// or of a day, the month of a day.
    pub const fn fits(self, kind: ValueKind) -> bool {
        match self {
            Function::Money => matches!(kind, ValueKind::Money),
            Function::Count | Function::Cardinal | Function::Ordinal => matches!(kind, ValueKind::Count),
            Function::Digits | Function::Phone => matches!(kind, ValueKind::Digits | ValueKind::Phone),
            Function::Year => matches!(kind, ValueKind::Year | ValueKind::Month | ValueKind::Date),
            Function::Month => matches!(kind, ValueKind::Month | ValueKind::Date),
            Function::Date => matches!(kind, ValueKind::Date),
        }
    }
}

/// A piece of a spoken value: one recording. A token of form `Ending` that others follow has a pause after it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    /// The written words.
    pub text: Cow<'static, str>,
    /// Which recording of them.
    pub form: Form,
}

/// Speaks a value. A function that does not fit its kind is taken for the kind's own. A word has no tokens.
pub fn tokens(language: Language, function: Function, value: &Value) -> Vec<Token> {
    let kind = value.kind();
    let Some(own) = Function::of(kind) else { return Vec::new() };
    let function = if function.fits(kind) { function } else { own };
    match language {
        Language::ZhCn => mandarin::tokens(function, value),
        Language::En => english::tokens(function, value),
    }
}

/// The tokens as they are written.
pub fn written(language: Language, tokens: &[Token]) -> String {
    let between = match language {
        Language::ZhCn => "",
        Language::En => " ",
    };
    let mut text = String::new();
    for (place, token) in tokens.iter().enumerate() {
        if place > 0 {
            text.push_str(between);
        }
        text.push_str(&token.text);
    }
    text
}

/// Every token that a value of this kind can need when it is spoken by its own function, sorted. Of the years, those
/// from 1970 to 2040 have tokens of their own, and what the others are put together of is here too.
pub fn vocabulary(language: Language, kind: ValueKind) -> Vec<(Arc<str>, Form)> {
    Function::of(kind).map(|function| vocabulary_of(language, function)).unwrap_or_default()
}

/// Every token that this function can need, sorted. Of `ORDINAL` in English only the first to the thirty-first.
pub fn vocabulary_of(language: Language, function: Function) -> Vec<(Arc<str>, Form)> {
    let mut all = match language {
        Language::ZhCn => mandarin::vocabulary(function),
        Language::En => english::vocabulary(function),
    };
    all.sort();
    all.dedup();
    all.into_iter().map(|token| (Arc::from(token.text.as_ref()), token.form)).collect()
}

/// The years that have a token of their own.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=2040;

/// A token that has one form.
fn plain(text: impl Into<Cow<'static, str>>) -> Token {
    Token { text: text.into(), form: Form::Plain }
}

/// The text at this place of a table, empty outside it.
fn pick(table: &[&'static str], place: u64) -> &'static str {
    usize::try_from(place).ok().and_then(|place| table.get(place)).copied().unwrap_or("")
}
