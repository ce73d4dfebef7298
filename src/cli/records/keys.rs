//! `hotline records key` and `rekey`: keys that personal values are sealed by, made and changed.

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::place::Place;
use crate::cli::Wrong;
use crate::records::{self, Source, WriteError, new_key_file, put_new_key_first};

/// Makes a key.
#[derive(Debug, Args)]
pub(super) struct Key {
    /// The file that it is written to; nobody but its owner may read it
    file: PathBuf,
    /// Puts a new key before those that are in the file: the next `hotline records rekey` seals by it
    #[arg(long)]
    add: bool,
}

impl Key {
    pub(super) fn run(&self) -> Result<bool, Wrong> {
        let shown = self.file.display();
        let done = if self.add { put_new_key_first(&self.file) } else { new_key_file(&self.file) };
        done.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Wrong::Use(format!(
                "there is a file {shown} already, and without its keys what they seal is lost: --add puts a new key before them"
            )),
            _ => Wrong::Failed(format!("{shown}: {error}")),
        })?;
        let next = if self.add {
            "a new key stands before the others: `hotline records rekey` seals all records by it"
        } else {
            "a new key: keep a copy of it elsewhere, since without it the records cannot be read"
        };
        // Nobody reads: nothing more to say.
        let _ = writeln!(std::io::stdout(), "{shown}: {next}");
        Ok(true)
    }
}

/// Seals all records anew.
#[derive(Debug, Args)]
pub(super) struct Rekey {
    #[command(flatten)]
    place: Place,
}

impl Rekey {
    pub(super) fn run(&self) -> Result<bool, Wrong> {
        let source = self.place.source()?;
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("sealing anew {bar:40} {pos}/{len} people") {
            bar.set_style(style);
        }
        if bar.is_hidden() {
            eprintln!("sealing {source} anew");
        }
        let progress = |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        };
        let done = match &source {
            Source::Sqlite(file, seal) => records::rekey(file, seal, progress),
            Source::Postgres(server) => records::rekey_on_server(server, progress),
            Source::Service(_) => return Err(Wrong::Use("a service keeps its records by itself".to_owned())),
        };
        bar.finish_and_clear();
        let done = done.map_err(|error| match error {
            WriteError::NoKeys => Wrong::Use(error.to_string()),
            error => Wrong::Failed(error.to_string()),
        })?;
        let what = match done.people {
            0 => "all was sealed".to_owned(),
            people => format!("{people} people are sealed anew"),
        };
        // Nobody reads: nothing more to say.
        let _ =
            writeln!(std::io::stdout(), "{source}: {what} by the key {}; no other key is needed any more", done.key);
        if !done.log_emptied {
            eprintln!(
                "hotline records rekey: the write-ahead log beside the database could not be emptied while somebody reads \
                 it: run this again"
            );
        }
        Ok(done.log_emptied)
    }
}
