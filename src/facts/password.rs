//! Query passwords: six digits that a person keys in the place of other numbers, and which of them are too easy to guess.
//!
//! ```text
//!   888888             all digits equal
//!   123456  543210     each digit one more, or one less, than the one before (890123 too)
//!   850315  150385     the birthday in the ID number: YYMMDD, DDMMYY, MMDDYY, YYYYMM
//!   119999  031500     six digits in a row of the ID number
//! ```

use super::CitizenId;

/// Digits of a query password.
pub const PASSWORD_DIGITS: usize = 6;

/// Why a password is refused, the first that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Weakness {
    /// All digits are equal.
    EqualDigits,
    /// The digits go up or down one by one.
    Run,
    /// It is the birthday that stands in the ID number.
    Birthday,
    /// It stands in the ID number.
    PartOfId,
}

impl Weakness {
    /// All of them, in the order they are looked for.
    pub const ALL: [Weakness; 4] = [Weakness::EqualDigits, Weakness::Run, Weakness::Birthday, Weakness::PartOfId];

    /// The name by which a message chooses.
    pub const fn name(self) -> &'static str {
        match self {
            Weakness::EqualDigits => "equal-digits",
            Weakness::Run => "run",
            Weakness::Birthday => "birthday",
            Weakness::PartOfId => "part-of-id",
        }
    }

    /// What is too easy to guess about a password of the bearer of an ID number; nothing if it is good.
    pub fn of(password: &str, id: &CitizenId) -> Option<Weakness> {
        Weakness::ALL.into_iter().find(|weakness| weakness.is_in(password, id))
    }

    fn is_in(self, password: &str, id: &CitizenId) -> bool {
        match self {
            Weakness::EqualDigits => goes_by(password, 0),
            Weakness::Run => goes_by(password, 1) || goes_by(password, 9),
            Weakness::Birthday => birthdays(id).iter().any(|birthday| birthday == password),
            Weakness::PartOfId => id.as_str().contains(password),
        }
    }
}

/// Whether each digit is so much more than the one before, 0 following on 9.
fn goes_by(password: &str, step: u8) -> bool {
    let digits = password.as_bytes();
    digits.iter().zip(digits.iter().skip(1)).all(|(one, next)| (next + 10).wrapping_sub(*one) % 10 == step)
}

fn birthdays(id: &CitizenId) -> Vec<String> {
    let Some(born) = id.birth_date() else { return Vec::new() };
    let (year, short, month, day) = (born.year(), born.year() % 100, born.month(), born.day());
    vec![
        format!("{short:02}{month:02}{day:02}"),
        format!("{day:02}{month:02}{short:02}"),
        format!("{month:02}{day:02}{short:02}"),
        format!("{year:04}{month:02}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_weakness_is_found_and_others_are_let_be() {
        let id = CitizenId::parse("11010519491231002X", jiff::civil::date(2026, 11, 25)).unwrap();
        let cells = [
            ("000000", Some(Weakness::EqualDigits)),
            ("888888", Some(Weakness::EqualDigits)),
            ("123456", Some(Weakness::Run)),
            ("890123", Some(Weakness::Run)),
            ("543210", Some(Weakness::Run)),
            ("210987", Some(Weakness::Run)),
            ("491231", Some(Weakness::Birthday)),
            ("311249", Some(Weakness::Birthday)),
            ("123149", Some(Weakness::Birthday)),
            ("194912", Some(Weakness::Birthday)),
            ("110105", Some(Weakness::PartOfId)),
            ("231002", Some(Weakness::PartOfId)),
            ("135792", None),
            ("123457", None),
            ("100000", None),
            ("310021", None),
        ];
        for (password, expected) in cells {
            assert_eq!(Weakness::of(password, &id), expected, "{password}");
        }
    }
}
