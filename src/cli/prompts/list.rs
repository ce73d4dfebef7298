//! `hotline prompts list` and `hotline prompts stale`: what is recorded, and what of it nobody says any more.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::{Wrong, language, script_of, texts_and_recordings};
use crate::audio::{Recording, read_list};
use crate::facts::Language;
use crate::menu::wanted_clips;
use crate::speech::{Function, vocabulary_of};

#[derive(Debug, Args)]
pub(super) struct List {
    /// The folder of the prompts
    #[arg(long, value_name = "DIR", default_value = "prompts")]
    prompts: PathBuf,
    /// Only this language, as in zh-CN
    #[arg(long, value_parser = language)]
    language: Option<Language>,
    /// One JSON object a line: language, file, text, form, voice, made, seconds
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Stale {
    /// Every menu script that uses the prompts, or its folder
    #[arg(required = true)]
    menus: Vec<PathBuf>,
    /// The folder of the prompts; otherwise the folder `prompts` beside a script or above it
    #[arg(long, value_name = "DIR")]
    prompts: Option<PathBuf>,
    /// One JSON object a line: language, file, text, form, voice, made, seconds, now
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn run(&self) -> Result<bool, Wrong> {
        if !self.prompts.is_dir() {
            let message = format!("there is no folder {}: name one with --prompts", self.prompts.display());
            return Err(Wrong::Use(message));
        }
        let mut out = io::stdout().lock();
        let (mut count, mut seconds) = (0_usize, 0.0);
        for language in Language::ALL.into_iter().filter(|language| self.language.is_none_or(|only| only == *language))
        {
            for recording in recordings(&self.prompts, language)? {
                show(&recording, language, None, self.json, &mut out)?;
                (count, seconds) = (count + 1, seconds + recording.seconds);
            }
        }
        if !self.json {
            writeln!(out, "{count} recordings, {:.1} minutes", seconds / 60.0)?;
        }
        Ok(true)
    }
}

impl Stale {
    pub(super) fn run(&self) -> Result<bool, Wrong> {
        let (mut said, mut files, mut folders) = (HashSet::new(), HashMap::new(), Vec::new());
        for path in &self.menus {
            let (menu, catalogue, folder) = texts_and_recordings(&script_of(path), self.prompts.as_deref())?;
            for clip in wanted_clips(&menu, &catalogue) {
                files.entry((clip.language, clip.file)).or_insert_with(|| Arc::clone(&clip.text));
                said.insert((clip.language, clip.text, clip.form));
            }
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        for language in Language::ALL {
            // Of numbers every piece may be said, whichever a menu says today.
            let pieces = Function::ALL.into_iter().flat_map(|function| vocabulary_of(language, function));
            said.extend(pieces.map(|(text, form)| (language, text, form)));
        }
        let mut out = io::stdout().lock();
        let (mut all, mut stale) = (0_usize, 0_usize);
        for folder in &folders {
            for language in Language::ALL {
                for recording in recordings(folder, language)? {
                    all += 1;
                    if !said.contains(&(language, Arc::clone(&recording.text), recording.form)) {
                        stale += 1;
                        let name = recording.path.file_name().map(|name| name.to_string_lossy().into_owned());
                        let now = name.and_then(|name| files.get(&(language, name)));
                        show(&recording, language, Some(now.map(|text| &**text)), self.json, &mut out)?;
                    }
                }
            }
        }
        if !self.json {
            writeln!(out, "{stale} of {all} recordings say what no menu says any more")?;
        }
        Ok(stale == 0)
    }
}

fn recordings(prompts: &Path, language: Language) -> Result<Vec<Recording>, Wrong> {
    let folder = prompts.join(language.tag());
    read_list(&folder).map_err(|faults| Wrong::faults_of(&folder, faults))
}

/// One recording; `now` is what its file should say, where that is asked for.
fn show(
    recording: &Recording,
    language: Language,
    now: Option<Option<&str>>,
    json: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Recording { path, text, form, voice, made, seconds } = recording;
    let (file, form, made) = (path.display().to_string(), form.name(), made.to_string());
    if json {
        let mut line = serde_json::json!({
            "language": language.tag(), "file": file, "text": &**text, "form": form, "voice": voice, "made": made,
            "seconds": seconds,
        });
        if let (Some(now), Some(object)) = (now, line.as_object_mut()) {
            object.insert("now".into(), now.into());
        }
        return writeln!(out, "{line}");
    }
    writeln!(out, "{file:40} {seconds:6.2} s  {made}  {voice}  {form:6}  {text}")?;
    match now {
        None => Ok(()),
        Some(Some(now)) => writeln!(out, "  the text is now: {now}; record it again"),
        Some(None) => writeln!(out, "  no menu says it; remove it"),
    }
}
