//! The number of a case: what a person who has said that their record is wrong is told, and quotes later.

use std::fmt;
use std::str::FromStr;

/// The seven digits of a case and a check digit (Luhn's), so that a digit keyed or heard wrongly is another case's number
/// hardly ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CaseNumber(u64);

impl CaseNumber {
    /// Of the case so many cases after the first, which is 1.
    pub const fn new(case: u64) -> CaseNumber {
        CaseNumber(case)
    }

    /// Which case it is.
    pub const fn case(self) -> u64 {
        self.0
    }
}

impl fmt::Display for CaseNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:07}", self.0);
        write!(f, "{digits}{}", check_digit(&digits))
    }
}

impl FromStr for CaseNumber {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<CaseNumber, &'static str> {
        let wrong = "a case's number is eight digits or more, the last of which follows from the others";
        let (digits, check) = text.len().checked_sub(1).and_then(|end| text.split_at_checked(end)).ok_or(wrong)?;
        let good = (7..=18).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
        if !good || check != check_digit(digits).to_string() {
            return Err(wrong);
        }
        digits.parse().map(CaseNumber).map_err(|_| wrong)
    }
}

/// Every second digit from the right is doubled, and the sum of all digits made a multiple of ten.
fn check_digit(digits: &str) -> u32 {
    let doubled = digits.bytes().rev().enumerate().map(|(place, digit)| {
        let digit = u32::from(digit.wrapping_sub(b'0'));
        if place % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
    });
    (10 - doubled.sum::<u32>() % 10) % 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_it_is_written_and_a_wrong_digit_is_noticed() {
        assert_eq!(CaseNumber::new(7_992_739_871).to_string(), "79927398713", "the example of ISO/IEC 7812-1's annex");
        for case in [1, 42, 9_999_999, 10_000_000] {
            let written = CaseNumber::new(case).to_string();
            assert_eq!(written.parse(), Ok(CaseNumber::new(case)));
            for place in 0..written.len() {
                let mut other = written.clone().into_bytes();
                other[place] = b'0' + (other[place] - b'0' + 1) % 10;
                assert!(String::from_utf8(other).unwrap().parse::<CaseNumber>().is_err());
            }
        }
        for wrong in ["", "1", "0000001", "0000001x", "号码号码号码", "-0000018"] {
            assert!(wrong.parse::<CaseNumber>().is_err(), "{wrong}");
        }
    }
}
