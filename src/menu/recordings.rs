//! Which recordings a menu can ask for: the fixed texts of all its messages, and the pieces of every kind of value they
//! speak.

use std::collections::HashSet;
use std::sync::Arc;

use super::compiled::Menu;
use super::needs::needs;
use crate::facts::{Form, Language};
use crate::speech::{Catalogue, How, vocabulary, vocabulary_of};

/// A recording that a menu needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WantedClip {
    /// Its language.
    pub language: Language,
    /// What is said.
    pub text: Arc<str>,
    /// How.
    pub form: Form,
    /// A file to record it into, as in `enter-id-too-short-1.wav`; empty for a piece of a number.
    pub file: String,
}

/// Every recording that a menu can ask for, each once: fixed texts first, then pieces of numbers.
pub fn wanted_clips(menu: &Menu, catalogue: &Catalogue) -> Vec<WantedClip> {
    let mut met = HashSet::new();
    let mut wanted = Vec::new();
    let mut pieces = Vec::new();
    for language in menu.languages.iter().copied() {
        for need in needs(menu) {
            let Ok(texts) = catalogue.fixed_texts(language, &need.message) else { continue };
            let several = texts.len() > 1;
            for (place, text) in texts.into_iter().enumerate() {
                if met.insert((language, Arc::clone(&text), Form::Plain)) {
                    let number = if several { format!("-{}", place + 1) } else { String::new() };
                    let file = format!("{}{number}.wav", need.message.replace('.', "-"));
                    wanted.push(WantedClip { language, text, form: Form::Plain, file });
                }
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
                if met.insert((language, Arc::clone(&text), form)) {
                    pieces.push(WantedClip { language, text, form, file: String::new() });
                }
            }
        }
    }
    wanted.append(&mut pieces);
    wanted
}
