//! A month into a database file: the side that is not read.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior, params};

use super::{ImportError, NewMonth, Target};
use crate::facts::{Month, Secret};
use crate::records::database::{self, IfMissing};
use crate::records::keyed::{Keyed, Pepper};
use crate::records::password::StoredPassword;
use crate::records::rekey::seal_what_is_open;
use crate::records::sides::{BATCH, Difference, Staging, WriteError, WriteLock};
use crate::records::{Insured, Seal, columns};

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
            let sealed = batch.iter().map(|(subject, hash)| columns::sealed_password(self.seal, subject, hash));
            let sealed: Vec<Vec<u8>> = sealed.collect::<Result<_, _>>()?;
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for ((subject, _), sealed) in batch.iter().zip(sealed) {
                transaction.prepare_cached(sql)?.execute(params![subject.0, sealed])?;
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

    fn passwords(&mut self, subjects: &[Keyed]) -> Result<Vec<Option<StoredPassword>>, ImportError> {
        subjects.iter().map(|subject| self.password(subject).map_err(ImportError::Password)).collect()
    }

    fn swap(&mut self, as_of: Month) -> Result<(), WriteError> {
        Staging::swap(self, as_of, None)
    }

    fn end(self: Box<Self>) -> Result<(), WriteError> {
        Staging::end(*self)
    }
}
