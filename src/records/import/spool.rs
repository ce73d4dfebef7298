//! Rows put aside on disk by who they are about, so that all of one person's come together without a million people in memory.
//!
//! ```text
//!   row ──▶ bucket = first byte of the ID number's hash ──▶ 16 KB waiting ──▶ sealed chunk ──▶ a file without a name
//! ```
//!
//! The files lie on the database's disk and have no name, so that nothing is left of them however the process ends; and what is
//! in them is sealed by a key that is nowhere but in this process.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, Write as _};
use std::path::Path;

use zeroize::{Zeroize as _, Zeroizing};

use crate::facts::Fen;
use crate::records::seal::{OVERHEAD, Place, Seal, SealFault};

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
    buckets: Vec<Bucket>,
}

struct Bucket {
    file: BufWriter<File>,
    waiting: Vec<u8>,
    chunks: i64,
}

impl Spool {
    /// In files of a folder.
    pub(super) fn new(folder: &Path) -> Result<Spool, SpoolError> {
        let bucket = |_| {
            let file = BufWriter::with_capacity(1, tempfile::tempfile_in(folder)?);
            Ok(Bucket { file, waiting: Vec::new(), chunks: 0 })
        };
        Ok(Spool { seal: Seal::for_now(), buckets: (0..BUCKETS).map(bucket).collect::<io::Result<_>>()? })
    }

    /// Puts a row aside.
    pub(super) fn put(&mut self, bucket: u8, row: impl FnOnce(&mut Vec<u8>)) -> Result<(), SpoolError> {
        let Some(of_it) = self.buckets.get_mut(usize::from(bucket)) else { return Ok(()) };
        if of_it.waiting.capacity() == 0 {
            of_it.waiting.reserve_exact(CHUNK + 1_024);
        }
        row(&mut of_it.waiting);
        if of_it.waiting.len() >= CHUNK { of_it.flush(&self.seal, bucket) } else { Ok(()) }
    }

    /// Every row of a bucket, one after another, and no more room for it on disk.
    pub(super) fn take(&mut self, bucket: u8) -> Result<Zeroizing<Vec<u8>>, SpoolError> {
        let Some(of_it) = self.buckets.get_mut(usize::from(bucket)) else { return Ok(Zeroizing::default()) };
        of_it.flush(&self.seal, bucket)?;
        of_it.waiting = Vec::new();
        let mut file = of_it.file.get_ref();
        let length = file.stream_position()?;
        file.rewind()?;
        let mut rows = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0)));
        let mut reader = BufReader::with_capacity(CHUNK, file);
        let mut sealed = Vec::new();
        for chunk in 0..of_it.chunks {
            let mut length = [0; 4];
            reader.read_exact(&mut length)?;
            sealed.clear();
            reader.by_ref().take(u32::from_be_bytes(length).into()).read_to_end(&mut sealed)?;
            rows.extend_from_slice(&self.seal.open(place(bucket, chunk), &sealed)?);
        }
        file.set_len(0)?;
        Ok(rows)
    }
}

impl Bucket {
    fn flush(&mut self, seal: &Seal, bucket: u8) -> Result<(), SpoolError> {
        let sealed = seal.seal(place(bucket, self.chunks), &self.waiting)?;
        debug_assert_eq!(sealed.len(), self.waiting.len() + OVERHEAD);
        self.waiting.zeroize();
        self.chunks += 1;
        let length = u32::try_from(sealed.len()).unwrap_or(u32::MAX);
        self.file.write_all(&length.to_be_bytes())?;
        self.file.write_all(&sealed)?;
        Ok(self.file.flush()?)
    }
}

fn place(bucket: u8, chunk: i64) -> Place<'static> {
    Place { table: "import", column: "rows", row: i64::from(bucket) << 48 | chunk }
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
        let mut spool = Spool::new(folder.path()).unwrap();
        for number in 0..20_000_u64 {
            spool
                .put((number % 3) as u8, |row| row.extend_from_slice(format!("person{number:08}").as_bytes()))
                .unwrap();
        }
        let on_disk = |spool: &mut Spool| {
            let mut file = spool.buckets[1].file.get_ref();
            file.rewind().unwrap();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            bytes
        };
        let bytes = on_disk(&mut spool);
        assert!(bytes.len() > 50_000 && !bytes.windows(6).any(|part| part == b"person"));
        let rows = spool.take(1).unwrap();
        let mut left = Rows(&rows);
        for number in (1..20_000).step_by(3) {
            assert_eq!(left.bytes(14).unwrap(), format!("person{number:08}").as_bytes());
        }
        assert_eq!((left.number(), spool.take(200).unwrap().len()), (None, 0));
        assert!(on_disk(&mut spool).is_empty());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the files have no names");
    }
}
