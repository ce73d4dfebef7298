//! Texts and recordings together: what a dialogue wants said becomes something to play and something to read.

use std::sync::Arc;
use std::time::Duration;

use super::{Catalogue, Line, Pace, Part};
use crate::audio::{ClipStore, Playlist};
use crate::facts::{Form, Language};

/// Between two lines said together.
const BETWEEN_LINES: Duration = Duration::from_millis(400);

/// All that a hotline can say. Shared by all its calls.
pub struct Prompts {
    catalogue: Catalogue,
    clips: ClipStore,
}

/// Lines as they are said.
#[derive(Debug)]
pub struct Said {
    /// Each line there is a message for, in order.
    pub lines: Vec<SaidLine>,
    /// The clips and pauses of all of them.
    pub playlist: Playlist,
    /// Texts for which there is no recording. Silent; `hotline check` refuses a menu that could come here.
    pub missing: u32,
}

/// One line as it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaidLine {
    /// The message that was found: the line's own, or one it gives way to.
    pub message: Arc<str>,
    /// The language it is said in.
    pub language: Language,
    /// What a person would read.
    pub text: String,
    /// How long it lasts, with the pause before the next line.
    pub length: Duration,
}

impl Said {
    /// How long all of it lasts.
    pub fn length(&self) -> Duration {
        self.playlist.duration()
    }
}

impl Prompts {
    /// Puts texts and recordings together.
    pub fn new(catalogue: Catalogue, clips: ClipStore) -> Prompts {
        Prompts { catalogue, clips }
    }

    /// The texts.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The recordings.
    pub fn clips(&self) -> &ClipStore {
        &self.clips
    }

    /// Lines as text and as sound. A line without a message in its language is left out; a text without a recording
    /// is counted, and silent for about as long as it would be said.
    pub fn say(&self, lines: &[(Language, Line)], pace: Pace) -> Said {
        let mut said = Said { lines: Vec::with_capacity(lines.len()), playlist: Playlist::default(), missing: 0 };
        for (place, (language, line)) in lines.iter().enumerate() {
            let Some(spoken) = self.catalogue.speak(*language, line, pace) else { continue };
            let begun = said.playlist.duration();
            // And a pause after them.
            said.playlist.reserve(spoken.parts.len() + 1);
            for part in &spoken.parts {
                match part {
                    Part::Pause(pause) => said.playlist.push_pause(*pause),
                    Part::Clip { text, form } => self.put(&mut said, spoken.language, text, *form),
                }
            }
            if place + 1 < lines.len() && !spoken.parts.is_empty() {
                said.playlist.push_pause(BETWEEN_LINES);
            }
            let length = said.playlist.duration().saturating_sub(begun);
            let (message, language, text) = (Arc::clone(&spoken.message), spoken.language, spoken.text.clone());
            said.lines.push(SaidLine { message, language, text, length });
        }
        said.playlist.shrink();
        said
    }

    fn put(&self, said: &mut Said, language: Language, text: &str, form: Form) {
        match self.clips.find(language, text, form) {
            Some(clip) => said.playlist.push_clip(Arc::clone(clip)),
            None => {
                said.missing = said.missing.saturating_add(1);
                said.playlist.push_pause(about_as_long_as(language, text));
            }
        }
    }
}

/// How long a text takes to say, roughly: a Mandarin syllable is a quarter of a second, an English letter 65 ms.
pub fn about_as_long_as(language: Language, text: &str) -> Duration {
    let symbol = match language {
        Language::ZhCn => Duration::from_millis(250),
        Language::En => Duration::from_millis(65),
    };
    symbol.saturating_mul(u32::try_from(text.chars().count()).unwrap_or(0).min(10_000))
}
