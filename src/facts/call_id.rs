//! The name of one call, by which its record, its trace, and what it was told of a person are found together.

use std::fmt;
use std::str::FromStr;

/// 16 random octets, written as 32 hexadecimal digits: the same as a trace id of W3C's Trace Context. Tells nothing of the
/// caller.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId([u8; 16]);

impl CallId {
    /// Of random octets. A trace id may not be all zeros, which randomness does not give.
    pub const fn new(random: [u8; 16]) -> CallId {
        CallId(random)
    }

    /// The octets.
    pub const fn octets(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for CallId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<CallId, &'static str> {
        octets(text).map(CallId).ok_or("32 hexadecimal digits are wanted")
    }
}

/// Octets as hexadecimal digits.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// So many octets written as hexadecimal digits; nothing for anything else.
pub fn octets<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut found = [0; N];
    for (place, pair) in found.iter_mut().zip(digits.chunks_exact(2)) {
        *place = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_read_as_it_is_written() {
        let call = CallId::new(std::array::from_fn(|place| u8::try_from(place * 16 + 1).unwrap()));
        assert_eq!(call.to_string(), "0111213141516171 8191a1b1c1d1e1f1".replace(' ', ""));
        assert_eq!(call.to_string().parse(), Ok(call));
        for wrong in
            ["", "01", "g111213141516171 8191a1b1c1d1e1f1", "+1112131415161718191a1b1c1d1e1f1", "码码码码码码码码码码1"]
        {
            assert!(wrong.parse::<CallId>().is_err(), "{wrong}");
        }
    }
}
