//! Which records a command is about, and the keys that they are sealed by.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{Wrong, draft};
use crate::node::Config;
use crate::records::audit::AuditTrail;
use crate::records::{Database, PostgresOptions, Seal, SealSource, Source};

/// `--database`, `--config`, `--key-file`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Place {
    /// The SQLite file, or postgres://user@host/database with the password in PGPASSWORD [default: the configuration's,
    /// otherwise hotline.db]
    #[arg(long, value_name = "DATABASE")]
    pub(crate) database: Option<Database>,
    /// The configuration that says where the records are, and where the keys come from that they are sealed by
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The file of the keys [default: the configuration's, otherwise the database's name with .key after it, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

impl Place {
    /// The database by its name.
    pub(crate) fn named(&self) -> Result<Database, Wrong> {
        match (&self.database, &self.config) {
            (Some(database), _) => Ok(database.clone()),
            (None, Some(config)) => Ok(whole(config)?.records.database),
            (None, None) => Ok(PathBuf::from("hotline.db").into()),
        }
    }

    /// The database's file.
    pub(crate) fn database(&self) -> Result<PathBuf, Wrong> {
        match self.named()? {
            Database::File(file) => Ok(file),
            Database::Postgres(url) => Err(Wrong::Use(format!("{url} is no SQLite file, and only one is meant here"))),
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
        match &self.key_file {
            Some(file) => Seal::of(SealSource::File(file.clone())).map_err(|error| Wrong::Failed(error.to_string())),
            None => self.settings()?.seal().map_err(|fault| Wrong::Faults(vec![fault])),
        }
    }

    /// The records, with what it takes to reach and to open them.
    pub(crate) fn source(&self) -> Result<Source, Wrong> {
        let source = self.settings()?.source().map_err(|fault| Wrong::Faults(vec![fault]))?;
        Ok(match (source, &self.key_file) {
            (Source::Sqlite(file, _), Some(_)) => Source::Sqlite(file, self.seal()?),
            (Source::Postgres(options), Some(_)) => Source::Postgres(PostgresOptions { seal: self.seal()?, ..options }),
            (source, _) => source,
        })
    }

    /// Where what operators do to these records is written down: the audit log of a hotline's own file.
    pub(crate) fn trail(&self) -> Result<AuditTrail, Wrong> {
        match (self.named()?, &self.config) {
            (Database::File(database), _) => Ok(AuditTrail { database, seal: self.seal()? }),
            (Database::Postgres(_), Some(_)) => {
                let config = self.settings()?;
                let seal = config.seal().map_err(|fault| Wrong::Faults(vec![fault]))?;
                Ok(AuditTrail { database: config.records.file().to_owned(), seal })
            }
            (Database::Postgres(url), None) => Err(Wrong::Use(format!(
                "{url}: what operators do is written into the audit log of the hotline's own file, which its configuration \
                 names: give it with --config"
            ))),
        }
    }

    /// The configuration's, or what holds without one, with the database in its place that was named.
    fn settings(&self) -> Result<Config, Wrong> {
        let mut config = self.config.as_deref().map(whole).transpose()?.unwrap_or_default();
        if let Some(database) = &self.database {
            config.records.database.clone_from(database);
            config.records.url = None;
        }
        Ok(config)
    }
}

/// A configuration without a fault.
fn whole(file: &std::path::Path) -> Result<Config, Wrong> {
    let draft = draft(file)?;
    if draft.faults.is_empty() { Ok(draft.config) } else { Err(Wrong::Faults(draft.faults)) }
}
