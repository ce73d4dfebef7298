//! A mistake in a text that people edit (a menu script, a prompt file, a configuration), with its place and how to mend it.
//!
//! ```text
//!   × the message "balance" names $amuont, which this step does not give
//!     ╭─[prompts/zh-CN/account.ftl:3:34]
//!   3 │ balance = 您的个人账户余额为{ MONEY($amuont) }。
//!     ·                                     ───────
//!     ╰────
//!   help: did you mean $amount?
//! ```

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{
    Diagnostic, LabeledSpan, MietteError, MietteSpanContents, Severity, SourceCode, SourceSpan, SpanContents,
};

/// One mistake in one file. It can be drawn by miette, or shown in a line with [`Fault::line_column`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file's name as people know it, as in `prompts/en/account.ftl`; a folder's, if no file is to blame.
    pub file: String,
    /// The file's whole text; empty if there is none to show.
    pub source: Arc<str>,
    /// Where in the text, in bytes. Held within the text when shown.
    pub span: Range<usize>,
    /// What is wrong, in a sentence without a capital or a full stop.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
    /// `Error`: the file must not be used. `Warning`: it may be.
    pub severity: Severity,
    /// A call that shows it, where one was found.
    pub example: Option<Box<Example>>,
}

/// A test call that shows a fault: `hotline test` plays it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// A name for its file, without the ending.
    pub name: Arc<str>,
    /// Its transcript.
    pub text: Arc<str>,
}

impl Fault {
    /// An error at a place of a text.
    pub fn error(file: &str, source: &Arc<str>, span: Range<usize>, message: impl Into<String>) -> Fault {
        let (file, source) = (file.to_owned(), Arc::clone(source));
        Fault { file, source, span, message: message.into(), hint: None, severity: Severity::Error, example: None }
    }

    /// A warning at a place of a text.
    pub fn warning(file: &str, source: &Arc<str>, span: Range<usize>, message: impl Into<String>) -> Fault {
        Fault { severity: Severity::Warning, ..Fault::error(file, source, span, message) }
    }

    /// An error of a whole file or folder, without a text to show.
    pub fn of_file(file: &str, message: impl Into<String>) -> Fault {
        Fault::error(file, &Arc::from(""), 0..0, message)
    }

    /// The same fault with advice how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = Some(hint.into());
        self
    }

    /// The same fault with a call that shows it.
    #[must_use]
    pub fn example(mut self, name: &str, text: &str) -> Fault {
        self.example = Some(Box::new(Example { name: name.into(), text: text.into() }));
        self
    }

    /// Whether the file must not be used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Line and column of the span's start, both from 1, the column in characters. (1, 1) where there is no text.
    pub fn line_column(&self) -> (usize, usize) {
        let before = self.source.get(..self.place().start).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before.get(line_start..).unwrap_or("").chars().count() + 1)
    }

    /// The line of the text in which the span starts, without its end.
    pub fn line(&self) -> &str {
        self.source.split('\n').nth(self.line_column().0 - 1).unwrap_or("").trim_end_matches('\r')
    }

    /// The span held within the text and at borders of characters.
    fn place(&self) -> Range<usize> {
        let within = |mut at: usize| {
            at = at.min(self.source.len());
            while !self.source.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = within(self.span.start);
        start..within(self.span.end).max(start)
    }
}

/// What is wrong; where there is no text to show, with the file.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.source.is_empty() { write!(f, "{}: {}", self.file, self.message) } else { f.write_str(&self.message) }
    }
}

impl std::error::Error for Fault {}

impl Diagnostic for Fault {
    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display + 'a>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        if self.source.is_empty() { None } else { Some(self) }
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.place();
        Some(Box::new(std::iter::once(LabeledSpan::new(None, place.start, place.len()))))
    }
}

/// The fault's text under its file's name.
impl SourceCode for Fault {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let contents = self.source.as_ref().read_span(span, lines_before, lines_after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.file.clone(),
            contents.data(),
            *contents.span(),
            contents.line(),
            contents.column(),
            contents.line_count(),
        )))
    }
}

/// The one of `known` that `name` was probably meant to be: at most two letters added, lost, changed or swapped (one,
/// for names of up to three letters).
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = if name.chars().count() <= 3 { 1 } else { 2 };
    let near = known.into_iter().map(|candidate| (distance(name, candidate), candidate));
    near.filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Damerau–Levenshtein distance (optimal string alignment) of two names; names of over 64 letters, and those whose
/// lengths differ by more than three letters' bytes, are infinitely far.
fn distance(left: &str, right: &str) -> usize {
    if left.len().abs_diff(right.len()) > 12 {
        return usize::MAX;
    }
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().take(65).collect(), right.chars().take(65).collect());
    if left.len() > 64 || right.len() > 64 {
        return usize::MAX;
    }
    let mut earlier: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    let mut last = None;
    for (row, letter) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        let mut last_right = None;
        for (column, other) in right.iter().enumerate() {
            let at = |line: &[usize], place: usize| line.get(place).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&above, column) + usize::from(letter != other))
                .min(at(&above, column + 1) + 1)
                .min(at(&current, column) + 1);
            if column > 0 && last == Some(other) && last_right == Some(letter) {
                best = best.min(at(&earlier, column - 1) + 1);
            }
            current.push(best);
            last_right = Some(other);
        }
        earlier = std::mem::replace(&mut above, current);
        last = Some(letter);
    }
    above.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_and_column_count_characters() {
        let source: Arc<str> = "甲 = 乙\n余额 = { $x }\r\n".into();
        let at = source.find("$x").unwrap();
        let fault = Fault::error("a.ftl", &source, at..at + 2, "wrong");
        assert_eq!(fault.line_column(), (2, 8));
        assert_eq!(fault.line(), "余额 = { $x }");
    }

    #[test]
    fn a_place_outside_the_text_or_inside_a_character_is_held_within() {
        let source: Arc<str> = "余".into();
        for span in [1..2, 0..99, 99..100] {
            let fault = Fault::error("a.ftl", &source, span, "wrong");
            assert!(fault.line_column().1 <= 2);
            assert!(format!("{:?}", miette::Report::new(fault)).contains("a.ftl"));
        }
    }

    #[test]
    fn it_is_drawn_with_file_line_and_hint() {
        let source: Arc<str> = "one = 1\nbalance = { MONEY($amuont) }\n".into();
        let at = source.find("$amuont").unwrap();
        let fault =
            Fault::error("prompts/en/a.ftl", &source, at..at + 7, "unknown value").hint("did you mean $amount?");
        let mut drawn = String::new();
        miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor())
            .render_report(&mut drawn, &fault)
            .unwrap();
        for piece in ["unknown value", "prompts/en/a.ftl:2:19", "balance = { MONEY($amuont) }", "did you mean $amount?"]
        {
            assert!(drawn.contains(piece), "{piece} not in\n{drawn}");
        }
    }

    #[test]
    fn the_nearest_name_is_offered() {
        let known = ["amount", "as-of", "months"];
        assert_eq!(did_you_mean("amuont", known), Some("amount"));
        assert_eq!(did_you_mean("as_of", known), Some("as-of"));
        assert_eq!(did_you_mean("pension", known), None);
        assert_eq!(did_you_mean("", known), None);
        assert_eq!(did_you_mean(&"x".repeat(100_000), known), None);
    }
}
