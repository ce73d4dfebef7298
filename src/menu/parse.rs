//! The door of the room: text in, a menu or all its faults out.

use std::sync::Arc;

use super::compile::{Place, compile};
use super::compiled::{Menu, StepId};
use super::faults::Faults;
use super::read::{LONGEST_SCRIPT, read};
use crate::facts::Fault;

/// A script without an error.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The menu that calls run.
    pub menu: Menu,
    /// Where each step stands in the script, by [`super::StepId`].
    pub places: Vec<Place>,
    /// What is allowed, but probably not meant. At most [`super::MOST_FAULTS`] and one that counts the rest.
    pub warnings: Vec<Fault>,
    /// The script's name as people know it.
    pub file: String,
    /// The script.
    pub source: Arc<str>,
}

impl Compiled {
    /// An error at a step's message, or at its name where it has none; of no step: of the whole file.
    pub fn fault_at_message(&self, step: Option<StepId>, what: String) -> Fault {
        match step.and_then(|step| self.places.get(step.0)) {
            Some(place) => {
                let span = place.message.clone().unwrap_or_else(|| place.name.clone());
                Fault::error(&self.file, &self.source, span, what)
            }
            None => Fault::of_file(&self.file, what),
        }
    }
}

/// Reads a script of the voice-menu language (docs/menu-language.md). `file` is its name for people.
///
/// # Errors
/// Every mistake in it and every warning, in the order of the text: at most [`super::MOST_FAULTS`] and one that counts
/// the rest; errors are dropped after warnings. At least one of them is an error.
pub fn parse(file: &str, text: &str) -> Result<Compiled, Vec<Fault>> {
    match parse_as_far(file, text) {
        (Some(compiled), faults) if faults.is_empty() => Ok(compiled),
        (_, faults) => Err(faults),
    }
}

/// As [`parse`], but what could be compiled whole is given in spite of errors, to be looked at and never to be run: steps
/// that lead in circles are steps all the same.
pub fn parse_as_far(file: &str, text: &str) -> (Option<Compiled>, Vec<Fault>) {
    if text.len() > LONGEST_SCRIPT {
        let message = format!("a script has at most {LONGEST_SCRIPT} bytes; this one has {}", text.len());
        return (None, vec![Fault::of_file(file, message).hint("divide it into several hotlines")]);
    }
    let mut faults = Faults::new(file, text);
    let script = read(text, &mut faults);
    let compiled = compile(&script, &mut faults);
    let (faults, failed) = faults.finish();
    let whole = compiled.map(|(menu, places)| {
        let warnings = if failed { Vec::new() } else { faults.clone() };
        Compiled { menu, places, warnings, file: file.into(), source: text.into() }
    });
    match whole {
        Some(_) if !failed => (whole, Vec::new()),
        _ if failed => (whole, faults),
        // Cannot be: what could not be compiled has a fault. But a call must never run on half a menu.
        _ => (None, vec![Fault::of_file(file, "the script could not be compiled")]),
    }
}
