//! What operators do to locks and cases on a server: each over a connection of its own, within the deadline of a look-up.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::PostgresOptions;
use super::schema::{self, SchemaFault};
use crate::records::OpenError;
use crate::records::desk::{CASES, CLOSE, CaseRow, IS_OPEN, LOCKS, LockRow, MOST_LISTED, UNLOCK};
use crate::records::keyed::{Keyed, Pepper};
use crate::records::seal::Seal;

/// The key of its hashes.
pub(in crate::records) fn pepper(options: &PostgresOptions, seal: &Seal) -> Result<Pepper, OpenError> {
    schema::once(options, async |client: &mut Client| schema::prepare(client, seal).await)
}

/// Who is locked at a time, in Unix milliseconds.
pub(in crate::records) fn locks(options: &PostgresOptions, now: i64, all: bool) -> Result<Vec<LockRow>, OpenError> {
    let lock = |row: &Row| -> Result<LockRow, SchemaFault> {
        let (what, label, failed_at) = (row.try_get(0)?, row.try_get(2)?, row.try_get(3)?);
        Ok(LockRow { what, subject: octets(row, 1)?, label, failed_at, locked_until: row.try_get(4)? })
    };
    schema::once(options, async |client: &mut Client| {
        let rows = client.query(LOCKS, &[&now, &all, &i64::from(MOST_LISTED)]).await?;
        rows.iter().map(lock).collect()
    })
}

/// How many locks and counts were deleted.
pub(in crate::records) fn unlock(options: &PostgresOptions, hash: &Keyed) -> Result<u64, OpenError> {
    change(options, UNLOCK, &[&hash.0.as_slice()])
}

/// The cases, the newest first.
pub(in crate::records) fn cases(options: &PostgresOptions, all: bool) -> Result<Vec<CaseRow>, OpenError> {
    let case = |row: &Row| -> Result<CaseRow, SchemaFault> {
        Ok(CaseRow {
            number: row.try_get(0)?,
            opened: row.try_get(1)?,
            person: row.try_get(2)?,
            insurance: row.try_get::<_, i16>(3)?.into(),
            month: row.try_get::<_, i32>(4)?.into(),
            blame: row.try_get(5)?,
            closed: row.try_get(6)?,
            closed_by: row.try_get(7)?,
            call: octets(row, 8)?,
        })
    };
    schema::once(options, async |client: &mut Client| {
        let rows = client.query(CASES, &[&all, &i64::from(MOST_LISTED)]).await?;
        rows.iter().map(case).collect()
    })
}

/// Whether there is an open case of that number.
pub(in crate::records) fn is_open(options: &PostgresOptions, number: i64) -> Result<bool, OpenError> {
    schema::once(options, async |client: &mut Client| Ok(client.query_one(IS_OPEN, &[&number]).await?.try_get(0)?))
}

/// How many cases were closed: one, or none.
pub(in crate::records) fn close(options: &PostgresOptions, number: i64, who: &str, at: i64) -> Result<u64, OpenError> {
    change(options, CLOSE, &[&at, &who, &number])
}

fn change(options: &PostgresOptions, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, OpenError> {
    schema::once(options, async |client: &mut Client| Ok(client.execute(sql, values).await?))
}

/// The table holds so many octets and nothing else.
fn octets<const N: usize>(row: &Row, column: usize) -> Result<[u8; N], SchemaFault> {
    row.try_get::<_, Vec<u8>>(column)?.try_into().map_err(|_| SchemaFault::Foreign)
}
