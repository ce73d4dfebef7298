//! How long each text of a menu is, against what its purpose allows. Values are long ones of their kinds: what is short
//! enough with them is short enough.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::seconds;
use crate::facts::{Fault, Fen, Insurance, Language, Month, Weakness};
use crate::menu::{Compiled, Kind, Limits, Need, needs};
use crate::speech::{Line, Pace, Prompts, Value, ValueKind};

/// Months of forty years, the longest that anybody has paid.
const MANY: u64 = 480;
/// 9,876,543 yuan 21 fen.
const MUCH: Fen = Fen(987_654_321);

/// The longest text.
pub(super) struct Longest {
    pub(super) length: Duration,
    pub(super) message: Arc<str>,
    pub(super) language: Language,
}

/// Every text that is too long, and the longest text of all.
pub(super) fn too_long(compiled: &Compiled, prompts: &Prompts) -> (Vec<Fault>, Option<Longest>) {
    let mut faults = Vec::new();
    let mut longest: Option<Longest> = None;
    let mut told = HashSet::new();
    for need in needs(&compiled.menu) {
        let (purpose, key, most) = purpose(compiled, &need);
        for language in compiled.menu.languages.iter().copied() {
            if !prompts.catalogue().has(language, &need.message) {
                continue;
            }
            let length = length(prompts, language, &need);
            if longest.as_ref().is_none_or(|so_far| length > so_far.length) {
                longest = Some(Longest { length, message: Arc::clone(&need.message), language });
            }
            if length > most && told.insert((Arc::clone(&need.message), language)) {
                let what = format!(
                    "`{}` takes {} to say in {language}, and {purpose} may take {}",
                    need.message,
                    seconds(length),
                    seconds(most)
                );
                let hint = format!("shorten it, or allow more with `{key}` in [limits] and say why");
                faults.push(compiled.fault_at_message(need.step, what).hint(hint));
            }
        }
    }
    (faults, longest)
}

/// What a text is for, the key that says how long such a text may be, and that.
fn purpose(compiled: &Compiled, need: &Need) -> (&'static str, &'static str, Duration) {
    let limits: &Limits = &compiled.menu.limits;
    let kind = need.step.and_then(|step| compiled.menu.steps.get(step.0)).map(|step| &step.kind);
    let attribute = need.message.contains('.');
    match kind {
        Some(Kind::ReadBack { .. }) => ("an item of a read-back", "item", limits.item),
        Some(Kind::Say { .. }) if attribute => ("an insurance of a summary", "item", limits.item),
        Some(Kind::Menu { .. }) if !attribute => ("a menu", "menu-prompt", limits.menu_prompt),
        Some(Kind::Ask { .. }) if !attribute => ("a question for digits", "ask-prompt", limits.ask_prompt),
        _ if attribute => ("what is said of a mistake", "correction", limits.correction),
        _ => ("a message", "message", limits.message),
    }
}

/// The longest that a text can be.
fn length(prompts: &Prompts, language: Language, need: &Need) -> Duration {
    let chosen = |kind: ValueKind| need.given.iter().any(|(_, given)| *given == kind);
    let words: Vec<&'static str> = match need.given.iter().find(|(_, kind)| *kind == ValueKind::Word) {
        Some(("insurance", _)) => Insurance::ALL.map(Insurance::name).to_vec(),
        Some(_) => Weakness::ALL.map(Weakness::name).to_vec(),
        None => vec![""],
    };
    let counts: &[u64] = if chosen(ValueKind::Count) { &[0, 1, MANY] } else { &[MANY] };
    let both = words.iter().flat_map(|word| counts.iter().map(move |count| (*word, *count)));
    let lengths = both.map(|(word, count)| {
        let values = need.given.iter().map(|(name, kind)| (*name, value(*kind, word, count)));
        let line = values.fold(Line::new(&need.message), |line, (name, value)| line.with(name, value));
        prompts.say(&[(language, line)], Pace::Normal).length()
    });
    lengths.max().unwrap_or_default()
}

fn value(kind: ValueKind, word: &'static str, count: u64) -> Value {
    let december = Month::new(2027, 12).unwrap_or(Month::of(jiff::civil::Date::MIN));
    match kind {
        ValueKind::Money => Value::Money(MUCH),
        ValueKind::Count => Value::Count(count),
        ValueKind::Digits => Value::Digits("1".repeat(18)),
        ValueKind::Phone => Value::Phone("1".repeat(11)),
        ValueKind::Year => Value::Year(1977),
        ValueKind::Month => Value::Month(december),
        ValueKind::Date => Value::Date(jiff::civil::Date::MAX),
        ValueKind::Word => Value::Word(word),
    }
}
