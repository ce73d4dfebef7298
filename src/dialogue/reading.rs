//! Payments as they are read aloud: equal months in a row are one stretch, months without a payment are gaps.
//!
//! ```text
//!   2025-12  2026-01  02  03  04  05  06        records
//!      a        a      a   -   -   b   b
//!   [run 2025-12..02 a] [gap 03..04] [run 05..06 b]
//! ```

use crate::facts::{Fen, Month, Payments};

/// Months in a row of which the same is to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// First month.
    pub from: Month,
    /// Last month, the first one again if it is alone.
    pub to: Month,
    /// What was paid in each of them; nothing for a gap.
    pub paid: Option<Shares>,
}

/// One month's base and shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// Contribution base.
    pub base: Fen,
    /// The person's share.
    pub personal: Fen,
    /// The employer's share.
    pub employer: Fen,
}

impl Stretch {
    /// How many months it is long, 1 or more.
    pub fn months(&self) -> u32 {
        u32::try_from(self.to.months_since(self.from)).unwrap_or(0) + 1
    }
}

/// The stretches of an answer within `from..=to`, in the order of time. Empty where there is no payment at all in
/// these months. Months before the first payment ever and after the data's last month are no gaps.
pub fn stretches(payments: &Payments, from: Month, to: Month) -> Vec<Stretch> {
    let mut found: Vec<Stretch> = Vec::new();
    let mut expected = payments.first_ever.map_or(from, |first| first.max(from));
    let last = to.min(payments.as_of);
    for payment in payments.paid.iter().filter(|payment| payment.month >= from && payment.month <= to) {
        if payment.month > expected {
            found.push(Stretch { from: expected, to: payment.month.plus(-1), paid: None });
        }
        expected = payment.month.plus(1);
        let paid = Some(Shares { base: payment.base, personal: payment.personal, employer: payment.employer });
        match found.last_mut() {
            Some(stretch) if stretch.paid == paid => stretch.to = payment.month,
            _ => found.push(Stretch { from: payment.month, to: payment.month, paid }),
        }
    }
    if !found.is_empty() && expected <= last {
        found.push(Stretch { from: expected, to: last, paid: None });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Insurance, Payment};
    use proptest::prelude::*;

    fn month(text: &str) -> Month {
        text.parse().expect("a month")
    }

    fn payments(paid: &[(&str, i64)], first_ever: Option<&str>, as_of: &str) -> Payments {
        Payments {
            insurance: Insurance::Pension,
            from: month("2025-01"),
            to: month("2025-12"),
            paid: paid
                .iter()
                .map(|(when, base)| Payment {
                    month: month(when),
                    base: Fen(*base),
                    personal: Fen(base / 10),
                    employer: Fen(base / 5),
                })
                .collect(),
            first_ever: first_ever.map(month),
            as_of: month(as_of),
        }
    }

    fn shown(paid: &[(&str, i64)], first_ever: Option<&str>, as_of: &str) -> Vec<String> {
        stretches(&payments(paid, first_ever, as_of), month("2025-01"), month("2025-12"))
            .iter()
            .map(|stretch| {
                let what = stretch.paid.map_or("gap".into(), |shares| shares.base.0.to_string());
                format!("{}..{} {what} x{}", stretch.from, stretch.to, stretch.months())
            })
            .collect()
    }

    #[test]
    fn equal_months_are_one_run_and_gaps_are_gaps() {
        let paid = [("2025-01", 10), ("2025-02", 10), ("2025-05", 20), ("2025-06", 20), ("2025-07", 10)];
        assert_eq!(
            shown(&paid, Some("2020-01"), "2025-09"),
            [
                "2025-01..2025-02 10 x2",
                "2025-03..2025-04 gap x2",
                "2025-05..2025-06 20 x2",
                "2025-07..2025-07 10 x1",
                "2025-08..2025-09 gap x2"
            ]
        );
    }

    #[test]
    fn months_before_the_first_and_after_the_data_are_no_gaps() {
        assert_eq!(shown(&[("2025-08", 10)], Some("2025-08"), "2025-08"), ["2025-08..2025-08 10 x1"]);
        assert_eq!(
            shown(&[("2025-08", 10)], Some("2020-08"), "2025-08"),
            ["2025-01..2025-07 gap x7", "2025-08..2025-08 10 x1"]
        );
    }

    #[test]
    fn a_year_without_a_payment_has_no_stretches() {
        assert_eq!(shown(&[], None, "2025-10"), [""; 0]);
        assert_eq!(shown(&[], Some("2010-01"), "2025-10"), [""; 0]);
    }

    proptest! {
        /// The stretches cover each month once, in order, and hold each payment in the month it was made for.
        #[test]
        fn stretches_tell_each_month_once(paid in proptest::collection::btree_map(0_i32..12, 1_i64..4, 0..12)) {
            let from = month("2025-01");
            let rows: Vec<(String, i64)> =
                paid.iter().map(|(at, base)| (from.plus(*at).to_string(), *base)).collect();
            let rows: Vec<(&str, i64)> = rows.iter().map(|(at, base)| (at.as_str(), *base)).collect();
            let answer = payments(&rows, Some("2000-01"), "2025-12");
            let mut next = from;
            for stretch in stretches(&answer, from, month("2025-12")) {
                prop_assert_eq!(stretch.from, next);
                for at in 0..i32::try_from(stretch.months()).unwrap_or(0) {
                    let of_month = answer.paid.iter().find(|payment| payment.month == stretch.from.plus(at));
                    prop_assert_eq!(of_month.map(|payment| payment.base), stretch.paid.map(|shares| shares.base));
                }
                next = stretch.to.plus(1);
            }
            prop_assert!(paid.is_empty() || next == month("2026-01"));
        }
    }
}
