//! `hotline prompts synthesize`: what nobody has recorded is made by a command or a server, and taken in as a speaker's files are.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use zeroize::Zeroize as _;

use super::Wrong;
use super::taking::{Ready, Taking, put};
use super::texts::{Menus, Texts, Wanted, language};
use crate::audio::{
    Engine, Program, SpeechServer, SynthesisFault, Synthesizer, Voice, espeak_voice, fit, read_list, synthesize_each,
};
use crate::cli::progress::Progress;
use crate::cli::today;
use crate::facts::{Fault, Form, Language, Secret, parse_duration};
use crate::node::read_password;

/// What a recording's `voice` begins with, where no person spoke it.
const SYNTHESIZED: &str = "synthesized by ";
/// Where a server's key may stand, if not in a file.
const KEY: &str = "HOTLINE_SPEECH_KEY";

#[derive(Debug, Args)]
pub(super) struct Synthesize {
    #[command(flatten)]
    menus: Menus,
    /// Only this language, as in zh-CN
    #[arg(long, value_parser = language)]
    language: Option<Language>,
    /// A command that reads a text from its standard input and writes WAV, FLAC or MP3 to its standard output; {voice} and
    /// {language} in it are replaced [default: espeak-ng]
    #[arg(long, value_name = "COMMAND", conflicts_with = "url")]
    command: Option<String>,
    /// A server that takes OpenAI's POST /v1/audio/speech; its key stands in the file of --key-file or in the environment as
    /// HOTLINE_SPEECH_KEY
    #[arg(long, value_name = "URL", requires_all = ["voice", "model"])]
    url: Option<String>,
    /// The server's model
    #[arg(long, requires = "url")]
    model: Option<String>,
    /// The voice, by the name it has there
    #[arg(long)]
    voice: Option<String>,
    /// A further setting of the server's request, as in speed=0.9
    #[arg(long, value_name = "NAME=VALUE", requires = "url", value_parser = setting)]
    setting: Vec<(String, serde_json::Value)>,
    /// A file whose first line is the server's key
    #[arg(long, value_name = "FILE", requires = "url")]
    key_file: Option<PathBuf>,
    /// How long one text may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = deadline)]
    deadline: Duration,
    /// So many texts at once [default: one a core; of a server two]
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<NonZeroUsize>,
    /// Where sounds are kept, so that no text is asked for twice
    #[arg(long, value_name = "DIR", default_value = "hotline-data/synthesized")]
    cache: PathBuf,
    /// Anew also what this command synthesized before; what a person spoke is left alone
    #[arg(long)]
    again: bool,
    /// Take sounds whose length is far from their text's
    #[arg(long)]
    any_length: bool,
    /// Tell which texts would be synthesized, and make nothing
    #[arg(long)]
    dry_run: bool,
}

impl Synthesize {
    pub(super) fn run(&self) -> Result<bool, Wrong> {
        let texts = self.menus.load()?;
        let mut well = true;
        for language in Language::ALL.into_iter().filter(|language| self.language.is_none_or(|only| only == *language))
        {
            well &= self.in_language(language, &texts)?;
        }
        Ok(well)
    }

    fn in_language(&self, language: Language, texts: &Texts) -> Result<bool, Wrong> {
        let folder = texts.folder_of(language)?;
        let spoken = |text: &&Wanted| text.clip.language == language && text.path.starts_with(&folder);
        if !texts.wanted.iter().any(|text| spoken(&text)) {
            return Ok(true);
        }
        let open = |text: &&Wanted| match &text.recorded {
            None => true,
            Some(recording) => {
                self.again && recording.voice.starts_with(SYNTHESIZED) && recording.form == text.clip.form
            }
        };
        let wanted: Vec<&Wanted> = texts.wanted.iter().filter(spoken).filter(open).collect();
        if self.dry_run {
            let mut out = io::stdout().lock();
            wanted.iter().try_for_each(|text| writeln!(out, "{}  {}", text.path.display(), text.clip.text))?;
        }
        if self.dry_run || wanted.is_empty() {
            writeln!(io::stdout(), "{language}: {} texts to be synthesized", wanted.len())?;
            return Ok(true);
        }
        let before = read_list(&folder).map_err(|faults| Wrong::faults_of(&folder, faults))?;
        let (engine, name) = self.engine(language)?;
        let (ready, failures) = self.make(language, engine, &name, &wanted);
        let mut out = io::stdout().lock();
        ready.iter().try_for_each(|one| one.tell(&mut out))?;
        let count = ready.len();
        put(&folder, before, ready)?;
        writeln!(out, "{count} recordings {name} in {}", folder.display())?;
        failures.iter().for_each(|failure| eprintln!("hotline prompts synthesize: {failure}"));
        if !failures.is_empty() {
            eprintln!("hotline prompts synthesize: {} of {} texts have no sound", failures.len(), wanted.len());
        }
        Ok(failures.is_empty())
    }

    /// All of them that can be made, and why the others cannot.
    fn make(&self, language: Language, engine: Engine, name: &str, wanted: &[&Wanted]) -> (Vec<Ready>, Vec<String>) {
        let jobs = self.jobs.map_or_else(
            || match engine {
                Engine::Command(_) => std::thread::available_parallelism().map_or(1, usize::from),
                Engine::Server(_) => 2,
            },
            usize::from,
        );
        let voices = vec![Voice { language, engine }];
        let synthesizer = Synthesizer { voices, deadline: self.deadline, cache: self.cache.clone() };
        let taking = Taking { language, voice: name, made: today(), any_length: self.any_length };
        let make = |language, text: &str| Ok(fit(&synthesizer.sound(language, text)?, taking.expected(text))?);
        let texts: Vec<(Language, Arc<str>, Form)> =
            wanted.iter().map(|text| (language, Arc::clone(&text.clip.text), text.clip.form)).collect();
        let (mut ready, mut failures): (Vec<Ready>, Vec<String>) = Default::default();
        let progress = Progress::default();
        let tell = |done, all| progress.tell(&format!("synthesizing texts in {language}"), done, all);
        synthesize_each(&texts, jobs, make, tell, |(_, text, form), made: Result<_, SynthesisFault>| {
            let path = wanted.iter().find(|one| one.clip.text == *text && one.clip.form == *form).map(|one| &one.path);
            match (made, path) {
                (Ok(fitted), Some(path)) => ready.push(taking.ready(path.clone(), Arc::clone(text), *form, fitted)),
                (Ok(_), None) => {}
                (Err(fault), _) => failures.push(format!("\"{text}\": {fault}")),
            }
        });
        progress.end();
        ready.sort_by(|one, other| one.recording.path.cmp(&other.recording.path));
        failures.sort();
        (ready, failures)
    }

    /// What speaks, and who that is in `recordings.toml`.
    fn engine(&self, language: Language) -> Result<(Engine, String), Wrong> {
        let voice = self.voice.as_deref();
        if let Some(url) = &self.url {
            let model = self.model.as_deref().unwrap_or_default();
            let voice = voice.unwrap_or_default();
            let mut fields: serde_json::Map<_, _> = self.setting.iter().cloned().collect();
            fields.insert("model".into(), model.into());
            fields.insert("voice".into(), voice.into());
            let server = SpeechServer::new(checked(url)?, fields, self.key()?);
            return Ok((Engine::Server(server), format!("{SYNTHESIZED}{model} {voice}")));
        }
        let Some(command) = &self.command else {
            let voice = voice.unwrap_or(espeak_voice(language));
            return Ok((Engine::Command(Program::espeak(voice)), format!("{SYNTHESIZED}espeak-ng {voice}")));
        };
        if command.contains("{voice}") && voice.is_none() {
            return Err(Wrong::Use("--command names {voice}: say which with --voice".into()));
        }
        let words = shlex::split(command).unwrap_or_default();
        let filled =
            |word: &String| word.replace("{voice}", voice.unwrap_or_default()).replace("{language}", language.tag());
        let mut words = words.iter().map(filled);
        let program = words.next().ok_or_else(|| {
            Wrong::Use(
                "--command is no command: a program and its arguments, quotes closed, as in 'espeak-ng --stdin'".into(),
            )
        })?;
        let own = PathBuf::from(&program);
        let own = own.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = format!("{SYNTHESIZED}{own} {}", voice.unwrap_or_default());
        let program = Program { program, arguments: words.collect() };
        Ok((Engine::Command(program), name.trim_end().to_owned()))
    }

    /// The server's key; none stands on a command line, where every program of the machine reads it.
    fn key(&self) -> Result<Option<Secret<String>>, Wrong> {
        // It warns of a key that everybody may read.
        crate::cli::start_log();
        if let Some(file) = &self.key_file {
            let wrong = |fault: Fault| Wrong::Failed(format!("{}: {}", fault.file, fault.message));
            return read_password(file).map(Some).map_err(wrong);
        }
        match std::env::var(KEY) {
            Ok(mut key) => {
                let secret = Secret::new(key.trim().to_owned());
                key.zeroize();
                Ok(Some(secret).filter(|key| !key.reveal().is_empty()))
            }
            Err(_) => Ok(None),
        }
    }
}

/// An address that holds no password: addresses are told.
fn checked(url: &str) -> Result<&str, Wrong> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    match rest {
        None => {
            Err(Wrong::Use("--url begins with http:// or https://, as in http://127.0.0.1:8880/v1/audio/speech".into()))
        }
        Some(rest) if rest.contains('@') => {
            Err(Wrong::Use(format!("--url holds a password: put the key into a file for --key-file, or into {KEY}")))
        }
        Some(_) => Ok(url),
    }
}

fn deadline(text: &str) -> Result<Duration, String> {
    parse_duration(text).filter(|time| !time.is_zero()).ok_or_else(|| "a time is a number and ms, s or m: 30s".into())
}

/// `speed=0.9`: a number, a truth value, or else a text.
fn setting(text: &str) -> Result<(String, serde_json::Value), String> {
    let (name, value) = text.split_once('=').ok_or("a setting is a name and a value: speed=0.9")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_password_is_refused() {
        assert!(checked("http://127.0.0.1:1/v1/audio/speech").is_ok());
        for bad in ["http://key@host/v1", "https://user:key@host/", "host:80/v1", "ftp://host"] {
            assert!(matches!(checked(bad), Err(Wrong::Use(why)) if !why.contains("key@")), "{bad}");
        }
    }

    #[test]
    fn settings_are_numbers_where_they_look_like_numbers() {
        assert_eq!(setting("speed=0.9").unwrap(), ("speed".into(), serde_json::json!(0.9)));
        assert_eq!(setting("lang_code=z").unwrap(), ("lang_code".into(), serde_json::json!("z")));
        assert!(setting("speed").is_err());
    }
}
