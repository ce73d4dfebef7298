//! What a running hotline is asked to do with its versions, and what it says.

use std::sync::Arc;

use miette::Severity;
use serde::{Deserialize, Serialize};

use crate::facts::Fault;

/// Symbols of an author or a note that are kept.
const MOST_WORDS: usize = 200;
/// Octets of files that are sent along with faults, so that their places can be shown.
const MOST_SHOWN: usize = 1 << 20;

/// Who asks, and what for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct By {
    /// A person, or what does it by itself.
    pub author: String,
    /// Free words.
    pub note: String,
}

impl By {
    /// Both in one line each, and short.
    pub fn new(author: &str, note: &str) -> By {
        let short = |text: &str| {
            let symbols = text.chars().map(|symbol| if symbol.is_control() { ' ' } else { symbol });
            symbols.take(MOST_WORDS).collect::<String>().trim().to_owned()
        };
        By { author: short(author), note: short(note) }
    }
}

/// One thing to do: a line of JSON on the control socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// Read the files anew.
    Reload {
        /// Only say what would be.
        #[serde(default)]
        check: bool,
        /// Give it to so many of a hundred calls first.
        #[serde(default)]
        share: Option<u8>,
        /// Who asks.
        by: By,
    },
    /// Serve an earlier version again.
    Rollback {
        /// The beginning of its digest; the one before, if nothing is said.
        #[serde(default)]
        to: Option<String>,
        /// Who asks.
        by: By,
    },
    /// Give the version on trial to all calls.
    Accept {
        /// Who asks.
        by: By,
    },
    /// Give it to none.
    TakeBack {
        /// Who asks.
        by: By,
    },
    /// Only tell which versions are served.
    Tell,
}

/// What became of an order: a line of JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it was done.
    pub done: bool,
    /// What there is to say, in lines.
    pub said: Vec<String>,
    /// What is wrong, or probably not meant.
    pub faults: Vec<ToldFault>,
    /// The version that calls are served by now.
    pub serving: String,
    /// The version that some of them are given.
    pub tried: Option<String>,
}

/// A fault, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldFault {
    file: String,
    source: String,
    span: (usize, usize),
    message: String,
    hint: Option<String>,
    error: bool,
}

/// Faults with their texts, as far as there is room for these.
pub(super) fn told(faults: &[Fault]) -> Vec<ToldFault> {
    let mut room = MOST_SHOWN;
    let told = |fault: &Fault| {
        let shown = fault.source.len() <= room;
        room -= if shown { fault.source.len() } else { 0 };
        let (line, column) = fault.line_column();
        let place = if shown || fault.source.is_empty() { String::new() } else { format!("line {line}:{column}: ") };
        ToldFault {
            file: fault.file.clone(),
            source: if shown { fault.source.to_string() } else { String::new() },
            span: (fault.span.start, fault.span.end),
            message: format!("{place}{}", fault.message),
            hint: fault.hint.clone(),
            error: fault.is_error(),
        }
    };
    faults.iter().map(told).collect()
}

impl From<ToldFault> for Fault {
    fn from(told: ToldFault) -> Fault {
        let severity = if told.error { Severity::Error } else { Severity::Warning };
        let (file, span, hint) = (told.file, told.span.0..told.span.1, told.hint);
        let fault = Fault::error(&file, &Arc::from(told.source), span, told.message);
        Fault { hint, severity, ..fault }
    }
}
