//! The fields of a message's head that the gate looks at, borrowed from its text.

use super::super::{Refusal, SUPPORTED, field};

/// A head that has a start line and a Via.
#[derive(Debug, Default)]
pub(super) struct Head<'a> {
    text: &'a str,
    /// The start line.
    pub(super) start: &'a str,
    /// The first Via header's value: never empty.
    pub(super) via: &'a str,
    pub(super) from: Option<&'a str>,
    pub(super) to: Option<&'a str>,
    pub(super) call_id: Option<&'a str>,
    pub(super) cseq: Option<&'a str>,
    pub(super) max_forwards: Option<&'a str>,
    pub(super) contact: Option<&'a str>,
    pub(super) content_length: Option<&'a str>,
    pub(super) content_type: Option<&'a str>,
    pub(super) content_encoding: Option<&'a str>,
    /// Header lines.
    pub(super) count: usize,
    /// Whether a field that may stand once stands twice.
    pub(super) repeated: bool,
}

impl<'a> Head<'a> {
    /// `None` where there is no Via: nothing could be answered.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let mut head = Self { text, start: text.split("\r\n").next()?, ..Self::default() };
        let mut routed = false;
        for (name, value) in lines(text) {
            head.count += 1;
            let slot = match Field::of(name) {
                Some(Field::Via) => {
                    if !std::mem::replace(&mut routed, true) {
                        head.via = value;
                    }
                    continue;
                }
                Some(Field::From) => &mut head.from,
                Some(Field::To) => &mut head.to,
                Some(Field::CallId) => &mut head.call_id,
                Some(Field::CSeq) => &mut head.cseq,
                Some(Field::MaxForwards) => &mut head.max_forwards,
                Some(Field::ContentLength) => &mut head.content_length,
                Some(Field::ContentType) => &mut head.content_type,
                Some(Field::ContentEncoding) => &mut head.content_encoding,
                Some(Field::Contact) => {
                    head.contact = head.contact.or(Some(value));
                    continue;
                }
                None => continue,
            };
            head.repeated |= slot.is_some();
            *slot = slot.or(Some(value));
        }
        (!head.via.is_empty()).then_some(head)
    }

    pub(super) fn is_response(&self) -> bool {
        self.start.starts_with("SIP/") && !self.start.starts_with("SIP/ ")
    }

    /// The method as written, whatever else is wrong with the start line.
    pub(super) fn method(&self) -> &'a str {
        self.start.split_ascii_whitespace().next().unwrap_or_default()
    }

    /// Every header line: name and value, both trimmed.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        lines(self.text)
    }

    /// The extensions that it requires and this agent lacks (RFC 3261, section 8.2.2.3).
    pub(super) fn unsupported(&self) -> impl Iterator<Item = &'a str> {
        let required = self.lines().filter(|(name, _)| name.eq_ignore_ascii_case("Require"));
        // Only a call can be rung reliably (RFC 3262, section 4).
        let is_invite = self.method() == "INVITE";
        let supported = move |tag: &str| {
            let known = field::entries(SUPPORTED).any(|known| known.eq_ignore_ascii_case(tag));
            known && (is_invite || !tag.eq_ignore_ascii_case("100rel"))
        };
        required.flat_map(|(_, value)| field::entries(value)).filter(move |tag| !supported(tag))
    }

    /// How many octets of the `available` ones are the body.
    ///
    /// # Errors
    /// 400 where Content-Length is no number or promises more than came (RFC 3261, section 18.3).
    pub(super) fn body_len(&self, available: usize) -> Result<usize, Refusal> {
        let Some(value) = self.content_length else { return Ok(available) };
        let length = value.parse::<usize>().map_err(|_| Refusal::Malformed("Bad Content-Length"))?;
        if length > available { Err(Refusal::Malformed("Body Shorter Than Content-Length")) } else { Ok(length) }
    }
}

/// The header lines of a tidy head.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("\r\n").skip(1).filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim()))
}

/// A field by its name, long or compact (RFC 3261, section 7.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Via,
    From,
    To,
    CallId,
    CSeq,
    MaxForwards,
    Contact,
    ContentLength,
    ContentType,
    ContentEncoding,
}

impl Field {
    pub(super) fn of(name: &str) -> Option<Self> {
        const NAMES: [(&str, &str, Field); 10] = [
            ("Via", "v", Field::Via),
            ("From", "f", Field::From),
            ("To", "t", Field::To),
            ("Call-ID", "i", Field::CallId),
            ("CSeq", "CSeq", Field::CSeq),
            ("Max-Forwards", "Max-Forwards", Field::MaxForwards),
            ("Contact", "m", Field::Contact),
            ("Content-Length", "l", Field::ContentLength),
            ("Content-Type", "c", Field::ContentType),
            ("Content-Encoding", "e", Field::ContentEncoding),
        ];
        NAMES
            .iter()
            .find(|(long, short, _)| name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short))
            .map(|(_, _, field)| *field)
    }
}
