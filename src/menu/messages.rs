//! A menu against the prompts: messages that it needs and that are missing in one of its languages, and messages that name a
//! value their step does not give.

use std::sync::Arc;

use super::{Compiled, StepId, needs};
use crate::facts::Fault;
use crate::speech::Catalogue;

/// Everything that is wrong between a menu and the prompts; a missing message is shown where the script asks for it.
pub fn check_messages(compiled: &Compiled, catalogue: &Catalogue) -> Vec<Fault> {
    let mut faults = Vec::new();
    for need in needs(&compiled.menu) {
        for language in &compiled.menu.languages {
            if need.required || catalogue.has(*language, &need.message) {
                let found = catalogue.check_line_in(*language, &need.message, &need.given);
                faults.extend(found.into_iter().map(|fault| at_its_step(compiled, need.step, fault)));
            }
        }
    }
    faults
}

fn at_its_step(compiled: &Compiled, step: Option<StepId>, fault: Fault) -> Fault {
    let place = step.and_then(|step| compiled.places.get(step.0));
    match place {
        Some(place) if fault.source.is_empty() => {
            let span = place.message.clone().unwrap_or_else(|| place.name.clone());
            Fault { file: compiled.file.clone(), source: Arc::clone(&compiled.source), span, ..fault }
        }
        _ => fault,
    }
}
