//! Versions as they are kept: what they are made of, so that a rollback gives back exactly what was.
//!
//! ```text
//!   hotline.db.versions/
//!     contents/<SHA-256>        scripts, texts, recordings.toml, recordings: each once, whatever versions have it
//!     <digest>.json             one version: its files by path and SHA-256, its settings, when and by whom
//!     history.json              which one is served, which were taken back, what was done: the last 200 deeds
//!     lock                      held while one is read and kept
//! ```
//!
//! At most `versions.kept` versions; past it the oldest go, never the one that is served or tried. Contents that no version
//! names go with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::facts::{Disk, Files};

/// Deeds that are remembered.
const MOST_DEEDS: usize = 200;
/// Versions that were taken back and are not taken again by themselves.
const MOST_TAKEN_BACK: usize = 50;
/// Octets of a version's or the history's file at most.
const LARGEST: u64 = 16 << 20;
/// Octets of a kept file at most: of a recording's half an hour.
const LARGEST_CONTENT: u64 = 64 << 20;
/// Digits of a digest that people are shown, and call records hold.
pub(super) const SHOWN: usize = 12;

/// One version, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its name: the beginning of the SHA-256 of all that callers could notice.
    pub digest: String,
    /// When it was first taken, in UTC.
    pub time: String,
    /// By whom.
    pub author: String,
    /// What for, if that was said.
    pub note: String,
    /// What it has of a configuration.
    pub config: String,
    /// Its files: the path each was read from, and its SHA-256.
    pub files: BTreeMap<String, String>,
}

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// When, in UTC.
    pub time: String,
    /// What: `started`, `reloaded`, `canary`, `accepted`, `taken back`, `rolled back`.
    pub what: String,
    /// Which version.
    pub digest: String,
    /// By whom.
    pub author: String,
    /// What for, or with which figures.
    pub note: String,
}

/// A version that only some calls are given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Which.
    pub digest: String,
    /// To how many of a hundred calls.
    pub share: u8,
}

/// What has been done with versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// The version that calls are served by.
    pub serving: Option<String>,
    /// The one that some of them are given.
    pub tried: Option<Tried>,
    /// Versions that were taken back, the last one last.
    pub taken_back: Vec<String>,
    /// The oldest first.
    pub deeds: Vec<Deed>,
}

impl History {
    pub(super) fn add(&mut self, deed: Deed) {
        self.deeds.push(deed);
        let over = self.deeds.len().saturating_sub(MOST_DEEDS);
        self.deeds.drain(..over);
    }

    pub(super) fn take_back(&mut self, digest: &str) {
        self.forgive(digest);
        self.taken_back.push(digest.to_owned());
        let over = self.taken_back.len().saturating_sub(MOST_TAKEN_BACK);
        self.taken_back.drain(..over);
    }

    pub(super) fn forgive(&mut self, digest: &str) {
        self.taken_back.retain(|other| other != digest);
    }
}

/// The folder of the versions.
#[derive(Clone, Debug)]
pub struct Shelf {
    folder: PathBuf,
    kept: usize,
}

/// Held while a version is read and kept: two hotlines may share a folder.
pub(super) struct Held(#[allow(dead_code, reason = "its end lets go")] std::fs::File);

impl Shelf {
    /// A folder, which need not be there yet.
    pub fn at(folder: &Path, kept: usize) -> Shelf {
        Shelf { folder: folder.to_owned(), kept }
    }

    /// Waits until nobody else changes it; makes it where it is not there.
    pub(super) fn hold(&self) -> io::Result<Held> {
        std::fs::create_dir_all(self.folder.join("contents"))?;
        let lock = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join("lock"))?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)?;
        Ok(Held(lock))
    }

    /// Keeps what is in a file, once.
    fn put(&self, octets: &[u8]) -> io::Result<String> {
        let name = hex(&Sha256::digest(octets));
        let path = self.folder.join("contents").join(&name);
        if !path.is_file() {
            write_whole(&path, octets)?;
        }
        Ok(name)
    }

    /// Keeps a version; one that is there already stays as it was first kept.
    pub(super) fn keep(&self, version: &Kept) -> io::Result<()> {
        let path = self.file(&version.digest);
        if path.is_file() { Ok(()) } else { write_whole(&path, &serde_json::to_vec_pretty(version)?) }
    }

    /// One version.
    ///
    /// # Errors
    /// It is not there, or broken.
    pub fn version(&self, digest: &str) -> io::Result<Kept> {
        let octets = Disk.read(&self.file(digest), LARGEST)?;
        Ok(serde_json::from_slice(&octets)?)
    }

    /// All versions, the oldest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn versions(&self) -> io::Result<Vec<Kept>> {
        let mut versions: Vec<Kept> = self.digests()?.iter().filter_map(|digest| self.version(digest).ok()).collect();
        versions.sort_by(|one, other| one.time.cmp(&other.time));
        Ok(versions)
    }

    /// The one version whose digest begins so.
    ///
    /// # Errors
    /// None, or several do.
    pub fn named(&self, begin: &str) -> Result<Kept, String> {
        let found: Vec<String> =
            self.digests().unwrap_or_default().into_iter().filter(|digest| digest.starts_with(begin)).collect();
        match found.as_slice() {
            [one] if !begin.is_empty() => self.version(one).map_err(|error| format!("version {one}: {error}")),
            [] => Err(format!("no version {begin} is kept: `hotline versions` lists those that are")),
            _ => Err(format!("{} versions begin with {begin:?}: write more of the digest", found.len())),
        }
    }

    fn digests(&self) -> io::Result<Vec<String>> {
        let paths = match Disk.list(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            paths => paths?,
        };
        let name = |path: &PathBuf| Some(path.file_name()?.to_str()?.strip_suffix(".json")?.to_owned());
        Ok(paths.iter().filter_map(name).filter(|name| is_digest(name)).collect())
    }

    /// What has been done so far; nothing where nothing was, or where that cannot be read any more.
    pub fn history(&self) -> History {
        let octets = Disk.read(&self.folder.join("history.json"), LARGEST).unwrap_or_default();
        serde_json::from_slice(&octets).unwrap_or_default()
    }

    pub(super) fn write_history(&self, history: &History) -> io::Result<()> {
        write_whole(&self.folder.join("history.json"), &serde_json::to_vec_pretty(history)?)
    }

    /// Lets go of the oldest versions beyond those that are kept, and of contents that none has.
    pub(super) fn tidy(&self, history: &History) -> io::Result<()> {
        let mut versions = self.versions()?;
        let last = |digest: &str| history.deeds.iter().rposition(|deed| deed.digest == digest);
        versions.sort_by_key(|version| last(&version.digest));
        let needed = |digest: &String| {
            history.serving.as_ref() == Some(digest)
                || history.tried.as_ref().is_some_and(|tried| tried.digest == *digest)
        };
        let over = versions.len().saturating_sub(self.kept);
        let go: BTreeSet<String> =
            versions.iter().map(|version| version.digest.clone()).filter(|digest| !needed(digest)).take(over).collect();
        let mut named = BTreeSet::new();
        for version in &versions {
            if go.contains(&version.digest) {
                std::fs::remove_file(self.file(&version.digest))?;
            } else {
                named.extend(version.files.values().cloned());
            }
        }
        for path in Disk.list(&self.folder.join("contents"))? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !named.contains(name) {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// The files of a version, as they were.
    pub(super) fn files(&self, version: &Kept) -> Stored {
        let files = version.files.iter().map(|(path, content)| (PathBuf::from(path), content.clone())).collect();
        Stored { contents: self.folder.join("contents"), files }
    }

    fn file(&self, digest: &str) -> PathBuf {
        let digest = if is_digest(digest) { digest } else { "no-digest" };
        self.folder.join(format!("{digest}.json"))
    }
}

/// The disk, of which everything that is read is noted, and kept where there is a shelf.
pub(super) struct Taking<'a> {
    shelf: Option<&'a Shelf>,
    taken: Mutex<BTreeMap<String, String>>,
}

impl<'a> Taking<'a> {
    pub(super) fn new(shelf: Option<&'a Shelf>) -> Taking<'a> {
        Taking { shelf, taken: Mutex::default() }
    }

    /// What was read: the path and the SHA-256 of each file.
    pub(super) fn taken(self) -> BTreeMap<String, String> {
        self.taken.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files for Taking<'_> {
    fn read(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        let octets = Disk.read(path, most)?;
        let content = match self.shelf {
            Some(shelf) => shelf.put(&octets)?,
            None => hex(&Sha256::digest(&octets)),
        };
        let path = path.display().to_string();
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(path, content);
        Ok(octets)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        Disk.list(folder)
    }

    fn is_dir(&self, path: &Path) -> bool {
        Disk.is_dir(path)
    }
}

/// The files of a kept version.
pub(super) struct Stored {
    contents: PathBuf,
    files: BTreeMap<PathBuf, String>,
}

impl Files for Stored {
    fn read(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        let content = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        let mut octets = Disk.read(&self.contents.join(content), LARGEST_CONTENT)?;
        if hex(&Sha256::digest(&octets)) != *content {
            return Err(io::Error::other("what is kept of it has changed since"));
        }
        octets.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(octets)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let within = self.files.keys().filter_map(|path| path.strip_prefix(folder).ok()?.components().next());
        let entries: BTreeSet<PathBuf> = within.map(|entry| folder.join(entry)).collect();
        if entries.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(entries.into_iter().collect()) }
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.files.keys().any(|file| file != path && file.starts_with(path))
    }
}

/// The digest of a version: of its settings, the contents of its scripts by number, and of its prompts by their names.
pub(super) fn digest(
    settings: &[(&'static str, String)],
    scripts: &BTreeMap<String, String>,
    prompts: &Path,
    files: &BTreeMap<String, String>,
) -> String {
    let mut hash = Sha256::new();
    let mut add = |parts: [&str; 3]| {
        for part in parts {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
    };
    settings.iter().for_each(|(key, value)| add(["setting", key, value]));
    for (number, script) in scripts {
        add(["number", number, files.get(script).map_or("", String::as_str)]);
    }
    for (path, content) in files {
        if let Some(name) = Path::new(path).strip_prefix(prompts).ok().and_then(Path::to_str) {
            add(["prompt", name, content]);
        }
    }
    let mut digest = hex(&hash.finalize());
    digest.truncate(SHOWN);
    digest
}

fn is_digest(name: &str) -> bool {
    name.len() == SHOWN && name.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut hex, octet| {
        let _ = write!(hex, "{octet:02x}");
        hex
    })
}

/// A file appears whole or not at all.
fn write_whole(path: &Path, octets: &[u8]) -> io::Result<()> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static UNFINISHED: AtomicU64 = AtomicU64::new(0);
    let number = UNFINISHED.fetch_add(1, Ordering::Relaxed);
    let unfinished = path.with_extension(format!("{}-{number}.part", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&unfinished)?.write_all(octets)?;
    std::fs::rename(&unfinished, path)
}
