//! A message's head as text with one header a line, every line ended by CRLF.
//!
//! ```text
//!   INVITE sip:x@h SIP/2.0\n            INVITE sip:x@h SIP/2.0\r\n
//!   Subject: caf\xe9\r\n        ==>     Subject: caf\u{fffd}\r\n
//!   Via: SIP / 2.0 / UDP\r\n            Via: SIP/2.0/UDP h;branch=…\r\n
//!     h ;branch=…\r\n
//! ```

use std::borrow::Cow;

use super::head::Field;

/// A message taken apart: its head without the empty line, and the rest.
pub(super) struct Tidy<'a> {
    /// Start line and headers, each ended by CRLF. Borrowed where nothing had to be changed.
    pub(super) head: Cow<'a, str>,
    /// Everything after the empty line.
    pub(super) body: &'a [u8],
    /// Whether there was an empty line.
    pub(super) complete: bool,
}

/// Takes a message apart and mends its head: bare LF (X08 aboutsip/pkts#110), folded lines, octets that are not UTF-8,
/// spaces that the grammar allows and the parser below does not.
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
    let head = match std::str::from_utf8(head) {
        Ok(text) if clean && complete => Cow::Borrowed(text),
        _ => Cow::Owned(mended(&String::from_utf8_lossy(head))),
    };
    Tidy { head: if head.split("\r\n").any(is_spaced) { Cow::Owned(unspaced(&head)) } else { head }, body, complete }
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

/// Via, From and To: what the parser below must read, or the message is lost in it.
fn value_of(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let known = [Field::Via, Field::From, Field::To];
    known.iter().any(|field| Field::of(name.trim()) == Some(*field)).then_some((name, value.trim()))
}

/// Whether there are spaces about a separator, or several together (RFC 3261, section 25.1: SWS).
fn is_spaced(line: &str) -> bool {
    let Some((_, value)) = value_of(line) else { return false };
    let (mut before, mut nesting) = ('x', Nesting::default());
    value.chars().any(|c| {
        let outside = nesting.is_outside(c);
        let (space, behind) = (is_space(c), std::mem::replace(&mut before, c));
        outside && (is_space(behind) && (space || is_separator(c) || c == ',') || space && is_separator(behind))
    })
}

fn unspaced(head: &str) -> String {
    let mut text = String::with_capacity(head.len());
    for line in head.split_inclusive("\r\n") {
        let Some((name, value)) = value_of(line).filter(|_| is_spaced(line)) else {
            text.push_str(line);
            continue;
        };
        text.push_str(name);
        text.push_str(": ");
        let (mut wanted, mut last, mut nesting) = (false, ',', Nesting::default());
        for c in value.chars() {
            let outside = nesting.is_outside(c);
            if outside && is_space(c) {
                wanted = true;
                continue;
            }
            if std::mem::take(&mut wanted) && !(outside && (is_separator(c) || c == ',') || is_separator(last)) {
                text.push(' ');
            }
            text.push(c);
            last = if outside { c } else { 'x' };
        }
        text.push_str("\r\n");
    }
    text
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

fn is_separator(c: char) -> bool {
    matches!(c, ';' | '=' | '/' | ':')
}

/// Where a value is quoted, or a URI in brackets: spaces mean something there.
#[derive(Default)]
struct Nesting {
    quoted: bool,
    escaped: bool,
    bracketed: bool,
}

impl Nesting {
    /// Takes the next character; whether it is outside quotes and brackets. What opens and closes them is within.
    fn is_outside(&mut self, c: char) -> bool {
        let before = self.quoted || self.bracketed;
        match c {
            _ if self.escaped => self.escaped = false,
            '\\' if self.quoted => self.escaped = true,
            '"' if !self.bracketed => self.quoted = !self.quoted,
            '<' if !self.quoted => self.bracketed = true,
            '>' if !self.quoted => self.bracketed = false,
            _ => {}
        }
        !(before || self.quoted || self.bracketed)
    }
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
    fn spaces_about_separators_are_taken_away_and_no_others() {
        let head = "OPTIONS sip:h ; x SIP/2.0\r\nv : SIP  / 2.0 /UDP  h : 5060 ; branch = 1 , SIP/2.0/TCP p\r\n\
                    From: \"a ; \\\" = b\"   <sip:x ; y@h> ;\ttag = 1\r\nTo: J  R <sip:x@h>\r\nSubject: a ; b\r\n";
        let mended = "OPTIONS sip:h ; x SIP/2.0\r\nv : SIP/2.0/UDP h:5060;branch=1, SIP/2.0/TCP p\r\n\
                      From: \"a ; \\\" = b\" <sip:x ; y@h>;tag=1\r\nTo: J R <sip:x@h>\r\nSubject: a ; b\r\n";
        assert_eq!(tidy(format!("{head}\r\n").as_bytes()).head, mended);
        assert!(matches!(tidy(format!("{mended}\r\n").as_bytes()).head, Cow::Borrowed(_)));
    }

    #[test]
    fn a_head_without_an_end_is_incomplete() {
        assert!(!tidy(b"OPTIONS sip:h SIP/2.0\r\nTo: x\r\n").complete);
        assert!(!tidy(b"rubbish").complete);
    }
}
