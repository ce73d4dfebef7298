//! The types between the dialogue (which says what) and the prompts (which know how).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;

use crate::facts::{Fen, Form, Language, Month};

/// One thing to say: a message and the values it may name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    /// The message's id in the Fluent catalogues, as in `balance`, or with an attribute, as in `enter-id.too-short`.
    pub message: Arc<str>,
    /// What to say where the catalogue has no such message, the first there is: `enter-id.no-input-2` gives way to
    /// `common.no-input-2`.
    pub instead: Vec<Arc<str>>,
    /// The values the message may name, as in `amount`.
    pub values: Vec<(&'static str, Value)>,
}

impl Line {
    /// A message without values.
    pub fn new(message: &str) -> Line {
        Line { message: message.into(), instead: Vec::new(), values: Vec::new() }
    }

    /// The same line with one more message to fall back to.
    #[must_use]
    pub fn or(mut self, message: &str) -> Line {
        self.instead.push(message.into());
        self
    }

    /// The same line with one more value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Value) -> Line {
        self.values.push((name, value));
        self
    }
}

/// A value that is spoken by a language's grammar, or chosen by in a Fluent selector.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// `MONEY($x)`.
    Money(Fen),
    /// `COUNT($x)`: how many; in Mandarin with 两. Also usable as a selector (plural rules).
    Count(u64),
    /// `DIGITS($x)`: one by one, in groups. Digits, and `X` at the end of an ID.
    Digits(String),
    /// `PHONE($x)`: one by one as telephone numbers are said (幺).
    Phone(String),
    /// `YEAR($x)`.
    Year(i16),
    /// `MONTH($x)`: a month of a year.
    Month(Month),
    /// `DATE($x)`: a day.
    Date(Date),
    /// A word to choose by in a selector, as in `pension`; never spoken itself.
    Word(&'static str),
}

/// Amounts and digits are personal: `Debug` shows their kind alone.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({:?})", self.kind())
    }
}

/// What kind of value a step gives under a name; `hotline check` compares it with what the message does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// [`Value::Money`].
    Money,
    /// [`Value::Count`].
    Count,
    /// [`Value::Digits`].
    Digits,
    /// [`Value::Phone`].
    Phone,
    /// [`Value::Year`].
    Year,
    /// [`Value::Month`].
    Month,
    /// [`Value::Date`].
    Date,
    /// [`Value::Word`].
    Word,
}

impl Value {
    /// The value's kind.
    pub const fn kind(&self) -> ValueKind {
        match self {
            Value::Money(_) => ValueKind::Money,
            Value::Count(_) => ValueKind::Count,
            Value::Digits(_) => ValueKind::Digits,
            Value::Phone(_) => ValueKind::Phone,
            Value::Year(_) => ValueKind::Year,
            Value::Month(_) => ValueKind::Month,
            Value::Date(_) => ValueKind::Date,
            Value::Word(_) => ValueKind::Word,
        }
    }
}

/// How fast values are read: `Slow` lengthens the pauses and puts one between any two pieces of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pace {
    /// As recorded.
    #[default]
    Normal,
    /// For callers who asked for it.
    Slow,
}

/// One piece of what is heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The recording of this text in this form.
    Clip {
        /// The text, without punctuation at its ends.
        text: Arc<str>,
        /// Its form.
        form: Form,
    },
    /// Silence.
    Pause(Duration),
}

/// A line in one language: what a person would read, and what is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// The message that was found: the line's own, or one it gives way to.
    pub message: Arc<str>,
    /// The language of the text and of its clips: not the one asked for, where that lacks the message.
    pub language: Language,
    /// The whole text with numbers in words.
    pub text: String,
    /// The clips and pauses, in order.
    pub parts: Vec<Part>,
}
