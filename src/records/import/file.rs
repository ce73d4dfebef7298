//! A month into a database file: the side that is not read.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::{NewMonth, Target};
use crate::facts::{Month, Secret};
use crate::records::database::{self, IfMissing};
use crate::records::keyed::{Keyed, Pepper};
use crate::records::password::StoredPassword;
use crate::records::rekey::seal_what_is_open;
use crate::records::sides::{BATCH, Difference, Staging, WriteError, WriteLock};
use crate::records::{Insured, Seal};

/// A database file, that nobody else writes meanwhile.
pub(super) struct FileTarget<'a> {
    connection: Connection,
    pepper: Pepper,
    seal: &'a Seal,
    _lock: WriteLock,
}

impl<'a> FileTarget<'a> {
    pub(super) fn open(file: &Path, seal: &'a Seal) -> Result<FileTarget<'a>, WriteError> {
        let (connection, pepper) = database::open(file, IfMissing::Create, seal)?;
        Ok(FileTarget { connection, pepper, seal, _lock: WriteLock::take(file)? })
    }
}

impl Target for FileTarget<'_> {
    fn pepper(&self) -> &Pepper {
        &self.pepper
    }

    fn held(&mut self) -> Result<(Option<Month>, bool), WriteError> {
        let sql = "SELECT as_of, seed IS NOT NULL FROM meta";
        let (as_of, made_up): (Option<i32>, _) =
            self.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((as_of.and_then(Month::of_ordinal), made_up))
    }

    fn begin(&mut self) -> Result<Box<dyn NewMonth + '_>, WriteError> {
        seal_what_is_open(&mut self.connection, self.seal)?;
        // Pages that are touched again and again while it is written, those of the index above all.
        self.connection.pragma_update(None, "cache_size", -16_384)?;
        Ok(Box::new(Staging::begin(&mut self.connection, self.seal, &self.pepper)?))
    }

    fn give(&mut self, passwords: &[(Keyed, Secret<String>)]) -> Result<(), WriteError> {
        let sql = "INSERT INTO passwords VALUES (?1, ?2, 1, 0) ON CONFLICT (subject) DO UPDATE SET hash = excluded.hash \
                   WHERE passwords.initial";
        for batch in passwords.chunks(BATCH as usize) {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (subject, hash) in batch {
                transaction.prepare_cached(sql)?.execute(params![subject.0, hash.reveal()])?;
            }
            transaction.commit()?;
        }
        Ok(())
    }
}

impl NewMonth for Staging<'_> {
    fn add(&mut self, insured: Insured) -> Result<(), WriteError> {
        Staging::add(self, &insured)
    }

    fn difference(&mut self) -> Result<Difference, WriteError> {
        Staging::difference(self)
    }

    fn passwords(&mut self, subjects: &[Keyed]) -> Result<Vec<Option<StoredPassword>>, WriteError> {
        let mut statement =
            self.connection().prepare_cached("SELECT hash, initial FROM passwords WHERE subject = ?1")?;
        let stored =
            |row: &rusqlite::Row<'_>| Ok(StoredPassword { hash: Secret::new(row.get(0)?), initial: row.get(1)? });
        subjects.iter().map(|subject| Ok(statement.query_row([subject.0], stored).optional()?)).collect()
    }

    fn swap(self: Box<Self>, as_of: Month, _: &mut dyn FnMut(u64, u64)) -> Result<(), WriteError> {
        Staging::swap(*self, as_of, None)
    }

    fn abandon(self: Box<Self>) -> Result<(), WriteError> {
        Staging::abandon(*self)
    }
}
