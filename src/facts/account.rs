//! What the records say of a person, as plain values.

use super::{Fen, Month};

/// The five social insurances, in the order they are spoken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Insurance {
    /// 养老保险.
    Pension,
    /// 医疗保险.
    Medical,
    /// 失业保险.
    Unemployment,
    /// 工伤保险: no personal share.
    WorkInjury,
    /// 生育保险: no personal share.
    Maternity,
}

impl Insurance {
    /// All five, in order.
    pub const ALL: [Insurance; 5] =
        [Insurance::Pension, Insurance::Medical, Insurance::Unemployment, Insurance::WorkInjury, Insurance::Maternity];

    /// The name menus and messages use: `pension`, `medical`, `unemployment`, `work-injury`, `maternity`.
    pub const fn name(self) -> &'static str {
        match self {
            Insurance::Pension => "pension",
            Insurance::Medical => "medical",
            Insurance::Unemployment => "unemployment",
            Insurance::WorkInjury => "work-injury",
            Insurance::Maternity => "maternity",
        }
    }
}

/// The two personal accounts' balances, true as of the end of `as_of`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balances {
    /// Pension account.
    pub pension: Fen,
    /// Medical account.
    pub medical: Fen,
    /// The month the data is true as of.
    pub as_of: Month,
}

/// How long a person has paid into one insurance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsuranceSummary {
    /// Which insurance.
    pub insurance: Insurance,
    /// Months with a payment, 0 if none.
    pub months_paid: u32,
    /// First month paid for.
    pub first: Option<Month>,
    /// Last month paid for.
    pub last: Option<Month>,
}

/// All five insurances' summaries, in [`Insurance::ALL`]'s order; those never paid have 0 months.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// One an insurance.
    pub insurances: Vec<InsuranceSummary>,
    /// The month the data is true as of.
    pub as_of: Month,
}

/// One month's payment into one insurance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The month it is paid for.
    pub month: Month,
    /// Contribution base of that month.
    pub base: Fen,
    /// The person's share.
    pub personal: Fen,
    /// The employer's share; zero for one who pays alone.
    pub employer: Fen,
}

/// The payments into one insurance between two months, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payments {
    /// Which insurance.
    pub insurance: Insurance,
    /// First month asked for.
    pub from: Month,
    /// Last month asked for.
    pub to: Month,
    /// Rows there are, by month, none twice. At most 600 (50 years).
    pub paid: Vec<Payment>,
    /// The first month ever paid for in this insurance: months before it are no gaps.
    pub first_ever: Option<Month>,
    /// The month the data is true as of: months after it are no gaps.
    pub as_of: Month,
}

/// Whose error a person says a wrong record is (Social Insurance Law, article 83).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Blame {
    /// The agency's: it has recorded otherwise than was declared or paid.
    Agency,
    /// The employer's: it has not declared or paid.
    Employer,
}

impl Blame {
    /// Both.
    pub const ALL: [Blame; 2] = [Blame::Agency, Blame::Employer];

    /// The name by which a message chooses, and in the database: `agency`, `employer`.
    pub const fn name(self) -> &'static str {
        match self {
            Blame::Agency => "agency",
            Blame::Employer => "employer",
        }
    }
}
