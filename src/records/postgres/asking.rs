//! The questions about a person: one statement each, so that the month and what is told of it are of one view.

use deadpool_postgres::Object;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::{Failed, PostgresOptions, asking, insurance_code, schema};
use crate::facts::{
    Balances, CitizenId, Fen, Insurance, InsuranceSummary, Month, Payment, Payments, PersonRef, Summary,
};
use crate::records::sqlite::month;
use crate::records::{RecordsError, RemoteError, bounded};

pub(super) async fn balances(client: &Object, person: PersonRef) -> Result<Balances, Failed> {
    let sql = "SELECT m.as_of, a.person IS NOT NULL, a.pension, a.medical \
               FROM meta m LEFT JOIN accounts a ON a.person = $1";
    let rows = rows(client, sql, &[&person.0]).await?;
    let (as_of, row) = first(&rows)?;
    Ok(Balances { pension: Fen(get(row, 2)?), medical: Fen(get(row, 3)?), as_of })
}

pub(super) async fn summary(client: &Object, person: PersonRef) -> Result<Summary, Failed> {
    let sql = "SELECT m.as_of, EXISTS (SELECT 1 FROM insured WHERE person = $1), p.insurance, p.months, p.first, p.last \
               FROM meta m LEFT JOIN (SELECT insurance, count(*) AS months, min(month) AS first, max(month) AS last \
               FROM payments WHERE person = $1 GROUP BY insurance) p ON true";
    let rows = rows(client, sql, &[&person.0]).await?;
    let (as_of, _) = first(&rows)?;
    let mut insurances = Vec::with_capacity(Insurance::ALL.len());
    for insurance in Insurance::ALL {
        let mut summary = InsuranceSummary { insurance, months_paid: 0, first: None, last: None };
        for row in &rows {
            if get::<Option<i16>>(row, 2)? == Some(insurance_code(insurance)) {
                summary.months_paid = u32::try_from(get::<i64>(row, 3)?).unwrap_or(u32::MAX);
                summary.first = Some(month_of(row, 4)?);
                summary.last = Some(month_of(row, 5)?);
            }
        }
        insurances.push(summary);
    }
    Ok(Summary { insurances, as_of })
}

pub(super) async fn payments(
    client: &Object,
    person: PersonRef,
    insurance: Insurance,
    from: Month,
    to: Month,
) -> Result<Payments, Failed> {
    let from = bounded(from, to);
    let sql = "SELECT m.as_of, EXISTS (SELECT 1 FROM insured WHERE person = $1), \
               (SELECT min(month) FROM payments WHERE person = $1 AND insurance = $2), \
               p.month, p.base, p.personal, p.employer FROM meta m LEFT JOIN payments p \
               ON p.person = $1 AND p.insurance = $2 AND p.month BETWEEN $3 AND $4 ORDER BY p.month";
    let number = insurance_code(insurance);
    let rows = rows(client, sql, &[&person.0, &number, &from.ordinal(), &to.ordinal()]).await?;
    let (as_of, row) = first(&rows)?;
    let first_ever: Option<i32> = get(row, 2)?;
    let first_ever = first_ever.map(|ordinal| month(ordinal.into())).transpose()?;
    let mut paid = Vec::with_capacity(rows.len());
    for row in &rows {
        if get::<Option<i32>>(row, 3)?.is_some() {
            let (base, personal, employer) = (Fen(get(row, 4)?), Fen(get(row, 5)?), Fen(get(row, 6)?));
            paid.push(Payment { month: month_of(row, 3)?, base, personal, employer });
        }
    }
    Ok(Payments { insurance, from, to, paid, first_ever, as_of })
}

/// People from all over the records, at most so many, for those who measure how fast they are found.
pub(in crate::records) fn some_people(
    options: &PostgresOptions,
    most: u32,
) -> Result<Vec<(CitizenId, String)>, RemoteError> {
    let sql = "SELECT id_number, number FROM insured \
               WHERE person % greatest(1, (SELECT count(*) FROM insured) / $1) = 0 LIMIT $1";
    let found = schema::once(options, async |client: &mut Client| {
        schema::prepare(client).await?;
        let rows = client.query(sql, &[&i64::from(most)]).await?;
        let mut people: Vec<(String, String)> = Vec::with_capacity(rows.len());
        for row in &rows {
            people.push((row.try_get(0)?, row.try_get(1)?));
        }
        Ok(people)
    });
    let people = found.map_err(|error| RemoteError::Refused(error.to_string()))?;
    Ok(people.into_iter().filter_map(|(id, number)| Some((CitizenId::stored(id.as_bytes())?, number))).collect())
}

async fn rows(client: &Object, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Failed> {
    let statement = client.prepare_cached(sql).await.map_err(|error| asking(&error))?;
    client.query(&statement, values).await.map_err(|error| asking(&error))
}

/// The as-of month, which the first column holds, with the first row, whose second column says whether there is the person.
fn first(rows: &[Row]) -> Result<(Month, &Row), Failed> {
    let row = rows.first().ok_or(RecordsError::Empty)?;
    let as_of: Option<i32> = get(row, 0)?;
    let as_of = month(as_of.ok_or(RecordsError::Empty)?.into())?;
    if get(row, 1)? { Ok((as_of, row)) } else { Err(RecordsError::NoSuchPerson.into()) }
}

fn month_of(row: &Row, column: usize) -> Result<Month, Failed> {
    Ok(month(get::<i32>(row, column)?.into())?)
}

fn get<'row, T: tokio_postgres::types::FromSql<'row>>(row: &'row Row, column: usize) -> Result<T, Failed> {
    row.try_get(column).map_err(|error| asking(&error))
}
