//! A menu while it is made: steps and messages by name, and what could not be carried.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// So many steps are made at most; a script may have 1000.
pub(super) const MOST_STEPS: usize = 900;
/// So many recordings one message may be made of.
const MOST_LINES: usize = 30;
/// A placeholder has at most so many characters.
const LONGEST_TEXT: usize = 200;
/// A name has at most so many characters, a number after it left room for.
const LONGEST_NAME: usize = 50;
/// So many things not carried are kept, to be put in order.
const MOST_KEPT: usize = 2000;

/// Something that could not be carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// Where it stands, in bytes.
    pub(super) span: Range<usize>,
    pub(super) what: String,
    pub(super) why: String,
}

/// Where a step leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    Step(String),
    Repeat,
    Back,
}

/// The rules of a question; what is not set is as Hotline has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Asking {
    /// In ms.
    pub(super) first_key: Option<u64>,
    /// In ms.
    pub(super) between_keys: Option<u64>,
    pub(super) tries: Option<u8>,
    pub(super) no_input_tries: Option<u8>,
    pub(super) no_match_tries: Option<u8>,
    /// The step that giving up leads to.
    pub(super) gave_up: String,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Say { message: String, skippable: bool, then: Goal },
    Menu { message: String, choices: BTreeMap<Key, Goal>, asking: Asking },
    Ask { message: String, most: u8, store: String, then: Goal, asking: Asking },
    Transfer { message: String, to: String, refused: String },
    HangUp { message: Option<String> },
}

/// A key, in the order in which choices are said: 1 to 9, 0, `*`, `#`, A to D.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u8, char);

impl Key {
    /// The key that a text is, if it is one.
    pub(super) fn of(text: &str) -> Option<Key> {
        let mut symbols = text.chars();
        let (symbol, None) = (symbols.next()?.to_ascii_uppercase(), symbols.next()) else { return None };
        let place = match symbol {
            '1'..='9' => 0,
            '0' => 1,
            '*' => 2,
            '#' => 3,
            'A'..='D' => 4,
            _ => return None,
        };
        Some(Key(place, symbol))
    }

    pub(super) fn symbol(self) -> char {
        self.1
    }
}

/// A step, and the line it comes from.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) span: Range<usize>,
    pub(super) body: Body,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    pub(super) lines: Vec<String>,
    pub(super) attributes: BTreeMap<&'static str, String>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    /// The hotline's name.
    pub(super) name: String,
    pub(super) start: String,
    /// In the order in which they were made.
    pub(super) order: Vec<String>,
    pub(super) steps: BTreeMap<String, Step>,
    pub(super) messages: BTreeMap<String, Message>,
    pub(super) left: Vec<Left>,
    /// How many more were not kept.
    pub(super) uncounted: usize,
    names: BTreeSet<String>,
}

impl Draft {
    pub(super) fn leave(&mut self, span: Range<usize>, what: impl Into<String>, why: impl Into<String>) {
        if self.left.len() < MOST_KEPT {
            self.left.push(Left { span, what: what.into(), why: why.into() });
        } else {
            self.uncounted += 1;
        }
    }

    /// A name that no other step or message has, near to `wanted`.
    pub(super) fn name(&mut self, wanted: &str) -> String {
        let mut base: String = String::new();
        for symbol in wanted.chars().take(LONGEST_NAME) {
            let symbol =
                if symbol.is_ascii_alphanumeric() || symbol == '_' { symbol.to_ascii_lowercase() } else { '-' };
            if symbol != '-' || !(base.is_empty() || base.ends_with('-')) {
                base.push(symbol);
            }
        }
        let base = base.trim_matches('-');
        let starts_well = base.starts_with(|symbol: char| symbol.is_ascii_alphabetic());
        let base = if starts_well { base.to_owned() } else { format!("menu-{base}").trim_end_matches('-').to_owned() };
        let reserved = ["hotline", "defaults", "limits", "common"].contains(&base.as_str());
        let mut name = if reserved { format!("{base}-1") } else { base.clone() };
        let mut number = 2_usize;
        while self.names.contains(&name) {
            name = format!("{base}-{number}");
            number += 1;
        }
        self.names.insert(name.clone());
        name
    }

    pub(super) fn is_full(&self) -> bool {
        self.steps.len() >= MOST_STEPS
    }

    pub(super) fn add(&mut self, name: &str, span: Range<usize>, mut body: Body) {
        if let Body::Menu { choices, .. } = &mut body {
            let itself = Goal::Step(name.to_owned());
            choices.values_mut().filter(|goal| **goal == itself).for_each(|goal| *goal = Goal::Repeat);
        }
        self.order.push(name.to_owned());
        self.steps.insert(name.to_owned(), Step { span, body });
    }

    /// A message of some lines, under a step's name.
    pub(super) fn message(&mut self, name: &str, lines: &[String]) -> String {
        let lines = lines.iter().take(MOST_LINES).cloned().collect();
        self.messages.entry(name.to_owned()).or_default().lines = lines;
        name.to_owned()
    }

    pub(super) fn attribute(&mut self, message: &str, attribute: &'static str, text: String) {
        self.messages.entry(message.to_owned()).or_default().attributes.insert(attribute, text);
    }

    /// Makes the draft one that can be served: rounds without a question are opened, steps that no call comes to are
    /// left out.
    pub(super) fn finish(&mut self) {
        self.close_open_ends();
        self.open_rounds();
        let mut reached = BTreeSet::new();
        let mut next = vec![self.start.clone()];
        while let Some(name) = next.pop() {
            if let Some(step) = self.steps.get(&name).filter(|_| !reached.contains(&name)) {
                next.extend(ways(&step.body));
                reached.insert(name);
            }
        }
        let lost: Vec<(String, Range<usize>)> = self
            .steps
            .iter()
            .filter(|(name, step)| !reached.contains(*name) && !matches!(step.body, Body::HangUp { .. }))
            .map(|(name, step)| (name.clone(), step.span.clone()))
            .collect();
        for (name, span) in lost {
            let why = format!("no call comes to it from `{}`; --start NAME begins elsewhere", self.start);
            self.leave(span, format!("`{name}` is left out"), why);
        }
        self.steps.retain(|name, _| reached.contains(name));
        self.order.retain(|name| reached.contains(name));
        let said: BTreeSet<String> = self.steps.values().filter_map(|step| message_of(&step.body)).cloned().collect();
        self.messages.retain(|name, _| said.contains(name));
    }

    /// A step that was named but not made, since there were too many, ends the call.
    fn close_open_ends(&mut self) {
        let named: BTreeSet<String> = self.steps.values().flat_map(|step| ways(&step.body)).collect();
        for name in named {
            if !self.steps.contains_key(&name) {
                self.add(&name, 0..0, Body::HangUp { message: None });
            }
        }
    }

    /// Steps that lead to one another without ever asking anything end in a hang-up instead.
    fn open_rounds(&mut self) {
        let mut good: BTreeSet<String> = BTreeSet::new();
        for first in self.order.clone() {
            let mut on_the_way = BTreeSet::new();
            let mut at = first;
            while !good.contains(&at) && on_the_way.insert(at.clone()) {
                let Some(step) = self.steps.get(&at) else { break };
                let next = match &step.body {
                    Body::Say { then: Goal::Step(next), .. } | Body::Transfer { refused: next, .. } => next.clone(),
                    _ => break,
                };
                if !on_the_way.contains(&next) {
                    at = next;
                    continue;
                }
                let span = step.span.clone();
                let end = self.name("end-of-round");
                self.add(&end, span.clone(), Body::HangUp { message: None });
                match self.steps.get_mut(&at).map(|step| &mut step.body) {
                    Some(Body::Say { then, .. }) => *then = Goal::Step(end),
                    Some(Body::Transfer { refused, .. }) => *refused = end,
                    _ => {}
                }
                let what = format!("the way from `{at}` back to `{next}`");
                self.leave(
                    span,
                    what,
                    "it goes round for ever without asking the caller anything; the call ends there",
                );
                break;
            }
            good.extend(on_the_way);
        }
    }
}

/// The steps that a step names.
fn ways(body: &Body) -> Vec<String> {
    let step = |goal: &Goal| match goal {
        Goal::Step(step) => Some(step.clone()),
        Goal::Repeat | Goal::Back => None,
    };
    match body {
        Body::Say { then, .. } => step(then).into_iter().collect(),
        Body::Menu { choices, asking, .. } => {
            choices.values().filter_map(step).chain([asking.gave_up.clone()]).collect()
        }
        Body::Ask { then, asking, .. } => step(then).into_iter().chain([asking.gave_up.clone()]).collect(),
        Body::Transfer { refused, .. } => vec![refused.clone()],
        Body::HangUp { .. } => Vec::new(),
    }
}

fn message_of(body: &Body) -> Option<&String> {
    match body {
        Body::Say { message, .. }
        | Body::Menu { message, .. }
        | Body::Ask { message, .. }
        | Body::Transfer { message, .. } => Some(message),
        Body::HangUp { message } => message.as_ref(),
    }
}

/// A text that Fluent takes for text alone.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::new();
    for symbol in text.chars().take(LONGEST_TEXT) {
        let kept = symbol.is_alphanumeric() || ",.;:!?'-_/，。、！？；：".contains(symbol);
        let symbol = if kept { symbol } else { ' ' };
        if symbol != ' ' || !(plain.is_empty() || plain.ends_with(' ')) {
            plain.push(symbol);
        }
    }
    // A line that begins with a point would be an attribute.
    plain.trim_start_matches(|symbol: char| !symbol.is_alphanumeric()).trim_end().to_owned()
}

/// The placeholder of a sound: `say:` texts are the text itself, anything else is named.
pub(super) fn sound(name: &str) -> String {
    let name = name.trim();
    let (kind, rest) = name.split_once(':').unwrap_or(("", name));
    let said = match kind.trim() {
        "say" => plain(rest),
        "phrase" => format!("The phrase {}", plain(rest)),
        _ => format!("The sound {}", plain(name)),
    };
    if said.is_empty() { "The sound".to_owned() } else { said }
}

/// A SIP address in a dial string: `sofia/internal/1000@pbx.example.com`, `SIP/1000@pbx.example.com`.
pub(super) fn address(dialled: &str) -> Option<String> {
    let last = dialled.trim().rsplit('/').next()?;
    let (user, host) = last.trim_start_matches("sip:").split_once('@')?;
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c));
    let whole = plain(user) && plain(host) && host.contains('.') && dialled.len() < 120;
    whole.then(|| format!("sip:{user}@{host}"))
}

/// Milliseconds as the script writes them, where it can.
pub(super) fn within_bounds(millis: u64) -> Option<u64> {
    (100..=3_600_000).contains(&millis).then_some(millis)
}

/// Enough of a text to know it by.
pub(super) fn short(text: &str) -> String {
    let mut short: String = text.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}
