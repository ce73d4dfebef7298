//! What a caller would hear and reach otherwise, in the operator's words.
//!
//! ```text
//!   12333, step main: key 4 now leads to hours (it led nowhere)
//!   12333, step hours is new: says opening-hours
//!   12333, welcome in zh-CN: "您好，欢迎致电12333。" where it was "您好。"
//!   12333, "您好。" in zh-CN sounds otherwise: another recording
//! ```

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::{Edition, keys};
use crate::facts::Form;
use crate::menu::{About, Field, Kind, Menu, Period, Rules, Target, WantedClip, needs, wanted_clips};
use crate::speech::{Catalogue, Prompts};

/// Lines at most; one more counts the rest.
const MOST_LINES: usize = 500;
/// Texts that sound otherwise, of one menu.
const MOST_SOUNDS: usize = 20;
/// Symbols of a text that are shown.
const MOST_TEXT: usize = 200;
/// Of these, before the place where two long texts begin to differ.
const SEEN_BEFORE: usize = 30;

/// What is true of a step: the words for it, and what stands after them.
type Facts = Vec<(String, String)>;

/// One line a change; nothing where a caller would notice nothing.
pub(super) fn changes(before: &Edition, after: &Edition) -> Vec<String> {
    let mut lines = Vec::new();
    for ((key, was), (_, is)) in keys::settings(&before.config).into_iter().zip(keys::settings(&after.config)) {
        if was != is {
            lines.push(format!("{key} is {is} where it was {was}"));
        }
    }
    let numbers: BTreeSet<&String> = before.menus.keys().chain(after.menus.keys()).collect();
    // Two numbers with one menu differ alike: it is said of the first.
    let mut said = HashSet::new();
    for number in numbers {
        let shown = if number == "*" { "every other number" } else { number };
        match (before.menus.get(number), after.menus.get(number)) {
            (None, Some(menu)) => lines.push(format!("{shown} is answered now, by {}", menu.file)),
            (Some(_), None) => lines.push(format!("{shown} is answered no more")),
            (Some(was), Some(is)) => {
                if said.insert((Arc::as_ptr(was), Arc::as_ptr(is))) {
                    let found = of_menus((before, &was.menu), (after, &is.menu));
                    lines.extend(found.into_iter().map(|line| format!("{shown}, {line}")));
                }
            }
            (None, None) => {}
        }
    }
    let over = lines.len().saturating_sub(MOST_LINES);
    if over > 0 {
        lines.truncate(MOST_LINES);
        lines.push(format!("and {over} changes more"));
    }
    lines
}

fn of_menus((before, was): (&Edition, &Menu), (after, is): (&Edition, &Menu)) -> Vec<String> {
    let mut lines = Vec::new();
    compare("the hotline", &of_hotline(was), &of_hotline(is), &mut lines);
    let steps = |menu: &Menu| -> Vec<(Arc<str>, Facts)> {
        menu.steps.iter().map(|step| (Arc::clone(&step.name), of_step(menu, &step.kind))).collect()
    };
    let (were, are) = (steps(was), steps(is));
    for (name, facts) in &are {
        match were.iter().find(|(other, _)| other == name) {
            Some((_, were)) => compare(&format!("step {name}"), were, facts, &mut lines),
            None => {
                let facts: Vec<_> = facts.iter().map(|(aspect, value)| format!("{aspect} {value}")).collect();
                lines.push(format!("step {name} is new: {}", facts.join(", ")));
            }
        }
    }
    for (name, _) in were.iter().filter(|(name, _)| !are.iter().any(|(other, _)| other == name)) {
        lines.push(format!("step {name} is gone"));
    }
    lines.extend(of_texts((before, was), (after, is)));
    lines.extend(of_sounds(before, (after, is)));
    lines
}

/// What two of a name have in common is left out.
fn compare(name: &str, were: &[(String, String)], are: &[(String, String)], lines: &mut Vec<String>) {
    let value = |facts: &[(String, String)], aspect: &str| {
        facts.iter().find(|(other, _)| other == aspect).map(|(_, value)| value.clone())
    };
    for (aspect, is) in are {
        match value(were, aspect) {
            Some(was) if was == *is => {}
            Some(was) => lines.push(format!("{name}: {aspect} {is} (before: {was})")),
            None => lines.push(format!("{name}: {aspect} {is} (before: nothing)")),
        }
    }
    for (aspect, was) in were.iter().filter(|(aspect, _)| value(are, aspect).is_none()) {
        lines.push(format!("{name}: {aspect} nothing (before: {was})"));
    }
}

fn of_hotline(menu: &Menu) -> Facts {
    let languages: Vec<_> = menu.languages.iter().map(|language| language.tag()).collect();
    let start = menu.steps.get(menu.start.0).map_or("", |step| &step.name);
    [
        ("has the name", menu.name.clone()),
        ("begins at", start.to_owned()),
        ("speaks", languages.join(", ")),
        ("lets a call last", format!("{:?}", menu.call_limit)),
        ("gives up a look-up after", format!("{:?}", menu.look_up_deadline)),
        ("asks for patience after", format!("{:?}", menu.look_up_patience)),
    ]
    .map(|(aspect, value)| (aspect.to_owned(), value))
    .to_vec()
}

/// What a step does, as aspects and their values. The words of an aspect go before its value.
fn of_step(menu: &Menu, kind: &Kind) -> Facts {
    let step = |id: &crate::menu::StepId| menu.steps.get(id.0).map_or_else(String::new, |step| step.name.to_string());
    let target = |target: &Target| match target {
        Target::Step(id) => step(id),
        Target::Repeat => "itself again".to_owned(),
        Target::Back => "the question before".to_owned(),
    };
    let mut facts: Facts = Vec::new();
    let mut fact = |aspect: &str, value: String| facts.push((aspect.to_owned(), value));
    match kind {
        Kind::Say { message, about, skippable, then, unavailable } => {
            fact("says", message.to_string());
            fact("can be cut short by a key:", yes_no(*skippable));
            fact("then leads to", target(then));
            if *about != About::Nothing {
                fact("tells of", format!("{about:?}").to_lowercase());
                fact("without records leads to", step(unavailable));
            }
        }
        Kind::Menu { message, also_in, choices, rules: of } => {
            fact("asks", message.to_string());
            let also: Vec<_> = also_in.iter().map(|language| language.tag()).collect();
            fact("asks also in", also.join(", "));
            for choice in choices {
                fact(&format!("key {} leads to", choice.key), target(&choice.target));
            }
            rules(of, &step, &mut fact);
        }
        Kind::Ask { message, field, then, otherwise, rules: of, .. } => {
            fact("asks", message.to_string());
            fact(
                "takes",
                match field {
                    Field::CitizenId => "an ID number".to_owned(),
                    Field::Digits { min, max } => format!("{min} to {max} digits"),
                    Field::Year => "a year".to_owned(),
                    Field::Month => "a month".to_owned(),
                    Field::YesNo => "1 for yes, 2 for no".to_owned(),
                    Field::Insurance => "1 to 5 for an insurance".to_owned(),
                    Field::WhoseError => "1 for the agency's error, 2 for the employer's".to_owned(),
                    Field::Password => "a query password".to_owned(),
                    Field::PasswordAgain(_) => "the query password again".to_owned(),
                },
            );
            fact("then leads to", target(then));
            otherwise.iter().for_each(|otherwise| fact("after a no leads to", target(otherwise)));
            rules(of, &step, &mut fact);
        }
        Kind::Verify { facts, matched, unmatched, locked, initial, unavailable } => {
            let compared: Vec<&str> = facts.iter().map(|(fact, _)| fact.key()).collect();
            fact("compares", compared.join(", "));
            initial.iter().for_each(|initial| fact("for an initial password leads to", step(initial)));
            fact("for the right numbers leads to", step(matched));
            fact("for wrong numbers leads to", step(unmatched));
            fact("while locked leads to", step(locked));
            fact("without records leads to", step(unavailable));
        }
        Kind::SetPassword { changed, weak, unavailable, .. } => {
            fact("once the password is changed leads to", step(changed));
            fact("for a weak password leads to", step(weak));
            fact("without records leads to", step(unavailable));
        }
        Kind::Dispute { message, callback, then, too_many, no_number, unavailable, .. } => {
            fact("keeps a case and says", message.to_string());
            let whom = if callback.is_some() { "the number that was keyed" } else { "the caller's own number" };
            fact("calls back", whom.to_owned());
            fact("then leads to", target(then));
            fact("for one case too many leads to", step(too_many));
            no_number.iter().for_each(|no_number| fact("for a withheld number leads to", step(no_number)));
            fact("without records leads to", step(unavailable));
        }
        Kind::ReadBack { message, insurance, period, keys, between, then, unavailable, person } => {
            fact("reads payments, begun by", message.to_string());
            fact("reads those of", format!("{insurance:?}").to_lowercase());
            fact(
                "reads",
                match period {
                    Period::LastMonths(months) => format!("the last {months} months"),
                    Period::YearIn(_) => "the year that was keyed".to_owned(),
                },
            );
            fact(
                "takes while it reads",
                format!(
                    "{} next, {} previous, {} again, {} slower, {} stop",
                    keys.next, keys.previous, keys.repeat, keys.slower, keys.stop
                ),
            );
            fact("waits between items", format!("{between:?}"));
            fact("then leads to", target(then));
            fact("without records leads to", step(unavailable));
            fact("key 0 leads to", step(person));
        }
        Kind::SetLanguage { language, then } => {
            fact("speaks from then on", language.tag().to_owned());
            fact("then leads to", target(then));
        }
        Kind::GoTo { then, when_verified } => {
            fact("leads to", target(then));
            when_verified.iter().for_each(|then| fact("once verified leads to", step(then)));
        }
        Kind::Transfer { message, to, within, busy, unanswered, refused } => {
            fact("says", message.to_string());
            fact("hands the call over to", to.to_string());
            fact("rings there for", format!("{within:?}"));
            fact("when busy leads to", step(busy));
            fact("when nobody answers leads to", step(unanswered));
            fact("when refused leads to", step(refused));
        }
        Kind::HangUp { message } => {
            fact("ends the call after", message.as_ref().map_or("nothing", |message| message).to_owned());
        }
    }
    facts
}

fn rules(rules: &Rules, step: &dyn Fn(&crate::menu::StepId) -> String, fact: &mut dyn FnMut(&str, String)) {
    fact("waits for the first key", format!("{:?}", rules.first_key));
    fact("waits between keys", format!("{:?}", rules.between_keys));
    fact("waits after the last key", format!("{:?}", rules.after_last));
    fact("gives up after so many tries:", rules.tries.to_string());
    fact("gives up after so many silences:", rules.no_input_tries.to_string());
    fact("gives up after so many wrong entries:", rules.no_match_tries.to_string());
    fact("having given up leads to", step(&rules.gave_up));
    rules.person.iter().for_each(|person| fact("key 0 otherwise leads to", step(person)));
    fact("can be cut short by a key:", yes_no(rules.barge_in));
    fact("takes keys pressed before:", yes_no(rules.type_ahead));
}

/// Messages that both may say, and that say something else.
fn of_texts((before, was): (&Edition, &Menu), (after, is): (&Edition, &Menu)) -> Vec<String> {
    let known: HashSet<_> = needs(was).into_iter().map(|need| need.message).collect();
    let (old, new) = (before.version.prompts.catalogue(), after.version.prompts.catalogue());
    let mut met = HashSet::new();
    let mut lines = Vec::new();
    for need in needs(is) {
        if !known.contains(&need.message) || !met.insert(Arc::clone(&need.message)) {
            continue;
        }
        for language in is.languages.iter().filter(|language| was.languages.contains(language)) {
            let written = |catalogue: &Catalogue| catalogue.written(*language, &need.message).unwrap_or_default();
            // Where it is written as it was, what it refers to may have changed.
            let fixed = |catalogue: &Catalogue| {
                let texts = catalogue.fixed_texts(*language, &need.message).unwrap_or_default();
                texts.iter().map(|fixed| &*fixed.text).collect::<Vec<_>>().join(" … ")
            };
            let (mut was, mut is) = (written(old), written(new));
            if was == is {
                (was, is) = (fixed(old), fixed(new));
            }
            if was != is {
                let (was, is) = apart(&was, &is);
                lines.push(format!("{} in {}: \"{is}\" where it was \"{was}\"", need.message, language.tag()));
            }
        }
    }
    lines
}

/// Texts that both may say, and that sound otherwise: whole ones first, pieces of numbers after them.
fn of_sounds(before: &Edition, (after, is): (&Edition, &Menu)) -> Vec<String> {
    let (old, new) = (&before.version.prompts, &after.version.prompts);
    let sound = |prompts: &Prompts, clip: &WantedClip| {
        prompts.clips().find(clip.language, &clip.text, clip.form).map(Arc::clone)
    };
    let differs = |clip: &WantedClip| match (sound(old, clip), sound(new, clip)) {
        (Some(was), Some(is)) => !Arc::ptr_eq(&was, &is) && was != is,
        _ => false,
    };
    let line = |clip: WantedClip| {
        let form = if clip.form == Form::Plain { String::new() } else { format!(" ({})", clip.form.name()) };
        let (text, language) = (short(&clip.text), clip.language.tag());
        format!("\"{text}\"{form} in {language} sounds otherwise: another recording")
    };
    let mut lines: Vec<String> = wanted_clips(is, new.catalogue()).into_iter().filter(differs).map(line).collect();
    let over = lines.len().saturating_sub(MOST_SOUNDS);
    if over > 0 {
        lines.truncate(MOST_SOUNDS);
        lines.push(format!("{over} texts more sound otherwise"));
    }
    lines
}

/// Two texts, cut so that what differs is seen: of long ones what both begin with is left out but for its end.
fn apart(was: &str, is: &str) -> (String, String) {
    let same = was.chars().zip(is.chars()).take_while(|(was, is)| was == is).count();
    let long = was.chars().count().max(is.chars().count()) > MOST_TEXT;
    let skipped = if long { same.saturating_sub(SEEN_BEFORE) } else { 0 };
    let cut = |text: &str| {
        let rest: String = text.chars().skip(skipped).collect();
        format!("{}{}", if skipped > 0 { "…" } else { "" }, short(&rest))
    };
    (cut(was), cut(is))
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(MOST_TEXT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::{MOST_TEXT, apart};

    #[test]
    fn what_differs_late_in_a_long_text_is_seen() {
        assert_eq!(apart("Press one.", "Press two."), ("Press one.".into(), "Press two.".into()));
        let begin = "For this and that, press a key. ".repeat(8);
        let (was, is) = apart(&format!("{begin}To end, nine."), &format!("{begin}For cards, five. To end, nine."));
        assert!(was.starts_with('…') && was.ends_with("press a key. To end, nine."), "{was}");
        assert!(is.contains("press a key. For cards, five."), "{is}");
        let (was, is) = apart(&begin, &"键".repeat(MOST_TEXT + 1));
        assert!(was.ends_with('…') && is.chars().count() == MOST_TEXT + 1, "{was} {is}");
    }
}
