//! A queue on the disk, for what must outlive the process and a database that is down.
//!
//! ```text
//!   folder/ lock                                     one hotline at a time
//!           00000000000000000007.spool               a segment: "HLSPOOL1", then frames; the next begins beyond 1 MiB
//!           00000000000000000008.spool
//!
//!   frame:  length u32 | CRC-32 u32 | octets         little-endian; the checksum is over length and octets
//!
//!   append ──▶ the end of the last segment           peek ──▶ from the beginning on; advance: a whole segment read is deleted,
//!                                                                                    the last one is emptied
//! ```
//!
//! **What outlives what.** A frame is with the kernel when [`Spool::append`] returns: whatever ends the process costs none of
//! them. [`Spool::unsynced`] is what to bring to the disk; a power failure costs what came after the last one. A frame that the process was
//! killed in the middle of is cut off when the spool is opened again.
//!
//! **Once or again.** How far it has been read is not kept on the disk but by whole segments: after a kill, up to a segment is
//! read once more. Who takes from it must know what they have taken before; every entry has a name for that.
//!
//! **Full.** Beyond its bound nothing is appended: what is there keeps its order and its place.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"HLSPOOL1";
const MAGIC_LENGTH: u64 = 8;
/// Octets before a frame's own.
const HEAD: u64 = 8;
/// A segment that is longer is not added to.
const SEGMENT: u64 = 1 << 20;
/// Octets of a frame at most.
pub(super) const MOST_FRAME: usize = 64 << 10;

/// See the module's header.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    /// Never empty; the last is appended to.
    segments: VecDeque<Segment>,
    tail: File,
    most: u64,
    /// What has been read but not yet let go of: segment and octets.
    read_to: Option<(u64, u64)>,
    /// How much of the first segment has been let go of.
    done: u64,
    synced: bool,
    /// Segments that are no longer added to, and the folder that the next is in: what may not be on the disk yet.
    ended: Vec<File>,
    _lock: File,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    number: u64,
    /// Octets, all whole frames.
    length: u64,
}

impl Spool {
    /// Opens a folder, makes it if it is not there, and cuts off what was not written to its end. It may come to so many
    /// octets.
    ///
    /// # Errors
    /// The disk's; `WouldBlock` if another process has it open.
    pub(super) fn open(folder: &Path, most: u64) -> io::Result<Spool> {
        make_private(folder)?;
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(folder.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::new(io::ErrorKind::WouldBlock, "another hotline has it open"),
            TryLockError::Error(error) => error,
        })?;
        let mut segments = VecDeque::new();
        let numbers = numbers(folder)?;
        for number in &numbers {
            let path = path(folder, *number);
            // Only the last can have been written to when the process ended. What is wrong with another shows when it is read.
            let is_last = numbers.last() == Some(number);
            let length = if is_last { recover(&path)? } else { std::fs::metadata(&path)?.len().max(MAGIC_LENGTH) };
            segments.push_back(Segment { number: *number, length });
        }
        let tail = match segments.back() {
            Some(last) => OpenOptions::new().write(true).open(path(folder, last.number))?,
            None => {
                segments.push_back(Segment { number: 1, length: MAGIC_LENGTH });
                begin(folder, 1)?
            }
        };
        let done = MAGIC_LENGTH;
        Ok(Spool {
            folder: folder.to_owned(),
            segments,
            tail,
            most,
            read_to: None,
            done,
            synced: true,
            ended: Vec::new(),
            _lock: lock,
        })
    }

    /// Octets that wait, with what frames them.
    pub(super) fn octets(&self) -> u64 {
        self.segments.iter().map(|segment| segment.length - MAGIC_LENGTH).sum::<u64>() - (self.done - MAGIC_LENGTH)
    }

    /// Appends as many as there is room for, in order, and tells how many those were. One that is longer than a frame may
    /// be counts as having no room, and ends it too.
    ///
    /// # Errors
    /// The disk's; then none of them is there.
    pub(super) fn append(&mut self, entries: &[Vec<u8>]) -> io::Result<usize> {
        let (mut octets, mut count) = (Vec::new(), 0);
        let mut room = self.most.saturating_sub(self.octets());
        for entry in entries {
            let length = HEAD + entry.len() as u64;
            if entry.len() > MOST_FRAME || length > room {
                break;
            }
            room -= length;
            frame(entry, &mut octets);
            count += 1;
        }
        if count == 0 {
            return Ok(0);
        }
        let Some(last) = self.segments.back().copied() else { return Ok(0) };
        if last.length >= SEGMENT {
            let number = last.number + 1;
            // Who appends does not wait for the disk: its end and the new one's name are brought there with the rest.
            let ended = std::mem::replace(&mut self.tail, create(&self.folder, number)?);
            self.ended.extend([ended, File::open(&self.folder)?]);
            self.segments.push_back(Segment { number, length: MAGIC_LENGTH });
        }
        let Some(last) = self.segments.back_mut() else { return Ok(0) };
        self.tail.seek(SeekFrom::Start(last.length))?;
        if let Err(error) = self.tail.write_all(&octets) {
            // A frame that is there in part would end the segment for whoever opens it again.
            self.tail.set_len(last.length)?;
            return Err(error);
        }
        last.length += octets.len() as u64;
        self.synced = false;
        Ok(count)
    }

    /// The first so many of what waits. [`Spool::advance`] lets go of them; without it they are there again.
    ///
    /// # Errors
    /// The disk's, or a frame that is not as it was written: what follows it in its segment cannot be found any more.
    pub(super) fn peek(&mut self, most: usize) -> io::Result<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        let mut at = self.done;
        self.read_to = None;
        for segment in &self.segments {
            let mut file = File::open(path(&self.folder, segment.number))?;
            file.seek(SeekFrom::Start(at))?;
            let mut from = io::BufReader::new(file);
            while found.len() < most && at < segment.length {
                let Some(entry) = read_frame(&mut from)? else {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame of the spool is damaged"));
                };
                at += HEAD + entry.len() as u64;
                found.push(entry);
            }
            self.read_to = Some((segment.number, at));
            if found.len() == most {
                break;
            }
            at = MAGIC_LENGTH;
        }
        Ok(found)
    }

    /// Lets go of what the last [`Spool::peek`] gave.
    ///
    /// # Errors
    /// The disk's; what was let go of may then be there again after the next opening.
    pub(super) fn advance(&mut self) -> io::Result<()> {
        let Some((number, octets)) = self.read_to.take() else { return Ok(()) };
        self.done = octets;
        while self.segments.len() > 1 && self.segments.front().is_some_and(|first| first.number < number) {
            self.drop_first()?;
            self.done = octets;
        }
        match self.segments.front().copied() {
            // The last one is used again from its beginning.
            Some(first) if self.segments.len() == 1 && first.length == self.done && first.length > MAGIC_LENGTH => {
                self.tail.set_len(MAGIC_LENGTH)?;
                self.done = MAGIC_LENGTH;
                if let Some(first) = self.segments.front_mut() {
                    first.length = MAGIC_LENGTH;
                }
            }
            Some(first) if self.segments.len() > 1 && first.length == self.done => self.drop_first()?,
            _ => {}
        }
        Ok(())
    }

    /// Sets the first segment aside under another name, where a person may look at it: it is damaged. Tells its new name.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn set_aside(&mut self) -> io::Result<PathBuf> {
        let Some(first) = self.segments.front().copied() else { return Err(io::ErrorKind::NotFound.into()) };
        let damaged = path(&self.folder, first.number).with_extension("damaged");
        if self.segments.len() == 1 {
            self.tail = begin(&self.folder, first.number + 1)?;
            self.segments.push_back(Segment { number: first.number + 1, length: MAGIC_LENGTH });
        }
        std::fs::rename(path(&self.folder, first.number), &damaged)?;
        self.segments.pop_front();
        (self.done, self.read_to) = (MAGIC_LENGTH, None);
        Ok(damaged)
    }

    /// The files whose ends may not be on the disk yet, to be brought there by `sync_data`.
    ///
    /// # Errors
    /// The system's, if it grants no handle.
    pub(super) fn unsynced(&mut self) -> io::Result<Vec<File>> {
        let mut files = std::mem::take(&mut self.ended);
        if !self.synced {
            files.push(self.tail.try_clone()?);
            self.synced = true;
        }
        Ok(files)
    }

    fn drop_first(&mut self) -> io::Result<()> {
        if let Some(first) = self.segments.front() {
            std::fs::remove_file(path(&self.folder, first.number))?;
            self.segments.pop_front();
            self.done = MAGIC_LENGTH;
        }
        Ok(())
    }
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.spool"))
}

/// The numbers of the segments there are, in order.
fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number: Option<u64> =
            name.to_str().and_then(|name| name.strip_suffix(".spool")).and_then(|name| name.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Begins a segment, and makes the disk know of its name.
fn begin(folder: &Path, number: u64) -> io::Result<File> {
    let file = create(folder, number)?;
    file.sync_all()?;
    File::open(folder)?.sync_all()?;
    Ok(file)
}

fn create(folder: &Path, number: u64) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path(folder, number))?;
    file.write_all(MAGIC)?;
    Ok(file)
}

/// Cuts off what is no whole frame at a segment's end, and tells its length.
fn recover(path: &Path) -> io::Result<u64> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let there = file.metadata()?.len();
    let mut from = io::BufReader::new(&file);
    let mut magic = [0; 8];
    if there < MAGIC_LENGTH || from.read_exact(&mut magic).is_err() || magic != *MAGIC {
        file.set_len(0)?;
        (&file).seek(SeekFrom::Start(0))?;
        (&file).write_all(MAGIC)?;
        return Ok(MAGIC_LENGTH);
    }
    let mut length = MAGIC_LENGTH;
    while let Some(entry) = read_frame(&mut from)? {
        length += HEAD + entry.len() as u64;
    }
    if length < there {
        tracing::warn!(segment = %path.display(), octets = there - length, "the spool's last frame was not written to its end, and is cut off");
        file.set_len(length)?;
    }
    Ok(length)
}

fn frame(entry: &[u8], to: &mut Vec<u8>) {
    let length = u32::try_from(entry.len()).unwrap_or(u32::MAX).to_le_bytes();
    to.extend(length);
    to.extend(checksum(length, entry).to_le_bytes());
    to.extend(entry);
}

fn checksum(length: [u8; 4], entry: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(entry);
    hasher.finalize()
}

/// The next frame; nothing where there is no whole one.
fn read_frame(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut head = [[0; 4]; 2];
    for part in &mut head {
        match from.read_exact(part) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            done => done?,
        }
    }
    let [length, wanted] = head;
    let octets = u32::from_le_bytes(length) as usize;
    if octets > MOST_FRAME {
        return Ok(None);
    }
    let mut entry = vec![0; octets];
    match from.read_exact(&mut entry) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        done => done?,
    }
    Ok((checksum(length, &entry) == u32::from_le_bytes(wanted)).then_some(entry))
}

/// A folder that only its owner may look into.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MUCH: u64 = 64 << 20;

    fn entries(range: std::ops::Range<usize>, length: usize) -> Vec<Vec<u8>> {
        range.map(|number| format!("{number:0length$}").into_bytes()).collect()
    }

    fn take_all(spool: &mut Spool) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let some = spool.peek(7).unwrap();
            if some.is_empty() {
                return all;
            }
            all.extend(some);
            spool.advance().unwrap();
        }
    }

    #[test]
    fn what_was_appended_comes_in_its_order_over_segments_and_openings() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), MUCH).unwrap();
        let all = entries(0..200, 20_000);
        for some in all.chunks(13) {
            assert_eq!(spool.append(some).unwrap(), some.len());
        }
        assert!(numbers(folder.path()).unwrap().len() > 2, "several segments");
        assert_eq!(spool.peek(3).unwrap(), all[..3]);
        assert_eq!(spool.peek(3).unwrap(), all[..3], "what is not let go of is there again");
        drop(spool);
        let mut spool = Spool::open(folder.path(), MUCH).unwrap();
        assert_eq!(take_all(&mut spool), all);
        assert_eq!(spool.octets(), 0);
        spool.append(&entries(0..2, 9)).unwrap();
        assert_eq!(numbers(folder.path()).unwrap().len(), 1, "the last segment is used again");
        assert_eq!(take_all(&mut spool), entries(0..2, 9));
    }

    #[test]
    fn a_full_one_takes_nothing_more_and_keeps_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), 1_000).unwrap();
        assert_eq!(spool.append(&entries(0..20, 92)).unwrap(), 10);
        assert_eq!(spool.append(&entries(20..21, 92)).unwrap(), 0);
        spool.peek(1).unwrap();
        spool.advance().unwrap();
        assert_eq!(spool.append(&entries(21..23, 92)).unwrap(), 1);
        assert_eq!(take_all(&mut spool), [entries(1..10, 92), entries(21..22, 92)].concat());
        assert_eq!(spool.append(&[vec![0; MOST_FRAME + 1]]).unwrap(), 0);
    }

    #[test]
    fn two_hotlines_do_not_share_one() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), MUCH).unwrap();
        assert_eq!(Spool::open(folder.path(), MUCH).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(spool);
        assert!(Spool::open(folder.path(), MUCH).is_ok());
    }

    #[test]
    fn a_damaged_segment_is_set_aside_and_the_next_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), MUCH).unwrap();
        let all = entries(0..100, 20_000);
        all.iter().for_each(|entry| assert_eq!(spool.append(std::slice::from_ref(entry)).unwrap(), 1));
        let first = path(folder.path(), 1);
        let mut octets = std::fs::read(&first).unwrap();
        octets[50_000] ^= 1;
        std::fs::write(&first, octets).unwrap();
        assert_eq!(spool.peek(100).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(spool.set_aside().unwrap().exists());
        let rest = take_all(&mut spool);
        assert!(rest.len() < 60 && all.ends_with(&rest), "{}", rest.len());
    }

    proptest! {
        /// Cut off anywhere, as by a kill in the middle of writing: what is whole is there, in order, and it goes on after it.
        #[test]
        fn an_end_that_was_cut_off_costs_only_the_frame_it_is_in(cut in 0_usize..2_000, flip in proptest::option::of(0_usize..2_000)) {
            let folder = tempfile::tempdir().unwrap();
            let all = entries(0..20, 92);
            let mut spool = Spool::open(folder.path(), MUCH).unwrap();
            spool.append(&all).unwrap();
            drop(spool);
            let file = path(folder.path(), 1);
            let mut octets = std::fs::read(&file).unwrap();
            octets.truncate(cut);
            if let Some(place) = flip.and_then(|at| octets.get_mut(at)) {
                *place ^= 0x10;
            }
            std::fs::write(&file, &octets).unwrap();
            let mut spool = Spool::open(folder.path(), MUCH).unwrap();
            spool.append(&entries(50..51, 92)).unwrap();
            let read = take_all(&mut spool);
            let (last, before) = read.split_last().unwrap();
            prop_assert_eq!(last, &entries(50..51, 92)[0]);
            prop_assert!(all.starts_with(before));
            if flip.is_none_or(|at| at >= cut) {
                prop_assert_eq!(before.len(), cut.saturating_sub(8) / 100);
            }
        }
    }
}
