//! What a message needs: the values it names, and the recordings of its fixed texts.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use fluent_bundle::{FluentArgs, FluentValue};

use super::catalogue::Catalogue;
use super::compose::{FixedText, fixed_clips};
use super::grammar::Function;
use super::load::Texts;
use super::outline::How;
use super::{ValueKind, markers};
use crate::facts::{Fault, Language, did_you_mean};

/// A message whose selectors can be combined in more ways is refused.
const MOST_COMBINATIONS: usize = 4096;

/// Fluent's names of the plural categories.
const PLURALS: [&str; 6] = ["zero", "one", "two", "few", "many", "other"];

/// One place where a message names a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// What it does with it.
    pub how: How,
    /// The file it is in.
    pub file: String,
    /// Where in the file, in bytes.
    pub span: Range<usize>,
}

impl Catalogue {
    /// The values that a message (`id` or `id.attribute`) names in this language, with those of the messages it refers
    /// to. Empty if there is no such message.
    pub fn variables(&self, language: Language, id: &str) -> BTreeMap<String, Vec<Use>> {
        let mut found: BTreeMap<String, Vec<Use>> = BTreeMap::new();
        let Some(texts) = self.texts.get(&language) else { return found };
        for (name, how, file, span) in texts.uses(id) {
            let file = texts.files.get(file).map(|(file, _)| file.clone()).unwrap_or_default();
            found.entry(name.to_owned()).or_default().push(Use { how: how.clone(), file, span: span.clone() });
        }
        found
    }

    /// Every fixed text that [`Catalogue::speak`] can play for this message in this language, whatever values it is
    /// given; each once, in the order they are met, with the values it stands beside anywhere in the message.
    ///
    /// # Errors
    /// The message is missing, or its selectors can be combined in more than 4096 ways.
    pub fn fixed_texts(&self, language: Language, id: &str) -> Result<Vec<FixedText>, Fault> {
        let Some((texts, pattern)) = self.texts.get(&language).and_then(|texts| Some((texts, texts.pattern(id)?)))
        else {
            return Err(self.missing(language, id));
        };
        let mut choices: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut spoken: HashSet<&str> = HashSet::new();
        let mut arguments = FluentArgs::new();
        for (name, how, ..) in texts.uses(id) {
            arguments.set(name, markers::nothing());
            if let How::Choice(keys) = how {
                choices.entry(name).or_default().extend(keys.iter().map(String::as_str));
            } else {
                spoken.insert(name);
            }
        }
        let choices: Vec<(&str, Vec<FluentValue<'_>>)> =
            choices.into_iter().map(|(name, keys)| (name, values_to_try(&keys, spoken.contains(name)))).collect();
        let combinations = choices.iter().fold(1_usize, |product, (_, values)| product.saturating_mul(values.len()));
        if combinations > MOST_COMBINATIONS {
            return Err(texts.too_many_combinations(id));
        }
        let mut fixed: Vec<FixedText> = Vec::new();
        for mut combination in 0..combinations {
            for (name, values) in &choices {
                if let Some(value) = values.get(combination % values.len().max(1)) {
                    arguments.set(*name, value.clone());
                }
                combination /= values.len().max(1);
            }
            let formatted = texts.bundle.format_pattern(pattern, Some(&arguments), &mut Vec::new());
            for one in fixed_clips(&formatted) {
                match fixed.iter_mut().find(|known| known.text == one.text) {
                    Some(known) => {
                        known.after_value |= one.after_value;
                        known.before_value |= one.before_value;
                    }
                    None => fixed.push(one),
                }
            }
        }
        Ok(fixed)
    }

    /// Whether every language can say this message when a step gives it these values. See
    /// [`Catalogue::check_line_in`].
    pub fn check_line(&self, id: &str, given: &[(&'static str, ValueKind)]) -> Vec<Fault> {
        self.languages().flat_map(|language| self.check_line_in(language, id, given)).collect()
    }

    /// Whether this language can say this message (`id` or `id.attribute`) when a step gives it these values. Faults
    /// are: the message is missing; it names a value that is not given; it speaks a value by a function for another
    /// kind; it chooses by a value that cannot be chosen by, or by a key that never comes.
    pub fn check_line_in(&self, language: Language, id: &str, given: &[(&'static str, ValueKind)]) -> Vec<Fault> {
        let Some(texts) = self.texts.get(&language).filter(|texts| texts.pattern(id).is_some()) else {
            return vec![self.missing(language, id)];
        };
        let mut faults = Vec::new();
        for (name, how, file, span) in texts.uses(id) {
            let kind = given.iter().find(|(given, _)| *given == name).map(|(_, kind)| *kind);
            let found = match kind {
                Some(kind) => misfit(name, how, kind),
                None => Some((format!("{id} names ${name}, which its step does not give"), not_given(name, given))),
            };
            if let (Some((message, hint)), Some((file, source))) = (found, texts.files.get(file)) {
                faults.push(Fault::error(file, source, span.clone(), message).hint(hint));
            }
        }
        faults
    }
}

impl Texts {
    /// Every place where a message or what it refers to names a value: name, use, file, span.
    pub(super) fn uses<'a>(&'a self, id: &str) -> Vec<(&'a str, &'a How, usize, &'a Range<usize>)> {
        let mut found = Vec::new();
        let mut met = HashSet::new();
        let mut open = vec![id];
        while let Some(key) = open.pop() {
            let Some((key, (file, outline))) = self.outlines.get_key_value(key) else { continue };
            if met.insert(key.as_str()) {
                found.extend(outline.uses.iter().map(|(name, how, span)| (name.as_str(), how, *file, span)));
                open.extend(outline.references.iter().map(|(target, _)| target.as_str()));
            }
        }
        found
    }

    fn too_many_combinations(&self, id: &str) -> Fault {
        let message = format!("{id} has selectors that combine in more than {MOST_COMBINATIONS} ways");
        let place = self.uses(id).into_iter().find(|(_, how, ..)| matches!(how, How::Choice(_)));
        let fault = place.and_then(|(_, _, file, span)| {
            let (name, source) = self.files.get(file)?;
            Some(Fault::error(name, source, span.clone(), message.clone()))
        });
        fault.unwrap_or_else(|| Fault::of_file(&self.folder, message)).hint("split it into several messages")
    }
}

/// Values that choose each of these keys in turn, and one that chooses none of them. Where the keys are numbers or
/// plural categories, a 1 and a number beside all keys reach each category that Mandarin and English have; and where it is
/// nowhere spoken, a plural category's name may be a word as well.
fn values_to_try(keys: &BTreeSet<&str>, spoken: bool) -> Vec<FluentValue<'static>> {
    let numbers: BTreeSet<u64> = keys.iter().filter_map(|key| key.parse().ok()).collect();
    let words = keys.iter().filter(|key| !is_number(key));
    let counted = keys.iter().all(|key| is_number(key) || PLURALS.contains(key));
    let mut values = Vec::new();
    if counted {
        let other = (2..).find(|number| !numbers.contains(number));
        let all: BTreeSet<u64> = numbers.into_iter().chain([1]).chain(other).collect();
        values.extend(all.into_iter().map(|number| markers::argument(0, &super::Value::Count(number))));
    }
    if !counted || !spoken {
        values.extend(words.map(|key| FluentValue::from((*key).to_owned())));
    }
    values.push(markers::nothing());
    values
}

fn is_number(key: &str) -> bool {
    key.starts_with(|symbol: char| symbol.is_ascii_digit() || symbol == '-')
}

fn not_given(name: &str, given: &[(&'static str, ValueKind)]) -> String {
    let names = given.iter().map(|(given, _)| *given);
    match did_you_mean(name, names.clone()) {
        Some(near) => format!("did you mean ${near}?"),
        None if given.is_empty() => "it gives no values".to_owned(),
        None => format!("it gives {}", names.map(|name| format!("${name}")).collect::<Vec<_>>().join(", ")),
    }
}

/// What is wrong with doing this to a value of this kind, and what to do.
fn misfit(name: &str, how: &How, kind: ValueKind) -> Option<(String, String)> {
    let Some(own) = Function::of(kind) else {
        return match how {
            How::Choice(keys) => keys.iter().find(|key| is_number(key)).map(|key| {
                (format!("${name} is a word and never {key}"), "choose among words, as in [pension]".to_owned())
            }),
            _ => Some((
                format!("${name} is a word to choose by, and is not spoken"),
                format!("write {{ ${name} -> [pension] … *[medical] … }}"),
            )),
        };
    };
    match how {
        How::Plain => None,
        How::Function(function) if function.fits(kind) => None,
        How::Function(function) => {
            Some((format!("${name} is no value for {}", function.name()), format!("write {}(${name})", own.name())))
        }
        How::Choice(keys) if kind == ValueKind::Count => {
            let strange = keys.iter().find(|key| key.parse::<u64>().is_err() && !PLURALS.contains(&key.as_str()))?;
            let hint = "choose among whole numbers and one, other";
            Some((format!("${name} is a count and never {strange}"), hint.to_owned()))
        }
        How::Choice(_) => Some((
            format!("${name} cannot be chosen by"),
            "choose by a word or a count; this value can only be spoken".to_owned(),
        )),
    }
}
