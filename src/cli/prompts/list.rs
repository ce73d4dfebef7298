//! `hotline prompts list` and `hotline prompts stale`: what is recorded, and what of it nobody says any more.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use super::Wrong;
use super::texts::{Menus, Wanted, language, list_of};
use crate::audio::Recording;
use crate::facts::Language;

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
pub(super) struct Missing {
    #[command(flatten)]
    menus: Menus,
    /// One JSON object a line: language, text, form, file; what `tools/voice/make.py --wanted` reads
    #[arg(long)]
    json: bool,
    /// Everything that the menus need, whether it is recorded or not
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(super) struct Stale {
    #[command(flatten)]
    menus: Menus,
    /// One JSON object a line: language, file, text, form, voice, made, seconds, now
    #[arg(long)]
    json: bool,
}

impl Missing {
    pub(super) fn run(&self) -> Result<bool, Wrong> {
        let texts = self.menus.load()?;
        let mut out = io::stdout().lock();
        let lacking = texts.wanted.iter().filter(|text| text.recorded.is_none()).count();
        for text in texts.wanted.iter().filter(|text| self.all || text.recorded.is_none()) {
            self.show(text, &mut out)?;
        }
        if !self.json {
            writeln!(out, "{lacking} of {} texts have no recording", texts.wanted.len())?;
        }
        Ok(lacking == 0)
    }

    fn show(&self, wanted: &Wanted, out: &mut dyn Write) -> io::Result<()> {
        let (language, text, place) = (wanted.clip.language.tag(), &wanted.clip.text, wanted.place());
        if self.json {
            // Who makes many recordings has files of his own for the pieces of numbers.
            let file = if wanted.clip.file.is_empty() { "" } else { &place };
            let form = wanted.clip.form.name();
            let line = serde_json::json!({"language": language, "text": &**text, "form": form, "file": file});
            return writeln!(out, "{line}");
        }
        writeln!(out, "{language:6} {place:32} {text}")?;
        match &wanted.was {
            Some(was) if wanted.recorded.is_none() => writeln!(out, "{:39} in place of: {was}", ""),
            _ => Ok(()),
        }
    }
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
            for recording in list_of(&self.prompts, language)? {
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
        let texts = self.menus.load()?;
        let mut out = io::stdout().lock();
        let (mut all, mut stale) = (0_usize, 0_usize);
        for folder in &texts.folders {
            for language in Language::ALL {
                for recording in list_of(folder, language)? {
                    all += 1;
                    if !texts.says(language, &recording) {
                        stale += 1;
                        let now = texts.wanted.iter().find(|text| text.path == recording.path);
                        show(&recording, language, Some(now.map(|now| &*now.clip.text)), self.json, &mut out)?;
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
