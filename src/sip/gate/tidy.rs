//! A message's head as text with one header a line, every line ended by CRLF.
//!
//! ```text
//!   INVITE sip:x@h SIP/2.0\n            INVITE sip:x@h SIP/2.0\r\n
//!   Subject: caf\xe9\r\n        ==>     Subject: caf\u{fffd}\r\n
//!   Via: SIP/2.0/UDP\r\n                Via: SIP/2.0/UDP h;branch=…\r\n
//!     h;branch=…\r\n
//! ```

use std::borrow::Cow;

/// A message taken apart: its head without the empty line, and the rest.
pub(super) struct Tidy<'a> {
    /// Start line and headers, each ended by CRLF. Borrowed where nothing had to be changed.
    pub(super) head: Cow<'a, str>,
    /// Everything after the empty line.
    pub(super) body: &'a [u8],
    /// Whether there was an empty line.
    pub(super) complete: bool,
}

/// Takes a message apart and mends its head: bare LF (X08 aboutsip/pkts#110), folded lines, octets that are not UTF-8.
pub(super) fn tidy(message: &[u8]) -> Tidy<'_> {
    let (mut rest, mut head_len, mut clean, mut complete) = (message, 0, true, false);
    while let Some(end) = rest.iter().position(|octet| *octet == b'\n') {
        let (line, after) = rest.split_at_checked(end + 1).unwrap_or((rest, &[]));
        rest = after;
        if matches!(line, b"\n" | b"\r\n") {
            complete = true;
            clean &= line.len() == 2;
            break;
        }
        head_len += line.len();
        clean &= line.ends_with(b"\r\n") && !line.starts_with(b" ") && !line.starts_with(b"\t");
    }
    let head = message.get(..if complete { head_len } else { message.len() }).unwrap_or_default();
    let body = if complete { rest } else { &[] };
    match std::str::from_utf8(head) {
        Ok(text) if clean && complete => Tidy { head: Cow::Borrowed(text), body, complete },
        _ => Tidy { head: Cow::Owned(mended(&String::from_utf8_lossy(head))), body, complete },
    }
}

fn mended(head: &str) -> String {
    let mut text = String::with_capacity(head.len() + 64);
    for line in head.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let folded = line.starts_with([' ', '\t']);
        let line = if folded { line.trim() } else { line };
        if line.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push_str(if folded { " " } else { "\r\n" });
        }
        text.push_str(line);
    }
    text.push_str("\r\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_message_is_not_copied() {
        let tidy = tidy(b"OPTIONS sip:h SIP/2.0\r\nTo: x\r\n\r\nbody");
        assert!(matches!(tidy.head, Cow::Borrowed("OPTIONS sip:h SIP/2.0\r\nTo: x\r\n")));
        assert_eq!((tidy.body, tidy.complete), (&b"body"[..], true));
    }

    #[test]
    fn bare_line_feeds_folds_and_foreign_octets_are_mended() {
        let tidy = tidy(b"OPTIONS sip:h SIP/2.0\nSubject: caf\xe9\r\nVia: a\r\n\tb\n\nbody");
        assert_eq!(tidy.head, "OPTIONS sip:h SIP/2.0\r\nSubject: caf\u{fffd}\r\nVia: a b\r\n");
        assert_eq!(tidy.body, b"body");
    }

    #[test]
    fn a_head_without_an_end_is_incomplete() {
        assert!(!tidy(b"OPTIONS sip:h SIP/2.0\r\nTo: x\r\n").complete);
        assert!(!tidy(b"rubbish").complete);
    }
}
