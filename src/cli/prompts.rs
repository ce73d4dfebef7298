//! `hotline prompts`: what has to be recorded.
//!
//! ```text
//!   hotline prompts missing voice-menus/12333
//!   zh-CN  welcome.wav     您好，欢迎致电一二三三三，人力资源和社会保障服务热线
//!   zh-CN  (ending)        五
//!   2 of 612 texts have no recording
//! ```

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::check::prompts_folder;
use super::{Wrong, exit_code};
use crate::audio::ClipStore;
use crate::facts::Form;
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
        }
    }
}

impl Missing {
    fn run(&self) -> Result<bool, Wrong> {
        let mut seen = HashSet::new();
        let (mut all, mut lacking) = (0_usize, 0_usize);
        let mut out = io::stdout().lock();
        for path in &self.menus {
            let script = if path.is_dir() { path.join("menu.toml") } else { path.clone() };
            let (menu, catalogue, clips) = self.load(&script)?;
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

    fn load(&self, script: &Path) -> Result<(Menu, Catalogue, ClipStore), Wrong> {
        let menu = super::load_menu(script)?.menu;
        let folder = self.prompts.clone().or_else(|| prompts_folder(script)).ok_or_else(|| {
            Wrong::Use(format!(
                "there is no folder `prompts` beside {} or above it: name one with --prompts",
                script.display()
            ))
        })?;
        let catalogue = Catalogue::from_dir(&folder).map_err(Wrong::Faults)?;
        let clips = ClipStore::load(&folder).map_err(|faults| Wrong::faults_of(&folder, faults))?;
        Ok((menu, catalogue, clips))
    }
}
