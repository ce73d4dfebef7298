//! Which recordings a menu can ask for: the fixed texts of all its messages, and the pieces of every kind of value they
//! speak.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use miette::Severity;

use super::Compiled;
use super::compiled::{Menu, MessageId, StepId};
use super::needs::needs;
use crate::facts::{Fault, Form, Language};
use crate::speech::{Catalogue, FixedText, How, vocabulary, vocabulary_of};

/// A recording that a menu needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WantedClip {
    /// Its language.
    pub language: Language,
    /// What is said.
    pub text: Arc<str>,
    /// How.
    pub form: Form,
    /// Whether it goes on from a value in the same sentence, in any message.
    pub after_value: bool,
    /// Whether it leads to one.
    pub before_value: bool,
    /// A file to record it into, as in `enter-id-too-short-1.wav`; empty for a piece of a number.
    pub file: String,
    /// The first step whose message needs it; nothing for the messages that every step may say.
    pub step: Option<StepId>,
    /// That message.
    pub message: MessageId,
}

/// Every recording that a menu can ask for, each once: fixed texts first, then pieces of numbers.
pub fn wanted_clips(menu: &Menu, catalogue: &Catalogue) -> Vec<WantedClip> {
    // Where a text that was met stands in `wanted`; a piece of a number stands nowhere.
    let mut met: HashMap<(Language, Arc<str>, Form), usize> = HashMap::new();
    let mut wanted: Vec<WantedClip> = Vec::new();
    let mut pieces = Vec::new();
    for language in menu.languages.iter().copied() {
        for need in needs(menu) {
            let Ok(texts) = catalogue.fixed_texts(language, &need.message) else { continue };
            let several = texts.len() > 1;
            for (place, FixedText { text, after_value, before_value }) in texts.into_iter().enumerate() {
                let key = (language, Arc::clone(&text), Form::Plain);
                if let Some(known) = met.get(&key) {
                    if let Some(known) = wanted.get_mut(*known) {
                        known.after_value |= after_value;
                        known.before_value |= before_value;
                    }
                    continue;
                }
                met.insert(key, wanted.len());
                let number = if several { format!("-{}", place + 1) } else { String::new() };
                let file = format!("{}{number}.wav", need.message.replace('.', "-"));
                let (form, step, message) = (Form::Plain, need.step, Arc::clone(&need.message));
                wanted.push(WantedClip { language, text, form, after_value, before_value, file, step, message });
            }
            let uses = catalogue.variables(language, &need.message);
            let pieces_of = uses.iter().flat_map(|(name, uses)| uses.iter().map(move |used| (name, &used.how)));
            let pieces_of = pieces_of.flat_map(|(name, how)| match how {
                How::Function(function) => vocabulary_of(language, *function),
                How::Plain => {
                    let given = need.given.iter().find(|(given, _)| given == name);
                    given.map(|(_, kind)| vocabulary(language, *kind)).unwrap_or_default()
                }
                How::Choice(_) => Vec::new(),
            });
            for (text, form) in pieces_of {
                if let Entry::Vacant(new) = met.entry((language, Arc::clone(&text), form)) {
                    new.insert(usize::MAX);
                    let (file, step, message) = (String::new(), need.step, Arc::clone(&need.message));
                    let (after_value, before_value) = (false, false);
                    pieces.push(WantedClip { language, text, form, after_value, before_value, file, step, message });
                }
            }
        }
    }
    wanted.append(&mut pieces);
    wanted
}

/// So many texts without a recording are named.
const MOST_NAMED: usize = 3;

/// What a menu wants said and nobody has recorded: a warning at the first step that wants it, since it is synthesized. An
/// error for each text that no synthesizer of its language can read.
pub fn check_clips(compiled: &Compiled, catalogue: &Catalogue, recorded: impl Fn(&WantedClip) -> bool) -> Vec<Fault> {
    let wanted = wanted_clips(&compiled.menu, catalogue);
    let missing: Vec<WantedClip> = wanted.into_iter().filter(|clip| !recorded(clip)).collect();
    let (good, bad): (Vec<_>, Vec<_>) = missing.into_iter().partition(|clip| can_be_read(clip.language, &clip.text));
    let mut faults: Vec<Fault> = bad
        .iter()
        .map(|clip| {
            let what = format!(
                "`{}` of `{}` has no recording, and cannot be read in {}",
                clip.text, clip.message, clip.language
            );
            let hint = format!("write it in the letters of {}, or record it", clip.language);
            compiled.fault_at_message(clip.step, what).hint(hint)
        })
        .collect();
    if let Some(first) = good.first() {
        let named = good.iter().take(MOST_NAMED).map(|clip| format!("`{}` of `{}`", clip.text, clip.message));
        let named = named.collect::<Vec<_>>().join(", ");
        let more = if good.len() > MOST_NAMED { ", …" } else { "" };
        let texts = if good.len() == 1 { "1 text has".to_owned() } else { format!("{} texts have", good.len()) };
        let what = format!("{texts} no recording and will be synthesized before the first call: {named}{more}");
        let hint = format!("`hotline prompts missing {}` lists them", compiled.file);
        let fault = compiled.fault_at_message(first.step, what).hint(hint);
        faults.push(Fault { severity: Severity::Warning, ..fault });
    }
    faults
}

/// Whether a voice of the language can read a text: an English one reads no Chinese characters.
fn can_be_read(language: Language, text: &str) -> bool {
    match language {
        Language::ZhCn => true,
        Language::En => !text.chars().any(|symbol| matches!(symbol, '\u{3400}'..='\u{9fff}')),
    }
}
