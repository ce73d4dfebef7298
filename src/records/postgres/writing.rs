//! Replacing all records of a PostgreSQL database, in one transaction, by COPY.

use std::pin::pin;

use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Transaction};

use super::import::{Mark, copy_marks};
use super::schema::{self, SchemaFault};
use super::{PostgresOptions, insurance_code};
use crate::facts::Month;
use crate::records::keyed::{Kind, Pepper};
use crate::records::{Insured, OpenError};

/// So many people at a time: their payments are gathered before they are sent.
const AT_ONCE: usize = 200;

/// What was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::records) enum Written {
    /// So many payments are there now, and whether others were before.
    Payments {
        /// Now.
        payments: u64,
        /// Before.
        replaced: bool,
    },
    /// Records that are not made up: nothing was changed.
    RealRecords,
}

/// Replaces all records by others, in one transaction; lock-outs go. Those who ask see the old records until it is done.
/// Records that are not made up are replaced only if `force` is set.
///
/// # Errors
/// [`OpenError`]; the database is then as it was.
pub(in crate::records) fn write(
    options: &PostgresOptions,
    as_of: Month,
    seed: Option<u64>,
    people: impl Iterator<Item = Insured> + Send,
    force: bool,
    progress: impl FnMut() + Send,
) -> Result<Written, OpenError> {
    schema::once(options, async move |client: &mut Client| {
        let pepper = schema::prepare(client).await?;
        // It takes as long as it takes; nobody calls about it.
        client.batch_execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0").await?;
        // Whether a payment's person is there is asked for each row, by a plan made when there was nobody yet: without this it reads
        // all of the insured each time.
        client.batch_execute("SET enable_seqscan = off").await?;
        let transaction = client.transaction().await?;
        let row = transaction.query_one("SELECT as_of, seed FROM meta FOR UPDATE", &[]).await?;
        let (before, made_up): (Option<i32>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        if before.is_some() && made_up.is_none() && !force {
            return Ok(Written::RealRecords);
        }
        transaction
            .batch_execute("DELETE FROM payments; DELETE FROM accounts; DELETE FROM identifiers; DELETE FROM insured; DELETE FROM marks; DELETE FROM lock_outs; \
                 DELETE FROM known_callers")
            .await?;
        let seed = seed.map(u64::cast_signed);
        transaction.execute("UPDATE meta SET as_of = $1, seed = $2", &[&as_of.ordinal(), &seed]).await?;
        let payments = copy_all(&transaction, &pepper, people, progress).await?;
        transaction.commit().await?;
        Ok(Written::Payments { payments, replaced: before.is_some() })
    })
}

async fn copy_all(
    transaction: &Transaction<'_>,
    pepper: &Pepper,
    people: impl Iterator<Item = Insured>,
    mut progress: impl FnMut(),
) -> Result<u64, SchemaFault> {
    let mut written = 0;
    let mut people = (1_i64..).zip(people).peekable();
    while people.peek().is_some() {
        let some: Vec<(i64, Insured)> = people.by_ref().take(AT_ONCE).collect();
        written += copy(transaction, &some).await?;
        copy_identifiers(transaction, pepper, &some).await?;
        let marks: Vec<_> = some.iter().map(|(person, insured)| (*person, Mark::of(pepper, insured))).collect();
        copy_marks(transaction, &marks).await?;
        some.iter().for_each(|_| progress());
    }
    Ok(written)
}

pub(super) async fn copy(transaction: &Transaction<'_>, people: &[(i64, Insured)]) -> Result<u64, SchemaFault> {
    let rows = transaction.copy_in("COPY insured FROM STDIN (FORMAT binary)").await?;
    let mut rows = pin!(BinaryCopyInWriter::new(rows, &[Type::INT8, Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT]));
    for (person, insured) in people {
        let id = insured.id.reveal();
        let (number, kind) = (insured.number.reveal(), insured.kind.name());
        rows.as_mut().write(&[person, &id.as_str(), number, &id.last_four(), &kind]).await?;
    }
    rows.finish().await?;
    let rows = transaction.copy_in("COPY accounts FROM STDIN (FORMAT binary)").await?;
    let mut rows = pin!(BinaryCopyInWriter::new(rows, &[Type::INT8; 3]));
    for (person, insured) in people {
        rows.as_mut().write(&[person, &insured.pension.0, &insured.medical.0]).await?;
    }
    rows.finish().await?;
    let rows = transaction.copy_in("COPY payments FROM STDIN (FORMAT binary)").await?;
    let types = [Type::INT8, Type::INT2, Type::INT4, Type::INT8, Type::INT8, Type::INT8];
    let mut rows = pin!(BinaryCopyInWriter::new(rows, &types));
    for (person, insured) in people {
        for (insurance, paid) in insured.all_payments() {
            let insurance = insurance_code(insurance);
            let (base, personal, employer) = (&paid.base.0, &paid.personal.0, &paid.employer.0);
            rows.as_mut().write(&[person, &insurance, &paid.month.ordinal(), base, personal, employer]).await?;
        }
    }
    Ok(rows.finish().await?)
}

/// By what else they are known, and the passwords that they are given.
pub(super) async fn copy_identifiers(
    transaction: &Transaction<'_>,
    pepper: &Pepper,
    people: &[(i64, Insured)],
) -> Result<(), SchemaFault> {
    let rows = transaction.copy_in("COPY identifiers FROM STDIN (FORMAT binary)").await?;
    let mut rows = pin!(BinaryCopyInWriter::new(rows, &[Type::INT8, Type::BYTEA, Type::BYTEA, Type::BYTEA]));
    for (person, insured) in people {
        let [card, end] = insured.identifiers.card_hashes(pepper).map_or([None; 2], |card| card.map(Some));
        let hashes = [card, end, insured.identifiers.personal_hash(pepper)];
        let [card, end, personal] = hashes.map(|hash| hash.map(|hash| hash.0.to_vec()));
        rows.as_mut().write(&[person, &card, &end, &personal]).await?;
    }
    rows.finish().await?;
    let set = "INSERT INTO passwords VALUES ($1, $2, $3, 0) ON CONFLICT (subject) DO UPDATE SET \
               hash = excluded.hash, initial = excluded.initial, changed = excluded.changed";
    for (_, insured) in people {
        if let Some(password) = &insured.identifiers.password {
            let subject = pepper.hash(Kind::Id, insured.id.reveal().as_str().as_bytes());
            let values: [&(dyn ToSql + Sync); 3] = [&subject.0.as_slice(), password.hash.reveal(), &password.initial];
            transaction.execute(set, &values).await?;
        }
    }
    Ok(())
}
