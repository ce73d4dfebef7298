//! The questions about a person: one statement each, so that the month and what is told of it are of one view. What is read is
//! opened here.

use deadpool_postgres::Object;
use tokio_postgres::Client;

use super::verifying::{heed, prepare};
use super::{Failed, PostgresOptions, asking, schema};
use crate::facts::{CitizenId, Month, PersonRef, Query, Reply};
use crate::records::columns::{self, IDENTITY};
use crate::records::packed::Identity;
use crate::records::sqlite::month;
use crate::records::{RecordsError, RemoteError, Seal};

const WHO: &str = "SELECT m.as_of, r.identity FROM meta m LEFT JOIN records r \
                   ON r.side = (SELECT side FROM meta) AND r.person = $1";
const PAID: &str = "SELECT m.as_of, r.payments FROM meta m LEFT JOIN records r \
                   ON r.side = (SELECT side FROM meta) AND r.person = $1";

/// The answer to a question about a person.
pub(super) async fn answer(client: &Object, seal: &Seal, query: &Query) -> Result<Reply, Failed> {
    let (column, person) = columns::asked(query).ok_or(RecordsError::NoSuchPerson)?;
    let (stored, as_of) = stored(client, seal, column, person).await?;
    Ok(columns::answer(seal, query, &stored, as_of)?)
}

/// Who somebody is who was verified.
pub(super) async fn identity(client: &Object, seal: &Seal, person: PersonRef) -> Result<Identity, Failed> {
    let (stored, _) = stored(client, seal, IDENTITY, person).await?;
    Ok(columns::identity(seal, person.0, &stored)?)
}

/// A person's value as it is stored, and the month it is true as of.
async fn stored(client: &Object, seal: &Seal, column: &str, person: PersonRef) -> Result<(Vec<u8>, Month), Failed> {
    let failed = |error: tokio_postgres::Error| asking(&error);
    let [statement] = prepare(client, [if column == IDENTITY { WHO } else { PAID }]).await?;
    let row = client.query_opt(&statement, &[&person.0]).await.map_err(failed)?.ok_or(RecordsError::Empty)?;
    let (as_of, stored): (Option<i32>, Option<Vec<u8>>) =
        (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
    let as_of = month(as_of.ok_or(RecordsError::Empty)?.into())?;
    let stored = stored.ok_or(RecordsError::NoSuchPerson)?;
    heed(client, seal, &stored).await?;
    Ok((stored, as_of))
}

/// People from all over the records, at most so many, for those who measure how fast they are found.
pub(in crate::records) fn some_people(
    options: &PostgresOptions,
    most: u32,
) -> Result<Vec<(CitizenId, String)>, RemoteError> {
    let sql = "SELECT person, identity FROM records WHERE side = (SELECT side FROM meta) AND person % greatest(1, \
               (SELECT count(*) FROM records WHERE side = (SELECT side FROM meta)) / $1) = 0 LIMIT $1";
    let seal = options.seal.for_database();
    let found = schema::once(options, async |client: &mut Client| {
        schema::prepare(client, &seal).await?;
        let rows = client.query(sql, &[&i64::from(most)]).await?;
        let mut people: Vec<(i64, Vec<u8>)> = Vec::with_capacity(rows.len());
        for row in &rows {
            people.push((row.try_get(0)?, row.try_get(1)?));
        }
        Ok(people)
    });
    let people = found.map_err(|error| RemoteError::Refused(error.to_string()))?;
    let known = |(person, stored): (i64, Vec<u8>)| {
        let who = columns::identity(&seal, person, &stored).map_err(|error| RemoteError::Refused(error.to_string()))?;
        Ok((who.id.reveal().clone(), who.number.reveal().clone()))
    };
    people.into_iter().map(known).collect()
}
