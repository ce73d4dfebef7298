//! From a formatted message to clips and pauses.
//!
//! ```text
//!   您的余额为{…}，截至{…}。\n查询其他，请按1。
//!   您的余额为 | 一千 | … | ‖150 | 截至 | … | ‖400 | 查询其他，请按1          ‖ pauses in ms
//! ```
//!
//! Punctuation at the ends of a run of fixed text becomes pauses; inside, it stays in the clip. Each line of a message of
//! several lines is a clip of its own, so that long texts can be recorded and changed piece by piece.

use std::sync::Arc;
use std::time::Duration;

use super::grammar::{self, Token};
use super::markers::{self, Run};
use super::{Form, Line, Pace, Part, Spoken};
use crate::facts::Language;

/// At most so many clips and pauses in a line; the rest is cut off.
pub const MOST_PARTS: usize = 4096;

/// After a comma, milliseconds.
const COMMA: u64 = 150;
/// After a semicolon, a colon, a dash.
const SEMICOLON: u64 = 250;
/// After a sentence, and after each line of a message.
const SENTENCE: u64 = 400;
/// Between two groups of digits.
const GROUP: u64 = 250;
/// At the slow pace, between any two tokens of a value.
const SLOW_TOKEN: u64 = 200;

/// One line of a run of fixed text.
struct Fixed {
    /// Silence before it, milliseconds: it is a new line, or begins with punctuation.
    before: u64,
    /// Its clip, if there is more than punctuation.
    clip: Option<Arc<str>>,
    /// Silence after it.
    after: u64,
}

/// Composes what a formatted message of `line` sounds like.
pub(super) fn compose(language: Language, formatted: &str, line: &Line, pace: Pace) -> Spoken {
    let mut heard = Heard { parts: Vec::new(), silence: 0, slow: pace == Pace::Slow };
    let mut text = String::new();
    for run in markers::split(formatted) {
        match run {
            Run::Text(fixed) => {
                text.push_str(fixed);
                for piece in pieces(fixed) {
                    heard.pause(piece.before);
                    if let Some(clip) = piece.clip {
                        heard.clip(clip, Form::Plain);
                    }
                    heard.pause(piece.after);
                }
            }
            Run::Value(function, payload) => {
                let value = markers::value_of(line, payload);
                let Some((value, own)) = value.and_then(|value| Some((value, grammar::Function::of(value.kind())?)))
                else {
                    continue;
                };
                let tokens = grammar::tokens(language, function.unwrap_or(own), value);
                text.push_str(&grammar::written(language, &tokens));
                heard.value(tokens);
            }
        }
    }
    Spoken { message: Arc::clone(&line.message), language, text: one_line(language, &text), parts: heard.parts }
}

/// A fixed text of a message, as one recording says it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FixedText {
    /// What is said.
    pub text: Arc<str>,
    /// Whether it goes on from a value in the same sentence, as `元` does.
    pub after_value: bool,
    /// Whether it leads to a value in the same sentence, as `您的余额为` does.
    pub before_value: bool,
}

/// The fixed texts of a formatted message that have a clip, in order.
pub(super) fn fixed_clips(formatted: &str) -> Vec<FixedText> {
    let mut found: Vec<FixedText> = Vec::new();
    // Whether the run before was a value, and whether the last text found leads to what comes next.
    let (mut after_value, mut leads_on) = (false, false);
    for run in markers::split(formatted) {
        let Run::Text(fixed) = run else {
            if let Some(last) = found.last_mut().filter(|_| leads_on) {
                last.before_value = true;
            }
            (after_value, leads_on) = (true, false);
            continue;
        };
        for piece in pieces(fixed) {
            after_value &= piece.before < SENTENCE;
            leads_on = piece.after < SENTENCE && (piece.clip.is_some() || leads_on && piece.before < SENTENCE);
            if let Some(text) = piece.clip {
                found.push(FixedText { text, after_value, before_value: false });
                after_value = false;
            }
        }
        after_value = false;
    }
    found
}

/// What is heard so far, and the silence due before the next clip.
struct Heard {
    parts: Vec<Part>,
    silence: u64,
    slow: bool,
}

impl Heard {
    /// At least this much silence before what comes next. Before the first clip and after the last there is none.
    fn pause(&mut self, millis: u64) {
        self.silence = self.silence.max(millis);
    }

    fn value(&mut self, tokens: Vec<Token>) {
        let mut before: Option<Form> = None;
        for token in tokens {
            match before {
                Some(Form::Ending) => self.pause(GROUP),
                Some(_) if self.slow => self.pause(SLOW_TOKEN / 2),
                _ => {}
            }
            before = Some(token.form);
            self.clip(Arc::from(token.text.as_ref()), token.form);
        }
    }

    fn clip(&mut self, text: Arc<str>, form: Form) {
        let silence = std::mem::take(&mut self.silence) * if self.slow { 2 } else { 1 };
        let pause = (silence > 0 && !self.parts.is_empty()).then(|| Part::Pause(Duration::from_millis(silence)));
        let room = MOST_PARTS.saturating_sub(self.parts.len());
        if room > usize::from(pause.is_some()) {
            self.parts.extend(pause);
            self.parts.push(Part::Clip { text, form });
        }
    }
}

/// The lines of a run of fixed text.
fn pieces(fixed: &str) -> impl Iterator<Item = Fixed> {
    fixed.split('\n').enumerate().map(|(place, line)| {
        let edge = |symbol: char| symbol.is_whitespace() || pause_of(symbol) > 0;
        let without_start = line.trim_start_matches(edge);
        let core = without_start.trim_end_matches(edge);
        let before = longest_pause(line.strip_suffix(without_start).unwrap_or(line));
        let after = longest_pause(without_start.strip_prefix(core).unwrap_or(""));
        let clip = core.chars().any(char::is_alphanumeric).then(|| Arc::from(single_spaced(core)));
        Fixed { before: before.max(if place > 0 { SENTENCE } else { 0 }), clip, after }
    })
}

fn longest_pause(punctuation: &str) -> u64 {
    punctuation.chars().map(pause_of).max().unwrap_or(0)
}

/// The silence a mark stands for, milliseconds; 0 if it is none.
fn pause_of(symbol: char) -> u64 {
    match symbol {
        '，' | '、' | ',' => COMMA,
        '；' | '：' | ';' | ':' | '—' | '–' => SEMICOLON,
        '。' | '！' | '？' | '.' | '!' | '?' | '…' => SENTENCE,
        _ => 0,
    }
}

fn single_spaced(text: &str) -> String {
    let mut words = text.split_whitespace();
    let mut spaced = words.next().unwrap_or("").to_owned();
    for word in words {
        spaced.push(' ');
        spaced.push_str(word);
    }
    spaced
}

/// A text of several lines as one, without doubled spaces. Mandarin lines join without a space.
fn one_line(language: Language, text: &str) -> String {
    let lines = text.split('\n').map(single_spaced).filter(|line| !line.is_empty());
    let between = match language {
        Language::ZhCn => "",
        Language::En => " ",
    };
    let mut joined = String::with_capacity(text.len());
    for line in lines {
        if !joined.is_empty() {
            joined.push_str(between);
        }
        joined.push_str(&line);
    }
    joined
}
