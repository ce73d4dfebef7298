//! Rows of the first version, a row a payment, written as bytes. They lie open as before; `hotline records rekey` seals them. Of a
//! card and of a personal number there were hashes alone: by those nobody is known until the records are written anew.

use std::collections::HashMap;

use tokio_postgres::{Row, Transaction};

use super::schema::SchemaFault;
use super::writing::copy_records;
use crate::facts::{CitizenId, Fen, Month, Payment, Secret};
use crate::records::columns::Columns;
use crate::records::keyed::Pepper;
use crate::records::seal::Seal;
use crate::records::sides::BATCH;
use crate::records::{Identifiers, Insured, InsuredKind};

/// Fills the tables of today from those of before, and drops these. Numbers of people stay.
pub(super) async fn carry_over(transaction: &Transaction<'_>) -> Result<(), SchemaFault> {
    let seal = Seal::open_values();
    if let Some(row) = transaction.query_opt("SELECT pepper FROM meta", &[]).await? {
        let pepper = Pepper::open(&seal, row.try_get(0)?)?;
        let mut last = 0;
        while let Some(end) = carry_some(transaction, &seal, &pepper, last).await? {
            last = end;
        }
    }
    let drop = "SELECT setval('people_numbers', greatest(1, (SELECT max(person) FROM people)), EXISTS (SELECT 1 FROM people)); \
                DROP TABLE payments; DROP TABLE accounts; DROP TABLE identifiers; DROP TABLE insured";
    Ok(transaction.batch_execute(drop).await?)
}

/// The next people; the last one's number.
async fn carry_some(
    transaction: &Transaction<'_>,
    seal: &Seal,
    pepper: &Pepper,
    after: i64,
) -> Result<Option<i64>, SchemaFault> {
    let people = "SELECT person, id_number, number, kind, pension, medical FROM insured JOIN accounts USING (person) \
                  WHERE person > $1 ORDER BY person LIMIT $2";
    let rows = transaction.query(people, &[&after, &i64::from(BATCH)]).await?;
    let Some(end) = rows.last() else { return Ok(None) };
    let end: i64 = end.try_get(0)?;
    let mut payments = payments_of(transaction, after, end).await?;
    let mut carried = Vec::with_capacity(rows.len());
    for row in &rows {
        let person: i64 = row.try_get(0)?;
        let Some(insured) = insured(row, payments.remove(&person).unwrap_or_default())? else { continue };
        let columns = Columns::of(&insured, pepper);
        let known = "INSERT INTO people VALUES ($1, $2)";
        transaction.execute(known, &[&person, &columns.id_hash.as_slice()]).await?;
        carried.push((person, columns.sealed(seal, person)?));
    }
    let rows = carried
        .iter()
        .map(|(person, [identity, payments])| (*person, [identity.as_slice(), payments.as_slice()], [None; 3]));
    copy_records(transaction, 0, rows).await?;
    Ok(Some(end))
}

/// Somebody; nobody where the row is not as this version writes them.
fn insured(row: &Row, payments: [Vec<Payment>; 5]) -> Result<Option<Insured>, SchemaFault> {
    let (id, kind): (String, String) = (row.try_get(1)?, row.try_get(3)?);
    let kind = InsuredKind::ALL.into_iter().find(|other| other.name() == kind);
    let (Some(id), Some(kind)) = (CitizenId::stored(id.as_bytes()), kind) else { return Ok(None) };
    let (id, number) = (Secret::new(id), Secret::new(row.try_get(2)?));
    let (pension, medical) = (Fen(row.try_get(4)?), Fen(row.try_get(5)?));
    Ok(Some(Insured { id, number, identifiers: Identifiers::default(), kind, pension, medical, payments }))
}

/// The payments of people after one and up to another.
async fn payments_of(
    transaction: &Transaction<'_>,
    after: i64,
    end: i64,
) -> Result<HashMap<i64, [Vec<Payment>; 5]>, SchemaFault> {
    let sql = "SELECT person, insurance, month, base, personal, employer FROM payments \
               WHERE person > $1 AND person <= $2 ORDER BY person, insurance, month";
    let mut payments: HashMap<i64, [Vec<Payment>; 5]> = HashMap::new();
    for row in &transaction.query(sql, &[&after, &end]).await? {
        let (insurance, month): (i16, i32) = (row.try_get(1)?, row.try_get(2)?);
        let (base, personal, employer) = (Fen(row.try_get(3)?), Fen(row.try_get(4)?), Fen(row.try_get(5)?));
        let of_person = payments.entry(row.try_get(0)?).or_default();
        let paid = usize::try_from(insurance).ok().and_then(|insurance| of_person.get_mut(insurance));
        if let (Some(paid), Some(month)) = (paid, Month::of_ordinal(month)) {
            paid.push(Payment { month, base, personal, employer });
        }
    }
    Ok(payments)
}
