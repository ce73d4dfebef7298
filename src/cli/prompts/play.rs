//! `hotline prompts play`: a message as a caller hears it.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use jiff::civil::date;

use super::Wrong;
use super::texts::{language, texts_and_recordings};
use crate::audio::{ClipStore, Law, Playlist, Synthesizer, WavFile, duration_of, synthesize_missing};
use crate::facts::{Fen, Form, Insurance, Language, Month, did_you_mean};
use crate::menu::{Menu, Need, needs};
use crate::phone::Speaker;
use crate::speech::{Catalogue, Line, Pace, Part, Prompts, Value, ValueKind};

#[derive(Debug, Args)]
pub(super) struct Play {
    /// A message, as in welcome or enter-id.too-short
    message: String,
    /// The menu that says it: a script or its folder
    #[arg(long, value_name = "MENU")]
    menu: PathBuf,
    /// The language, as in zh-CN [default: the menu's first]
    #[arg(long, value_parser = language)]
    language: Option<Language>,
    /// A value in place of the example, as in pension=1234.05, months=3, from=2026-01, insurance=medical
    #[arg(long, value_name = "NAME=VALUE")]
    value: Vec<String>,
    /// As said to callers who asked for it slowly
    #[arg(long)]
    slow: bool,
    /// Write an 8 kHz WAV file, and play nothing
    #[arg(long, value_name = "FILE.wav")]
    to: Option<PathBuf>,
    /// The folder of the prompts; otherwise the folder `prompts` beside the script or above it
    #[arg(long, value_name = "DIR")]
    prompts: Option<PathBuf>,
    /// Where sounds of texts that nobody has recorded are kept
    #[arg(long, value_name = "DIR", default_value = "hotline-data/synthesized")]
    cache: PathBuf,
}

impl Play {
    pub(super) fn run(&self) -> Result<bool, Wrong> {
        let (menu, catalogue, folder) = texts_and_recordings(&self.menu, self.prompts.as_deref())?;
        let language = self.language_of(&menu)?;
        let line = self.line(&menu, &catalogue, language)?;
        let clips = ClipStore::load(&folder).map_err(|faults| Wrong::faults_of(&folder, faults))?;
        let pace = if self.slow { Pace::Slow } else { Pace::Normal };
        let clips = self.with_sound(clips, &catalogue, language, &line, pace);
        let said = Prompts::new(catalogue, clips).say(&[(language, line)], pace);
        let sound = as_on_the_line(said.playlist);
        for line in &said.lines {
            writeln!(io::stdout(), "{}", line.text)?;
        }
        self.give(&sound)?;
        if said.missing > 0 {
            eprintln!("hotline prompts play: {} texts of it have no sound", said.missing);
        }
        Ok(said.missing == 0)
    }

    fn give(&self, sound: &[i16]) -> Result<(), Wrong> {
        let seconds = duration_of(sound.len()).as_secs_f64();
        let Some(file) = &self.to else {
            let speaker = Speaker::open();
            if !speaker.is_on() {
                return Err(Wrong::Failed(
                    "this machine has no loudspeaker, or none that can be used: write the sound into a file with --to \
                     FILE.wav"
                        .into(),
                ));
            }
            return Ok(speaker.play_out(sound)?);
        };
        let written = WavFile::create(file).and_then(|mut wav| wav.write(sound).and_then(|()| wav.finish()));
        written.map_err(|error| Wrong::Failed(format!("{}: {error}", file.display())))?;
        Ok(writeln!(io::stdout(), "{}: {seconds:.1} s of sound", file.display())?)
    }

    fn language_of(&self, menu: &Menu) -> Result<Language, Wrong> {
        let spoken = menu.languages.iter().copied();
        let language =
            self.language.or(menu.languages.first().copied()).filter(|asked| spoken.clone().any(|one| one == *asked));
        language.ok_or_else(|| {
            let known: Vec<&str> = spoken.map(Language::tag).collect();
            Wrong::Use(format!("the menu {} speaks {}", menu.name, known.join(" and ")))
        })
    }

    /// The message with its values.
    fn line(&self, menu: &Menu, catalogue: &Catalogue, language: Language) -> Result<Line, Wrong> {
        let needs = needs(menu);
        let said = |need: &&Need| catalogue.has(language, &need.message);
        let Some(need) = needs.iter().filter(said).find(|need| *need.message == *self.message) else {
            let near = did_you_mean(&self.message, needs.iter().filter(said).map(|need| &*need.message));
            let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            return Err(Wrong::Use(format!(
                "the menu {} says no message {} in {language}{hint}",
                menu.name, self.message
            )));
        };
        let mut line = Line::new(&need.message);
        for (name, kind) in &need.given {
            let written = self.value.iter().filter_map(|value| value.split_once('='));
            let written = written.filter(|(of, _)| of == name).map(|(_, value)| value).next_back();
            let value = match written {
                None => example(*kind),
                Some(text) => value(*kind, text)
                    .ok_or_else(|| Wrong::Use(format!("{name}={text}: it is {}", looks_like(*kind))))?,
            };
            line = line.with(name, value);
        }
        for value in &self.value {
            let name = value.split_once('=').map_or(value.as_str(), |(name, _)| name);
            if !need.given.iter().any(|(given, _)| *given == name) {
                let given: Vec<&str> = need.given.iter().map(|(given, _)| *given).collect();
                let given = if given.is_empty() { "none".to_owned() } else { given.join(", ") };
                return Err(Wrong::Use(format!("{} has no value {name}; its values: {given}", self.message)));
            }
        }
        Ok(line)
    }

    /// The store with what of this line nobody has recorded synthesized, as a hotline does at its start.
    fn with_sound(
        &self,
        mut clips: ClipStore,
        catalogue: &Catalogue,
        language: Language,
        line: &Line,
        pace: Pace,
    ) -> ClipStore {
        let spoken = catalogue.speak(language, line, pace);
        let parts = spoken.iter().flat_map(|spoken| &spoken.parts);
        let texts: Vec<(Language, Arc<str>, Form)> = parts
            .filter_map(|part| match part {
                Part::Clip { text, form } => Some((language, Arc::clone(text), *form)),
                Part::Pause(_) => None,
            })
            .collect();
        let synthesizer = Synthesizer::espeak(self.cache.clone());
        for failure in synthesize_missing(&mut clips, &texts, &synthesizer, |_, _| ()) {
            eprintln!("hotline prompts play: {failure}");
        }
        clips
    }
}

/// What a telephone would get: A-law there and back.
fn as_on_the_line(mut playlist: Playlist) -> Vec<i16> {
    let mut sound = Vec::new();
    let mut packet = [Law::A.silence(); 160];
    while !playlist.is_done() {
        let length = playlist.fill(Law::A, &mut packet);
        sound.extend(packet.iter().take(length).map(|sample| Law::A.decode(*sample)));
    }
    sound
}

/// A value as a caller may hear it.
fn example(kind: ValueKind) -> Value {
    match kind {
        ValueKind::Money => Value::Money(Fen(123_405)),
        ValueKind::Count => Value::Count(12),
        ValueKind::Digits => Value::Digits("10000001".into()),
        ValueKind::Phone => Value::Phone("12333".into()),
        ValueKind::Year => Value::Year(2026),
        ValueKind::Month => Value::Month(Month::of(date(2026, 9, 1))),
        ValueKind::Date => Value::Date(date(2026, 9, 30)),
        ValueKind::Word => Value::Word(Insurance::Pension.name()),
    }
}

/// A value as it is written on a command line.
fn value(kind: ValueKind, text: &str) -> Option<Value> {
    let digits = || (!text.is_empty() && text.len() <= 32).then(|| text.to_owned());
    Some(match kind {
        ValueKind::Money => Value::Money(fen(text)?),
        ValueKind::Count => Value::Count(text.parse().ok()?),
        ValueKind::Digits => Value::Digits(digits()?),
        ValueKind::Phone => Value::Phone(digits()?),
        ValueKind::Year => Value::Year(text.parse().ok()?),
        ValueKind::Month => Value::Month(text.parse().ok()?),
        ValueKind::Date => Value::Date(text.parse().ok()?),
        ValueKind::Word => Value::Word(Insurance::ALL.map(Insurance::name).into_iter().find(|name| *name == text)?),
    })
}

/// `1234.05` yuan, in fen.
fn fen(text: &str) -> Option<Fen> {
    let (yuan, part) = text.split_once('.').unwrap_or((text, "0"));
    let part = match part.len() {
        1 => part.parse::<u8>().ok()?.checked_mul(10)?,
        2 => part.parse().ok()?,
        _ => return None,
    };
    let yuan: i64 = yuan.parse().ok().filter(|yuan| *yuan >= 0)?;
    yuan.checked_mul(100)?.checked_add(part.into()).map(Fen)
}

const fn looks_like(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Money => "an amount in yuan, as in 1234.05",
        ValueKind::Count => "a whole number, as in 12",
        ValueKind::Digits | ValueKind::Phone => "at most 32 digits",
        ValueKind::Year => "a year, as in 2026",
        ValueKind::Month => "a month, as in 2026-09",
        ValueKind::Date => "a day, as in 2026-09-30",
        ValueKind::Word => "an insurance: pension, medical, unemployment, work-injury or maternity",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_to_the_fen() {
        assert_eq!(fen("1234.05"), Some(Fen(123_405)));
        assert_eq!(fen("0.5"), Some(Fen(50)));
        assert_eq!(fen("12"), Some(Fen(1200)));
        for bad in ["", "-1", "1.", "1.234", "x", "99999999999999999999"] {
            assert_eq!(fen(bad), None, "{bad}");
        }
    }
}
