//! Keys in the bodies of INFO requests (RFC 6086). Nobody has standardized them; they are read as liberally as they are met.
//!
//! ```text
//!   Content-Type: application/dtmf-relay       Content-Type: application/dtmf
//!
//!   Signal=5                                   5
//!   Duration=160
//! ```
//!
//! A signal is `0`–`9`, `*`, `#`, `A`–`D` in either case, or one of RFC 4733's numbers, of which 10 is `*`, 11 is `#` and
//! 12–15 are `A`–`D`. The first line that names a signal counts, whatever other lines there are, whichever of the two
//! types the body has; a duration is not needed, nor a last line's end. A flash (16) is no key. An INFO with another type
//! of body is answered 415, one without a body 200 (RFC 2976 section 2.2).

use crate::facts::Key;

/// The most of a body that is looked at, in octets.
const LONGEST: usize = 1024;
const KINDS: [&str; 2] = ["application/dtmf-relay", "application/dtmf"];

/// Whether a type of body is one that keys come in.
pub(super) fn is_understood(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    KINDS.iter().any(|known| kind.eq_ignore_ascii_case(known))
}

/// The key that an INFO tells of. `None` where its kind is another, or it names no key.
pub fn key(content_type: &str, body: &[u8]) -> Option<Key> {
    if !is_understood(content_type) {
        return None;
    }
    let body = String::from_utf8_lossy(body.get(..LONGEST).unwrap_or(body));
    let lines = || body.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty());
    let named = lines().find_map(|line| {
        let (name, value) = line.split_once(['=', ':'])?;
        name.trim().eq_ignore_ascii_case("signal").then_some(value)
    });
    signal(named.or_else(|| lines().next())?)
}

fn signal(text: &str) -> Option<Key> {
    let text = text.trim().trim_matches('"').trim();
    let mut symbols = text.chars();
    match (symbols.next(), symbols.next()) {
        (Some(symbol), None) => Key::from_char(symbol),
        // No `+11`, no `011`.
        (Some('1'), Some(_)) => text.parse().ok().and_then(Key::from_event),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(content_type: &str, body: &str) -> Option<char> {
        key(content_type, body.as_bytes()).map(Key::symbol)
    }

    #[test]
    fn a_relay_body_is_read_however_it_is_written() {
        for (body, expected) in [
            ("Signal=5\r\nDuration=160\r\n", '5'),
            // N19 pjproject#3014
            ("Signal=5\r\nDuration=160", '5'),
            ("Signal=5", '5'),
            ("signal = 5 \r\n duration = 160 \r\n", '5'),
            ("SIGNAL: 5\r\n", '5'),
            ("Signal= *\r\nDuration= 250\r\n\r\n", '*'),
            ("Signal=#\nDuration=100\n", '#'),
            ("Signal=\"7\"\r\n", '7'),
            ("Duration=160\r\nSignal=9\r\n", '9'),
            // N20 JsSIP#307: the first of several.
            ("Signal=1\r\nDuration=100\r\nSignal=2\r\nDuration=100\r\n", '1'),
            // N22 siphon-sip#347
            ("Signal=10\r\nDuration=100\r\n", '*'),
            ("Signal=11\r\nDuration=100\r\n", '#'),
            ("Signal=12\r\n", 'A'),
            ("Signal=15\r\n", 'D'),
            ("Signal=a\r\n", 'A'),
            ("Signal=D\r\n", 'D'),
            ("\r\n\r\nSignal=0\r\n", '0'),
            ("5\r\n", '5'),
        ] {
            assert_eq!(read("application/dtmf-relay", body), Some(expected), "{body:?}");
        }
    }

    #[test]
    fn a_bare_body_is_one_symbol_or_a_number() {
        for (body, expected) in
            [("5", '5'), ("*\r\n", '*'), (" # ", '#'), ("10", '*'), ("11\r\n", '#'), ("b", 'B'), ("Signal=3", '3')]
        {
            assert_eq!(read("application/dtmf", body), Some(expected), "{body:?}");
            assert_eq!(read("Application/DTMF ; charset=utf-8", body), Some(expected), "{body:?}");
        }
    }

    #[test]
    fn what_is_no_key_is_none() {
        for body in
            ["", "\r\n", "16", "Signal=16\r\n", "!", "Signal=!", "Signal=", "Signal=E", "012", "+5", "17", "１", "55"]
        {
            assert_eq!(read("application/dtmf", body), None, "{body:?}");
            assert_eq!(read("application/dtmf-relay", body), None, "{body:?}");
        }
        for kind in ["", "text/plain", "application/dtmf-relays", "application/sdp", "application"] {
            assert_eq!(read(kind, "Signal=5\r\n"), None, "{kind:?}");
        }
        // What was cut off, or is no text, is no reason to fail.
        assert_eq!(key("application/dtmf-relay", b"\xFF\xFE\r\nSignal=5\r\n"), Some(Key::Digit(5)));
        assert_eq!(read("application/dtmf-relay", &format!("{}\r\nSignal=5", "x".repeat(2000))), None);
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(kind in ".{0,40}", body in prop::collection::vec(any::<u8>(), 0..2000)) {
            let _ = key(&kind, &body);
            let _ = key("application/dtmf", &body);
            let _ = key("application/dtmf-relay", &body);
        }

        #[test]
        fn every_key_is_read_by_symbol_and_by_number(code in 0_u8..16, space in "[ \t]{0,3}", end in "(\r\n|\n|)") {
            let key_of = Key::from_event(code).unwrap();
            for value in [key_of.symbol().to_string(), code.to_string()] {
                let relay = format!("Signal{space}={space}{value}{end}");
                prop_assert_eq!(key("application/dtmf-relay", relay.as_bytes()), Some(key_of));
                let bare = format!("{space}{value}{end}");
                prop_assert_eq!(key("application/dtmf", bare.as_bytes()), Some(key_of));
            }
        }
    }
}
