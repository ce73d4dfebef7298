//! The faults of one script, gathered while it is read and checked.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;

use crate::facts::Fault;

/// So many faults of a script are shown; the rest are counted.
pub const MOST_FAULTS: usize = 100;

/// So many are kept while the script is read: those at its beginning are not known before its end is.
const MOST_KEPT: usize = 2_000;

/// Gathers faults, none twice at one place.
pub(super) struct Faults {
    file: String,
    source: Arc<str>,
    kept: Vec<Fault>,
    seen: HashSet<(usize, String)>,
    more: usize,
    line_starts: Vec<usize>,
    broken_lines: BTreeSet<usize>,
}

impl Faults {
    pub(super) fn new(file: &str, text: &str) -> Faults {
        let after_newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Faults {
            file: file.into(),
            source: text.into(),
            kept: Vec::new(),
            seen: HashSet::new(),
            more: 0,
            line_starts: std::iter::once(0).chain(after_newlines).collect(),
            broken_lines: BTreeSet::new(),
        }
    }

    /// A mistake of TOML itself. What else is wrong on its line is not spoken of: it follows from this.
    pub(super) fn syntax(&mut self, span: Range<usize>, message: String, hint: &str) {
        if self.silent(span.start) {
            return;
        }
        self.broken_lines.insert(self.line_of(span.start));
        self.keep(Fault::error(&self.file, &self.source, span, message).hint(hint));
    }

    /// What is wrong here is not spoken of: it follows from something else.
    pub(super) fn pass_over(&mut self, range: Range<usize>) {
        let lines = self.line_of(range.start)..=self.line_of(range.end.saturating_sub(1));
        self.broken_lines.extend(lines);
    }

    /// Whether the script is not TOML throughout.
    pub(super) fn is_broken(&self) -> bool {
        !self.broken_lines.is_empty()
    }

    pub(super) fn error(&mut self, span: &Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        let fault = Fault::error(&self.file, &self.source, span.clone(), message);
        self.push(fault, hint.into());
    }

    pub(super) fn warning(&mut self, span: &Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        let fault = Fault::warning(&self.file, &self.source, span.clone(), message);
        self.push(fault, hint.into());
    }

    /// Whether TOML itself is wrong somewhere from `span`'s line on, before the line of `end`.
    pub(super) fn broken_between(&self, start: usize, end: usize) -> bool {
        self.broken_lines.range(self.line_of(start)..=self.line_of(end.saturating_sub(1))).next().is_some()
    }

    /// Whether another fault would still be shown: only then is it worth a search for what was meant.
    pub(super) fn has_room(&self) -> bool {
        self.kept.len() < MOST_KEPT
    }

    /// All of them by place, at most [`MOST_FAULTS`] and one that counts the rest; errors before warnings at that
    /// border. True if there is an error.
    pub(super) fn finish(mut self) -> (Vec<Fault>, bool) {
        let failed = self.kept.iter().any(Fault::is_error);
        self.kept.sort_by_key(|fault| (!fault.is_error(), fault.span.start));
        let more = self.more + self.kept.len().saturating_sub(MOST_FAULTS);
        self.kept.truncate(MOST_FAULTS);
        self.kept.sort_by_key(|fault| fault.span.start);
        if more > 0 {
            let message = format!("and {more} more faults, which are not shown");
            let hint = "mend the first ones; many of the others may follow from them";
            let rest = if failed { Fault::error } else { Fault::warning };
            let at = self.source.len();
            self.kept.push(rest(&self.file, &self.source, at..at, message).hint(hint));
        }
        (self.kept, failed)
    }

    fn push(&mut self, fault: Fault, hint: String) {
        if !self.silent(fault.span.start) {
            self.keep(if hint.is_empty() { fault } else { fault.hint(hint) });
        }
    }

    fn keep(&mut self, fault: Fault) {
        if self.kept.len() >= MOST_KEPT {
            self.more += 1;
        } else if self.seen.insert((fault.span.start, fault.message.clone())) {
            self.kept.push(fault);
        }
    }

    fn silent(&self, at: usize) -> bool {
        self.broken_lines.contains(&self.line_of(at))
    }

    fn line_of(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }
}
