//! Sound for texts that nobody has recorded: a command that reads the text and writes a WAV, run ahead of calls. A call
//! never waits for it; what is not there when the call comes is not said.
//!
//! ```text
//!   "截至" ── sha256(command, text) ──> cache/3f….wav ? ──yes──> clip
//!                                            no
//!   command, text on its standard input ──> WAV on its standard output, any rate
//!                                            └─> 8 kHz, trimmed, faded, levelled ──> cache/3f….wav ──> clip
//! ```

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::facts::{Form, Language};

use super::wav::read_piped;
use super::{Clip, ClipStore, SPEECH_LEVEL, WavFault, WavFile, fade, level, read_wav, resample, trim};

/// The most that is read from a synthesizer: 30 minutes at 48 kHz.
const LARGEST_OUTPUT: u64 = 30 * 60 * 96_000;
/// How long a command may take to end after its output is complete.
const PATIENCE: Duration = Duration::from_secs(2);
/// The fade at both ends of a clip.
const FADE: Duration = Duration::from_millis(4);

/// The command that speaks one language: text in on its standard input, WAV (mono, 16-bit) out on its standard output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// The language.
    pub language: Language,
    /// The program, by name or path.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl Voice {
    /// espeak-ng with one of its voices.
    pub fn espeak(language: Language, voice: &str) -> Voice {
        let arguments = ["-v", voice, "--stdin", "--stdout"].map(str::to_owned).to_vec();
        Voice { language, program: "espeak-ng".into(), arguments }
    }
}

/// How texts are made into sound ahead of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synthesizer {
    /// A command a language; a text of another language is a failure.
    pub voices: Vec<Voice>,
    /// How long one text may take.
    pub deadline: Duration,
    /// Where clips are kept from one start to the next: a file a text and command, never cleared. May be deleted whole.
    pub cache: PathBuf,
}

impl Synthesizer {
    /// espeak-ng for every language there is, ten seconds a text. Its Mandarin voice is `cmn-latn-pinyin`: the one named
    /// `cmn` speaks pinyin as if it were English.
    pub fn espeak(cache: PathBuf) -> Synthesizer {
        let voices = vec![Voice::espeak(Language::ZhCn, "cmn-latn-pinyin"), Voice::espeak(Language::En, "en")];
        Synthesizer { voices, deadline: Duration::from_secs(10), cache }
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
    /// There is no command for the language.
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
    /// What it wrote is no sound.
    #[error("what the synthesizer wrote cannot be used: {0}")]
    Output(#[from] WavFault),
}

/// Fills the store with clips of the texts it lacks, from the cache or the synthesizer, on all cores. `progress` hears
/// (texts done, texts to do), from (0, n) to (n, n). Returns the texts that still have no sound.
pub fn synthesize_missing(
    store: &mut ClipStore,
    wanted: &[(Language, Arc<str>, Form)],
    synthesizer: &Synthesizer,
    mut progress: impl FnMut(usize, usize),
) -> Vec<SynthesisFailure> {
    let mut seen = HashSet::new();
    let missing: Vec<&(Language, Arc<str>, Form)> = wanted
        .iter()
        .filter(|(language, text, form)| store.find(*language, text, *form).is_none())
        .filter(|(language, text, _)| seen.insert((*language, text.clone())))
        .collect();
    let (next, mut failures) = (AtomicUsize::new(0), Vec::new());
    let (done, results) = mpsc::channel();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(missing.len());
    progress(0, missing.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (next, missing, done) = (&next, &missing, done.clone());
            scope.spawn(move || {
                while let Some(wanted) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (language, text, form) = *wanted;
                    let _ = done.send((*language, text.clone(), *form, synthesizer.clip(*language, text)));
                }
            });
        }
        drop(done);
        for (count, (language, text, form, clip)) in results.iter().enumerate() {
            match clip {
                Ok(clip) => store.insert(language, text, form, clip),
                Err(fault) => failures.push(SynthesisFailure { language, text, form, fault }),
            }
            progress(count + 1, missing.len());
        }
    });
    failures
}

impl Synthesizer {
    /// A text's clip, from the cache or made now.
    fn clip(&self, language: Language, text: &str) -> Result<Clip, SynthesisFault> {
        let voice = self.voices.iter().find(|voice| voice.language == language).ok_or(SynthesisFault::NoVoice)?;
        let cached = self.cache.join(voice.cache_name(text));
        if let Ok(samples) = read_wav(&cached) {
            return Ok(Clip::from_samples(&samples));
        }
        let output = run(voice, text, self.deadline)?;
        let (samples, rate) = read_piped(&output)?;
        let samples = resample(&samples, rate).ok_or(WavFault::Rate(rate))?;
        let mut samples = trim(&samples).to_vec();
        if samples.is_empty() {
            return Err(WavFault::Empty.into());
        }
        level(&mut samples, SPEECH_LEVEL);
        fade(&mut samples, FADE);
        // A cache that cannot be written to costs time at the next start, not the clip.
        let _ = keep(&cached, &samples);
        Ok(Clip::from_samples(&samples))
    }
}

impl Voice {
    /// A name that changes with the text, the language, the program and its arguments.
    fn cache_name(&self, text: &str) -> String {
        let mut hash = Sha256::new();
        let parts = [self.language.tag(), &self.program].into_iter().chain(self.arguments.iter().map(String::as_str));
        for part in parts.chain([text]) {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        let mut name = hash.finalize().iter().fold(String::new(), |mut name, byte| {
            let _ = write!(name, "{byte:02x}");
            name
        });
        name.push_str(".wav");
        name
    }
}

/// Writes a cached clip whole or not at all.
fn keep(path: &Path, samples: &[i16]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let unfinished = path.with_extension(format!("{}.part", std::process::id()));
    let mut file = WavFile::create(&unfinished)?;
    file.write(samples)?;
    file.finish()?;
    std::fs::rename(&unfinished, path)
}

/// What a command writes, given a text; it is killed at the deadline.
fn run(voice: &Voice, text: &str, deadline: Duration) -> Result<Vec<u8>, SynthesisFault> {
    let program = || voice.program.clone();
    let not_run = |error| SynthesisFault::NotRun { program: program(), error };
    let mut command = Command::new(&voice.program);
    command.args(&voice.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(not_run)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let text = text.to_owned();
    // These threads end with the pipes they hold, which a grandchild of the command may keep open after it: so nobody
    // waits for them beyond the deadline.
    std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(text.as_bytes())));
    let errors = read_in_background(stderr, 300);
    let output = read_in_background(stdout, LARGEST_OUTPUT).recv_timeout(deadline);
    let ended_well = end(&mut child, output.is_ok());
    match output {
        Err(_) => Err(SynthesisFault::TooSlow { program: program(), deadline }),
        Ok(_) if !ended_well => {
            let said = errors.recv_timeout(PATIENCE).unwrap_or_default();
            Err(SynthesisFault::Failed { program: program(), said: String::from_utf8_lossy(&said).trim().to_owned() })
        }
        Ok(output) => Ok(output),
    }
}

/// Whether a command whose output is complete ends well and soon; one that is late, or lingers, is killed.
fn end(child: &mut Child, complete: bool) -> bool {
    let looks = if complete { 200 } else { 0 };
    for _ in 0..looks {
        if let Ok(Some(status)) = child.try_wait() {
            return status.success();
        }
        std::thread::park_timeout(PATIENCE / 200);
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

fn read_in_background(source: Option<impl Read + Send + 'static>, most: u64) -> mpsc::Receiver<Vec<u8>> {
    let (done, finished) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(source) = source {
            let _ = source.take(most).read_to_end(&mut bytes);
        }
        let _ = done.send(bytes);
    });
    finished
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Voice {
        Voice { language: Language::En, program: "sh".into(), arguments: vec!["-c".into(), script.into()] }
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
        let mut file = WavFile::create(&sound).unwrap();
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
        let Voice { language, arguments, .. } = shell("");
        let absent = Voice { language, program: "no-such-synthesizer".into(), arguments };
        assert!(matches!(fault(absent, long), SynthesisFault::NotRun { .. }));
        let SynthesisFault::Failed { said, .. } = fault(shell("echo no such voice >&2; exit 3"), long) else {
            panic!()
        };
        assert_eq!(said, "no such voice");
        assert!(matches!(fault(shell("echo hello"), long), SynthesisFault::Output(WavFault::NotWav(_))));
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
