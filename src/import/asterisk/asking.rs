//! Where a dialplan waits for keys: the choices of a context, the digits of a `Read`, and what comes of silence and of wrong keys.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::super::dialplan::{Priority, keys};
use super::super::draft::{Asking, Body, Goal, Key, plain};
use super::{At, MOST_PASSED, Reading, seconds, sounds, text_read_aloud, timeout};

/// `Read` takes at most so many digits here.
const MOST_DIGITS: u8 = 32;

/// A question that a place leads to, with what is said on the way.
struct Led {
    question: At,
    said: Vec<String>,
}

enum Failed {
    Again,
    Elsewhere(At),
    Nowhere,
}

impl Reading<'_> {
    pub(super) fn has_choices(&self, context: &str) -> bool {
        self.context(context).is_some_and(|context| context.extensions.keys().any(|name| !keys(name).is_empty()))
    }

    /// A menu of the context's extensions.
    pub(super) fn menu(&mut self, from: &At, name: &str, wait: &At, said: Vec<String>) {
        let Some(context) = self.context(&wait.context) else { return self.hang_up(from, name, said) };
        let mut choices = BTreeMap::new();
        // What is written stands before what a pattern means.
        let mut extensions: Vec<&String> = context.extensions.keys().collect();
        extensions.sort_by_key(|extension| extension.starts_with('_'));
        for extension in extensions {
            for key in keys(extension).iter().filter_map(|key| Key::of(&key.to_string())) {
                if let Entry::Vacant(choice) = choices.entry(key) {
                    let at = At { context: wait.context.clone(), extension: extension.clone(), place: 0 };
                    choice.insert(Goal::Step(self.step(&at)));
                }
            }
        }
        if choices.is_empty() {
            self.leave(wait, "its context has no extension of one key: nothing can be chosen, the call ends there");
            return self.hang_up(from, name, said);
        }
        self.asking.insert(wait.context.clone());
        let mut asking = Asking { first_key: self.waiting(wait), between_keys: None, ..Asking::default() };
        let message = self.draft.message(name, &said);
        let elsewhere =
            |extension: &str| At { context: wait.context.clone(), extension: extension.to_owned(), place: 0 };
        let silent = self.after_failure(&elsewhere("t"), wait, &message, "no-input");
        let wrong = self.after_failure(&elsewhere("i"), wait, &message, "no-match");
        asking.no_input_tries = (!matches!(silent, Failed::Again)).then_some(1);
        asking.no_match_tries = (!matches!(wrong, Failed::Again)).then_some(1);
        let end = |reading: &mut Self, failed: &Failed| match failed {
            Failed::Again => None,
            Failed::Elsewhere(at) => Some(reading.step(at)),
            // Asterisk hangs up where there is no such extension.
            Failed::Nowhere => Some(reading.end(wait)),
        };
        let of_silence = end(self, &silent);
        asking.gave_up = match (&of_silence, &wrong) {
            (Some(step), Failed::Elsewhere(at)) => {
                if self.steps.get(&self.settled(at)) != Some(step) {
                    self.leave(&elsewhere("i"), "giving up leads to one step, and `t` leads elsewhere: it leads there");
                }
                step.clone()
            }
            (Some(step), _) => step.clone(),
            (None, _) => end(self, &wrong).unwrap_or_else(|| self.end(wait)),
        };
        // Giving up into the question itself would have no end.
        if asking.gave_up == name {
            asking.gave_up = self.end(wait);
        }
        let span = self.span(from);
        self.draft.add(name, span, Body::Menu { message, choices, asking });
    }

    /// A step that hangs up.
    fn end(&mut self, at: &At) -> String {
        let after = At { context: at.context.clone(), extension: at.extension.clone(), place: usize::MAX };
        if let Some(name) = self.steps.get(&after) {
            return name.clone();
        }
        let name = self.draft.name(&format!("{}-end", at.context));
        let span = self.span(at);
        self.draft.add(&name, span, Body::HangUp { message: None });
        self.steps.insert(after, name.clone());
        name
    }

    /// What comes of a failure: the same question again, with a text about it, or another place.
    fn after_failure(&mut self, at: &At, question: &At, message: &str, attribute: &'static str) -> Failed {
        if self.priority(at).is_none() {
            return Failed::Nowhere;
        }
        match self.led(at) {
            Some(led) if led.question == *question => {
                self.failure_text(message, attribute, led.said);
                Failed::Again
            }
            _ => Failed::Elsewhere(at.clone()),
        }
    }

    fn failure_text(&mut self, message: &str, attribute: &'static str, said: Vec<String>) {
        if !said.is_empty() {
            let text = said.join(", ");
            let second = if attribute == "no-input" { "no-input-2" } else { "no-match-2" };
            self.draft.attribute(message, attribute, text.clone());
            self.draft.attribute(message, second, text);
        }
    }

    /// The question that a place leads to; what `Playback` says before it, but not the question's own words.
    fn led(&self, from: &At) -> Option<Led> {
        let mut at = from.clone();
        let mut said = Vec::new();
        for _ in 0..MOST_PASSED {
            let Some(priority) = self.priority(&at) else {
                // The question that stands at an extension's end.
                return Some(Led { question: at, said });
            };
            match priority.application.as_str() {
                "waitexten" | "read" => return Some(Led { question: at, said }),
                "goto" => {
                    at = self.place(&at, &priority.arguments)?;
                    continue;
                }
                // The greeting that is said again is no word about the mistake.
                "playback" if at.extension == from.extension && at.context == from.context => {
                    said.extend(sounds(priority.arguments.first()));
                }
                "hangup" | "dial" => return None,
                _ if at.extension == from.extension && at.context == from.context => {
                    let text = text_read_aloud(priority).filter(|text| !text.contains('$'));
                    said.extend(text.map(plain));
                }
                _ => {}
            }
            at = at.next();
        }
        None
    }

    /// How long the first key is waited for: `WaitExten`'s own time, or `TIMEOUT(response)` of the context.
    fn waiting(&mut self, wait: &At) -> Option<u64> {
        let own = self.priority(wait).and_then(|priority| priority.arguments.first()).and_then(|text| seconds(text));
        let of_context = || {
            let all = self.context(&wait.context)?.extensions.values().flatten();
            all.filter_map(timeout).next()
        };
        own.or_else(of_context)
    }

    /// A `Read`: digits to keep, or a choice where `GotoIf`s about it follow.
    pub(super) fn read(&mut self, from: &At, name: &str, at: &At, priority: &Priority) {
        let argument = |place: usize| priority.arguments.get(place).map(String::as_str).unwrap_or("").trim();
        let variable = argument(0);
        let most = argument(2).parse::<u8>().ok().filter(|most| *most > 0).unwrap_or(MOST_DIGITS).min(MOST_DIGITS);
        if !argument(3).is_empty() {
            self.leave(at, "its options are not carried");
        }
        let attempts = argument(4).parse::<u8>().ok().filter(|attempts| (1..=9).contains(attempts)).unwrap_or(1);
        let mut asking = Asking {
            first_key: seconds(argument(5)),
            tries: Some(attempts),
            no_input_tries: Some(attempts),
            no_match_tries: Some(attempts),
            ..Asking::default()
        };
        let message = self.draft.message(name, &sounds(priority.arguments.get(1)));
        let span = self.span(from);
        let (choices, after) = if most == 1 { self.choices(at, variable) } else { (BTreeMap::new(), at.next()) };
        if choices.is_empty() {
            let then = self.step(&at.next());
            // Giving up into the question itself would have no end.
            asking.gave_up = if then == name { self.end(at) } else { then.clone() };
            let store = self.slot(variable);
            self.draft.add(name, span, Body::Ask { message, most, store, then: Goal::Step(then), asking });
            return;
        }
        // Where no condition holds the call goes on behind them: back to the question, as a rule.
        match self.led(&after) {
            Some(led) if led.question == *at => {
                (asking.tries, asking.no_input_tries, asking.no_match_tries) = (None, None, None);
                self.failure_text(&message, "no-match", led.said);
                asking.gave_up = self.end(at);
            }
            _ => asking.gave_up = self.step(&after),
        }
        // Giving up into the question itself would have no end.
        if asking.gave_up == name {
            asking.gave_up = self.end(at);
        }
        self.draft.add(name, span, Body::Menu { message, choices, asking });
    }

    /// The choices of `GotoIf`s about a variable, and the place behind them.
    fn choices(&mut self, read: &At, variable: &str) -> (BTreeMap<Key, Goal>, At) {
        let mut choices = BTreeMap::new();
        let mut at = read.next();
        while let Some(priority) = self.priority(&at) {
            if matches!(priority.application.as_str(), "noop" | "verbose") {
                at = at.next();
                continue;
            }
            let condition = (priority.application == "gotoif").then(|| priority.arguments.join(","));
            let Some((key, yes, no)) = condition.as_deref().and_then(|text| equals(text, variable)) else { break };
            let (Some(target), None) = (self.branch(&at, yes), no) else {
                let Some(target) = self.branch(&at, yes) else {
                    self.leave(&at, "there is no such place in this file");
                    at = at.next();
                    continue;
                };
                // With another branch the conditions end here.
                let Some(otherwise) = no.and_then(|no| self.branch(&at, no)) else { break };
                let step = self.step(&target);
                choices.entry(key).or_insert(Goal::Step(step));
                return (choices, otherwise);
            };
            let step = self.step(&target);
            choices.entry(key).or_insert(Goal::Step(step));
            at = at.next();
        }
        (choices, at)
    }

    /// A slot's name for a variable: the same for the same variable.
    fn slot(&mut self, variable: &str) -> String {
        let slot: String =
            variable.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).take(60).collect();
        if slot.is_empty() { "digits".to_owned() } else { slot.to_ascii_lowercase() }
    }
}

/// `$["${choice}" = "1"]?yes:no`: the key, and where it leads.
fn equals<'t>(text: &'t str, variable: &str) -> Option<(Key, &'t str, Option<&'t str>)> {
    let (condition, branches) = text.split_once('?')?;
    let inner = condition.trim().strip_prefix("$[")?.strip_suffix(']')?;
    let (left, right) = inner.split_once('=')?;
    let bare = |text: &'t str| text.trim_start_matches('=').trim().trim_matches('"').trim();
    let (left, right) = (bare(left), bare(right));
    let wanted = format!("${{{variable}}}");
    let value = if left == wanted {
        right
    } else if right == wanted {
        left
    } else {
        return None;
    };
    let (yes, no) = branches.split_once(':').map_or((branches, None), |(yes, no)| (yes, Some(no)));
    Some((Key::of(value)?, yes.trim(), no.map(str::trim).filter(|no| !no.is_empty())))
}
