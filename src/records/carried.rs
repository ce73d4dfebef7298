//! Rows of the first versions, a row a payment, written as bytes. They lie open as before; `hotline records rekey` seals them.

use rusqlite::{Connection, OptionalExtension, params};

use super::columns::Columns;
use super::database::not_sealed;
use super::insured::InsuredKind;
use super::keyed::Pepper;
use super::seal::Seal;
use super::{Identifiers, Insured};
use crate::facts::{CitizenId, Fen, Month, Payment, Secret};

/// Fills the tables of today from those of before, and drops these. Numbers of people stay.
pub(super) fn carry_over(connection: &Connection) -> rusqlite::Result<()> {
    let seal = Seal::open_values();
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, [u8; 32]>(0)?, row.get(1)?, row.get(2)?));
    let meta: Option<([u8; 32], Option<i64>, Option<i64>)> =
        connection.query_row("SELECT pepper, as_of, seed FROM meta", [], row).optional()?;
    if let Some((pepper, as_of, seed)) = meta {
        let stored = Pepper::stored(&seal, &pepper, false).map_err(not_sealed)?;
        let sql = "INSERT INTO meta_now (one, pepper, as_of, seed, side) VALUES (1, ?1, ?2, ?3, 0)";
        connection.execute(sql, params![stored, as_of, seed])?;
        carry_people(connection, &seal, &Pepper::new(&pepper))?;
    }
    connection.execute_batch(
        "DROP TABLE payments; DROP TABLE accounts; DROP TABLE insured; DROP TABLE meta; \
         ALTER TABLE meta_now RENAME TO meta",
    )
}

fn carry_people(connection: &Connection, seal: &Seal, pepper: &Pepper) -> rusqlite::Result<()> {
    let mut people = connection.prepare(
        "SELECT person, id_number, number, kind, pension, medical FROM insured JOIN accounts USING (person) ORDER BY person",
    )?;
    let mut known = connection.prepare("INSERT INTO people VALUES (?1, ?2)")?;
    let mut record = connection.prepare("INSERT INTO records_a VALUES (?1, ?2, ?3)")?;
    let mut rows = people.query([])?;
    while let Some(row) = rows.next()? {
        let person: i64 = row.get(0)?;
        let (id, kind): (String, String) = (row.get(1)?, row.get(3)?);
        let kind = InsuredKind::ALL.into_iter().find(|other| other.name() == kind);
        let (Some(id), Some(kind)) = (CitizenId::stored(id.as_bytes()), kind) else { continue };
        let (number, pension, medical) = (Secret::new(row.get(2)?), Fen(row.get(4)?), Fen(row.get(5)?));
        let (id, identifiers, payments) = (Secret::new(id), Identifiers::default(), payments_of(connection, person)?);
        let columns = Columns::of(&Insured { id, number, identifiers, kind, pension, medical, payments }, pepper);
        let [identity, payments] = columns.sealed(seal, person).map_err(not_sealed)?;
        known.execute(params![person, columns.id_hash])?;
        record.execute(params![person, identity, payments])?;
    }
    Ok(())
}

fn payments_of(connection: &Connection, person: i64) -> rusqlite::Result<[Vec<Payment>; 5]> {
    let sql =
        "SELECT insurance, month, base, personal, employer FROM payments WHERE person = ?1 ORDER BY insurance, month";
    let mut payments: [Vec<Payment>; 5] = Default::default();
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([person])?;
    while let Some(row) = rows.next()? {
        let (insurance, month): (u8, i32) = (row.get(0)?, row.get(1)?);
        let (base, personal, employer) = (Fen(row.get(2)?), Fen(row.get(3)?), Fen(row.get(4)?));
        if let (Some(paid), Some(month)) = (payments.get_mut(usize::from(insurance)), Month::of_ordinal(month)) {
            paid.push(Payment { month, base, personal, employer });
        }
    }
    Ok(payments)
}
