//! A calendar month of a year: what contributions are paid for.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;

/// A month of a year, ordered as time runs. Years 0–9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i16,
    month: i8,
}

impl Month {
    /// The month `month` (1–12) of `year` (0–9999), or nothing outside those.
    pub const fn new(year: i16, month: i8) -> Option<Month> {
        if year >= 0 && year <= 9999 && month >= 1 && month <= 12 { Some(Month { year, month }) } else { None }
    }

    /// The month a date lies in.
    pub fn of(date: Date) -> Month {
        Month { year: date.year().max(0), month: date.month() }
    }

    /// The calendar year.
    pub const fn year(self) -> i16 {
        self.year
    }

    /// 1–12.
    pub const fn month(self) -> i8 {
        self.month
    }

    /// Months since January of the year 0.
    pub const fn ordinal(self) -> i32 {
        self.year as i32 * 12 + self.month as i32 - 1
    }

    /// The month of an [`Month::ordinal`], or nothing outside the years 0–9999.
    pub fn of_ordinal(ordinal: i32) -> Option<Month> {
        let (year, month) = (ordinal.div_euclid(12), ordinal.rem_euclid(12) + 1);
        Month::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?)
    }

    /// The month so many months later (earlier if negative), held within the years 0–9999.
    pub fn plus(self, months: i32) -> Month {
        let ordinal = self.ordinal().saturating_add(months).clamp(0, 9999 * 12 + 11);
        Month { year: i16::try_from(ordinal / 12).unwrap_or(9999), month: i8::try_from(ordinal % 12 + 1).unwrap_or(12) }
    }

    /// Months from `earlier` to this one; negative if it is earlier.
    pub const fn months_since(self, earlier: Month) -> i32 {
        self.ordinal() - earlier.ordinal()
    }
}

/// `2026-03`.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl fmt::Debug for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not `YYYY-MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a month is written YYYY-MM, as in 2026-03")]
pub struct NotAMonth;

impl FromStr for Month {
    type Err = NotAMonth;

    fn from_str(text: &str) -> Result<Month, NotAMonth> {
        let (year, month) = text.split_once('-').ok_or(NotAMonth)?;
        if year.len() != 4 || month.len() != 2 {
            return Err(NotAMonth);
        }
        Month::new(year.parse().map_err(|_| NotAMonth)?, month.parse().map_err(|_| NotAMonth)?).ok_or(NotAMonth)
    }
}
