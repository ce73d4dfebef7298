//! Identity numbers as they are keyed: GB 11643-1999 and its kin.
//!
//! ```text
//!   110105 19491231 002 X        18 symbols: area, birth date, sequence, check (ISO 7064 MOD 11-2, X for 10)
//!   110105   491231 002          15 digits, before 1999: "19" is put in, the check computed
//!   81/82/83…                    residence permits of Hong Kong, Macao, Taiwan people: same form
//!   9 …                          foreigners' permanent residence since 1 December 2023: same length and check
//! ```

use jiff::civil::Date;
use zeroize::Zeroize;

/// An identity number of right form: 18 symbols, `0`–`9`, the last maybe `X`. Kept in a [`super::Secret`] wherever it
/// goes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CitizenId(String);

/// Why a keyed number is no identity number; each has its own spoken help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdFault {
    /// Neither 15 nor 18 symbols, and too few.
    TooShort,
    /// More than 18 symbols.
    TooLong,
    /// The first digits are no area, residence-permit or permanent-residence code.
    BadArea,
    /// The birth date does not exist, lies before 1800 or after `today`.
    BadDate,
    /// The last symbol does not follow from the others (a digit is wrong or two are swapped).
    BadCheck,
    /// A symbol that is no digit stands before the last place.
    BadSymbol,
}

impl CitizenId {
    /// Checks 15 digits, or 17 digits and a digit, `X` or `x`. `today` bounds the birth date.
    ///
    /// # Errors
    /// The first fault in the order symbol, length, area, date, check.
    pub fn parse(keyed: &str, today: Date) -> Result<CitizenId, IdFault> {
        let mut symbols: Vec<u8> = keyed.bytes().take(19).collect();
        let length = symbols.len();
        let digits = symbols.iter().take_while(|symbol| symbol.is_ascii_digit()).count();
        let x_at_the_end = digits == 17 && length == 18 && matches!(symbols.last(), Some(b'X' | b'x'));
        if digits < length && !x_at_the_end {
            return Err(IdFault::BadSymbol);
        }
        match length {
            15 => {
                symbols.splice(6..6, *b"19");
                let check = check_symbol(&symbols);
                symbols.push(check);
            }
            18 => {}
            0..=17 => return Err(IdFault::TooShort),
            _ => return Err(IdFault::TooLong),
        }
        let number = String::from_utf8(symbols).map_err(|_| IdFault::BadSymbol)?.to_ascii_uppercase();
        let id = CitizenId(number);
        if !id.area_exists() {
            return Err(IdFault::BadArea);
        }
        let born = id.birth_date().ok_or(IdFault::BadDate)?;
        if born > today || born.year() < 1800 {
            return Err(IdFault::BadDate);
        }
        if id.0.as_bytes().last() != Some(&check_symbol(id.0.as_bytes())) {
            return Err(IdFault::BadCheck);
        }
        Ok(id)
    }

    /// A number that was checked before it was stored: only its form is looked at.
    pub(crate) fn stored(symbols: &[u8]) -> Option<CitizenId> {
        let (last, digits) = symbols.split_last()?;
        let right = digits.len() == 17 && digits.iter().all(u8::is_ascii_digit);
        let number = String::from_utf8(symbols.to_vec()).ok()?;
        (right && (last.is_ascii_digit() || *last == b'X')).then_some(CitizenId(number))
    }

    /// The 18 symbols.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last four symbols: all that may be read back.
    pub fn last_four(&self) -> &str {
        self.0.get(14..).unwrap_or("")
    }

    /// The birth date in places 7 to 14.
    pub fn birth_date(&self) -> Option<Date> {
        let part = |from: usize, to: usize| self.0.get(from..to)?.parse::<i16>().ok();
        let (year, month, day) = (part(6, 10)?, part(10, 12)?, part(12, 14)?);
        Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
    }

    /// Provinces by GB/T 2260, the residence permits' 81–83, and any number that begins with 9.
    fn area_exists(&self) -> bool {
        let province: u8 = self.0.get(..2).and_then(|area| area.parse().ok()).unwrap_or(0);
        matches!(province, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83 | 90..=99)
    }
}

impl Zeroize for CitizenId {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// ISO 7064 MOD 11-2 over the first 17 digits, as GB 11643 writes it.
fn check_symbol(symbols: &[u8]) -> u8 {
    let remainder =
        symbols.iter().take(17).fold(0_u32, |sum, symbol| (sum + u32::from(symbol.wrapping_sub(b'0') % 10)) * 2 % 11);
    let check = (12 - remainder) % 11;
    if check == 10 { b'X' } else { b'0' + u8::try_from(check).unwrap_or(0) }
}

impl CitizenId {
    /// The check symbol of 17 digits, for those who make up numbers.
    pub fn check_symbol(first_17: &str) -> char {
        char::from(check_symbol(first_17.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn parse(keyed: &str) -> Result<String, IdFault> {
        CitizenId::parse(keyed, date(2026, 11, 25)).map(|id| id.as_str().to_owned())
    }

    #[test]
    fn the_standards_own_example_is_right() {
        assert_eq!(parse("11010519491231002X"), Ok("11010519491231002X".into()));
        assert_eq!(parse("11010519491231002x"), Ok("11010519491231002X".into()));
        assert_eq!(parse("440524188001010014"), Ok("440524188001010014".into()));
    }

    #[test]
    fn fifteen_digits_are_converted() {
        assert_eq!(parse("110105491231002"), Ok("11010519491231002X".into()));
    }

    #[test]
    fn each_mistake_has_its_own_name() {
        assert_eq!(parse(""), Err(IdFault::TooShort));
        assert_eq!(parse("1101051949123100"), Err(IdFault::TooShort));
        assert_eq!(parse("1101051949123100211"), Err(IdFault::TooLong));
        assert_eq!(parse("11010519490231002X"), Err(IdFault::BadDate));
        assert_eq!(parse("11010520991231002X"), Err(IdFault::BadDate));
        assert_eq!(parse("110105194912310021"), Err(IdFault::BadCheck));
        assert_eq!(parse("11010519491231020X"), Err(IdFault::BadCheck));
        assert_eq!(parse("01010519491231002X"), Err(IdFault::BadArea));
        assert_eq!(parse("1101X519491231002X"), Err(IdFault::BadSymbol));
    }

    #[test]
    fn residence_permits_are_accepted() {
        for first in ["81000019800101001", "82000019800101001", "83000019800101001", "91100019800101001"] {
            let whole = format!("{first}{}", CitizenId::check_symbol(first));
            assert_eq!(parse(&whole), Ok(whole.clone()));
        }
    }
}
