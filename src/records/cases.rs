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
use rusqlite::{OptionalExtension, Transaction, params};

use super::keyed::Keyed;
use super::sqlite::code;
use crate::facts::{Blame, CallId, CaseNumber, CitizenId, Dispute, Insurance, Month, Reply, Secret};

/// Cases that one person may open within 24 hours.
pub const MOST_A_DAY: usize = 3;

const DAY: i64 = 24 * 3_600_000;

/// A case as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its number.
    pub number: CaseNumber,
    /// When it was opened.
    pub opened: Timestamp,
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

/// Opens a case within a transaction.
pub(super) fn open(transaction: &Transaction<'_>, filed: &Filed<'_>) -> rusqlite::Result<Reply> {
    let Filed { subject, id, call, dispute, at } = filed;
    let Dispute { insurance, month, blame, callback } = dispute;
    let number = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let same = "UPDATE cases SET callback = ?6 WHERE call = ?1 AND subject = ?2 AND insurance = ?3 AND month = ?4 \
                AND blame = ?5 RETURNING number";
    let key = params![call.octets(), subject.0, code(*insurance), month.ordinal(), blame.name(), callback.reveal()];
    if let Some(before) = transaction.prepare_cached(same)?.query_row(key, number).optional()? {
        return Ok(Reply::CaseOpened(CaseNumber::new(before.unsigned_abs())));
    }
    let today = "SELECT count(*) FROM cases WHERE subject = ?1 AND opened > ?2";
    let today = transaction.prepare_cached(today)?.query_row(params![subject.0, at.saturating_sub(DAY)], number)?;
    if today.unsigned_abs() >= MOST_A_DAY as u64 {
        return Ok(Reply::TooManyCases);
    }
    let sql = "INSERT INTO cases (opened, subject, id_number, insurance, month, blame, callback, call) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING number";
    let row = params![
        at,
        subject.0,
        id.as_str(),
        code(*insurance),
        month.ordinal(),
        blame.name(),
        callback.reveal(),
        call.octets()
    ];
    let opened = transaction.prepare_cached(sql)?.query_row(row, number)?;
    Ok(Reply::CaseOpened(CaseNumber::new(opened.unsigned_abs())))
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
