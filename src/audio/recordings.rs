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

use crate::facts::{Disk, Files, Form};

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

/// Reads the list of a language's folder from the disk, without the recordings; an absent list is an empty one.
///
/// # Errors
/// Every fault of the list.
pub fn read_list(folder: &Path) -> Result<Vec<Recording>, Vec<StoreFault>> {
    let mut faults = Vec::new();
    let recordings = read(&Disk, folder, &mut faults);
    if faults.is_empty() { Ok(recordings) } else { Err(faults) }
}

/// Writes the list of a language's folder, whole or not at all. The comments at its head stay.
///
/// # Errors
/// The disk is full, or gone.
pub fn write_list(folder: &Path, recordings: &[Recording]) -> std::io::Result<()> {
    let path = folder.join("recordings.toml");
    let mut text = match std::fs::read_to_string(&path) {
        Ok(before) => {
            before.lines().take_while(|line| line.starts_with('#')).fold(String::new(), |head, line| head + line + "\n")
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    for recording in recordings {
        let file = recording.path.strip_prefix(folder).unwrap_or(&recording.path).to_string_lossy().replace('\\', "/");
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let form = match recording.form {
            Form::Plain => String::new(),
            form => format!("form = {}\n", quoted(form.name())),
        };
        let entry = format!(
            "{}[[clip]]\nfile = {}\ntext = {}\n{form}voice = {}\nmade = {}\nseconds = {:?}\n",
            if text.is_empty() { "" } else { "\n" },
            quoted(&file),
            quoted(&recording.text),
            quoted(&recording.voice),
            recording.made,
            (recording.seconds * 100.0).round() / 100.0,
        );
        text.push_str(&entry);
    }
    let mut unfinished = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut unfinished, text.as_bytes())?;
    unfinished.as_file().sync_all()?;
    as_others(&path, unfinished.path())?;
    unfinished.persist(&path).map(drop).map_err(|error| error.error)
}

/// A temporary file is its owner's alone; one that replaces another, or is new, may be read as such files are.
fn as_others(path: &Path, unfinished: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let permissions = std::fs::metadata(path)
            .map_or_else(|_| std::fs::Permissions::from_mode(0o644), |before| before.permissions());
        std::fs::set_permissions(unfinished, permissions)?;
    }
    #[cfg(not(unix))]
    let _ = (path, unfinished);
    Ok(())
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
