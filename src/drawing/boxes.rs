//! What stands in a step's box, line by line.

use textwrap::Options;
use textwrap::core::display_width;

use super::Marks;
use crate::facts::Language;
use crate::menu::{Field, Kind, Period, Step};
use crate::speech::{Catalogue, Line, Pace, Value};

/// A box's width and the space at its sides, in pixels.
pub(super) const WIDTH: f64 = 232.0;
pub(super) const MARGIN: f64 = 9.0;
/// Lines of what callers hear.
const HEARD: usize = 2;
/// Lines of ways.
const WAYS: usize = 3;
/// Lines of what should not have happened.
const ALARM: usize = 2;
/// Between two ways of a line.
const BETWEEN: &str = " · ";

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The step's name, with its kind at the other end.
    Name,
    Heard,
    Way,
    Mark,
    Alarm,
}

impl Look {
    /// The size of its letters, in pixels.
    pub(super) const fn size(self) -> f64 {
        match self {
            Look::Name => 14.0,
            Look::Heard | Look::Mark | Look::Alarm => 12.0,
            Look::Way => 11.0,
        }
    }

    /// From one line to the next.
    pub(super) const fn height(self) -> f64 {
        self.size() + 5.0
    }

    /// Columns that fit: a Chinese character takes two, each of half its size; others are narrower on the whole.
    fn columns(self) -> usize {
        // Bold ones are wider.
        let column = self.size() * if matches!(self, Look::Mark | Look::Alarm) { 0.58 } else { 0.5 };
        ((WIDTH - 2.0 * MARGIN) / column) as usize
    }
}

/// A step's box.
pub(super) struct StepBox {
    pub(super) lines: Vec<(Look, String)>,
    /// Beside the name.
    pub(super) kind: String,
    /// Its frame's colour.
    pub(super) colour: &'static str,
    /// The length of the bar under its marks, in percent.
    pub(super) share: Option<u8>,
    /// There are marks, and none is here.
    pub(super) pale: bool,
}

impl StepBox {
    pub(super) fn height(&self) -> f64 {
        let bar = if self.share.is_some() { 8.0 } else { 0.0 };
        self.lines.iter().map(|(look, _)| look.height()).sum::<f64>() + bar + 10.0
    }
}

pub(super) fn of(step: &Step, ways: &[String], catalogue: &Catalogue, language: Language, marks: &Marks) -> StepBox {
    let (kind, colour) = kind(&step.kind);
    let mut lines = vec![(Look::Name, cut(&printable(&step.name), Look::Name.columns()))];
    // The name needs its room first.
    let left = Look::Name.columns().saturating_sub(display_width(&step.name) + 1);
    let kind = if display_width(&kind) <= left { kind } else { String::new() };
    let mut add = |look: Look, text: &str, most: usize| {
        lines.extend(wrapped(text, look.columns(), most).into_iter().map(|line| (look, line)));
    };
    if let Some(heard) = heard(catalogue, language, &step.kind) {
        add(Look::Heard, &heard, HEARD);
    }
    if let Kind::ReadBack { insurance, period, .. } = &step.kind {
        let months = match period {
            Period::LastMonths(months) => format!("{}, the last {months} months", insurance.name()),
            Period::YearIn(_) => format!("{}, a year", insurance.name()),
        };
        add(Look::Way, &months, 1);
    }
    if !ways.is_empty() {
        // A way is not torn apart.
        let ways: Vec<String> = ways.iter().map(|way| way.replace(' ', "\u{a0}")).collect();
        add(Look::Way, &ways.join(BETWEEN), WAYS);
    }
    let mark = marks.steps.get(&step.name);
    if let Some(mark) = mark {
        add(Look::Mark, &mark.text, 1);
        if let Some(alarm) = &mark.alarm {
            add(Look::Alarm, alarm, ALARM);
        }
    }
    StepBox { lines, kind, colour, share: mark.map(|mark| mark.share), pale: !marks.is_empty() && mark.is_none() }
}

/// A step's kind as the script says it, with what matters of it, and its colour.
fn kind(kind: &Kind) -> (String, &'static str) {
    match kind {
        Kind::Say { .. } => ("say".into(), "#3b6ea5"),
        Kind::Menu { .. } => ("menu".into(), "#1f2937"),
        Kind::Ask { field, .. } => (format!("ask {}", field_name(field)), "#7c3aed"),
        Kind::Verify { facts, .. } => {
            let facts: Vec<&str> = facts.iter().map(|(fact, _)| fact.key()).collect();
            (format!("verify {}", facts.join(" + ")), "#b45309")
        }
        Kind::Dispute { .. } => ("dispute".into(), "#b45309"),
        Kind::SetPassword { .. } => ("set-password".into(), "#b45309"),
        Kind::ReadBack { .. } => ("read-back".into(), "#0f766e"),
        Kind::SetLanguage { language, .. } => (format!("set-language {language}"), "#64748b"),
        Kind::GoTo { .. } => ("go-to".into(), "#64748b"),
        Kind::Transfer { .. } => ("transfer".into(), "#be123c"),
        Kind::HangUp { .. } => ("hang-up".into(), "#be123c"),
    }
}

fn field_name(field: &Field) -> String {
    match field {
        Field::CitizenId => "citizen-id".into(),
        Field::Digits { min, max } if min == max => format!("{max} digits"),
        Field::Digits { min, max } => format!("{min}–{max} digits"),
        Field::Year => "year".into(),
        Field::Month => "month".into(),
        Field::YesNo => "yes-no".into(),
        Field::Insurance => "insurance".into(),
        Field::WhoseError => "whose-error".into(),
        Field::Password => "password".into(),
        Field::PasswordAgain(_) => "password-again".into(),
    }
}

fn message(kind: &Kind) -> Option<&str> {
    match kind {
        Kind::Say { message, .. }
        | Kind::Menu { message, .. }
        | Kind::Ask { message, .. }
        | Kind::ReadBack { message, .. }
        | Kind::Dispute { message, .. }
        | Kind::Transfer { message, .. } => Some(message),
        Kind::HangUp { message } => message.as_deref(),
        Kind::Verify { .. } | Kind::SetPassword { .. } | Kind::SetLanguage { .. } | Kind::GoTo { .. } => None,
    }
}

/// What callers hear of a step; values that only a call has are left out.
fn heard(catalogue: &Catalogue, language: Language, kind: &Kind) -> Option<String> {
    let line = Line::new(message(kind)?);
    let line = match kind {
        Kind::ReadBack { insurance, .. } => line.with("insurance", Value::Word(insurance.name())),
        _ => line,
    };
    catalogue
        .speak(language, &line, Pace::Normal)
        .map(|spoken| spoken.text.replace(" .", " …."))
        .filter(|text| !text.is_empty())
}

/// Without what an SVG document may not hold.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|symbol| if symbol.is_control() { ' ' } else { symbol }).collect()
}

/// A text in at most so many lines; what does not fit ends in `…`.
fn wrapped(text: &str, columns: usize, most: usize) -> Vec<String> {
    let text = printable(text);
    let lines = textwrap::wrap(text.trim(), Options::new(columns)).into_iter();
    let mut lines: Vec<String> =
        lines.map(|line| line.trim_end_matches(BETWEEN.trim()).trim_end().to_owned()).collect();
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            last.push('…');
            *last = cut(last, columns);
        }
    }
    lines
}

/// The beginning of a line, with `…` if that is not all.
fn cut(text: &str, columns: usize) -> String {
    if display_width(text) <= columns {
        return text.to_owned();
    }
    let mut width = 1;
    let fits = |symbol: &char| {
        width += display_width(symbol.encode_utf8(&mut [0; 4]));
        width <= columns
    };
    text.trim_end_matches('…').chars().take_while(fits).chain(['…']).collect()
}
