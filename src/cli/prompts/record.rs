//! `hotline prompts record`: texts are read into this machine's microphone, one after the other.

use std::io::{IsTerminal, Write as _, stdin, stdout};
use std::time::Duration;

use clap::Args;

use super::Wrong;
use super::taking::{Taking, put};
use super::texts::{Menus, Texts, Wanted, language};
use crate::audio::{Fitted, read_list};
use crate::cli::today;
use crate::facts::Language;
use crate::phone::{Cue, Desk, Equipment, Microphone as _, SoundCard, Speaker, Studio};

#[derive(Debug, Args)]
pub(super) struct Record {
    #[command(flatten)]
    menus: Menus,
    /// The language that is spoken, as in zh-CN
    #[arg(long, value_parser = language)]
    language: Language,
    /// Who speaks
    #[arg(long)]
    voice: String,
    /// Only texts whose file's name contains this, recorded or not
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Every text, whether it is recorded or not
    #[arg(long)]
    all: bool,
    /// Seconds to count down from
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(0..=10))]
    countdown: u64,
    /// Take recordings whose length is far from their text's
    #[arg(long)]
    any_length: bool,
}

impl Record {
    pub(super) fn run(&self) -> Result<bool, Wrong> {
        let texts = self.menus.load()?;
        let chosen = self.chosen(&texts)?;
        if chosen.is_empty() {
            writeln!(stdout(), "{}: every text has a recording; --all goes through them all", self.language)?;
            return Ok(true);
        }
        let mut microphone = SoundCard::open().map_err(|none| Wrong::Failed(none.to_string()))?;
        if !(stdin().is_terminal() && stdout().is_terminal()) {
            return Err(Wrong::Use("there is no keyboard here: run it in a terminal".into()));
        }
        let folder = texts.folder_of(self.language)?;
        let taking = Taking { language: self.language, voice: &self.voice, made: today(), any_length: self.any_length };
        let cues = chosen.iter().map(|text| cue(text, &taking)).collect();
        let studio = Studio::new(cues, microphone.rate(), Duration::from_secs(self.countdown));
        let mut kept = 0_usize;
        let keep = |place: usize, fitted: Fitted| -> Result<(), Wrong> {
            let Some(text) = chosen.get(place) else { return Ok(()) };
            let (said, form) = (text.clip.text.clone(), text.clip.form);
            let before = read_list(&folder).map_err(|faults| Wrong::faults_of(&folder, faults))?;
            put(&folder, before, vec![taking.ready(text.path.clone(), said, form, fitted)])?;
            kept += 1;
            Ok(())
        };
        {
            let mut keys = Desk::open()?;
            let (mut loudspeaker, mut screen) = (Speaker::open(), stdout());
            let with = Equipment {
                microphone: &mut microphone,
                loudspeaker: &mut loudspeaker,
                keys: &mut keys,
                screen: &mut screen,
            };
            crate::phone::record(studio, with, keep)?;
        }
        writeln!(stdout(), "{kept} of {} texts recorded into {}", chosen.len(), folder.display())?;
        Ok(kept == chosen.len())
    }

    fn chosen<'a>(&self, texts: &'a Texts) -> Result<Vec<&'a Wanted>, Wrong> {
        let folder = texts.folder_of(self.language)?;
        let own = texts.wanted.iter().filter(|text| text.clip.language == self.language);
        let own = own.filter(|text| text.path.starts_with(&folder));
        let wanted = |text: &&Wanted| match &self.only {
            Some(only) => text.file().contains(only.as_str()),
            None => self.all || text.recorded.is_none(),
        };
        let chosen: Vec<&Wanted> = own.filter(wanted).collect();
        match &self.only {
            Some(only) if chosen.is_empty() => Err(Wrong::Use(format!(
                "no text's file is named like {only}; `hotline prompts missing --all` lists the files"
            ))),
            _ => Ok(chosen),
        }
    }
}

fn cue(text: &Wanted, taking: &Taking<'_>) -> Cue {
    Cue {
        text: text.in_place().into(),
        form: text.clip.form,
        file: text.file(),
        was: text.was.clone(),
        expected: taking.expected(&text.clip.text),
    }
}
