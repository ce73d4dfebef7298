//! Sound for texts that nobody has recorded: a command that reads the text and writes sound, or a server that is asked for it,
//! ahead of calls. A call never waits for it; what is not there when the call comes is not said.
//!
//! ```text
//!   "截至" ── sha256(engine, its settings, language, text) ──> cache/3f….sound ? ──yes──> as it was said
//!                                                                 no
//!   command: text on its standard input ──> sound on its standard output   } WAV, FLAC or MP3, any rate
//!   server:  POST /v1/audio/speech, JSON ──> sound as the answer's body    }
//!                                                  └─> cache/3f….sound ──> decode ──> fit, as a speaker's file ──> clip
//! ```

mod command;
mod speech;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use sha2::{Digest, Sha256};

pub use command::Program;
pub use speech::{SpeechFault, SpeechServer};

use crate::facts::{Form, Language};

use super::decode::decode_piped;
use super::{Clip, ClipStore, DecodeFault, Fitted, IntakeFault, Sound, fit};

/// The most that is read from a synthesizer: 30 minutes at 48 kHz.
const LARGEST_OUTPUT: u64 = 30 * 60 * 96_000;
/// So much of what a failing engine says is told, in bytes.
const MOST_SAID: u64 = 300;

/// What speaks one language.
#[derive(Clone, Debug)]
pub struct Voice {
    /// The language.
    pub language: Language,
    /// What speaks it.
    pub engine: Engine,
}

/// What makes sound of a text.
#[derive(Clone, Debug)]
pub enum Engine {
    /// A command of this machine.
    Command(Program),
    /// A server that speaks OpenAI's form, as most do.
    Server(SpeechServer),
}

/// espeak-ng's own voice of a language. The Mandarin one named `cmn` speaks pinyin as if it were English.
pub const fn espeak_voice(language: Language) -> &'static str {
    match language {
        Language::ZhCn => "cmn-latn-pinyin",
        Language::En => "en",
    }
}

/// How texts are made into sound ahead of calls.
#[derive(Clone, Debug)]
pub struct Synthesizer {
    /// One a language; a text of another language is a failure.
    pub voices: Vec<Voice>,
    /// How long one text may take.
    pub deadline: Duration,
    /// Where sounds are kept from one start to the next: a file a text and engine, never cleared. May be deleted whole.
    pub cache: PathBuf,
}

impl Synthesizer {
    /// espeak-ng for every language there is, ten seconds a text.
    pub fn espeak(cache: PathBuf) -> Synthesizer {
        let voice = |language| Voice { language, engine: Engine::Command(Program::espeak(espeak_voice(language))) };
        Synthesizer { voices: Language::ALL.map(voice).to_vec(), deadline: Duration::from_secs(10), cache }
    }
}

/// A text that has no sound.
#[derive(Debug, thiserror::Error)]
#[error("no sound for \"{text}\" ({language}): {fault}")]
pub struct SynthesisFailure {
    /// The language.
    pub language: Language,
    /// The text.
    pub text: Arc<str>,
    /// The form.
    pub form: Form,
    /// Why.
    pub fault: SynthesisFault,
}

/// Why a text could not be made into sound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SynthesisFault {
    /// Nothing speaks the language.
    #[error("no synthesizer is configured for this language; add one, or record the text")]
    NoVoice,
    /// The command cannot be started.
    #[error("{program} cannot be run ({error}); install it, or record the text")]
    NotRun {
        /// The program.
        program: String,
        /// Why.
        error: std::io::Error,
    },
    /// The command ended badly.
    #[error("{program} failed: {said}")]
    Failed {
        /// The program.
        program: String,
        /// The beginning of its error output, at most 300 bytes.
        said: String,
    },
    /// The command took longer than the deadline.
    #[error("{program} took longer than {deadline:?}")]
    TooSlow {
        /// The program.
        program: String,
        /// The deadline.
        deadline: Duration,
    },
    /// The server did not answer with sound.
    #[error(transparent)]
    Server(#[from] SpeechFault),
    /// What it wrote is no sound.
    #[error("what the synthesizer wrote cannot be used: {0}")]
    Output(#[from] DecodeFault),
    /// It is sound, and cannot be played.
    #[error("what the synthesizer wrote cannot be played: {0}")]
    Unfit(#[from] IntakeFault),
}

/// Fills the store with clips of the texts it lacks, from the cache or the synthesizer, on all cores. `progress` hears
/// (texts done, texts to do), from (0, n) to (n, n). Returns the texts that still have no sound.
pub fn synthesize_missing(
    store: &mut ClipStore,
    wanted: &[(Language, Arc<str>, Form)],
    synthesizer: &Synthesizer,
    progress: impl FnMut(usize, usize),
) -> Vec<SynthesisFailure> {
    let mut seen = HashSet::new();
    let missing: Vec<(Language, Arc<str>, Form)> = wanted
        .iter()
        .filter(|(language, text, form)| store.find(*language, text, *form).is_none())
        .filter(|(language, text, _)| seen.insert((*language, text.clone())))
        .cloned()
        .collect();
    let mut failures = Vec::new();
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let fitted = |language, text: &str| Ok(fit(&synthesizer.sound(language, text)?, None)?);
    synthesize_each(
        &missing,
        jobs,
        fitted,
        progress,
        |(language, text, form), made: Result<Fitted, SynthesisFault>| match made {
            Ok(made) => store.insert(*language, text.clone(), *form, Clip::from_samples(&made.samples)),
            Err(fault) => {
                failures.push(SynthesisFailure { language: *language, text: text.clone(), form: *form, fault })
            }
        },
    );
    failures
}

/// Makes each text, so many at once, and hands over what came of it; `progress` hears (texts done, texts to do).
pub fn synthesize_each<T: Send>(
    texts: &[(Language, Arc<str>, Form)],
    jobs: usize,
    make: impl Fn(Language, &str) -> T + Sync,
    mut progress: impl FnMut(usize, usize),
    mut done: impl FnMut(&(Language, Arc<str>, Form), T),
) {
    let next = AtomicUsize::new(0);
    let (tell, told) = mpsc::channel();
    progress(0, texts.len());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1).min(texts.len()) {
            let (next, make, tell) = (&next, &make, tell.clone());
            scope.spawn(move || {
                while let Some(text) = texts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let _ = tell.send((text, make(text.0, &text.1)));
                }
            });
        }
        drop(tell);
        for (count, (text, made)) in told.iter().enumerate() {
            done(text, made);
            progress(count + 1, texts.len());
        }
    });
}

impl Synthesizer {
    /// A text's sound as it is said, from the cache or made now.
    ///
    /// # Errors
    /// Nothing speaks the language; what speaks it fails, is late, or says what is no sound.
    pub fn sound(&self, language: Language, text: &str) -> Result<Sound, SynthesisFault> {
        let voice = self.voices.iter().find(|voice| voice.language == language).ok_or(SynthesisFault::NoVoice)?;
        let cached = self.cache.join(voice.cache_name(text));
        if let Ok(Ok(sound)) = std::fs::read(&cached).map(decode_piped) {
            return Ok(sound);
        }
        let output = match &voice.engine {
            Engine::Command(program) => program.say(text, self.deadline)?,
            Engine::Server(server) => server.say(text, self.deadline)?,
        };
        let sound = decode_piped(output.clone())?;
        // A cache that cannot be written to costs time the next time, not the sound.
        let _ = keep(&cached, &output);
        Ok(sound)
    }
}

impl Voice {
    /// A name that changes with the text, the language, the engine and its settings.
    fn cache_name(&self, text: &str) -> String {
        let settings = match &self.engine {
            Engine::Command(program) => program.settings(),
            Engine::Server(server) => server.settings(),
        };
        let mut hash = Sha256::new();
        for part in [self.language.tag()].into_iter().chain(settings.iter().map(String::as_str)).chain([text]) {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        let mut name = hash.finalize().iter().fold(String::new(), |mut name, byte| {
            let _ = write!(name, "{byte:02x}");
            name
        });
        name.push_str(".sound");
        name
    }
}

/// Writes a sound whole or not at all.
fn keep(path: &Path, sound: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut unfinished = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut unfinished, sound)?;
    unfinished.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Voice {
        command(Language::En, "sh", &["-c", script])
    }

    fn command(language: Language, program: &str, arguments: &[&str]) -> Voice {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Voice { language, engine: Engine::Command(Program { program: program.into(), arguments }) }
    }

    fn synthesizer(voice: Voice, cache: &Path) -> Synthesizer {
        Synthesizer { voices: vec![voice], deadline: Duration::from_secs(20), cache: cache.into() }
    }

    fn wanted(text: &str) -> Vec<(Language, Arc<str>, Form)> {
        vec![(Language::En, text.into(), Form::Plain)]
    }

    #[test]
    fn a_command_speaks_what_nobody_recorded_and_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let sound = folder.path().join("sound.wav");
        let mut file = super::super::WavFile::create(&sound).unwrap();
        file.write(&super::super::sine(440.0, -10.0, Duration::from_millis(300))).unwrap();
        file.finish().unwrap();
        let script = format!("cat >> {0}/asked; cat {0}/sound.wav", folder.path().display());
        let synthesizer = synthesizer(shell(&script), &folder.path().join("cache"));
        let mut steps = Vec::new();
        for _ in 0..2 {
            let mut store = ClipStore::empty();
            let texts = [wanted("five"), wanted("five")].concat();
            let failures = synthesize_missing(&mut store, &texts, &synthesizer, |done, all| steps.push((done, all)));
            assert!(failures.is_empty(), "{failures:?}");
            let clip = store.find(Language::En, "five", Form::Plain).unwrap();
            assert!((2300..2500).contains(&clip.len()));
        }
        assert_eq!(steps, [(0, 1), (1, 1), (0, 1), (1, 1)]);
        assert_eq!(std::fs::read_to_string(folder.path().join("asked")).unwrap(), "five");
    }

    #[test]
    fn each_failure_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let fault = |voice: Voice, deadline| {
            let mut synthesizer = synthesizer(voice, folder.path());
            synthesizer.deadline = deadline;
            let failures = synthesize_missing(&mut ClipStore::empty(), &wanted("x"), &synthesizer, |_, _| ());
            failures.into_iter().next().unwrap().fault
        };
        let long = Duration::from_secs(20);
        assert!(matches!(
            fault(command(Language::En, "no-such-synthesizer", &[]), long),
            SynthesisFault::NotRun { .. }
        ));
        let SynthesisFault::Failed { said, .. } = fault(shell("echo no such voice >&2; exit 3"), long) else {
            panic!()
        };
        assert_eq!(said, "no such voice");
        assert!(matches!(fault(shell("echo hello"), long), SynthesisFault::Output(DecodeFault::Kind)));
        assert!(matches!(fault(shell("sleep 5 & sleep 5"), Duration::from_millis(50)), SynthesisFault::TooSlow { .. }));
        let chinese = Voice { language: Language::ZhCn, ..shell("true") };
        assert!(matches!(fault(chinese, long), SynthesisFault::NoVoice));
    }

    #[test]
    fn espeak_speaks_both_languages() {
        let folder = tempfile::tempdir().unwrap();
        let synthesizer = Synthesizer::espeak(folder.path().into());
        let texts = [(Language::ZhCn, "五千元".into(), Form::Plain), (Language::En, "five".into(), Form::Ending)];
        let mut store = ClipStore::empty();
        let failures = synthesize_missing(&mut store, &texts, &synthesizer, |_, _| ());
        if failures.iter().any(|failure| matches!(failure.fault, SynthesisFault::NotRun { .. })) {
            eprintln!("skipped: espeak-ng is not installed");
            return;
        }
        assert!(failures.is_empty(), "{failures:?}");
        for (language, text, form) in texts {
            let length = store.find(language, &text, form).unwrap().duration();
            assert!((200..3000).contains(&length.as_millis()), "{text}: {length:?}");
        }
    }
}
