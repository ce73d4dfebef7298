//! One insured person as the records keep them.

use std::fmt;

use super::Identifiers;
use super::packed::paid_into;
use crate::facts::{CitizenId, Fen, Insurance, InsuranceSummary, Month, Payment, Secret};

/// How a person is insured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InsuredKind {
    /// By an employer, who pays a share.
    Employee,
    /// By themselves: pension and medical only, no employer's share.
    PaysAlone,
    /// No longer paying: draws a pension.
    Retired,
}

impl InsuredKind {
    /// All of them.
    pub const ALL: [InsuredKind; 3] = [InsuredKind::Employee, InsuredKind::PaysAlone, InsuredKind::Retired];

    /// The name in the database: `employee`, `pays-alone`, `retired`.
    pub const fn name(self) -> &'static str {
        match self {
            InsuredKind::Employee => "employee",
            InsuredKind::PaysAlone => "pays-alone",
            InsuredKind::Retired => "retired",
        }
    }
}

/// A person, both accounts, and every payment.
#[derive(Clone, PartialEq, Eq)]
pub struct Insured {
    /// The ID number.
    pub id: Secret<CitizenId>,
    /// The social security number: 1–32 digits.
    pub number: Secret<String>,
    /// What else they can be known by.
    pub identifiers: Identifiers,
    /// How they are insured.
    pub kind: InsuredKind,
    /// The pension account's balance.
    pub pension: Fen,
    /// The medical account's balance.
    pub medical: Fen,
    /// The payments into each insurance, in [`Insurance::ALL`]'s order; each by month, no month twice.
    pub payments: [Vec<Payment>; 5],
}

impl Insured {
    /// The payments into one insurance, by month.
    pub fn paid_into(&self, insurance: Insurance) -> &[Payment] {
        paid_into(&self.payments, insurance)
    }

    /// All insurances' payments, in [`Insurance::ALL`]'s order and by month.
    pub fn all_payments(&self) -> impl Iterator<Item = (Insurance, &Payment)> {
        Insurance::ALL
            .into_iter()
            .zip(&self.payments)
            .flat_map(|(insurance, paid)| paid.iter().map(move |p| (insurance, p)))
    }

    /// The payments of some months, both included.
    pub(super) fn paid_between(&self, insurance: Insurance, from: Month, to: Month) -> Vec<Payment> {
        let within = |payment: &&Payment| (from..=to).contains(&payment.month);
        self.paid_into(insurance).iter().filter(within).copied().collect()
    }
}

/// Months paid, first and last, by insurance.
pub(super) fn summaries(payments: &[Vec<Payment>; 5]) -> Vec<InsuranceSummary> {
    let summary = |(insurance, paid): (Insurance, &Vec<Payment>)| InsuranceSummary {
        insurance,
        months_paid: u32::try_from(paid.len()).unwrap_or(u32::MAX),
        first: paid.first().map(|payment| payment.month),
        last: paid.last().map(|payment| payment.month),
    };
    Insurance::ALL.into_iter().zip(payments).map(summary).collect()
}

/// Shows only what kind of person it is.
impl fmt::Debug for Insured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Insured").field("kind", &self.kind).finish_non_exhaustive()
    }
}
