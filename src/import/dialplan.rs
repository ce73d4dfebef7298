//! The lines of Asterisk's `extensions.conf`: contexts, their extensions, their priorities, with labels.
//!
//! ```text
//!   [main]                                   a context
//!   exten => s,1,Answer()                    extension, priority, application
//!    same => n(ask),Background(main-menu)    the same extension, the next priority, with a label
//! ```

use std::collections::BTreeMap;
use std::ops::Range;

use super::draft::{Draft, short};

/// So many priorities of a file are read.
const MOST_PRIORITIES: usize = 20_000;

/// One application of an extension.
#[derive(Clone, Debug)]
pub(super) struct Priority {
    pub(super) span: Range<usize>,
    pub(super) number: u64,
    pub(super) label: Option<String>,
    /// In small letters.
    pub(super) application: String,
    pub(super) arguments: Vec<String>,
    /// As it is written.
    pub(super) written: String,
}

/// The priorities of an extension, in their order.
pub(super) type Extension = Vec<Priority>;

#[derive(Clone, Debug, Default)]
pub(super) struct Context {
    pub(super) extensions: BTreeMap<String, Extension>,
    /// The extension that stands first.
    pub(super) first: Option<String>,
    /// Contexts whose extensions are this one's too, where it has none of the name.
    included: Vec<(String, Range<usize>)>,
}

impl Context {
    /// What is dialled here: the extension of that name, or else the first pattern that fits.
    pub(super) fn dialled(&self, extension: &str) -> Option<(&String, &Extension)> {
        let patterns = || self.extensions.iter().find(|(name, _)| fits(name, extension));
        self.extensions.get_key_value(extension).or_else(patterns)
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Dialplan {
    pub(super) contexts: BTreeMap<String, Context>,
    /// In the order of the file.
    pub(super) order: Vec<String>,
}

impl Dialplan {
    /// Where calls begin in a context: at `s`, or at what stands first.
    pub(super) fn beginning(&self, context: &str) -> (String, String) {
        let first = self
            .contexts
            .get(context)
            .and_then(|one| if one.extensions.contains_key("s") { Some("s".to_owned()) } else { one.first.clone() });
        (context.to_owned(), first.unwrap_or_default())
    }

    /// Where calls begin: in the first context with an `s` that is no macro; without one, in the first extension that asks, but
    /// for those that are a key of another; else in the first there is.
    pub(super) fn beginning_of_calls(&self) -> Option<(String, String)> {
        let contexts = || self.order.iter().filter_map(|name| Some((name, self.contexts.get(name)?)));
        let with_s =
            contexts().find(|(name, context)| !name.starts_with("macro-") && context.extensions.contains_key("s"));
        if let Some((name, _)) = with_s {
            return Some((name.clone(), "s".to_owned()));
        }
        let asks = |extension: &Extension| {
            let asking = |priority: &&Priority| matches!(priority.application.as_str(), "waitexten" | "read");
            extension.iter().find(asking).map(|priority| priority.span.start)
        };
        let asking = contexts().flat_map(|(name, context)| {
            let extensions = context.extensions.iter().filter(|(extension, _)| keys(extension).is_empty());
            extensions.filter_map(move |(extension, priorities)| Some((asks(priorities)?, name, extension)))
        });
        let first = asking.min_by_key(|(at, ..)| *at).map(|(_, name, extension)| (name.clone(), extension.clone()));
        first.or_else(|| {
            let (name, _) = contexts().find(|(_, context)| !context.extensions.is_empty())?;
            Some(self.beginning(name))
        })
    }
}

/// Reads the lines of a dialplan, and tells of those that are none.
pub(super) fn read(text: &str, draft: &mut Draft) -> Dialplan {
    let mut reading = Reading { plan: Dialplan::default(), context: None, extension: None, count: 0 };
    let mut start = 0;
    let mut in_comment = false;
    for line in text.split_inclusive('\n') {
        let content = uncommented(line, &mut in_comment);
        let trimmed = content.trim().trim_start_matches('\u{feff}');
        if !trimmed.is_empty() {
            let lead = line.len() - line.trim_start().len();
            let span = start + lead..start + line.trim_end().len().max(lead);
            reading.line(trimmed, span, draft);
        }
        start += line.len();
    }
    let mut plan = reading.plan;
    for extension in plan.contexts.values_mut().flat_map(|context| context.extensions.values_mut()) {
        extension.sort_by_key(|priority| priority.number);
    }
    include(&mut plan, draft);
    plan
}

/// Gives each context the extensions of those it includes, nearest first, as far as a file may be long.
fn include(plan: &mut Dialplan, draft: &mut Draft) {
    let (written, mut room) = (plan.contexts.clone(), MOST_PRIORITIES);
    for (name, context) in &mut plan.contexts {
        let mut open: Vec<(String, Range<usize>)> = context.included.iter().rev().cloned().collect();
        let mut met = vec![name.clone()];
        while let Some((other, span)) = open.pop() {
            if met.contains(&other) {
                continue;
            }
            let Some(found) = written.get(&other) else {
                draft.leave(span, format!("include => {}", short(&other)), "there is no such context in this file");
                continue;
            };
            for (extension, priorities) in &found.extensions {
                if !context.extensions.contains_key(extension) && room >= priorities.len() {
                    room -= priorities.len();
                    context.extensions.insert(extension.clone(), priorities.clone());
                }
            }
            open.extend(found.included.iter().rev().cloned());
            met.push(other);
        }
    }
}

struct Reading {
    plan: Dialplan,
    context: Option<String>,
    extension: Option<String>,
    count: usize,
}

impl Reading {
    fn line(&mut self, line: &str, span: Range<usize>, draft: &mut Draft) {
        if let Some(rest) = line.strip_prefix('[') {
            let name = rest.split(']').next().unwrap_or("").trim().to_owned();
            self.extension = None;
            self.context = (!matches!(name.as_str(), "general" | "globals")).then(|| name.clone());
            if self.context.is_some() && !self.plan.contexts.contains_key(&name) {
                self.plan.order.push(name.clone());
                self.plan.contexts.insert(name, Context::default());
            }
            return;
        }
        if line.starts_with('#') {
            return draft.leave(span, short(line), "other files are not read: put their contexts into this one");
        }
        let Some((word, value)) = line.split_once('=') else {
            return draft.leave(span, short(line), "this is no line of a dialplan");
        };
        let value = value.strip_prefix('>').unwrap_or(value).trim();
        // What stands in [general] and [globals], or before any context, is of no menu.
        if self.context.is_none() {
            return;
        }
        match word.trim() {
            "exten" => match value.split_once(',') {
                Some((extension, rest)) => {
                    self.extension = Some(extension.split('/').next().unwrap_or("").trim().to_owned());
                    self.priority(rest, span, line, draft);
                }
                None => draft.leave(span, short(line), "an extension, a priority and an application are expected"),
            },
            "same" => self.priority(value, span, line, draft),
            "include" => {
                let (name, times) = value.split_once(',').unwrap_or((value, ""));
                if !times.is_empty() {
                    draft.leave(span.clone(), short(line), "its times are not carried: it is included at all times");
                }
                let context = self.context.as_ref().and_then(|context| self.plan.contexts.get_mut(context));
                context.into_iter().for_each(|context| context.included.push((name.trim().to_owned(), span.clone())));
            }
            _ => draft.leave(span, short(line), "lines of `exten` and `same` alone are carried"),
        }
    }

    fn priority(&mut self, rest: &str, span: Range<usize>, line: &str, draft: &mut Draft) {
        let Some(name) = self.extension.clone() else {
            return draft.leave(span, short(line), "`same` stands after an `exten`");
        };
        let Some(context) = self.context.as_ref().and_then(|context| self.plan.contexts.get_mut(context)) else {
            return;
        };
        if self.count >= MOST_PRIORITIES {
            return draft.leave(span, short(line), format!("{MOST_PRIORITIES} lines of a dialplan are read"));
        }
        let (priority, application) = rest.split_once(',').unwrap_or((rest, ""));
        let (number, label) = priority.split_once('(').unwrap_or((priority, ""));
        let label = label.split(')').next().map(str::trim).filter(|label| !label.is_empty()).map(str::to_owned);
        context.first.get_or_insert_with(|| name.clone());
        let extension = context.extensions.entry(name).or_default();
        let number = match number.trim() {
            "hint" => return,
            "n" => extension.last().map_or(1, |last| last.number.saturating_add(1)),
            number => match number.parse() {
                Ok(number) => number,
                Err(_) => return draft.leave(span, short(line), "a priority is a number or `n`"),
            },
        };
        let (application, arguments) = called(application.trim());
        self.count += 1;
        extension.push(Priority { span, number, label, application, arguments, written: short(line) });
    }
}

/// An application and its arguments: `Read(choice,menu&menu2,1)`.
fn called(text: &str) -> (String, Vec<String>) {
    let (name, rest) = text.split_once('(').unwrap_or((text, ""));
    let rest = rest.trim_end();
    let inner = rest.strip_suffix(')').unwrap_or(rest);
    (name.trim().to_ascii_lowercase(), arguments(inner))
}

/// Arguments between commas that stand in no brackets and no quotes.
fn arguments(text: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let (mut depth, mut quoted) = (0_usize, false);
    for symbol in text.chars() {
        match symbol {
            '"' => quoted = !quoted,
            '(' | '{' | '[' if !quoted => depth += 1,
            ')' | '}' | ']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if symbol == ',' && depth == 0 && !quoted {
            all.push(String::new());
        } else if let Some(last) = all.last_mut() {
            last.push(symbol);
        }
    }
    all.iter().map(|argument| argument.trim().to_owned()).collect()
}

/// A line without its comments: `; to the end`, and `;-- to --;` over lines. `\;` is a semicolon.
fn uncommented(line: &str, in_comment: &mut bool) -> String {
    let mut content = String::new();
    let mut rest = line;
    loop {
        if *in_comment {
            let Some((_, after)) = rest.split_once("--;") else { return content };
            *in_comment = false;
            rest = after;
        }
        let Some((before, after)) = rest.split_once(';') else {
            content.push_str(rest);
            return content;
        };
        if let Some(before) = before.strip_suffix('\\') {
            content.push_str(before);
            content.push(';');
            rest = after;
        } else if let Some(inside) = after.strip_prefix("--").filter(|inside| !inside.starts_with('-')) {
            content.push_str(before);
            *in_comment = true;
            rest = inside;
        } else {
            content.push_str(before);
            return content;
        }
    }
}

/// The keys that an extension of one key stands for: `1`, `#`, `_X`, `_[1-3]`; none if it is longer.
pub(super) fn keys(extension: &str) -> Vec<char> {
    let Some(pattern) = extension.strip_prefix('_') else {
        let mut symbols = extension.chars();
        let key = symbols.next().filter(|c| c.is_ascii_digit() || "*#ABCDabcd".contains(*c));
        return if symbols.next().is_none() { key.into_iter().collect() } else { Vec::new() };
    };
    match pattern {
        "X" | "x" => ('0'..='9').collect(),
        "Z" | "z" => ('1'..='9').collect(),
        "N" | "n" => ('2'..='9').collect(),
        _ => {
            let set = pattern.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or("");
            let symbols: Vec<char> = set.chars().take(20).collect();
            let mut keys = Vec::new();
            let mut at = 0;
            while let Some(first) = symbols.get(at).copied() {
                match (symbols.get(at + 1), symbols.get(at + 2)) {
                    (Some('-'), Some(last)) if first.is_ascii_digit() && last.is_ascii_digit() => {
                        keys.extend(first..=*last);
                        at += 3;
                    }
                    _ => {
                        keys.extend(Some(first).filter(|c| c.is_ascii_digit() || "*#".contains(*c)));
                        at += 1;
                    }
                }
            }
            keys
        }
    }
}

/// Whether a pattern (`_11XX`, `_9.`) fits what is dialled.
fn fits(pattern: &str, dialled: &str) -> bool {
    let Some(mut pattern) = pattern.strip_prefix('_') else { return false };
    let mut dialled = dialled.chars();
    loop {
        let mut symbols = pattern.chars();
        let (Some(wanted), rest) = (symbols.next(), symbols.as_str()) else { return dialled.next().is_none() };
        if wanted == '!' {
            return true;
        }
        let Some(symbol) = dialled.next() else { return false };
        let (good, rest) = match wanted {
            '.' => return true,
            'X' | 'x' => (symbol.is_ascii_digit(), rest),
            'Z' | 'z' => (('1'..='9').contains(&symbol), rest),
            'N' | 'n' => (('2'..='9').contains(&symbol), rest),
            '[' => {
                let Some((set, rest)) = rest.split_once(']') else { return false };
                (keys(&format!("_[{set}]")).contains(&symbol), rest)
            }
            other => (symbol == other, rest),
        };
        if !good {
            return false;
        }
        pattern = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_what_can_be_dialled() {
        for (pattern, dialled, good) in [
            ("_11XX", "1106", true),
            ("_11XX", "1206", false),
            ("_11XX", "110", false),
            ("_[1-3]N", "29", true),
            ("_[1-3]N", "21", false),
            ("_9.", "91", true),
            ("_9.", "9", false),
            ("_9!", "9", true),
            ("9", "9", false),
        ] {
            assert_eq!(fits(pattern, dialled), good, "{pattern} {dialled}");
        }
    }
}
