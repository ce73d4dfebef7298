//! What the contexts of a dialplan do with a caller, as steps.
//!
//! A call is followed from application to application. Where it waits for keys a question is made: `Background` and
//! `WaitExten` are a `menu` of the context's extensions of one key, `Read` an `ask`, and a `Read` of one key with `GotoIf`s
//! about it a `menu`.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::dialplan::{self, Context, Dialplan, Extension, Priority, keys};
use super::draft::{Asking, Body, Draft, Goal, Key, address, plain, short, sound, within_bounds};

/// So many applications without a step of their own may follow one another.
const MOST_PASSED: usize = 200;
/// `Read` takes at most so many digits here.
const MOST_DIGITS: u8 = 32;

/// An application's place: context, extension, place in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    context: String,
    extension: String,
    place: usize,
}

impl At {
    fn next(&self) -> At {
        At { place: self.place + 1, ..self.clone() }
    }
}

/// Reads the contexts of a text.
///
/// # Errors
/// There is none, or none of the name `start`: what is wrong, and how to mend it.
pub(super) fn read(text: &str, start: Option<&str>) -> Result<Draft, (String, String)> {
    let mut draft = Draft::default();
    let plan = dialplan::read(text, &mut draft);
    let full = |name: &&String| plan.contexts.get(*name).is_some_and(|context| !context.extensions.is_empty());
    let has_s = |name: &&String| plan.contexts.get(*name).is_some_and(|context| context.extensions.contains_key("s"));
    let found = match start {
        Some(start) => plan.order.iter().filter(full).find(|name| *name == start),
        None => plan.order.iter().find(has_s).or_else(|| plan.order.iter().find(full)),
    };
    let Some(context) = found else {
        let known: Vec<String> = plan.order.iter().filter(full).take(20).map(|name| short(name)).collect();
        return Err(match start {
            Some(start) if !known.is_empty() => (
                format!("there is no context `{}` with extensions", short(start)),
                format!("there are: {}", known.join(", ")),
            ),
            _ => (
                "there is no context with extensions in this file".to_owned(),
                "a dialplan has [a-context] and lines as exten => s,1,Answer()".to_owned(),
            ),
        });
    };
    let first = plan.contexts.get(context).and_then(|context| {
        if context.extensions.contains_key("s") { Some("s".to_owned()) } else { context.first.clone() }
    });
    let at = At { context: context.clone(), extension: first.unwrap_or_default(), place: 0 };
    let mut reading =
        Reading { plan: &plan, draft, steps: BTreeMap::new(), open: VecDeque::new(), told: BTreeSet::new() };
    reading.draft.name = reading.draft.name(context);
    reading.draft.start = reading.step(&at);
    while let Some((at, name)) = reading.open.pop_front() {
        if reading.draft.is_full() {
            let span = reading.priority(&at).map_or(0..0, |priority| priority.span.clone());
            reading.draft.leave(span, "what follows here", "the menu has too many steps already: the call ends there");
            continue;
        }
        reading.make(&at, &name);
    }
    reading.tell_unread();
    Ok(reading.draft)
}

struct Reading<'p> {
    plan: &'p Dialplan,
    draft: Draft,
    /// The step that begins at each place.
    steps: BTreeMap<At, String>,
    /// Those that are named and not made yet.
    open: VecDeque<(At, String)>,
    /// Lines that were told of, and contexts whose extensions were.
    told: BTreeSet<(String, String, usize)>,
}

/// A question that a place leads to, with what is said on the way.
struct Led {
    question: At,
    said: Vec<String>,
}

impl<'p> Reading<'p> {
    fn context(&self, name: &str) -> Option<&'p Context> {
        self.plan.contexts.get(name)
    }

    fn extension(&self, at: &At) -> Option<&'p Extension> {
        self.context(&at.context)?.extensions.get(&at.extension)
    }

    fn priority(&self, at: &At) -> Option<&'p Priority> {
        self.extension(at)?.get(at.place)
    }

    /// The name of the step that begins at a place; it is made later.
    fn step(&mut self, named: &At) -> String {
        let at = &self.settled(named);
        if let Some(name) = self.steps.get(at) {
            return name.clone();
        }
        let label = self.priority(at).and_then(|priority| priority.label.clone());
        // Named as the place that leads there first, where that is an extension's beginning.
        let at_name = if named.place == 0 { named } else { at };
        let wanted = match (label, at_name.place, at_name.extension.as_str()) {
            (Some(label), _, _) => format!("{}-{label}", at_name.context),
            (None, 0, "s") => at_name.context.clone(),
            (None, 0, extension) => {
                format!("{}-{}", at_name.context, extension.replace('*', "star").replace('#', "pound"))
            }
            (None, place, extension) => format!("{}-{extension}-{}", at_name.context, place + 1),
        };
        let name = self.draft.name(&wanted);
        self.steps.insert(at.clone(), name.clone());
        self.open.push_back((at.clone(), name.clone()));
        name
    }

    /// The same place, behind what makes no step: two ways to one question are one step.
    fn settled(&self, at: &At) -> At {
        let mut settled = at.clone();
        for _ in 0..MOST_PASSED {
            let Some(priority) = self.priority(&settled) else { break };
            settled = match priority.application.as_str() {
                "answer" | "noop" | "verbose" | "progress" | "ringing" => settled.next(),
                "goto" => match self.place(&settled, &priority.arguments) {
                    Some(target) => target,
                    None => break,
                },
                _ => break,
            };
        }
        settled
    }

    /// Tells of a line once.
    fn leave(&mut self, at: &At, why: &str) {
        let key = (at.context.clone(), at.extension.clone(), at.place);
        if let Some(priority) = self.priority(at)
            && self.told.insert(key)
        {
            self.draft.leave(priority.span.clone(), priority.written.clone(), why);
        }
    }

    /// The place that a `Goto`'s arguments name.
    fn place(&self, from: &At, arguments: &[String]) -> Option<At> {
        let (context, extension, priority) = match arguments {
            [priority] => (from.context.clone(), from.extension.clone(), priority),
            [extension, priority] => (from.context.clone(), extension.clone(), priority),
            [context, extension, priority] => (context.clone(), extension.clone(), priority),
            _ => return None,
        };
        let priorities = self.context(&context)?.extensions.get(&extension)?;
        let place = match priority.parse::<u64>() {
            Ok(number) => priorities.iter().position(|one| one.number == number)?,
            Err(_) => priorities.iter().position(|one| one.label.as_ref() == Some(priority))?,
        };
        Some(At { context, extension, place })
    }

    /// A place as a `GotoIf` writes it: `label`, `ext,1`, `ctx,ext,1`.
    fn branch(&self, from: &At, text: &str) -> Option<At> {
        let arguments: Vec<String> = text.split(',').take(4).map(|part| part.trim().to_owned()).collect();
        self.place(from, &arguments)
    }

    /// Makes the step that begins at a place.
    fn make(&mut self, from: &At, name: &str) {
        let mut at = from.clone();
        let mut said: Vec<String> = Vec::new();
        // Where the sounds began that a key cuts short.
        let mut cut_short = None;
        for _ in 0..MOST_PASSED {
            let Some(priority) = self.priority(&at) else {
                // The end of an extension: Asterisk hangs up, but takes a key first where something is said for that.
                if cut_short.is_some() && self.has_choices(&at.context) {
                    return self.menu(from, name, &at, said);
                }
                return self.hang_up(from, name, said);
            };
            match priority.application.as_str() {
                "background" => {
                    cut_short.get_or_insert_with(|| at.clone());
                    said.extend(sounds(priority.arguments.first()));
                }
                "waitexten" => return self.menu(from, name, &at, said),
                "playback" | "saydigits" | "saynumber" | "sayalpha" => match self.spoken(&at, priority) {
                    Some(sounds) if cut_short.is_none() => said.extend(sounds),
                    // A new step: the keys before it do what they may, those in it nothing.
                    Some(_) => return self.say(from, name, &at, said, true),
                    None => {}
                },
                "read" if said.is_empty() => return self.read(from, name, &at, priority),
                "read" => return self.say(from, name, &at, said, cut_short.is_some()),
                "hangup" => return self.hang_up(from, name, said),
                "goto" => match self.place(&at, &priority.arguments) {
                    Some(target) if said.is_empty() => {
                        at = target;
                        continue;
                    }
                    Some(target) => return self.say(from, name, &target, said, cut_short.is_some()),
                    None => {
                        self.leave(&at, "there is no such place in this file: the call ends there");
                        return self.hang_up(from, name, said);
                    }
                },
                "dial" if said.is_empty() => {
                    if let Some(to) = priority.arguments.first().and_then(|dialled| address(dialled)) {
                        return self.dial(name, &at, to);
                    }
                    self.leave(&at, "whom it dials is set up elsewhere: write a `transfer` step with the SIP address");
                }
                "dial" => return self.say(from, name, &at, said, cut_short.is_some()),
                _ => self.pass(&at, priority),
            }
            at = at.next();
        }
        self.leave(from, "so much follows here without a question that the call ends there");
        self.hang_up(from, name, said);
    }

    /// Applications that make no step: those that a call does by itself here, and those that are not carried.
    fn pass(&mut self, at: &At, priority: &Priority) {
        let why = match priority.application.as_str() {
            "answer" | "noop" | "verbose" | "progress" | "ringing" => return,
            "set" if timeout(priority).is_some() => return,
            "gotoif" => "conditions are not carried: the call goes on in the next line",
            "wait" => "a silence of its own: let the recording begin with it",
            "set" => "a menu has no variables",
            _ => "a menu has no such application: it is passed over",
        };
        self.leave(at, why);
    }

    /// What `Playback` and the like say; none if that is known only in a call.
    fn spoken(&mut self, at: &At, priority: &Priority) -> Option<Vec<String>> {
        let first = priority.arguments.first();
        if priority.application == "playback" {
            return Some(sounds(first));
        }
        let said = first.map(String::as_str).unwrap_or("");
        if said.is_empty() || said.contains('$') {
            self.leave(at, "a value of the call: only what the records say of a caller is read out");
            return None;
        }
        let apart = priority.application != "saynumber";
        let text: String =
            said.chars().take(60).flat_map(|symbol| [Some(symbol), apart.then_some(' ')]).flatten().collect();
        Some(vec![plain(&text)])
    }

    fn span(&self, at: &At) -> std::ops::Range<usize> {
        self.priority(at).map_or(0..0, |priority| priority.span.clone())
    }

    fn say(&mut self, from: &At, name: &str, then: &At, said: Vec<String>, skippable: bool) {
        if skippable {
            let before = At { place: then.place.saturating_sub(1), ..then.clone() };
            self.leave(&before, "no WaitExten follows: a key in it chooses nothing, it only cuts the sound short");
        }
        let then = Goal::Step(self.step(then));
        let (message, span) = (self.draft.message(name, &said), self.span(from));
        self.draft.add(name, span, Body::Say { message, skippable, then });
    }

    fn hang_up(&mut self, from: &At, name: &str, said: Vec<String>) {
        let message = (!said.is_empty()).then(|| self.draft.message(name, &said));
        let span = self.span(from);
        self.draft.add(name, span, Body::HangUp { message });
    }

    fn dial(&mut self, name: &str, at: &At, to: String) {
        let said = plain(&format!("Dialling {}", to.trim_start_matches("sip:").replace('@', " at ")));
        let message = self.draft.message(name, &[said]);
        let (refused, span) = (self.step(&at.next()), self.span(at));
        self.draft.add(name, span, Body::Transfer { message, to, refused });
    }

    fn has_choices(&self, context: &str) -> bool {
        self.context(context).is_some_and(|context| context.extensions.keys().any(|name| !keys(name).is_empty()))
    }

    /// A menu of the context's extensions.
    fn menu(&mut self, from: &At, name: &str, wait: &At, said: Vec<String>) {
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
        self.tell_longer(&wait.context, from);
        let mut asking = Asking { first_key: self.waiting(wait), between_keys: None, ..Asking::default() };
        let message = self.draft.message(name, &said);
        let elsewhere =
            |extension: &str| At { context: wait.context.clone(), extension: extension.to_owned(), place: 0 };
        let silent = self.after_failure(&elsewhere("t"), wait, &message, "no-input");
        let wrong = self.after_failure(&elsewhere("i"), wait, &message, "no-match");
        let end = |reading: &mut Self, failed: Failed| match failed {
            Failed::Again => None,
            Failed::Elsewhere(at) => Some(reading.step(&at)),
            // Asterisk hangs up where there is no such extension.
            Failed::Nowhere => Some(reading.end(wait)),
        };
        let (silent, wrong) = (end(self, silent), end(self, wrong));
        asking.no_input_tries = silent.is_some().then_some(1);
        asking.no_match_tries = wrong.is_some().then_some(1);
        if let (Some(silent), Some(wrong)) = (&silent, &wrong)
            && silent != wrong
            && context.extensions.contains_key("i")
        {
            self.leave(&elsewhere("i"), "giving up leads to one step, and `t` leads elsewhere: it leads there");
        }
        asking.gave_up = match silent.or(wrong) {
            Some(step) => step,
            None => self.end(wait),
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
    fn read(&mut self, from: &At, name: &str, at: &At, priority: &Priority) {
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

    /// Tells of the extensions of several keys, which a menu cannot have, once a context.
    fn tell_longer(&mut self, context: &str, start: &At) {
        if !self.told.insert((context.to_owned(), String::new(), usize::MAX)) {
            return;
        }
        let names: Vec<String> =
            self.context(context).into_iter().flat_map(|one| one.extensions.keys().cloned()).collect();
        for name in names {
            let at = At { context: context.to_owned(), extension: name, place: 0 };
            let known = matches!(at.extension.as_str(), "s" | "t" | "i" | "h") || at.extension == start.extension;
            if !known && keys(&at.extension).is_empty() {
                self.leave(&at, "a choice is one key; for a number of several digits write an `ask` step");
            }
        }
    }

    /// Tells of extensions that no call came to.
    fn tell_unread(&mut self) {
        let contexts: BTreeSet<String> = self.steps.keys().map(|at| at.context.clone()).collect();
        for name in &self.plan.order {
            if contexts.contains(name) {
                continue;
            }
            let first = self.context(name).and_then(|context| context.first.clone());
            let at = At { context: name.clone(), extension: first.unwrap_or_default(), place: 0 };
            let why = "no call comes to its context from the one that calls begin in; --start NAME begins elsewhere";
            self.leave(&at, why);
        }
        let ended: Vec<At> =
            contexts.iter().map(|name| At { context: name.clone(), extension: "h".to_owned(), place: 0 }).collect();
        for at in ended {
            self.leave(&at, "nothing is done after a call has ended: the call records tell of it");
        }
    }
}

enum Failed {
    Again,
    Elsewhere(At),
    Nowhere,
}

/// The placeholders of `one&two`.
fn sounds(files: Option<&String>) -> Vec<String> {
    let files = files.into_iter().flat_map(|files| files.split('&'));
    files.filter(|file| !file.trim().is_empty()).map(sound).collect()
}

/// Seconds, perhaps with a part, as milliseconds; none if there are none, or more than a script takes.
fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let millis: String = part.chars().chain("000".chars()).take(3).collect();
    let millis = whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(millis.parse().ok()?)?;
    within_bounds(millis)
}

/// The time that `Set(TIMEOUT(response)=10)` sets.
fn timeout(priority: &Priority) -> Option<u64> {
    let text = priority.arguments.first().filter(|_| priority.application == "set")?;
    let (name, value) = text.split_once('=')?;
    (name.trim().eq_ignore_ascii_case("timeout(response)")).then(|| seconds(value)).flatten()
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
