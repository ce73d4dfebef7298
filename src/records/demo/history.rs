//! A working life as payments and balances, in whole fen.
//!
//! ```text
//!   share = base × rate, half a fen and more rounded up
//!
//!                      employed: person  employer    alone: person    since
//!   pension                        8 %      16 %              20 %
//!   medical                        2 %       8 %              10 %    1999-01
//!   unemployment                 0.5 %     0.5 %                 –    1999-02
//!   work injury                      –     0.4 %                 –    2004-01
//!   maternity                        –     0.8 %                 –    1995-01
//!
//!   accounts: 8 % of each base into the pension account, 2 % into the medical one. Each December adds 2.5 % of what the
//!   pension account held a year before; each December the person has spent some of the medical account.
//! ```
//!
//! The base changes each July and lies between a ninth of the year's cap and the cap: 36,000 yuan from July 2026, 8 % less
//! for each year before. Rates and caps are plausible, not any place's.

use std::collections::BTreeMap;

use super::people::Chance;
use crate::facts::{Fen, Insurance, Month, Payment};
use crate::records::{Identifiers, Insured, InsuredKind};

/// The base's cap from July 2026, in yuan.
const CAP_2026: i64 = 36_000;

/// A working life to be paid for.
pub(super) struct Career {
    /// First month.
    pub(super) start: Month,
    /// Last month; not after the as-of month.
    pub(super) end: Month,
    /// From this month on the person pays alone.
    pub(super) alone_from: Option<Month>,
    /// Months without any payment, both ends included.
    pub(super) gaps: Vec<(Month, Month)>,
    /// Whether medical insurance is ever paid.
    pub(super) medical: bool,
    /// The base's first level, in thousandths of the cap.
    pub(super) level: u32,
}

impl Career {
    /// The payments into one insurance, given each month's base.
    fn paid_into(&self, insurance: Insurance, bases: &BTreeMap<i16, Fen>) -> Vec<Payment> {
        let since = if insurance == Insurance::Medical && !self.medical { None } else { since(insurance) };
        let Some(since) = since else { return Vec::new() };
        let first = self.start.max(since);
        let months = (0..=self.end.months_since(first)).map(|later| first.plus(later));
        let in_gap = |month: &Month| self.gaps.iter().any(|(from, to)| (*from..=*to).contains(month));
        let paid = |month: Month| {
            let alone = self.alone_from.is_some_and(|from| month >= from);
            let (personal, employer) = rates(insurance, alone)?;
            let base = *bases.get(&base_year(month))?;
            Some(Payment { month, base, personal: share(base, personal), employer: share(base, employer) })
        };
        months.filter(|month| !in_gap(month)).filter_map(paid).collect()
    }

    /// Each base year's base.
    fn bases(&self, chance: &mut Chance) -> BTreeMap<i16, Fen> {
        let mut level = self.level;
        let mut bases = BTreeMap::new();
        for year in base_year(self.start)..=base_year(self.end) {
            let cap = cap(year);
            let yuan = (cap * i64::from(level) / 1_000).clamp(cap / 9, cap);
            bases.insert(year, Fen(yuan * 100));
            level = (level * chance.between(970, 1_090) / 1_000).clamp(111, 1_000);
        }
        bases
    }
}

/// Both accounts' balances and all payments.
pub(super) struct Paid {
    /// By insurance.
    pub(super) payments: [Vec<Payment>; 5],
    /// The pension account.
    pub(super) pension: Fen,
    /// The medical account.
    pub(super) medical: Fen,
}

/// Pays a career, as of a month.
pub(super) fn pay(career: &Career, as_of: Month, chance: &mut Chance) -> Paid {
    let bases = career.bases(chance);
    let payments = Insurance::ALL.map(|insurance| career.paid_into(insurance, &bases));
    let [pension, medical, ..] = &payments;
    let (into_pension, into_medical) = (by_year(pension, 80), by_year(medical, 20));
    let mut accounts = (0_i64, 0_i64);
    for year in career.start.year()..=as_of.year() {
        let whole_year = year < as_of.year() || as_of.month() == 12;
        let interest = if whole_year { (accounts.0 * 25 + 500) / 1_000 } else { 0 };
        accounts.0 += interest + into_pension.get(&year).copied().unwrap_or(0);
        accounts.1 += into_medical.get(&year).copied().unwrap_or(0);
        let spent = accounts.1 * i64::from(chance.between(200, 950)) / 1_000;
        accounts.1 -= if whole_year { spent } else { 0 };
    }
    Paid { payments, pension: Fen(accounts.0), medical: Fen(accounts.1) }
}

impl Paid {
    /// The person of these payments.
    pub(super) fn person(self, id: crate::facts::CitizenId, number: String, kind: InsuredKind) -> Insured {
        let Paid { payments, pension, medical } = self;
        let (id, number) = (crate::facts::Secret::new(id), crate::facts::Secret::new(number));
        Insured { id, number, identifiers: Identifiers::default(), kind, pension, medical, payments }
    }
}

/// What goes into an account each year: so many thousandths of each base.
fn by_year(paid: &[Payment], thousandths: i64) -> BTreeMap<i16, i64> {
    let mut sums = BTreeMap::new();
    for payment in paid {
        *sums.entry(payment.month.year()).or_insert(0) += share(payment.base, thousandths).0;
    }
    sums
}

/// The person's and the employer's rates in thousandths; nothing if it cannot be paid for alone.
const fn rates(insurance: Insurance, alone: bool) -> Option<(i64, i64)> {
    match (insurance, alone) {
        (Insurance::Pension, false) => Some((80, 160)),
        (Insurance::Medical, false) => Some((20, 80)),
        (Insurance::Unemployment, false) => Some((5, 5)),
        (Insurance::WorkInjury, false) => Some((0, 4)),
        (Insurance::Maternity, false) => Some((0, 8)),
        (Insurance::Pension, true) => Some((200, 0)),
        (Insurance::Medical, true) => Some((100, 0)),
        (_, true) => None,
    }
}

const fn since(insurance: Insurance) -> Option<Month> {
    match insurance {
        Insurance::Pension => Month::new(1980, 1),
        Insurance::Medical => Month::new(1999, 1),
        Insurance::Unemployment => Month::new(1999, 2),
        Insurance::WorkInjury => Month::new(2004, 1),
        Insurance::Maternity => Month::new(1995, 1),
    }
}

/// Bases run from July to June; this is the July's year.
const fn base_year(month: Month) -> i16 {
    if month.month() >= 7 { month.year() } else { month.year() - 1 }
}

/// The highest base of a base year, in yuan.
fn cap(year: i16) -> i64 {
    (year..2026).fold(CAP_2026, |cap, _| cap * 100 / 108)
}

fn share(base: Fen, thousandths: i64) -> Fen {
    Fen((base.0 * thousandths + 500) / 1_000)
}
