//! Where the keys of the records come from: a file, the environment, a command.
//!
//! ```text
//!   # every line a key: 32 random bytes in base64. The first seals, all open.
//!   Gm3q…=
//! ```

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{MOST_KEYS, SealFault};
use crate::facts::Secret;

/// The most text that keys may come as, in bytes.
const LONGEST: u64 = 4_096;
/// So long a command may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealSource {
    /// A file that nobody but its owner, and at most its group, may read.
    File(PathBuf),
    /// A variable of the environment; its lines may be parted by blanks.
    Environment(String),
    /// A program with its arguments, run without a shell; what it writes to standard output.
    Command(Vec<String>),
}

impl fmt::Display for SealSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SealSource::File(path) => write!(f, "the file {}", path.display()),
            SealSource::Environment(name) => write!(f, "the environment's {name}"),
            SealSource::Command(words) => {
                write!(f, "the command {}", words.first().map(String::as_str).unwrap_or_default())
            }
        }
    }
}

impl SealSource {
    /// The keys, 1 to [`MOST_KEYS`].
    pub(super) fn read(&self) -> Result<Vec<Secret<[u8; 32]>>, SealFault> {
        let fault = |why: String| SealFault::Source { from: self.to_string(), why };
        let text = match self {
            SealSource::File(path) => of_file(path),
            SealSource::Environment(name) => std::env::var(name)
                .map(Zeroizing::new)
                .map_err(|_| "there is no such variable, or it is not text".to_owned()),
            SealSource::Command(words) => of_command(words),
        };
        keys(&text.map_err(fault)?).map_err(fault)
    }
}

/// Makes a file with one new key that its owner alone may read; its folder too if that is missing.
///
/// # Errors
/// The system's; [`io::ErrorKind::AlreadyExists`] if there is such a file.
pub fn new_key_file(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let key = Zeroizing::new(rand::random::<[u8; 32]>());
    let line = Zeroizing::new(STANDARD.encode(*key));
    let head = "# A key of Hotline's records: without it they cannot be read. Keep it on another disk, and a copy elsewhere.\n";
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(head.as_bytes())?;
    file.write_all(line.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Puts a new key before those in a file. The file is replaced in one go.
///
/// # Errors
/// The system's; [`io::ErrorKind::InvalidData`] if what is there are no keys, or as many as there may be.
pub fn put_new_key_first(path: &Path) -> io::Result<()> {
    let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let before = of_file(path).map_err(invalid)?;
    if keys(&before).map_err(invalid)?.len() >= MOST_KEYS {
        return Err(invalid(format!("there are {MOST_KEYS} keys already: take away those that seal nothing any more")));
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    // What a run that was broken off may have left.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    new_key_file(&beside)?;
    let mut file = File::options().append(true).open(&beside)?;
    file.write_all(before.as_bytes())?;
    file.sync_all()?;
    std::fs::set_permissions(&beside, std::fs::metadata(path)?.permissions())?;
    std::fs::rename(&beside, path)
}

fn of_file(path: &Path) -> Result<Zeroizing<String>, String> {
    let open = File::open(path).map_err(|error| error.to_string())?;
    let mode = open.metadata().map_err(|error| error.to_string())?.permissions().mode();
    if mode & 0o027 != 0 {
        return Err(format!("others may read or change it (mode {:o}): chmod 600 mends it", mode & 0o777));
    }
    limited(open)
}

fn limited(from: impl io::Read) -> Result<Zeroizing<String>, String> {
    let mut text = Zeroizing::new(String::new());
    from.take(LONGEST + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    Ok(text)
}

fn of_command(words: &[String]) -> Result<Zeroizing<String>, String> {
    let (program, arguments) = words.split_first().ok_or("it has no words")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| error.to_string())?;
    let output = child.stdout.take().ok_or("it has no output")?;
    let (told, read) = mpsc::channel();
    let reading = move || told.send(limited(output));
    std::thread::Builder::new().name("records-keys".into()).spawn(reading).map_err(|error| error.to_string())?;
    let text = read.recv_timeout(PATIENCE);
    if text.is_err() || text.as_ref().is_ok_and(Result::is_err) {
        // It may have ended meanwhile.
        let _ = child.kill();
    }
    let ended = child.wait().map_err(|error| error.to_string())?;
    let text = text.map_err(|_| format!("it took longer than {} s", PATIENCE.as_secs()))??;
    if ended.success() { Ok(text) } else { Err(format!("it failed: {ended}")) }
}

fn keys(text: &str) -> Result<Vec<Secret<[u8; 32]>>, String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut keys = Vec::new();
    for word in lines.flat_map(str::split_whitespace) {
        let place = keys.len() + 1;
        let decoded = STANDARD.decode(word).map(Zeroizing::new).map_err(|_| format!("key {place} is not base64"))?;
        let key: [u8; 32] =
            decoded.as_slice().try_into().map_err(|_| format!("key {place} has {} bytes, not 32", decoded.len()))?;
        keys.push(Secret::new(key));
    }
    match keys.len() {
        0 => Err("there is no key: `hotline records key FILE` makes one".into()),
        1..=MOST_KEYS => Ok(keys),
        more => {
            Err(format!("there are {more} keys, more than {MOST_KEYS}: take away those that seal nothing any more"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_key_file_is_its_owners_and_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/records.key");
        new_key_file(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let source = SealSource::File(path.clone());
        assert_eq!(source.read().unwrap().len(), 1);
        assert_eq!(new_key_file(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let first = source.read().unwrap();
        put_new_key_first(&path).unwrap();
        let both = source.read().unwrap();
        assert!(both.len() == 2 && both[1] == first[0] && both[0] != first[0]);
        for (mode, well) in [(0o644, false), (0o660, false), (0o640, true), (0o400, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(source.read().is_ok(), well, "{mode:o}");
        }
    }

    #[test]
    fn what_is_no_key_is_told_without_being_shown() {
        let good = STANDARD.encode([7; 32]);
        for (text, words) in [
            ("", "no key"),
            ("# nothing\n", "no key"),
            ("not~base64\n", "key 1 is not base64"),
            (&format!("{good}\nAAAA\n"), "key 2 has 3 bytes"),
            (&format!("{good}\n").repeat(9), "more than 8"),
        ] {
            let told = keys(text).unwrap_err();
            assert!(told.contains(words) && !told.contains(&good) && !told.contains("AAAA"), "{told}");
        }
        assert_eq!(keys(&format!("{good} {good}\n#{good}\n{good} # old")).unwrap().len(), 3);
    }

    #[test]
    fn a_command_tells_keys_or_why_not() {
        let good = STANDARD.encode([7; 32]);
        let command = |words: &[&str]| SealSource::Command(words.iter().map(ToString::to_string).collect());
        assert_eq!(command(&["printf", &good]).read().unwrap().len(), 1);
        let told = |words: &[&str]| command(words).read().unwrap_err().to_string();
        assert!(told(&["false"]).contains("failed"), "{}", told(&["false"]));
        assert!(told(&["/no/such/program"]).contains("No such file"));
        assert!(told(&["cat", "/dev/zero"]).contains("longer than"));
        assert!(told(&[]).contains("no words"));
        assert!(SealSource::Environment("HOTLINE_NO_SUCH_KEY".into()).read().is_err());
    }
}
