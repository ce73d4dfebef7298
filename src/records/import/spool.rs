//! Rows put aside on disk by who they are about, so that all of one person's come together without a million people in memory.
//!
//! ```text
//!   row ──▶ bucket = first byte of the ID number's hash ──▶ 16 KB waiting ──▶ sealed chunk ──▶ the end of a file without a name
//! ```
//!
//! The file lies on the database's disk and has no name, so that nothing is left of it however the process ends; and what is in it
//! is sealed by a key that is nowhere but in this process. Where each bucket's chunks are is kept in memory: 16 bytes a chunk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use zeroize::{Zeroize as _, Zeroizing};

use crate::facts::Fen;
use crate::records::seal::{Place, Seal, SealFault};

/// How many parts the rows are put aside in.
pub(super) const BUCKETS: usize = 256;
/// Bytes that wait in memory in each.
const CHUNK: usize = 16 << 10;

/// Why rows cannot be put aside.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk is full, or may not be written to.
    #[error("rows cannot be put aside beside the database: {0}")]
    Io(#[from] io::Error),
    /// What was put aside has been changed.
    #[error("rows that were put aside cannot be read back: {0}")]
    Seal(#[from] SealFault),
}

/// Rows put aside.
pub(super) struct Spool {
    seal: Seal,
    folder: PathBuf,
    /// Made when the first chunk is full.
    file: Option<File>,
    length: u64,
    buckets: Vec<Bucket>,
}

#[derive(Default)]
struct Bucket {
    waiting: Vec<u8>,
    /// Where each chunk begins, and how long it is.
    chunks: Vec<(u64, usize)>,
}

impl Spool {
    /// In a file of a folder.
    pub(super) fn new(folder: &Path) -> Spool {
        let buckets = std::iter::repeat_with(Bucket::default).take(BUCKETS).collect();
        Spool { seal: Seal::for_now(), folder: folder.to_owned(), file: None, length: 0, buckets }
    }

    /// Puts a row aside.
    pub(super) fn put(&mut self, bucket: u8, row: impl FnOnce(&mut Vec<u8>)) -> Result<(), SpoolError> {
        let Some(of_it) = self.buckets.get_mut(usize::from(bucket)) else { return Ok(()) };
        row(&mut of_it.waiting);
        if of_it.waiting.len() < CHUNK {
            return Ok(());
        }
        let sealed = self.seal.seal(place(bucket, of_it.chunks.len()), &of_it.waiting)?;
        of_it.waiting.zeroize();
        of_it.chunks.push((self.length, sealed.len()));
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.folder)?),
        };
        file.write_all_at(&sealed, self.length)?;
        self.length += sealed.len() as u64;
        Ok(())
    }

    /// Every row of a bucket, one after another; it is then empty.
    pub(super) fn take(&mut self, bucket: u8) -> Result<Zeroizing<Vec<u8>>, SpoolError> {
        let Some(of_it) = self.buckets.get_mut(usize::from(bucket)) else { return Ok(Zeroizing::default()) };
        let Bucket { mut waiting, chunks } = std::mem::take(of_it);
        let length = chunks.iter().map(|(_, length)| length).sum::<usize>() + waiting.len();
        let mut rows = Zeroizing::new(Vec::with_capacity(length));
        let mut sealed = Vec::new();
        for (chunk, (from, length)) in chunks.into_iter().enumerate() {
            sealed.resize(length, 0);
            if let Some(file) = &self.file {
                file.read_exact_at(&mut sealed, from)?;
            }
            rows.extend_from_slice(&self.seal.open(place(bucket, chunk), &sealed)?);
        }
        rows.extend_from_slice(&waiting);
        waiting.zeroize();
        Ok(rows)
    }
}

fn place(bucket: u8, chunk: usize) -> Place<'static> {
    Place { table: "import", column: "rows", row: (i64::from(bucket) << 48) | i64::try_from(chunk).unwrap_or(0) }
}

/// Takes rows apart again.
pub(super) struct Rows<'a>(pub(super) &'a [u8]);

impl Rows<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (value, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*value)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn fen(&mut self) -> Option<Fen> {
        self.array().map(|bytes| Fen(i64::from_be_bytes(bytes)))
    }

    pub(super) fn bytes(&mut self, length: usize) -> Option<&[u8]> {
        let (value, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_aside_comes_back_and_lies_sealed() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(folder.path());
        for number in 0..20_000_u64 {
            let row = format!("person{number:08}");
            spool.put((number % 3) as u8, |rows| rows.extend_from_slice(row.as_bytes())).unwrap();
        }
        let mut on_disk = vec![0; usize::try_from(spool.length).unwrap()];
        spool.file.as_ref().unwrap().read_exact_at(&mut on_disk, 0).unwrap();
        assert!(on_disk.len() > 200_000 && !on_disk.windows(6).any(|part| part == b"person"));
        let rows = spool.take(1).unwrap();
        let mut left = Rows(&rows);
        for number in (1..20_000).step_by(3) {
            assert_eq!(left.bytes(14).unwrap(), format!("person{number:08}").as_bytes());
        }
        assert_eq!((left.number(), spool.take(200).unwrap().len(), spool.take(1).unwrap().len()), (None, 0, 0));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
    }
}
