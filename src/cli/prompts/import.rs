//! `hotline prompts import`: what a speaker sent becomes recordings, all of it or none.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jiff::civil::Date;
use tempfile::NamedTempFile;

use super::{Wrong, piece_file, script_of, texts_and_recordings};
use crate::audio::{
    Fitted, LARGEST_IMPORT, Recording, StoreFault, WavFile, decode, duration_of, fit, read_list, write_list,
};
use crate::cli::today;
use crate::facts::{Form, Language};
use crate::menu::wanted_clips;
use crate::speech::about_as_long_as;

#[derive(Debug, Args)]
pub(super) struct Import {
    /// WAV, FLAC or MP3 files, named as their recordings are: welcome.flac becomes welcome.wav
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A menu script or its folder, whose texts are recorded; may be given again
    #[arg(long, required = true, value_name = "MENU")]
    menu: Vec<PathBuf>,
    /// The language that is spoken, as in zh-CN
    #[arg(long, value_parser = super::language)]
    language: Language,
    /// Who speaks
    #[arg(long)]
    voice: String,
    /// The day of the recording; otherwise today
    #[arg(long, value_name = "DATE")]
    made: Option<Date>,
    /// The folder of the prompts; otherwise the folder `prompts` beside a script or above it
    #[arg(long, value_name = "DIR")]
    prompts: Option<PathBuf>,
    /// Take recordings whose length is far from their text's
    #[arg(long)]
    any_length: bool,
    /// Tell what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// What a file says.
#[derive(Clone)]
struct Text {
    text: Arc<str>,
    form: Form,
}

/// A recording that only needs to be put in its place.
struct Ready {
    recording: Recording,
    fitted: Fitted,
}

impl Import {
    pub(super) fn run(&self) -> Result<bool, Wrong> {
        let (folder, texts) = self.texts()?;
        let before = read_list(&folder).map_err(|faults| Wrong::faults_of(&folder, faults))?;
        let (mut ready, mut faults) = (BTreeMap::new(), Vec::new());
        for path in &self.files {
            match self.prepare(path, &folder, &texts, &before) {
                Ok(one) => {
                    if let Some(other) = ready.insert(one.recording.path.clone(), one) {
                        faults.push(format!(
                            "{}: another file given has this text too: give one",
                            other.recording.path.display()
                        ));
                    }
                }
                Err(why) => faults.push(format!("{}: {why}", path.display())),
            }
        }
        if !faults.is_empty() {
            let count = faults.len();
            faults.push(format!("nothing was imported: {count} of {} files cannot be", self.files.len()));
            return Err(Wrong::Failed(faults.join("\n")));
        }
        let mut out = io::stdout().lock();
        for one in ready.values() {
            let Recording { path, text, seconds, .. } = &one.recording;
            writeln!(out, "{}  {seconds:.2} s  {text}", path.display())?;
            for doubt in &one.fitted.doubts {
                writeln!(out, "  warning: {doubt}")?;
            }
        }
        if !self.dry_run {
            put(&folder, before, ready.into_values().collect())?;
        }
        let done = if self.dry_run { "would be imported" } else { "imported" };
        writeln!(out, "{} recordings {done} into {}", self.files.len(), folder.display())?;
        Ok(true)
    }

    /// The language's folder, and what each file name says.
    fn texts(&self) -> Result<(PathBuf, HashMap<String, Text>), Wrong> {
        let mut texts = HashMap::new();
        let mut folder = None;
        for path in &self.menu {
            let (menu, catalogue, prompts) = texts_and_recordings(&script_of(path), self.prompts.as_deref())?;
            for clip in wanted_clips(&menu, &catalogue).into_iter().filter(|clip| clip.language == self.language) {
                let file = if clip.file.is_empty() { piece_file(&clip.text, clip.form) } else { clip.file };
                texts.entry(stem(Path::new(&file))).or_insert(Text { text: clip.text, form: clip.form });
            }
            folder.get_or_insert(prompts.join(self.language.tag()));
        }
        let folder = folder.ok_or_else(|| Wrong::Use("name a menu with --menu".into()))?;
        Ok((folder, texts))
    }

    fn prepare(
        &self,
        path: &Path,
        folder: &Path,
        texts: &HashMap<String, Text>,
        before: &[Recording],
    ) -> Result<Ready, String> {
        let name = stem(path);
        self.check_folder(path)?;
        let listed = before.iter().find(|recording| stem(&recording.path) == name);
        let text = texts
            .get(&name)
            .cloned()
            .or_else(|| listed.map(|recording| Text { text: Arc::clone(&recording.text), form: recording.form }));
        let Text { text, form } = text.ok_or_else(|| {
            format!(
                "no text of the menu is recorded in a file {name}.wav in {}; `hotline prompts missing --all` lists the files",
                self.language
            )
        })?;
        // A text keeps the file it has.
        let same = before.iter().find(|recording| recording.text == text && recording.form == form);
        let of_text = same.map(|recording| recording.path.clone());
        let file = if texts.contains_key(&name) && form == Form::Plain && listed.is_none() {
            folder.join(format!("{name}.wav"))
        } else {
            listed.map_or_else(|| folder.join(piece_file(&text, form)), |recording| recording.path.clone())
        };
        let bytes = read(path).map_err(|error| format!("it cannot be read: {error}"))?;
        let sound = decode(bytes).map_err(|fault| fault.to_string())?;
        let expected = (!self.any_length).then(|| about_as_long_as(self.language, &text));
        let fitted = fit(&sound, expected).map_err(|fault| fault.to_string())?;
        let seconds = duration_of(fitted.samples.len()).as_secs_f64();
        let made = self.made.unwrap_or_else(today);
        let recording =
            Recording { path: of_text.unwrap_or(file), text, form, voice: self.voice.clone(), made, seconds };
        Ok(Ready { recording, fitted })
    }

    /// A file in a folder of another language is that language's.
    fn check_folder(&self, path: &Path) -> Result<(), String> {
        let mut tags = path.components().filter_map(|part| Language::from_tag(part.as_os_str().to_str()?));
        match tags.next_back() {
            Some(language) if language != self.language => Err(format!(
                "it lies in a folder of {language}, and is imported as {}; import it with --language {language}, or move it",
                self.language
            )),
            _ => Ok(()),
        }
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST_IMPORT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_IMPORT {
        return Err(io::Error::other("it is larger than half an hour of sound is; cut it into one file a text"));
    }
    Ok(bytes)
}

/// Everything is written beside its place first; only then it is put there, the list last.
fn put(folder: &Path, before: Vec<Recording>, ready: Vec<Ready>) -> Result<(), Wrong> {
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
