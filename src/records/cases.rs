//! Cases: a person has said by keys that a record is wrong (Social Insurance Law, article 83).
//!
//! ```text
//!   Query::Dispute ─┬─ the same call has said the same before ──▶ the same number; the newest callback number is kept
//!                   ├─ MOST_A_DAY of this person within 24 h ───▶ TooManyCases
//!                   └─ else ────────────────────────────────────▶ one row more, its number
//! ```
//!
//! A caller whose answer was lost, because it came after the deadline, says it again in the same call and makes no second case.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::RecordsError;
use super::keyed::Keyed;
use super::packed::Unreadable;
use super::seal::{Place, Seal, SealFault};
use super::sides::{BATCH, WriteError};
use crate::facts::{Blame, CallId, CaseNumber, CitizenId, Dispute, Insurance, Month, Reply, Secret};

/// Cases that one person may open within 24 hours.
pub const MOST_A_DAY: usize = 3;

pub(super) const DAY: i64 = 24 * 3_600_000;

/// A case as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its number.
    pub number: CaseNumber,
    /// When it was opened.
    pub opened: Timestamp,
    /// In which call: as in its record, its trace and the audit log.
    pub call: CallId,
    /// Whose record.
    pub id: Secret<String>,
    /// Which insurance.
    pub insurance: Insurance,
    /// Which month.
    pub month: Month,
    /// Whose error the person says it is.
    pub blame: Blame,
    /// Where the person may be called.
    pub callback: Secret<String>,
    /// When it was closed, and by whom; nothing while it is open.
    pub closed: Option<(Timestamp, String)>,
}

/// One dispute, for whatever keeps them.
pub(super) struct Filed<'a> {
    pub(super) subject: Keyed,
    pub(super) id: &'a CitizenId,
    pub(super) call: CallId,
    pub(super) dispute: &'a Dispute,
    pub(super) at: i64,
}

impl Filed<'_> {
    /// What of it is personal, sealed for the case of that number.
    pub(super) fn sealed(&self, seal: &Seal, number: i64) -> Result<Vec<u8>, RecordsError> {
        let callback: String = self.dispute.callback.reveal().chars().take(32).collect();
        let text = Secret::new(format!("{} {callback}", self.id.as_str()));
        Ok(seal.seal(place(number), text.reveal().as_bytes())?)
    }
}

/// Where what is personal of a case is sealed.
const fn place(number: i64) -> Place<'static> {
    Place { table: "cases", column: "person", row: number }
}

/// The ID number and the number to call back, of the case of that number.
pub(super) fn opened(seal: &Seal, number: i64, sealed: &[u8]) -> Result<[Secret<String>; 2], RecordsError> {
    let bytes = seal.open(place(number), sealed)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Unreadable)?;
    let (id, callback) = text.split_once(' ').ok_or(Unreadable)?;
    Ok([id, callback].map(|text| Secret::new(text.to_owned())))
}

/// What is personal of a case, sealed by the first key.
pub(super) fn anew(seal: &Seal, number: i64, sealed: &[u8]) -> Result<Vec<u8>, SealFault> {
    seal.seal(place(number), &seal.open(place(number), sealed)?)
}

/// Opens a case within a transaction.
pub(super) fn open(transaction: &Transaction<'_>, seal: &Seal, filed: &Filed<'_>) -> Result<Reply, RecordsError> {
    let Filed { subject, call, dispute, at, .. } = filed;
    let Dispute { insurance, month, blame, .. } = dispute;
    let number = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let same =
        "SELECT number FROM cases WHERE call = ?1 AND subject = ?2 AND insurance = ?3 AND month = ?4 AND blame = ?5";
    let key = params![call.octets(), subject.0, code(*insurance), month.ordinal(), blame.name()];
    if let Some(before) = transaction.prepare_cached(same)?.query_row(key, number).optional()? {
        let sql = "UPDATE cases SET person = ?1 WHERE number = ?2";
        transaction.prepare_cached(sql)?.execute(params![filed.sealed(seal, before)?, before])?;
        return Ok(Reply::CaseOpened(CaseNumber::new(before.unsigned_abs())));
    }
    let today = "SELECT count(*) FROM cases WHERE subject = ?1 AND opened > ?2";
    let today = transaction.prepare_cached(today)?.query_row(params![subject.0, at.saturating_sub(DAY)], number)?;
    if today.unsigned_abs() >= MOST_A_DAY as u64 {
        return Ok(Reply::TooManyCases);
    }
    // A number is nobody else's ever.
    let last = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'cases'), 0) + 1";
    let next = transaction.prepare_cached(last)?.query_row([], number)?;
    let sql = "INSERT INTO cases (number, opened, subject, insurance, month, blame, person, call) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let sealed = filed.sealed(seal, next)?;
    let (insurance, month) = (code(*insurance), month.ordinal());
    let row = params![next, at, subject.0, insurance, month, blame.name(), sealed, call.octets()];
    transaction.prepare_cached(sql)?.execute(row)?;
    Ok(Reply::CaseOpened(CaseNumber::new(next.unsigned_abs())))
}

/// Seals what is personal of all cases by the first key.
pub(super) fn seal_anew(connection: &Connection, seal: &Seal) -> Result<(), WriteError> {
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?));
    let mut last = 0;
    loop {
        let sql = "SELECT number, person FROM cases WHERE number > ?1 ORDER BY number LIMIT ?2";
        let mut statement = connection.prepare_cached(sql)?;
        let batch: Vec<_> = statement.query_map(params![last, BATCH], row)?.collect::<rusqlite::Result<_>>()?;
        let Some(end) = batch.last() else { return Ok(()) };
        last = end.0;
        for (number, sealed) in batch.iter().filter(|(_, sealed)| !seal.is_current(sealed)) {
            let anew = anew(seal, *number, sealed)?;
            // One whose number to call back has changed meanwhile is sealed by the first key already.
            let sql = "UPDATE cases SET person = ?1 WHERE number = ?2 AND person = ?3";
            connection.prepare_cached(sql)?.execute(params![anew, number, sealed])?;
        }
    }
}

/// The insurance's number in the database.
const fn code(insurance: Insurance) -> i64 {
    match insurance {
        Insurance::Pension => 0,
        Insurance::Medical => 1,
        Insurance::Unemployment => 2,
        Insurance::WorkInjury => 3,
        Insurance::Maternity => 4,
    }
}

/// The insurance of that number.
pub(super) fn insurance(number: i64) -> Option<Insurance> {
    Insurance::ALL.into_iter().find(|insurance| code(*insurance) == number)
}

/// Cases in memory.
#[derive(Default)]
pub(super) struct MemoryCases(Vec<(Keyed, CallId, Dispute, i64)>);

impl MemoryCases {
    pub(super) fn open(&mut self, filed: &Filed<'_>) -> Reply {
        let said = |dispute: &Dispute| (dispute.insurance, dispute.month, dispute.blame);
        let same = self.0.iter_mut().enumerate().find(|(_, (subject, call, dispute, _))| {
            *subject == filed.subject && *call == filed.call && said(dispute) == said(filed.dispute)
        });
        if let Some((place, (_, _, dispute, _))) = same {
            dispute.callback.clone_from(&filed.dispute.callback);
            return Reply::CaseOpened(CaseNumber::new(place as u64 + 1));
        }
        let since = filed.at.saturating_sub(DAY);
        let today = self.0.iter().filter(|(subject, _, _, at)| *subject == filed.subject && *at > since).count();
        if today >= MOST_A_DAY {
            return Reply::TooManyCases;
        }
        self.0.push((filed.subject, filed.call, filed.dispute.clone(), filed.at));
        Reply::CaseOpened(CaseNumber::new(self.0.len() as u64))
    }
}
