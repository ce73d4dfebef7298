//! Digits one by one, in groups that can be remembered.
//!
//! ```text
//!   18 symbols   110105 1949 1231 002X       as an ID number is read: area, year, day, rest
//!   11 digits    138 0013 8000               as a mobile number is read
//!   to 5         12333                       one group
//!   others       threes, then fours          6 = 3 3, 7 = 3 4, 8 = 4 4, 10 = 3 3 4 …
//! ```

use super::{Form, Token};

/// Symbols beyond this many are not spoken.
pub(crate) const LONGEST: usize = 64;

/// Tokens for the digits and the `X` of a keyed number, `name` giving each digit's word. Anything else in it is skipped.
pub(super) fn tokens(keyed: &str, name: fn(u8) -> &'static str) -> Vec<Token> {
    let symbols: Vec<&'static str> = keyed
        .chars()
        .take(LONGEST)
        .filter_map(|symbol| match symbol {
            'X' | 'x' => Some("X"),
            digit => digit.to_digit(10).and_then(|digit| u8::try_from(digit).ok()).map(name),
        })
        .collect();
    let mut endings = endings(symbols.len()).into_iter().peekable();
    let mut tokens = Vec::with_capacity(symbols.len());
    for (place, text) in symbols.into_iter().enumerate() {
        let ends = endings.next_if_eq(&(place + 1)).is_some();
        tokens.push(Token { text: text.into(), form: if ends { Form::Ending } else { Form::Inside } });
    }
    tokens
}

/// After how many symbols each group of a number of this length ends.
fn endings(length: usize) -> Vec<usize> {
    match length {
        0 => vec![],
        1..=5 => vec![length],
        18 => vec![6, 10, 14, 18],
        _ => {
            let groups = length.div_ceil(4);
            let threes = groups * 4 - length;
            (1..=groups).map(|group| group * 4 - group.min(threes)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_of_three_and_four() {
        let sizes = |length| {
            let mut before = 0;
            endings(length).into_iter().map(|end| end - std::mem::replace(&mut before, end)).collect::<Vec<_>>()
        };
        assert_eq!(sizes(4), [4]);
        assert_eq!(sizes(5), [5]);
        assert_eq!(sizes(7), [3, 4]);
        assert_eq!(sizes(8), [4, 4]);
        assert_eq!(sizes(11), [3, 4, 4]);
        assert_eq!(sizes(15), [3, 4, 4, 4]);
        assert_eq!(sizes(18), [6, 4, 4, 4]);
        for length in 6..=LONGEST {
            assert_eq!(sizes(length).iter().sum::<usize>(), length);
            assert!(length == 18 || sizes(length).iter().all(|size| (3..=4).contains(size)));
        }
    }
}
