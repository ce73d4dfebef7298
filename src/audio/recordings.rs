//! `recordings.toml`: which recording says which text.
//!
//! ```toml
//! [[clip]]
//! file = "numbers/5-qian.wav"     # beside recordings.toml
//! text = "五千"
//! form = "inside"                 # may be left out: plain
//! voice = "…"                     # who spoke it
//! made = 2026-11-25
//! seconds = 0.52
//! ```

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use serde::Deserialize;

use crate::facts::{Files, Form};

use super::StoreFault;

/// The largest `recordings.toml`.
const LARGEST_FILE: u64 = 4_000_000;
/// The longest text of a recording, in bytes.
const LONGEST_TEXT: usize = 4000;

/// One recording, as `recordings.toml` describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Where the file is, as `prompts/zh-CN/numbers/5-qian.wav`.
    pub path: PathBuf,
    /// What is said, as [`crate::speech`] asks for it.
    pub text: Arc<str>,
    /// How.
    pub form: Form,
    /// Who spoke it.
    pub voice: String,
    /// When.
    pub made: Date,
    /// How long it sounds, to 0.1 s: a file of another length is not the one described.
    pub seconds: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    clip: Vec<toml::Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    file: String,
    text: String,
    #[serde(default)]
    form: Form,
    voice: String,
    made: toml::value::Datetime,
    seconds: f64,
}

/// Reads one language's list; an absent file is an empty list. Faults are added to `faults`.
pub(super) fn read(from: &dyn Files, folder: &Path, faults: &mut Vec<StoreFault>) -> Vec<Recording> {
    let path = folder.join("recordings.toml");
    let text = match from.read(&path, LARGEST_FILE + 1) {
        Ok(octets) if octets.len() as u64 > LARGEST_FILE => Err(std::io::Error::other("it is larger than 4 MB")),
        Ok(octets) => String::from_utf8(octets).map_err(|_| std::io::Error::other("it is not UTF-8")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => Err(error),
    };
    let text = match text {
        Ok(text) => text,
        Err(error) => {
            faults.push(StoreFault::Unreadable { path, error });
            return Vec::new();
        }
    };
    parse(&path, folder, &text, faults)
}

fn parse(path: &Path, folder: &Path, text: &str, faults: &mut Vec<StoreFault>) -> Vec<Recording> {
    let fault_at = |at: usize, what: String| {
        let (line, column) = place(text, at);
        StoreFault::List { path: path.into(), line, column, what }
    };
    let file: File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            faults.push(fault_at(error.span().map_or(0, |span| span.start), error.message().to_owned()));
            return Vec::new();
        }
    };
    let mut recordings = Vec::with_capacity(file.clip.len());
    for entry in file.clip {
        let at = entry.span().start;
        match entry.into_inner().into_recording(folder) {
            Ok(recording) => recordings.push(recording),
            Err(what) => faults.push(fault_at(at, what)),
        }
    }
    recordings
}

impl Entry {
    fn into_recording(self, folder: &Path) -> Result<Recording, String> {
        let inside = Path::new(&self.file).components().all(|part| matches!(part, Component::Normal(_)));
        if self.file.is_empty() || !inside {
            return Err(format!("file {:?} must lie in this folder, as in \"numbers/5.wav\"", self.file));
        }
        if self.text.trim().is_empty() || self.text.len() > LONGEST_TEXT {
            return Err(format!("the text must have 1 to {LONGEST_TEXT} bytes"));
        }
        let made = self.made.to_string().parse().map_err(|_| "made is a date, as in 2026-11-25".to_owned())?;
        Ok(Recording {
            path: folder.join(&self.file),
            text: self.text.into(),
            form: self.form,
            voice: self.voice,
            made,
            seconds: self.seconds,
        })
    }
}

/// Line and column, from 1, of a byte's place.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    (line, before.chars().rev().take_while(|symbol| *symbol != '\n').count() + 1)
}
