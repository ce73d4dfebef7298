//! The test calls of a hotline: found, played, compared, rewritten.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use similar::TextDiff;

use super::{Played, Scene, TestCall, parse, play};
use crate::facts::Fault;
use crate::records::Records;

/// The ending of a test call's file.
const ENDING: &str = "call";
/// The most test calls of one hotline.
const MOST_CALLS: usize = 10_000;

/// The test calls of a hotline, read.
#[derive(Debug)]
pub struct Suite {
    /// The calls that could be read, by name, with their files.
    pub calls: Vec<(PathBuf, TestCall)>,
    /// What is wrong in those that could not.
    pub faults: Vec<Fault>,
}

/// How one test call went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As the file says.
    Same,
    /// Otherwise: the difference, line by line.
    Different(String),
    /// Otherwise, and the file was rewritten.
    Blessed,
}

/// One test call's result.
#[derive(Clone, Debug)]
pub struct Report {
    /// The call's name.
    pub name: String,
    /// How it went.
    pub verdict: Verdict,
    /// What happened.
    pub played: Played,
}

impl Report {
    /// How long the caller is on the telephone, over all calls of the file.
    pub fn length(&self) -> Duration {
        self.played.lengths.iter().sum()
    }
}

impl Suite {
    /// Reads every `*.call` of the folder `calls/` beside a menu script.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn load(hotline: &Path) -> std::io::Result<Suite> {
        Suite::load_folder(&hotline.join("calls"))
    }

    /// Reads every `*.call` of a folder.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn load_folder(folder: &Path) -> std::io::Result<Suite> {
        let mut files: Vec<PathBuf> = fs::read_dir(folder)?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == ENDING))
            .take(MOST_CALLS)
            .collect();
        files.sort();
        let mut suite = Suite { calls: Vec::new(), faults: Vec::new() };
        for file in files {
            let shown = file.display().to_string();
            let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            match fs::read_to_string(&file).map(|text| parse(&shown, &name, &text)) {
                Ok(Ok(call)) => suite.calls.push((file, call)),
                Ok(Err(faults)) => suite.faults.extend(faults),
                Err(error) => suite.faults.push(Fault::of_file(&shown, format!("cannot be read: {error}"))),
            }
        }
        Ok(suite)
    }
}

/// Plays one call and compares; with `bless`, a different file is rewritten.
///
/// # Errors
/// The file cannot be written.
pub fn run(scene: &Scene, file: &Path, call: &TestCall, records: &dyn Records, bless: bool) -> std::io::Result<Report> {
    let played = play(scene, call, records);
    let verdict = if played.transcript.trim_end() == call.text.trim_end() {
        Verdict::Same
    } else if bless {
        fs::write(file, &played.transcript)?;
        Verdict::Blessed
    } else {
        let diff = TextDiff::from_lines(call.text.as_str(), played.transcript.as_str());
        Verdict::Different(diff.unified_diff().context_radius(2).header("as written", "as played").to_string())
    };
    Ok(Report { name: call.name.clone(), verdict, played })
}
