//! The mistakes of TOML itself, all of them. The parser recovers from some and stops at others, so the line (or the
//! table, or the unclosed value) of its first complaint is blanked and the text parsed again: what stands elsewhere keeps
//! its place, and is read.
//!
//! ```text
//!   [main]                [main]                [main]
//!   menu = main-menu  ->                    ->
//!   1 "topics"            1 "topics"                            and so on, at most ROUNDS times
//!   2 = "person"          2 = "person"          2 = "person"
//! ```

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::{DeTable, Error};

use super::faults::Faults;
use super::scalar::shorten;

/// A script with more mistakes that the parser stops at is shown the rest of them as the parser finds them.
const ROUNDS: usize = 20;

/// So many bytes are parsed again for that, so a large script has fewer rounds.
const MOST_PARSED_AGAIN: usize = 4 << 20;

/// With more complaints than these the text is no script, and is not parsed again.
const MOST_COMPLAINTS: usize = 1_000;

/// A text that the parser has no complaint of, or few.
pub(super) struct Mended {
    /// As long as the script, with blanks where it was not TOML.
    pub(super) text: String,
    /// Names of tables that are blanked.
    pub(super) lost: BTreeSet<String>,
}

/// Reports what is not TOML, and takes it out.
pub(super) fn mend(text: &str, faults: &mut Faults) -> Mended {
    let mut mended = Mended { text: text.to_owned(), lost: BTreeSet::new() };
    comments_that_are_keys(text, faults);
    let rounds = (MOST_PARSED_AGAIN / text.len().max(1)).min(ROUNDS);
    for round in 0..=rounds {
        let (_, mut errors) = DeTable::parse_recoverable(&mended.text);
        errors.sort_by_key(|error| place(error).start);
        let rounds = if errors.len() > MOST_COMPLAINTS { 0 } else { rounds };
        let (mild, stops): (Vec<_>, Vec<_>) = errors.into_iter().partition(is_mild);
        let first = stops.first().filter(|_| round < rounds);
        let Some(first) = first else {
            stops.iter().for_each(|error| report(error, place(error), text, faults));
            mild.iter().for_each(|error| report(error, place(error), text, faults));
            break;
        };
        let blank = mended.culprit(first);
        let at = place(first);
        let span = if blank.contains(&at.start) || blank.end == at.start { at } else { trimmed(&mended.text, &blank) };
        report(first, span, text, faults);
        if !mended.blank(&blank) {
            break;
        }
    }
    mended
}

impl Mended {
    /// The bytes to blank for a complaint: a line; a whole table for a bad header; a value that is not closed.
    fn culprit(&mut self, error: &Error) -> Range<usize> {
        let (text, message) = (self.text.as_str(), error.message());
        let line = line_at(text, place(error).start);
        let unclosed =
            ["array", "inline table", "key-value pairs", "multi-line"].iter().any(|word| message.contains(word));
        if unclosed {
            let multi_line = message.contains("multi-line");
            let mut before = line.clone();
            loop {
                if opens(text.get(before.clone()).unwrap_or(""), multi_line) {
                    let end = if multi_line || before == line { before.end } else { line.start };
                    return before.start..end;
                }
                if before.start == 0 {
                    return line;
                }
                before = line_at(text, before.start - 1);
            }
        }
        let content = text.get(line.clone()).unwrap_or("").trim();
        if !content.starts_with('[') {
            return line;
        }
        let name = content.split('#').next().unwrap_or("").trim_matches(|c: char| "[]\"' \t.".contains(c));
        self.lost.insert(name.to_owned());
        let after = text.get(line.end..).unwrap_or("");
        line.start..line.end + header_after(after).unwrap_or(after.len())
    }

    /// Whether there was anything to blank.
    fn blank(&mut self, range: &Range<usize>) -> bool {
        let Some(old) = self.text.get(range.clone()) else { return false };
        if old.trim().is_empty() {
            return false;
        }
        let blanks: String = old.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
        self.text.replace_range(range.clone(), &blanks);
        true
    }
}

/// Whether a line begins a value that may go on in the next lines.
fn opens(line: &str, multi_line: bool) -> bool {
    let Some((_, value)) = line.split_once('=') else { return false };
    let value = value.trim_start();
    if multi_line {
        value.contains("\"\"\"") || value.contains("'''")
    } else {
        value.starts_with('[') || value.starts_with('{')
    }
}

fn report(error: &Error, span: Range<usize>, text: &str, faults: &mut Faults) {
    let message = error.message();
    if message.contains(TWICE) {
        return report_twice(span, text, faults);
    }
    let written = text.get(place(error)).unwrap_or("");
    let hint = if written.starts_with(['“', '”', '‘', '’', '「']) {
        "use straight quotes: \""
    } else if message.contains("must be quoted") {
        "put the text in quotes: key = \"value\""
    } else if message.contains("unquoted key") {
        "a key other than letters, digits, `-` and `_` stands in quotes: \"*\" = \"@repeat\""
    } else if ["array", "inline table", "key-value pairs", "unclosed"].iter().any(|word| message.contains(word)) {
        "close it in the same line: [main], [\"zh-CN\", \"en\"], { min = 8, max = 12 }"
    } else if message.contains("string") {
        "close the quotes in the same line: key = \"value\""
    } else {
        "one key and its value stand in one line: key = \"value\""
    };
    faults.syntax(span, format!("this is not TOML: {message}"), hint);
}

/// What the parser says of a key that is there already.
const TWICE: &str = "duplicate key";

/// Whether the parser has read the line in spite of its complaint.
fn is_mild(error: &Error) -> bool {
    [TWICE, "must be quoted", "invalid unquoted key"].iter().any(|mild| error.message().contains(mild))
}

/// A key or a table that is there already. What stands below a table's second header is not judged.
fn report_twice(span: Range<usize>, text: &str, faults: &mut Faults) {
    let name = shorten(text.get(span.clone()).unwrap_or(""));
    let line = line_at(text, span.start);
    let header = text.get(line.clone()).unwrap_or("").trim_start().starts_with('[');
    faults.syntax(span, format!("`{name}` is there already"), "keep one of the two, or give this one another name");
    if header {
        let after = text.get(line.end..).unwrap_or("");
        faults.pass_over(line.end..line.end + header_after(after).unwrap_or(after.len()));
    }
}

/// `# = "@back"` is a comment, and its choice would be missing without a word.
fn comments_that_are_keys(text: &str, faults: &mut Faults) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim();
        if content.strip_prefix('#').is_some_and(|rest| rest.trim_start().starts_with("= \"")) {
            let begin = start + (line.len() - line.trim_start().len());
            let what = "this line is a comment, because it begins with `#`";
            faults.warning(&(begin..begin + content.len()), what, "the key # stands in quotes: \"#\" = \"@back\"");
        }
        start += line.len();
    }
}

fn place(error: &Error) -> Range<usize> {
    error.span().unwrap_or(0..0)
}

/// The line that a place lies in, with its end.
fn line_at(text: &str, at: usize) -> Range<usize> {
    let at = at.min(text.len());
    let bytes = text.as_bytes();
    let before = bytes.iter().take(at).rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let after = bytes.iter().skip(at).position(|byte| *byte == b'\n').map_or(text.len(), |newline| at + newline + 1);
    before..after
}

/// Where the next table begins.
fn header_after(text: &str) -> Option<usize> {
    if text.starts_with('[') { Some(0) } else { text.find("\n[").map(|newline| newline + 1) }
}

fn trimmed(text: &str, range: &Range<usize>) -> Range<usize> {
    let whole = text.get(range.clone()).unwrap_or("");
    let start = range.start + (whole.len() - whole.trim_start().len());
    start..(start + whole.trim().lines().next().unwrap_or("").len())
}
