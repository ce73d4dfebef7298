//! What the contexts of a dialplan do with a caller, as steps.
//!
//! A call is followed from application to application. Where it waits for keys a question is made: `Background` and
//! `WaitExten` are a `menu` of the context's extensions of one key, `Read` an `ask`, and a `Read` of one key with `GotoIf`s
//! about it a `menu`.

mod asking;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::dialplan::{self, Context, Dialplan, Extension, Priority, keys};
use super::draft::{Body, Draft, Goal, address, plain, short, sound, within_bounds};

/// So many applications without a step of their own may follow one another.
const MOST_PASSED: usize = 200;

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
    let found = match start {
        Some(start) => plan.order.iter().filter(full).find(|name| *name == start).map(|name| plan.beginning(name)),
        None => plan.beginning_of_calls(),
    };
    let Some((context, extension)) = found else {
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
    let at = At { context: context.clone(), extension, place: 0 };
    let mut reading = Reading {
        plan: &plan,
        draft,
        steps: BTreeMap::new(),
        open: VecDeque::new(),
        told: BTreeSet::new(),
        asking: BTreeSet::new(),
    };
    // A name of its own: the first step may have the same.
    reading.draft.name = Draft::default().name(&context);
    reading.draft.start = reading.step(&at);
    while let Some((at, name)) = reading.open.pop_front() {
        if reading.draft.is_full() {
            let span = reading.priority(&at).map_or(0..0, |priority| priority.span.clone());
            reading.draft.leave(span, "what follows here", "the menu has too many steps already: the call ends there");
            continue;
        }
        reading.make(&at, &name);
    }
    reading.tell_longer();
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
    /// Lines that were told of.
    told: BTreeSet<(String, String, usize)>,
    /// Contexts that ask.
    asking: BTreeSet<String>,
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
        let (extension, priorities) = self.context(&context)?.dialled(&extension)?;
        let place = match priority.parse::<u64>() {
            Ok(number) => priorities.iter().position(|one| one.number == number)?,
            Err(_) => priorities.iter().position(|one| one.label.as_ref() == Some(priority))?,
        };
        Some(At { context, extension: extension.clone(), place })
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
                _ if speaks(priority) => match self.spoken(&at, priority) {
                    // What is said before the same question is waited for is part of it.
                    Some(sounds) if cut_short.is_none() || self.waits_after(&at) => said.extend(sounds),
                    // A new step: the keys before it do what they may, those in it nothing.
                    Some(_) => return self.say(from, name, &at, said, cut_short),
                    None => {}
                },
                "read" if said.is_empty() => return self.read(from, name, &at, priority),
                "read" => return self.say(from, name, &at, said, cut_short),
                "hangup" => return self.hang_up(from, name, said),
                "goto" => match self.place(&at, &priority.arguments) {
                    Some(target) if said.is_empty() => {
                        at = target;
                        continue;
                    }
                    Some(target) => return self.say(from, name, &target, said, cut_short),
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
                "dial" => return self.say(from, name, &at, said, cut_short),
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

    /// Whether nothing but words lie between a place and a `WaitExten`.
    fn waits_after(&self, at: &At) -> bool {
        let mut at = at.next();
        while let Some(priority) = self.priority(&at) {
            match priority.application.as_str() {
                "waitexten" => return true,
                "background" | "answer" | "noop" | "verbose" => {}
                _ if speaks(priority) => {}
                _ => return false,
            }
            at = at.next();
        }
        false
    }

    /// What `Playback` and the like say; none if that is known only in a call.
    fn spoken(&mut self, at: &At, priority: &Priority) -> Option<Vec<String>> {
        let first = priority.arguments.first();
        if priority.application == "playback" {
            return Some(sounds(first));
        }
        let read_aloud = text_read_aloud(priority);
        let said = read_aloud.or(first.map(String::as_str)).unwrap_or("");
        // What was dialled is known where it is written.
        let dialled = if at.extension.starts_with('_') { "${EXTEN}" } else { &at.extension };
        let said = said.replace("${EXTEN}", dialled);
        if said.is_empty() || said.contains('$') {
            self.leave(at, "a value of the call: only what the records say of a caller is read out");
            return None;
        }
        if read_aloud.is_some() {
            return Some(vec![plain(&said)]);
        }
        let apart = priority.application != "saynumber";
        let text: String =
            said.chars().take(60).flat_map(|symbol| [Some(symbol), apart.then_some(' ')]).flatten().collect();
        Some(vec![plain(&text)])
    }

    fn span(&self, at: &At) -> std::ops::Range<usize> {
        self.priority(at).map_or(0..0, |priority| priority.span.clone())
    }

    /// `cut_short`: where the sounds begin that a key cuts short.
    fn say(&mut self, from: &At, name: &str, then: &At, said: Vec<String>, cut_short: Option<At>) {
        let skippable = cut_short.is_some();
        if let Some(at) = cut_short {
            self.leave(&at, "no WaitExten follows: a key in it chooses nothing, it only cuts the sound short");
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

    /// Tells of the extensions of several keys that could be dialled where the context asks, and that nothing else leads to.
    fn tell_longer(&mut self) {
        let come_to: BTreeSet<(String, String)> =
            self.steps.keys().map(|at| (at.context.clone(), at.extension.clone())).collect();
        for context in std::mem::take(&mut self.asking) {
            let names = self.context(&context).into_iter().flat_map(|one| one.extensions.keys());
            // Nobody can dial a word.
            let is_word = |name: &&String| !name.starts_with('_') && name.chars().any(|symbol| symbol.is_alphabetic());
            let longer = names.filter(|name| !is_word(name) && keys(name).is_empty()).cloned();
            for extension in longer.collect::<Vec<String>>() {
                if !come_to.contains(&(context.clone(), extension.clone())) {
                    let at = At { context: context.clone(), extension, place: 0 };
                    self.leave(&at, "a choice is one key; for a number of several digits write an `ask` step");
                }
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

/// Applications that say something.
fn speaks(priority: &Priority) -> bool {
    let application = priority.application.as_str();
    matches!(application, "playback" | "saydigits" | "saynumber" | "sayalpha") || text_read_aloud(priority).is_some()
}

/// The text that a synthesizer reads: `Flite(text)`, `AGI(googletts.agi,"text",en)`.
fn text_read_aloud(priority: &Priority) -> Option<&str> {
    let place = match priority.application.as_str() {
        "flite" | "festival" | "espeak" | "picotts" => 0,
        "agi" if priority.arguments.first().is_some_and(|script| script.ends_with("tts.agi")) => 1,
        _ => return None,
    };
    priority.arguments.get(place).map(|text| text.trim_matches('"'))
}
