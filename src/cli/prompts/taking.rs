//! Sound that becomes a recording: fitted to its text, put in its place, listed.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use tempfile::NamedTempFile;

use super::Wrong;
use crate::audio::{Fitted, IntakeFault, Recording, Sound, StoreFault, WavFile, duration_of, fit, write_list};
use crate::facts::{Form, Language};
use crate::speech::about_as_long_as;

/// Whose sound is taken in, and how.
pub(super) struct Taking<'a> {
    pub(super) language: Language,
    pub(super) voice: &'a str,
    pub(super) made: Date,
    /// However long it is for its text.
    pub(super) any_length: bool,
}

/// A recording that only needs to be put in its place.
pub(super) struct Ready {
    pub(super) recording: Recording,
    pub(super) fitted: Fitted,
}

impl Taking<'_> {
    /// How long a text may be expected to last, if it matters.
    pub(super) fn expected(&self, text: &str) -> Option<std::time::Duration> {
        (!self.any_length).then(|| about_as_long_as(self.language, text))
    }

    /// A sound of a text, fit to be played.
    pub(super) fn fit(&self, path: PathBuf, text: Arc<str>, form: Form, sound: &Sound) -> Result<Ready, IntakeFault> {
        let fitted = fit(sound, self.expected(&text))?;
        Ok(self.ready(path, text, form, fitted))
    }

    /// The same of what has been fitted.
    pub(super) fn ready(&self, path: PathBuf, text: Arc<str>, form: Form, fitted: Fitted) -> Ready {
        let seconds = duration_of(fitted.samples.len()).as_secs_f64();
        let recording = Recording { path, text, form, voice: self.voice.to_owned(), made: self.made, seconds };
        Ready { recording, fitted }
    }
}

impl Ready {
    /// What it is, and what a person should listen for.
    pub(super) fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let Recording { path, text, seconds, .. } = &self.recording;
        writeln!(out, "{}  {seconds:.2} s  {text}", path.display())?;
        self.fitted.doubts.iter().try_for_each(|doubt| writeln!(out, "  warning: {doubt}"))
    }
}

/// Everything is written beside its place first; only then it is put there, the list last.
pub(super) fn put(folder: &Path, before: Vec<Recording>, ready: Vec<Ready>) -> Result<(), Wrong> {
    let failed =
        |path: &Path, error: io::Error| Wrong::Failed(StoreFault::Unreadable { path: path.into(), error }.to_string());
    let mut written = Vec::new();
    for one in &ready {
        let path = &one.recording.path;
        written.push((path, write(path, &one.fitted.samples).map_err(|error| failed(path, error))?));
    }
    let mut list = before;
    list.retain(|old| {
        // The place of a text stays; a file that says another text now has lost its old one.
        !ready.iter().any(|one| {
            let new = &one.recording;
            old.path == new.path && (old.text != new.text || old.form != new.form)
        })
    });
    for one in &ready {
        let new = one.recording.clone();
        match list.iter_mut().find(|old| old.text == new.text && old.form == new.form) {
            Some(old) => *old = new,
            None => list.push(new),
        }
    }
    for (path, file) in written {
        file.persist(path).map_err(|error| failed(path, error.error))?;
    }
    write_list(folder, &list).map_err(|error| failed(&folder.join("recordings.toml"), error))
}

/// A finished recording that is not in its place yet; it is gone again when it is dropped.
fn write(path: &Path, samples: &[i16]) -> io::Result<NamedTempFile> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let unfinished = tempfile::Builder::new().prefix(".import-").suffix(".part").tempfile_in(folder)?;
    let mut wav = WavFile::create(unfinished.path())?;
    wav.write(samples)?;
    wav.finish()?;
    unfinished.as_file().sync_all()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        unfinished.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    Ok(unfinished)
}
