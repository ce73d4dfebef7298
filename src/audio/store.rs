//! All the clips there are, by language, text and form.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest as _, Sha256};

use crate::facts::{Disk, Files, Form, Language};

use super::wav::LARGEST_FILE as LARGEST_WAV;
use super::{Clip, Recording, WavFault, read_wav_bytes, recordings};

/// The most recordings a language may have.
const MOST_RECORDINGS: usize = 20_000;
/// The most a language's recordings may sound together: 4 hours, 230 MB in both laws.
const LONGEST_TOGETHER: std::time::Duration = std::time::Duration::from_secs(4 * 60 * 60);
/// How far a file's length may be from what `recordings.toml` says of it, in seconds.
const LENGTH_TOLERANCE: f64 = 0.1;

/// Something wrong with the recordings: what, where, and how to mend it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFault {
    /// The prompts' folder, or a list in it, cannot be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A mistake in `recordings.toml`.
    #[error("{}:{line}:{column}: {what}", path.display())]
    List {
        /// Which file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// A recording that cannot be played.
    #[error("{}: {fault}", path.display())]
    Wav {
        /// Which file.
        path: PathBuf,
        /// Why.
        fault: WavFault,
    },
    /// A file's length is not what the list says: another recording, or one of another rate.
    #[error("{}: it lasts {found:.2} s where recordings.toml says {listed:.2}; if it sounds right, correct `seconds`", path.display())]
    Seconds {
        /// Which file.
        path: PathBuf,
        /// What the list says.
        listed: f64,
        /// What it is.
        found: f64,
    },
    /// Two recordings of one text in one form.
    #[error("{}: \"{text}\" ({}) is recorded twice, here and in {}; keep one", path.display(), form.name(), other.display())]
    Twice {
        /// The second file.
        path: PathBuf,
        /// The first file.
        other: PathBuf,
        /// The text.
        text: Arc<str>,
        /// The form.
        form: Form,
    },
    /// More sound than fits.
    #[error("{}: more than {MOST_RECORDINGS} recordings, or more than 4 hours of them; remove those no menu uses", path.display())]
    TooMuch {
        /// Which folder.
        path: PathBuf,
    },
}

/// A text's clips by form: plain, inside, ending.
type Forms = [Option<Arc<Clip>>; 3];

/// Every clip in memory, encoded. Filled before calls come; only read by calls.
#[derive(Clone, Debug, Default)]
pub struct ClipStore {
    clips: HashMap<Language, HashMap<Arc<str>, Forms>>,
    recordings: HashMap<Language, Vec<Recording>>,
    /// The clip of each file's octets, by their SHA-256: a later store takes what has not changed from here.
    by_content: HashMap<[u8; 32], Arc<Clip>>,
}

impl ClipStore {
    /// A store without clips.
    pub fn empty() -> ClipStore {
        ClipStore::default()
    }

    /// Reads every `<prompts>/<language>/recordings.toml` and every file it lists from the disk, on as many threads as
    /// there are cores. A language without a list has no recordings.
    ///
    /// # Errors
    /// Every fault there is, not the first alone.
    pub fn load(prompts: &Path) -> Result<ClipStore, Vec<StoreFault>> {
        ClipStore::load_from(&Disk, prompts, None)
    }

    /// The same from wherever files are read. A file whose octets an earlier store has is that store's clip: it is neither
    /// decoded nor kept twice.
    ///
    /// # Errors
    /// Every fault there is, not the first alone.
    pub fn load_from(
        from: &dyn Files,
        prompts: &Path,
        before: Option<&ClipStore>,
    ) -> Result<ClipStore, Vec<StoreFault>> {
        let mut faults = Vec::new();
        let mut store = ClipStore::empty();
        if let Err(error) = from.list(prompts) {
            return Err(vec![StoreFault::Unreadable { path: prompts.into(), error }]);
        }
        for language in Language::ALL {
            let folder = prompts.join(language.tag());
            let recordings = recordings::read(from, &folder, &mut faults);
            let read = Reading { from, before };
            store.add_recordings(&read, language, &folder, recordings, &mut faults);
        }
        if faults.is_empty() { Ok(store) } else { Err(faults) }
    }

    fn add_recordings(
        &mut self,
        read: &Reading<'_>,
        language: Language,
        folder: &Path,
        recordings: Vec<Recording>,
        faults: &mut Vec<StoreFault>,
    ) {
        let together: f64 = recordings.iter().map(|recording| recording.seconds.max(0.0)).sum();
        if recordings.len() > MOST_RECORDINGS || together > LONGEST_TOGETHER.as_secs_f64() {
            faults.push(StoreFault::TooMuch { path: folder.into() });
            return;
        }
        let mut paths: HashMap<(Arc<str>, Form), PathBuf> = HashMap::new();
        for (recording, clip) in recordings.iter().zip(read_all(read, &recordings)) {
            match clip {
                Ok((content, clip)) => {
                    self.by_content.insert(content, Arc::clone(&clip));
                    self.share(language, recording.text.clone(), recording.form, clip);
                }
                Err(fault) => faults.push(fault),
            }
            if let Some(other) = paths.insert((recording.text.clone(), recording.form), recording.path.clone()) {
                faults.push(StoreFault::Twice {
                    path: recording.path.clone(),
                    other,
                    text: recording.text.clone(),
                    form: recording.form,
                });
            }
        }
        self.recordings.insert(language, recordings);
    }

    /// The clip of a text. Where the form asked for is missing: the plain one, or else any.
    pub fn find(&self, language: Language, text: &str, form: Form) -> Option<&Arc<Clip>> {
        let [plain, inside, ending] = self.clips.get(&language)?.get(text)?;
        let exact = match form {
            Form::Plain => plain,
            Form::Inside => inside,
            Form::Ending => ending,
        };
        [exact, plain, inside, ending].into_iter().find_map(Option::as_ref)
    }

    /// Every clip there is, each text in each of its forms.
    pub fn iter(&self) -> impl Iterator<Item = (Language, &Arc<str>, &Arc<Clip>)> {
        self.clips.iter().flat_map(|(language, clips)| {
            clips.iter().flat_map(move |(text, forms)| forms.iter().flatten().map(move |clip| (*language, text, clip)))
        })
    }

    /// Adds a clip, or replaces the one of the same text and form.
    pub fn insert(&mut self, language: Language, text: Arc<str>, form: Form, clip: Clip) {
        self.share(language, text, form, Arc::new(clip));
    }

    /// The same with a clip that another store has too.
    pub fn share(&mut self, language: Language, text: Arc<str>, form: Form, clip: Arc<Clip>) {
        let [plain, inside, ending] = self.clips.entry(language).or_default().entry(text).or_default();
        let place = match form {
            Form::Plain => plain,
            Form::Inside => inside,
            Form::Ending => ending,
        };
        *place = Some(clip);
    }

    /// What `recordings.toml` says of a language's recordings, in its order.
    pub fn recordings(&self, language: Language) -> &[Recording] {
        self.recordings.get(&language).map_or(&[], Vec::as_slice)
    }

    /// How many texts there are clips of, in all languages.
    pub fn len(&self) -> usize {
        self.clips.values().map(HashMap::len).sum()
    }

    /// Whether there is no clip.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A clip and the SHA-256 of its file.
type Shared = ([u8; 32], Arc<Clip>);

/// From where, and what is there already.
struct Reading<'a> {
    from: &'a dyn Files,
    before: Option<&'a ClipStore>,
}

/// Every recording's clip, in order, read on all cores.
fn read_all(read: &Reading<'_>, recordings: &[Recording]) -> Vec<Result<Shared, StoreFault>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            match recordings.get(index) {
                Some(recording) => done.push((index, read.one(recording))),
                None => return done,
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(recordings.len());
    let mut done: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, clip)| clip).collect()
}

impl Reading<'_> {
    fn one(&self, recording: &Recording) -> Result<Shared, StoreFault> {
        let path = || recording.path.clone();
        let wav = |fault| StoreFault::Wav { path: path(), fault };
        let octets = self.from.read(&recording.path, LARGEST_WAV + 1).map_err(|error| wav(WavFault::from(error)))?;
        if octets.len() as u64 > LARGEST_WAV {
            return Err(wav(WavFault::TooLong));
        }
        let content: [u8; 32] = Sha256::digest(&octets).into();
        let clip = match self.before.and_then(|before| before.by_content.get(&content)) {
            Some(clip) => Arc::clone(clip),
            None => Arc::new(Clip::from_samples(&read_wav_bytes(&octets).map_err(wav)?)),
        };
        let found = clip.duration().as_secs_f64();
        // Not `>`: seconds may be a NaN.
        let as_listed = (found - recording.seconds).abs() <= LENGTH_TOLERANCE;
        if !as_listed {
            return Err(StoreFault::Seconds { path: path(), listed: recording.seconds, found });
        }
        Ok((content, clip))
    }
}

#[cfg(test)]
mod tests {
    use super::super::WavFile;
    use super::*;

    fn write(folder: &Path, name: &str, samples: usize) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = WavFile::create(&path).unwrap();
        file.write(&vec![100; samples]).unwrap();
        file.finish().unwrap();
    }

    fn entry(file: &str, text: &str, form: &str, seconds: f64) -> String {
        format!(
            "[[clip]]\nfile = {file:?}\ntext = {text:?}\n{form}voice = \"demo\"\nmade = 2026-11-25\nseconds = {seconds}\n"
        )
    }

    #[test]
    fn a_folder_of_recordings_is_found_by_text_and_form() {
        let prompts = tempfile::tempdir().unwrap();
        let chinese = prompts.path().join("zh-CN");
        write(&chinese, "numbers/5.wav", 800);
        write(&chinese, "numbers/5-end.wav", 1600);
        write(&chinese, "welcome.wav", 8000);
        let list = entry("numbers/5.wav", "五", "form = \"inside\"\n", 0.1)
            + &entry("numbers/5-end.wav", "五", "form = \"ending\"\n", 0.2)
            + &entry("welcome.wav", "欢迎", "", 1.0);
        std::fs::write(chinese.join("recordings.toml"), list).unwrap();
        let store = ClipStore::load(prompts.path()).unwrap();
        let length = |text, form| store.find(Language::ZhCn, text, form).map(|clip| clip.len());
        assert_eq!(length("五", Form::Inside), Some(800));
        assert_eq!(length("五", Form::Ending), Some(1600));
        assert_eq!(length("五", Form::Plain), Some(800));
        assert_eq!(length("欢迎", Form::Ending), Some(8000));
        assert_eq!(length("六", Form::Plain), None);
        assert!(store.find(Language::En, "五", Form::Plain).is_none());
        assert_eq!(store.recordings(Language::ZhCn).len(), 3);
        assert_eq!(store.len(), 2);
    }

    #[test]
    fn every_fault_is_told_at_once_with_its_place() {
        let prompts = tempfile::tempdir().unwrap();
        let (chinese, english) = (prompts.path().join("zh-CN"), prompts.path().join("en"));
        write(&chinese, "a.wav", 800);
        write(&chinese, "slow.wav", 4800);
        let list = entry("a.wav", "一", "", 0.1)
            + &entry("a.wav", "一", "", 0.1)
            + &entry("slow.wav", "二", "", 0.1)
            + &entry("gone.wav", "三", "", 0.1)
            + &entry("../a.wav", "四", "", 0.1);
        std::fs::write(chinese.join("recordings.toml"), list).unwrap();
        std::fs::create_dir_all(&english).unwrap();
        std::fs::write(english.join("recordings.toml"), "[[clip]]\nfile = \"a.wav\"\nloud = 1\n").unwrap();
        let faults: Vec<String> =
            ClipStore::load(prompts.path()).unwrap_err().iter().map(ToString::to_string).collect();
        let has = |words: &[&str]| faults.iter().any(|fault| words.iter().all(|word| fault.contains(word)));
        assert_eq!(faults.len(), 5, "{faults:#?}");
        assert!(has(&["recorded twice", "一"]));
        assert!(has(&["slow.wav", "0.60", "0.10"]));
        assert!(has(&["gone.wav", "cannot be read"]));
        assert!(has(&["recordings.toml:25:1", "../a.wav"]));
        assert!(has(&["en/recordings.toml:3:1", "loud"]));
        assert!(ClipStore::load(&prompts.path().join("nowhere")).is_err());
    }

    #[test]
    fn a_synthesized_clip_stands_in() {
        let mut store = ClipStore::empty();
        assert!(store.is_empty());
        store.insert(Language::En, "five".into(), Form::Plain, Clip::from_samples(&[1; 160]));
        assert_eq!(store.find(Language::En, "five", Form::Ending).unwrap().len(), 160);
    }
}
