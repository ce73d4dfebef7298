//! Call records as JSON lines: a folder with a file a day (UTC), an object a line, for whatever reads such files.
//!
//! ```text
//!   calls/calls-2026-11-25.jsonl     {"call_id":"5f…","started":"2026-11-25T04:22:00.123Z",…}
//! ```
//!
//! A line is on the disk before it leaves the spool. What a kill has left of a line without an end is cut off, and the line is
//! written again from the spool; the names in the last 4 MiB of a file, which is more than a segment of the spool, tell which
//! lines are there already.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use hashlink::LruCache;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{CallEntry, CallsError, utc};
use crate::records::database::OpenError;
use crate::records::journal::{Sink, SinkError};
use crate::records::spool::make_private;

/// Octets at a file's end whose lines are known.
const TAIL: u64 = 4 << 20;
/// Names that are known at most: more than 4 MiB have.
const MOST_KNOWN: usize = 32_768;
/// Days whose files have been looked at, at most.
const MOST_DAYS: usize = 64;

/// The folder.
pub(super) struct JsonLines {
    folder: PathBuf,
    /// Days whose files are known to end with a line.
    days: LruCache<String, ()>,
    /// Names of lines that are there.
    known: LruCache<String, ()>,
}

impl JsonLines {
    pub(super) fn open(folder: &Path) -> Result<JsonLines, OpenError> {
        make_private(folder).map_err(|source| OpenError::Io { path: folder.to_owned(), source })?;
        Ok(JsonLines { folder: folder.to_owned(), days: LruCache::new(MOST_DAYS), known: LruCache::new(MOST_KNOWN) })
    }

    fn write_all(&mut self, entries: &[CallEntry]) -> io::Result<()> {
        make_private(&self.folder)?;
        for of_a_day in entries.chunk_by(|one, next| day(one) == day(next)) {
            let Some(day) = of_a_day.first().map(day) else { continue };
            let path = self.folder.join(file_name(day));
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(path)?;
            if !self.days.contains_key(day) {
                self.learn(&mut file)?;
                self.days.insert(day.to_owned(), ());
            }
            let fresh = of_a_day.iter().filter(|entry| !self.known.contains_key(&entry.call_id));
            let mut lines = Vec::new();
            for entry in fresh {
                serde_json::to_writer(&mut lines, entry)?;
                lines.push(b'\n');
            }
            let end = file.seek(SeekFrom::End(0))?;
            if let Err(error) = file.write_all(&lines).and_then(|()| file.sync_data()) {
                file.set_len(end)?;
                return Err(error);
            }
            self.known.extend(of_a_day.iter().map(|entry| (entry.call_id.clone(), ())));
        }
        Ok(())
    }

    /// Cuts off a line without an end, and learns the names of the last ones.
    fn learn(&mut self, file: &mut File) -> io::Result<()> {
        let length = file.metadata()?.len();
        let begin = length.saturating_sub(TAIL);
        file.seek(SeekFrom::Start(begin))?;
        let mut tail = Vec::new();
        file.take(TAIL).read_to_end(&mut tail)?;
        let whole = tail.iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1);
        if whole < tail.len() && (whole > 0 || begin == 0) {
            file.set_len(begin + whole as u64)?;
        }
        let lines = tail.split(|octet| *octet == b'\n');
        let names = lines.filter_map(|line| serde_json::from_slice::<CallEntry>(line).ok());
        self.known.extend(names.map(|entry| (entry.call_id, ())));
        Ok(())
    }
}

impl Sink<CallEntry> for JsonLines {
    fn write(&mut self, entries: &[CallEntry]) -> Result<(), SinkError> {
        self.write_all(entries).map_err(|error| SinkError::Down(error.to_string()))
    }
}

/// `2026-11-25` of a call that began then.
fn day(entry: &CallEntry) -> &str {
    entry.started.get(..10).unwrap_or_default()
}

fn file_name(day: &str) -> String {
    format!("calls-{day}.jsonl")
}

/// The files of a folder by their days, in order.
fn files(folder: &Path) -> Result<Vec<(String, PathBuf)>, CallsError> {
    let wrong = |source| CallsError::Io { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let day = name.strip_prefix("calls-").and_then(|rest| rest.strip_suffix(".jsonl"));
        if let Some(day) = day.filter(|day| day.parse::<jiff::civil::Date>().is_ok()) {
            files.push((day.to_owned(), path.clone()));
        }
    }
    files.sort();
    Ok(files)
}

pub(super) fn read(
    folder: &Path,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    each: &mut dyn FnMut(CallEntry),
) -> Result<(), CallsError> {
    let (from, to) = (from.map(utc), to.map(utc));
    let within = |text: &str, length: usize| {
        let cut = |bound: &Option<String>| bound.as_deref().and_then(|bound| bound.get(..length).map(str::to_owned));
        cut(&from).is_none_or(|from| text >= from.as_str()) && cut(&to).is_none_or(|to| text <= to.as_str())
    };
    for (_, path) in files(folder)?.iter().filter(|(day, _)| within(day, 10)) {
        let wrong = |source| CallsError::Io { path: path.clone(), source };
        for line in BufReader::new(File::open(path).map_err(wrong)?).split(b'\n') {
            // A line that is being written as it is read has no end yet, and is not looked at.
            let Ok(entry) = serde_json::from_slice::<CallEntry>(&line.map_err(wrong)?) else { continue };
            if from.as_ref().is_none_or(|from| entry.started >= *from)
                && to.as_ref().is_none_or(|to| entry.started < *to)
            {
                each(entry);
            }
        }
    }
    Ok(())
}

pub(super) fn prune(folder: &Path, before: Timestamp) -> Result<u64, CallsError> {
    let before = TimeZone::UTC.to_datetime(before).date().to_string();
    let mut gone = 0;
    for (_, path) in files(folder)?.iter().filter(|(day, _)| *day < before) {
        let wrong = |source| CallsError::Io { path: path.clone(), source };
        let lines = BufReader::new(File::open(path).map_err(wrong)?).split(b'\n').count();
        std::fs::remove_file(path).map_err(wrong)?;
        gone += u64::try_from(lines).unwrap_or(u64::MAX);
    }
    Ok(gone)
}
