//! Menus of other systems, read into the voice-menu language: text in, text out.
//!
//! ```text
//!   FreeSWITCH  <menu><entry/></menu> --freeswitch--\
//!                                                    Draft --write--> menu.toml, menu.ftl, common.ftl
//!   Asterisk    [context] exten => … --asterisk-----/     \
//!               (lines: dialplan)                          what could not be carried, each with its line and why
//! ```
//!
//! A sound file becomes a message that names it, for a recording or a text to be put in its place.

mod asterisk;
mod dialplan;
mod draft;
mod freeswitch;
mod write;

use std::sync::Arc;

use crate::facts::{Fault, Language};

/// A file to import may have at most so many bytes.
pub const LONGEST_FILE: usize = 1 << 20;
/// So many things that could not be carried are told one by one.
pub const MOST_LEFT: usize = 200;

/// Whose menu it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `<menu>` elements of FreeSWITCH's `ivr.conf`.
    FreeSwitch,
    /// Contexts of Asterisk's `extensions.conf`.
    Asterisk,
}

impl Origin {
    /// XML is FreeSWITCH's, anything else a dialplan.
    pub fn of(text: &str) -> Origin {
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if text.starts_with('<') { Origin::FreeSwitch } else { Origin::Asterisk }
    }
}

/// What to import, and how.
#[derive(Clone, Copy, Debug)]
pub struct Source<'t> {
    /// The file's name, as faults show it.
    pub file: &'t str,
    /// The file's text.
    pub text: &'t str,
    /// Whose it is.
    pub origin: Origin,
    /// The menu or context that calls begin in; otherwise the first that no other leads to.
    pub start: Option<&'t str>,
    /// The language that the sounds are in.
    pub language: Language,
}

/// A menu in our form.
#[derive(Clone, Debug)]
pub struct Imported {
    /// `menu.toml`.
    pub menu: String,
    /// The messages of the menu, Fluent text.
    pub texts: String,
    /// The messages that every hotline has, Fluent text.
    pub common: String,
    /// How many steps the menu has.
    pub steps: usize,
    /// What could not be carried, each with its line and why, in the order of the lines; warnings.
    pub left: Vec<Fault>,
}

/// Reads a menu of another system.
///
/// # Errors
/// Nothing to import is in the file, it is too long, or `start` is not in it.
pub fn import(source: &Source<'_>) -> Result<Imported, Fault> {
    let whole: Arc<str> = if source.text.len() > LONGEST_FILE { Arc::from("") } else { Arc::from(source.text) };
    let fail = |message: String| Fault::error(source.file, &whole, 0..0, message);
    if source.text.len() > LONGEST_FILE {
        let length = source.text.len();
        return Err(fail(format!("a file to import has at most {LONGEST_FILE} bytes; this one has {length}"))
            .hint("put the menu into a file of its own"));
    }
    let draft = match source.origin {
        Origin::FreeSwitch => freeswitch::read(source.text, source.start),
        Origin::Asterisk => asterisk::read(source.text, source.start),
    };
    let mut draft = draft.map_err(|(message, hint)| fail(message).hint(hint))?;
    draft.finish();
    let warn = |left: &draft::Left| {
        let fault = Fault::warning(source.file, &whole, left.span.clone(), left.what.clone());
        fault.hint(left.why.clone())
    };
    draft.left.sort_by_key(|left| left.span.start);
    draft.left.dedup();
    let mut left: Vec<Fault> = draft.left.iter().take(MOST_LEFT).map(warn).collect();
    let more = draft.left.len().saturating_sub(MOST_LEFT) + draft.uncounted;
    if more > 0 {
        left.push(Fault {
            severity: miette::Severity::Warning,
            ..fail(format!("{more} more things are not carried")).hint("import a menu at a time with --start")
        });
    }
    Ok(Imported {
        menu: write::menu(&draft, source),
        texts: write::texts(&draft, source),
        common: write::common(source.language),
        steps: draft.steps.len(),
        left,
    })
}
