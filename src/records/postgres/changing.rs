//! What a verified person changes: the query password, and cases of what is wrong with the record.

use deadpool_postgres::Object;

use super::asking::identity;
use super::verifying::{execute, lock_key, prepare};
use super::{Failed, asking, insurance_code};
use crate::facts::{CallId, CaseNumber, Dispute, PersonRef, Reply, Secret};
use crate::records::cases::{DAY, Filed, MOST_A_DAY};
use crate::records::columns;
use crate::records::keyed::{Keyed, Pepper};
use crate::records::seal::Seal;

const SET: &str = "INSERT INTO passwords VALUES ($1, $2, false, $3) ON CONFLICT (subject) DO UPDATE SET \
                   hash = excluded.hash, initial = excluded.initial, changed = excluded.changed";
const LOCK: &str = "SELECT pg_advisory_xact_lock($1)";
const SAME: &str = "SELECT number FROM cases \
                    WHERE call = $1 AND subject = $2 AND insurance = $3 AND month = $4 AND blame = $5";
const CALL_BACK: &str = "UPDATE cases SET person = $1 WHERE number = $2";
const TODAY: &str = "SELECT count(*) FROM cases WHERE subject = $1 AND opened > $2";
/// A number is nobody else's ever.
const NEXT: &str = "SELECT nextval(pg_get_serial_sequence('cases', 'number'))";
const OPEN: &str = "INSERT INTO cases (number, opened, subject, insurance, month, blame, person, call) \
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// Keeps a query password's hash, sealed, in the place of any other.
pub(super) async fn keep_password(
    client: &Object,
    seal: &Seal,
    subject: &Keyed,
    hash: &Secret<String>,
    at: i64,
) -> Result<(), Failed> {
    let [set] = prepare(client, [SET]).await?;
    let sealed = columns::sealed_password(seal, subject, hash)?;
    client.execute(&set, &[&subject.0.as_slice(), &sealed, &at]).await.map(drop).map_err(|error| asking(&error))
}

/// As [`crate::records::cases`] tells. What a call has said before is said under the same lock.
pub(super) async fn dispute(
    client: &mut Object,
    (pepper, seal): (&Pepper, &Seal),
    person: PersonRef,
    dispute: &Dispute,
    call: CallId,
    at: i64,
) -> Result<Reply, Failed> {
    let identity = identity(client, seal, person).await?;
    let subject = columns::subject(pepper, &identity);
    let filed = Filed { subject, id: identity.id.reveal(), call, dispute, at };
    let [lock, same, call_back] = prepare(client, [LOCK, SAME, CALL_BACK]).await?;
    let [today, next, open] = prepare(client, [TODAY, NEXT, OPEN]).await?;
    let failed = |error: tokio_postgres::Error| asking(&error);
    let transaction = client.transaction().await.map_err(failed)?;
    let (subject, call, blame) = (filed.subject.0.as_slice(), call.octets(), dispute.blame.name());
    let (call, insurance, month) = (call.as_slice(), insurance_code(dispute.insurance), dispute.month.ordinal());
    transaction.query_one(&lock, &[&lock_key(&filed.subject)]).await.map_err(failed)?;
    let before = transaction.query_opt(&same, &[&call, &subject, &insurance, &month, &blame]).await.map_err(failed)?;
    let reply = if let Some(row) = before {
        let number: i64 = row.try_get(0).map_err(failed)?;
        execute(&transaction, &call_back, &[&filed.sealed(seal, number)?, &number]).await?;
        Reply::CaseOpened(CaseNumber::new(number.unsigned_abs()))
    } else {
        let since = at.saturating_sub(DAY);
        let row = transaction.query_one(&today, &[&subject, &since]).await.map_err(failed)?;
        if row.try_get::<_, i64>(0).map_err(failed)?.unsigned_abs() >= MOST_A_DAY as u64 {
            return Ok(Reply::TooManyCases);
        }
        let number: i64 = transaction.query_one(&next, &[]).await.and_then(|row| row.try_get(0)).map_err(failed)?;
        let sealed = filed.sealed(seal, number)?;
        execute(&transaction, &open, &[&number, &at, &subject, &insurance, &month, &blame, &sealed, &call]).await?;
        Reply::CaseOpened(CaseNumber::new(number.unsigned_abs()))
    };
    // Said again, it makes no second case.
    transaction.commit().await.map_err(failed)?;
    Ok(reply)
}
