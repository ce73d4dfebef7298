//! `hotline prompts import`: what a speaker sent becomes recordings, all of it or none.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jiff::civil::Date;

use super::Wrong;
use super::taking::{Ready, Taking, put};
use super::texts::{Texts, language, load, own_file};
use crate::audio::{LARGEST_IMPORT, Recording, decode, read_list};
use crate::cli::today;
use crate::facts::{Form, Language};

#[derive(Debug, Args)]
pub(super) struct Import {
    /// WAV, FLAC or MP3 files, named as their recordings are: welcome.flac becomes welcome.wav
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A menu script or its folder, whose texts are recorded; may be given again
    #[arg(long, required = true, value_name = "MENU")]
    menu: Vec<PathBuf>,
    /// The language that is spoken, as in zh-CN
    #[arg(long, value_parser = language)]
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

/// What a file says, and where it is put.
#[derive(Clone)]
struct Text {
    text: Arc<str>,
    form: Form,
    path: PathBuf,
}

impl Import {
    pub(super) fn run(&self) -> Result<bool, Wrong> {
        let said = load(&self.menu, self.prompts.as_deref())?;
        let folder = said.folder_of(self.language)?;
        let before = read_list(&folder).map_err(|faults| Wrong::faults_of(&folder, faults))?;
        let texts = by_name(&said, &folder, &before);
        let (mut ready, mut faults) = (BTreeMap::new(), Vec::new());
        for path in &self.files {
            match self.prepare(path, &texts) {
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
        ready.values().try_for_each(|one| one.tell(&mut out))?;
        if !self.dry_run {
            put(&folder, before, ready.into_values().collect())?;
        }
        let done = if self.dry_run { "would be imported" } else { "imported" };
        writeln!(out, "{} recordings {done} into {}", self.files.len(), folder.display())?;
        Ok(true)
    }

    fn prepare(&self, path: &Path, texts: &HashMap<String, Text>) -> Result<Ready, String> {
        let name = stem(path);
        self.check_folder(path)?;
        let Text { text, form, path: file } = texts.get(&name).cloned().ok_or_else(|| {
            format!(
                "no text of the menu is recorded in a file {name}.wav in {}; `hotline prompts missing --all` lists the files",
                self.language
            )
        })?;
        let bytes = read(path).map_err(|error| format!("it cannot be read: {error}"))?;
        let sound = decode(bytes).map_err(|fault| fault.to_string())?;
        let made = self.made.unwrap_or_else(today);
        let taking = Taking { language: self.language, voice: &self.voice, made, any_length: self.any_length };
        taking.fit(file, text, form, &sound).map_err(|fault| fault.to_string())
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

/// What each file name says in a language's folder, whose list this is.
fn by_name(said: &Texts, folder: &Path, before: &[Recording]) -> HashMap<String, Text> {
    let own = || said.wanted.iter().filter(|one| one.path.starts_with(folder));
    let mut texts = HashMap::new();
    let mut add = |name: &Path, text: &Arc<str>, form, path: &Path| {
        let text = Text { text: Arc::clone(text), form, path: path.to_owned() };
        texts.entry(stem(name)).or_insert(text);
    };
    own().for_each(|one| add(&one.path, &one.clip.text, one.clip.form, &one.path));
    before.iter().for_each(|one| add(&one.path, &one.text, one.form, &one.path));
    // A piece of a number may have the name it would have, whatever its file's.
    own().for_each(|one| add(Path::new(&own_file(&one.clip)), &one.clip.text, one.clip.form, &one.path));
    texts
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
