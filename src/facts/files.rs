//! Where the files that calls are served by are read from: the disk, or what is kept of an earlier version.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Files by their paths. Each is read whole, once; so what is checked is what is served.
pub trait Files: Sync {
    /// A file's octets, at most so many of them.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    fn read(&self, path: &Path, most: u64) -> io::Result<Vec<u8>>;

    /// What is in a folder, in the order of names.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;

    /// Whether there is such a folder.
    fn is_dir(&self, path: &Path) -> bool;
}

/// This machine's disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        let mut octets = Vec::new();
        std::fs::File::open(path)?.take(most).read_to_end(&mut octets)?;
        Ok(octets)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        entries.sort();
        Ok(entries)
    }

    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }
}
