//! `hotline prompts`: what has to be recorded, what is, what is no longer said; and recordings taken in.
//!
//! ```text
//!   hotline prompts missing voice-menus/12333
//!   zh-CN  welcome.wav     您好，欢迎致电一二三三三，人力资源和社会保障服务热线
//!   zh-CN  (ending)        五
//!   2 of 612 texts have no recording
//! ```

mod import;
mod list;

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::check::prompts_folder;
use super::{Wrong, exit_code};
use crate::audio::ClipStore;
use crate::facts::{Form, Language};
use crate::menu::{Menu, WantedClip, wanted_clips};
use crate::speech::Catalogue;

/// Looks after texts and recordings.
#[derive(Debug, Args)]
pub struct Prompts {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the texts that a menu needs and that nobody has recorded
    #[command(after_help = "Example:\n  hotline prompts missing voice-menus/12333\n\nExits with 0 if nothing is \
                            missing, with 1 if something is, with 2 on wrong use.")]
    Missing(Missing),
    /// Lists the recordings: file, length, day, voice, form, text
    #[command(
        after_help = "Examples:\n  hotline prompts list\n  hotline prompts list --language en --json\n\nExits with \
                            0, with 1 if a list is faulty, with 2 on wrong use."
    )]
    List(list::List),
    /// Lists the recordings whose text changed after they were made, or that no menu says any more
    #[command(
        after_help = "Example:\n  hotline prompts stale voice-menus/12333 voice-menus/bench/*\n\nName every menu \
                            that uses the prompts. Exits with 0 if nothing is stale, with 1 if something is, with 2 on \
                            wrong use."
    )]
    Stale(list::Stale),
    /// Takes in what a speaker recorded: converted, trimmed, levelled, and written into recordings.toml
    #[command(
        after_help = "Example:\n  hotline prompts import --menu voice-menus/12333 --language en --voice \"Li Wei\" \
                            sent/*.flac\n\nAll files are taken or none. Warns of clipping, of noise, of lengths that \
                            do not fit the text. Exits with 0 if all were taken, with 1 if a file cannot be, with 2 on \
                            wrong use."
    )]
    Import(import::Import),
}

#[derive(Debug, Args)]
struct Missing {
    /// Menu scripts, or folders with a menu.toml
    #[arg(required = true)]
    menus: Vec<PathBuf>,
    /// The folder of the prompts; otherwise the folder `prompts` beside a script or above it
    #[arg(long, value_name = "DIR")]
    prompts: Option<PathBuf>,
    /// One JSON object a line: language, text, form, file; what `tools/voice/make.py --wanted` reads
    #[arg(long)]
    json: bool,
    /// Everything that the menus need, whether it is recorded or not
    #[arg(long)]
    all: bool,
}

impl Prompts {
    /// Runs the subcommand.
    pub fn run(&self) -> ExitCode {
        match &self.command {
            Command::Missing(missing) => exit_code("prompts missing", missing.run()),
            Command::List(list) => exit_code("prompts list", list.run()),
            Command::Stale(stale) => exit_code("prompts stale", stale.run()),
            Command::Import(import) => exit_code("prompts import", import.run()),
        }
    }
}

impl Missing {
    fn run(&self) -> Result<bool, Wrong> {
        let mut seen = HashSet::new();
        let (mut all, mut lacking) = (0_usize, 0_usize);
        let mut out = io::stdout().lock();
        for path in &self.menus {
            let (menu, catalogue, folder) = texts_and_recordings(&script_of(path), self.prompts.as_deref())?;
            let clips = ClipStore::load(&folder).map_err(|faults| Wrong::faults_of(&folder, faults))?;
            for clip in wanted_clips(&menu, &catalogue) {
                if !seen.insert((clip.language, Arc::clone(&clip.text), clip.form)) {
                    continue;
                }
                all += 1;
                let missing = clips.find(clip.language, &clip.text, clip.form).is_none();
                lacking += usize::from(missing);
                if missing || self.all {
                    self.show(&clip, &mut out)?;
                }
            }
        }
        if !self.json {
            writeln!(out, "{lacking} of {all} texts have no recording")?;
        }
        Ok(lacking == 0)
    }

    fn show(&self, clip: &WantedClip, out: &mut dyn Write) -> io::Result<()> {
        let form = match clip.form {
            Form::Plain => "plain",
            Form::Inside => "inside",
            Form::Ending => "ending",
        };
        let (language, text, file) = (clip.language.tag(), &clip.text, &clip.file);
        if self.json {
            let line = serde_json::json!({"language": language, "text": &**text, "form": form, "file": file});
            return writeln!(out, "{line}");
        }
        let place = if file.is_empty() { format!("({form})") } else { file.clone() };
        writeln!(out, "{language:6} {place:32} {text}")
    }
}

/// A menu, its texts, and the folder of its prompts: the one that is named, or else the nearest.
fn texts_and_recordings(script: &Path, named: Option<&Path>) -> Result<(Menu, Catalogue, PathBuf), Wrong> {
    let menu = super::load_menu(script)?.menu;
    let folder = named.map(Path::to_owned).or_else(|| prompts_folder(script)).ok_or_else(|| {
        Wrong::Use(format!(
            "there is no folder `prompts` beside {} or above it: name one with --prompts",
            script.display()
        ))
    })?;
    let catalogue = Catalogue::from_dir(&folder).map_err(Wrong::Faults)?;
    Ok((menu, catalogue, folder))
}

fn script_of(path: &Path) -> PathBuf {
    if path.is_dir() { path.join("menu.toml") } else { path.to_owned() }
}

/// A language's tag on the command line.
fn language(tag: &str) -> Result<Language, String> {
    let known = Language::ALL.map(Language::tag).join(", ");
    Language::from_tag(tag).ok_or_else(|| format!("languages are {known}"))
}

/// The file of a piece of a number: `numbers/two-hundred-inside.wav`.
fn piece_file(text: &str, form: Form) -> String {
    let mut name: String = text.chars().map(|symbol| if symbol.is_alphanumeric() { symbol } else { '-' }).collect();
    if form != Form::Plain {
        name = format!("{name}-{}", form.name());
    }
    format!("numbers/{name}.wav")
}
