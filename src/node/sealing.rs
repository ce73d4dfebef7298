//! `[records.keys]`: where the keys come from that personal values are sealed by.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::config::Config;
use super::draft::Wrong;
use crate::facts::Fault;
use crate::records::{Seal, SealSource, Source};

/// One of the three, or none: then the file that has the database's name with `.key` after it, if there is one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Keys {
    /// A file that nobody but its owner, and at most its group, may read.
    pub file: Option<PathBuf>,
    /// The name of a variable of the environment.
    pub environment: Option<String>,
    /// A program and its arguments, run without a shell, that writes the keys to standard output.
    pub command: Option<Vec<String>>,
}

impl Keys {
    /// What no hotline could mean.
    pub(super) fn wrongs(&self) -> Vec<Wrong> {
        let told = [self.file.is_some(), self.environment.is_some(), self.command.is_some()];
        let mut wrongs = Vec::new();
        if told.into_iter().filter(|told| *told).count() > 1 {
            let message = "records.keys names more than one of file, environment and command";
            wrongs.push(Wrong::at("records.keys", "", message, "as in file = \"/etc/hotline/records.key\""));
        }
        if self.command.as_ref().is_some_and(Vec::is_empty) {
            let hint =
                "as in command = [\"/usr/bin/systemd-creds\", \"decrypt\", \"/etc/hotline/records.cred\", \"-\"]";
            wrongs.push(Wrong::at("records.keys", "command", "records.keys.command has no words", hint));
        }
        wrongs
    }

    /// Makes the file's path relative to a folder.
    pub(super) fn resolve(&mut self, folder: &Path) {
        if let Some(file) = &mut self.file {
            *file = folder.join(&*file);
        }
    }

    /// What a file is sealed by.
    pub(super) fn seal(&self, file: &Path) -> Result<Seal, Fault> {
        let seal = match self.source() {
            Some(source) => Seal::of(source),
            None => Seal::beside(file),
        };
        seal.map_err(|error| Fault::of_file("[records.keys]", error.to_string()))
    }

    fn source(&self) -> Option<SealSource> {
        let Keys { file, environment, command } = self.clone();
        file.map(SealSource::File).or(environment.map(SealSource::Environment)).or(command.map(SealSource::Command))
    }
}

impl Config {
    /// What the file of its records is sealed by: that of the call records, where the records themselves are elsewhere.
    ///
    /// # Errors
    /// The keys cannot be read.
    pub fn seal(&self) -> Result<Seal, Fault> {
        self.records.keys.seal(self.records.file())
    }

    /// Where its records are, with what it takes to reach and to open them.
    ///
    /// # Errors
    /// What is wrong with the file of a password, or with keys.
    pub fn source(&self) -> Result<Source, Fault> {
        self.records.source()
    }
}
