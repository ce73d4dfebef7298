//! Work that is done again whenever its files change: asked for by looking, since files tell of no change by themselves on every
//! kind of disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often it is looked whether a file has changed.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// The most files that are looked at below one folder.
const MOST_FILES: usize = 25_000;

/// Does it now, and again whenever one of the files is another than it was and has been left alone for a moment; until it says
/// no.
pub(super) fn whenever(files: impl Fn() -> Vec<PathBuf>, mut deed: impl FnMut() -> bool) {
    let state = || {
        let state =
            |file: &PathBuf| fs::metadata(file).ok().and_then(|state| Some((state.modified().ok()?, state.len())));
        let files = files().into_iter();
        files.map(|file| (state(&file), file)).collect::<Vec<(Option<(SystemTime, u64)>, PathBuf)>>()
    };
    let mut done = state();
    while deed() {
        loop {
            wait();
            let now = state();
            if now != done {
                // An editor may be at it still.
                wait();
                if state() == now {
                    done = now;
                    break;
                }
            }
        }
    }
}

/// Every file below a folder with one of these endings, sorted.
pub(super) fn files_below(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| endings.iter().any(|one| ending == *one)) {
                found.push(path);
            }
        }
        if found.len() + folders.len() > MOST_FILES {
            break;
        }
    }
    found.sort();
    found
}

#[allow(clippy::disallowed_methods, reason = "files tell of no change by themselves on every kind of disk")]
fn wait() {
    std::thread::sleep(LOOK_EVERY);
}
