//! Which records a command is about, and the keys that they are sealed by.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{Wrong, draft};
use crate::records::{Seal, SealSource};

/// `--database`, `--config`, `--key-file`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Place {
    /// The SQLite file [default: the configuration's, otherwise hotline.db]
    #[arg(long, value_name = "FILE")]
    pub(crate) database: Option<PathBuf>,
    /// The configuration that says where the records are, and where the keys come from that they are sealed by
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The file of the keys [default: the configuration's, otherwise the database's name with .key after it, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

impl Place {
    /// The database's file.
    pub(crate) fn database(&self) -> Result<PathBuf, Wrong> {
        match (&self.database, &self.config) {
            (Some(database), _) => Ok(database.clone()),
            (None, Some(config)) => Ok(whole(config)?.records.database),
            (None, None) => Ok(PathBuf::from("hotline.db")),
        }
    }

    /// The file of its keys, where they do not come from the configuration.
    pub(crate) fn key_file(&self) -> Result<Option<PathBuf>, Wrong> {
        match (&self.key_file, &self.config) {
            (Some(file), _) => Ok(Some(file.clone())),
            (None, Some(_)) => Ok(None),
            (None, None) => Ok(Some(Seal::file_beside(&self.database()?))),
        }
    }

    /// What it is sealed by.
    pub(crate) fn seal(&self) -> Result<Seal, Wrong> {
        let failed = |error: crate::records::SealFault| Wrong::Failed(error.to_string());
        match (&self.key_file, &self.config) {
            (Some(file), _) => Seal::of(SealSource::File(file.clone())).map_err(failed),
            (None, Some(config)) => {
                let mut config = whole(config)?;
                config.records.database = self.database()?;
                config.seal().map_err(|fault| Wrong::Faults(vec![fault]))
            }
            (None, None) => Seal::beside(&self.database()?).map_err(failed),
        }
    }
}

/// A configuration without a fault.
fn whole(file: &std::path::Path) -> Result<crate::node::Config, Wrong> {
    let draft = draft(file)?;
    if draft.faults.is_empty() { Ok(draft.config) } else { Err(Wrong::Faults(draft.faults)) }
}
