//! Messages out of a stream (RFC 3261, section 18.3). Sans I/O: octets in, whole messages out.
//!
//! ```text
//!   CRLF CRLF  OPTIONS … Content-Length: 0 CRLF CRLF  INVITE … Content-Length: 142 CRLF CRLF v=0 …  CRLF  BYE …
//!   └ ping ─┘ └────────────── message ─────────────┘ └───────────────── message ───────────────────┘└skip┘└────
//!     (RFC 5626, 4.4.1)
//! ```
//!
//! What tells one message from the next is Content-Length alone, so a stream whose message lacks it, or has two, is lost:
//! it is refused and the connection closed, and nothing that follows is taken for anything
//! (X11 emiago/sipgo#344: two messages grafted together). A line end is a keep-alive only where no message has begun
//! (X10 emiago/sipgo#357).

use super::super::Refusal;
use super::super::gate::{self, MAX_STREAMED};

/// What a stream brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message, its body exactly as long as its Content-Length says.
    Message(Vec<u8>),
    /// A double line end between messages: the peer asks whether anyone is there, and gets one line end.
    Ping,
}

/// Why nothing more can be read from a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// It does not speak SIP.
    NotSip,
    /// A message that cannot be told from what follows it.
    Unframed {
        /// Its head, to answer.
        head: Vec<u8>,
        /// What is wrong with it.
        refusal: Refusal,
    },
}

/// Cuts one stream into messages. Holds at most [`MAX_STREAMED`] octets and what was pushed last.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// So many octets of the buffer have been searched for the end of the head.
    searched: usize,
    /// Where the line begins that is being searched.
    line: usize,
    /// Length of the message, once its head is known.
    length: Option<usize>,
    /// How much of CRLF CRLF has come since the last message.
    breaks: usize,
}

const PING: &[u8] = b"\r\n\r\n";

impl Framer {
    /// Adds what has come. Then [`Framer::next_frame`] until there is nothing.
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// Whether a message has begun that is not yet whole.
    pub fn is_within_message(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next message or ping; `None` where more must come first.
    ///
    /// # Errors
    /// [`FrameFault`]: nothing further can be read from this stream.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameFault> {
        if self.searched == 0 {
            if self.skip_breaks() {
                return Ok(Some(Frame::Ping));
            }
            match self.buffer.first() {
                None => return Ok(None),
                Some(first) if first.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(first) => {}
                Some(_) => return Err(FrameFault::NotSip),
            }
        }
        let Some(length) = self.length()? else {
            return match self.buffer.len() > MAX_STREAMED {
                true => Err(self.unframed(MAX_STREAMED, Refusal::TooLong)),
                false => Ok(None),
            };
        };
        if self.buffer.len() < length {
            return Ok(None);
        }
        let rest = self.buffer.split_off(length);
        let message = std::mem::replace(&mut self.buffer, rest);
        (self.searched, self.line, self.length) = (0, 0, None);
        Ok(Some(Frame::Message(message)))
    }

    /// Takes line ends away from the beginning; true at each second CRLF.
    fn skip_breaks(&mut self) -> bool {
        let (mut skipped, mut ping) = (0, false);
        for octet in self.buffer.iter().take_while(|octet| matches!(octet, b'\r' | b'\n')) {
            skipped += 1;
            self.breaks = match PING.get(self.breaks) {
                Some(expected) if expected == octet => self.breaks + 1,
                _ => usize::from(*octet == b'\r'),
            };
            if self.breaks == PING.len() {
                (self.breaks, ping) = (0, true);
                break;
            }
        }
        self.buffer.drain(..skipped);
        if !self.buffer.is_empty() && !ping {
            self.breaks = 0;
        }
        ping
    }

    /// The length of the message, as soon as its head is whole.
    fn length(&mut self) -> Result<Option<usize>, FrameFault> {
        if self.length.is_some() {
            return Ok(self.length);
        }
        while let Some(found) =
            self.buffer.get(self.searched..).and_then(|rest| rest.iter().position(|octet| *octet == b'\n'))
        {
            let end = self.searched + found + 1;
            let line = self.buffer.get(self.line..end).unwrap_or_default();
            if self.line == 0 && !line.windows(4).any(|four| four.eq_ignore_ascii_case(b"SIP/")) {
                return Err(FrameFault::NotSip);
            }
            (self.searched, self.line) = (end, end);
            if matches!(line, b"\n" | b"\r\n") {
                return self.body_from(end).map(Some);
            }
        }
        self.searched = self.buffer.len();
        Ok(None)
    }

    fn body_from(&mut self, head: usize) -> Result<usize, FrameFault> {
        let body = gate::stated_length(self.buffer.get(..head).unwrap_or_default());
        let body = body.map_err(|refusal| self.unframed(head, refusal))?;
        let length = head.saturating_add(body);
        if length > MAX_STREAMED {
            return Err(self.unframed(head, Refusal::TooLong));
        }
        self.length = Some(length);
        Ok(length)
    }

    fn unframed(&self, head: usize, refusal: Refusal) -> FrameFault {
        FrameFault::Unframed { head: self.buffer.iter().take(head).copied().collect(), refusal }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Everything a stream brings, pushed in pieces of these sizes, around and around.
    fn read(stream: &[u8], pieces: &[usize]) -> (Vec<Frame>, Option<FrameFault>) {
        let (mut framer, mut frames, mut rest) = (Framer::default(), Vec::new(), stream);
        for size in pieces.iter().cycle() {
            let (piece, after) = rest.split_at((*size).clamp(1, rest.len()));
            rest = after;
            framer.push(piece);
            loop {
                match framer.next_frame() {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(fault) => return (frames, Some(fault)),
                }
            }
            assert!(framer.buffer.len() <= MAX_STREAMED);
            if rest.is_empty() {
                break;
            }
        }
        (frames, None)
    }

    fn message(method: &str, body: &str) -> Vec<u8> {
        format!("{method} sip:12333@h SIP/2.0\r\nVia: SIP/2.0/TCP c\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            .into()
    }

    #[test]
    fn a_message_may_be_split_at_any_of_its_line_ends() {
        // X10 emiago/sipgo#357: a read of nothing but CRLF in the middle of a message.
        let register = message("REGISTER", &"x\r\n\r\n".repeat(200));
        for at in 0..register.len() - 1 {
            let rest = register.len() - at - 2;
            let (frames, fault) = read(&register, &[at.max(1), 2, rest.max(1)]);
            assert_eq!((frames, fault), (vec![Frame::Message(register.clone())], None), "at {at}");
        }
    }

    #[test]
    fn a_message_without_content_length_ends_the_stream() {
        // X11 emiago/sipgo#344: what follows is not taken for its body, nor for a message.
        let bad = b"REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/TCP c\r\n\r\n".to_vec();
        let stream = [bad.clone(), message("REGISTER", "")].concat();
        let refusal = Refusal::Malformed("Missing Content-Length");
        assert_eq!(read(&stream, &[9999]), (vec![], Some(FrameFault::Unframed { head: bad, refusal })));
    }

    #[test]
    fn lengths_that_say_nothing_or_two_things_end_the_stream() {
        for (lines, words) in [
            ("Content-Length: 5\r\nl: 7\r\n", "Repeated Content-Length"),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", "Repeated Content-Length"),
            ("Content-Length: five\r\n", "Bad Content-Length"),
            ("Content-Length: -5\r\n", "Bad Content-Length"),
            ("Content-Length: +5\r\n", "Bad Content-Length"),
            ("Content-Length:\r\n", "Bad Content-Length"),
            ("Content-Length: 99999999999999999999999\r\n", "Bad Content-Length"),
        ] {
            let stream = format!("BYE sip:h SIP/2.0\r\nVia: v\r\n{lines}\r\n12345");
            let (frames, fault) = read(stream.as_bytes(), &[7]);
            let Some(FrameFault::Unframed { refusal, .. }) = fault else { panic!("{lines} was taken: {frames:?}") };
            assert_eq!(refusal, Refusal::Malformed(words), "{lines}");
        }
    }

    #[test]
    fn the_length_is_found_in_every_way_of_writing_it() {
        for line in
            ["l: 5", "L:5", "content-length :5", "CONTENT-LENGTH: 05", "Content-Length:\r\n  5", "Content-Length: 5\t"]
        {
            let one = format!("BYE sip:h SIP/2.0\nVia: v\r\n{line}\r\nSubject: caf\u{e9}\r\n\r\n12345").into_bytes();
            assert_eq!(read(&one, &[3]), (vec![Frame::Message(one.clone())], None), "{line}");
        }
    }

    #[test]
    fn keep_alives_before_between_and_after_messages_are_no_part_of_them() {
        // X13 pjproject#482, RestComm/jain-sip#195, kamailio#810
        let one = message("OPTIONS", "");
        let taken = Frame::Message(one.clone());
        for (stream, frames) in [
            ([b"\r\n".as_slice(), &one].concat(), vec![taken.clone()]),
            ([&one, b"\r\n".as_slice(), &one].concat(), vec![taken.clone(), taken.clone()]),
            ([b"\r\n\r\n".as_slice(), &one].concat(), vec![Frame::Ping, taken.clone()]),
            ([&one, b"\r\n\r\n".as_slice()].concat(), vec![taken.clone(), Frame::Ping]),
            (
                [&one, b"\r\n\r\n\r\n\r\n".as_slice(), &one].concat(),
                vec![taken.clone(), Frame::Ping, Frame::Ping, taken],
            ),
            (b"\r\n\n\r\r\n".to_vec(), vec![]),
        ] {
            for size in [1, 2, 3, 9999] {
                assert_eq!(read(&stream, &[size]), (frames.clone(), None), "{:?}", String::from_utf8_lossy(&stream));
            }
        }
    }

    #[test]
    fn three_messages_in_a_segment_are_three() {
        // X15 NormB/sipnab#95
        let one = message("OPTIONS", "abc");
        assert_eq!(read(&one.repeat(3), &[9999]), (vec![Frame::Message(one); 3], None));
    }

    #[test]
    fn what_is_not_sip_is_known_by_its_first_line() {
        for stream in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"\x16\x03\x01\x02\x00\x01",
            b"\0\0\0\0",
            b" INVITE sip:h SIP/2.0\r\n",
            b"\xff",
        ] {
            assert_eq!(read(stream, &[1]), (vec![], Some(FrameFault::NotSip)), "{stream:?}");
        }
    }

    #[test]
    fn a_message_has_a_longest_length() {
        let long = message("INVITE", &"x".repeat(MAX_STREAMED - 200));
        assert_eq!(read(&long, &[1000]).0, [Frame::Message(long)]);
        let too_long = message("INVITE", &"x".repeat(MAX_STREAMED));
        assert!(matches!(
            read(&too_long[..500], &[100]).1,
            Some(FrameFault::Unframed { refusal: Refusal::TooLong, .. })
        ));
        let endless = [b"INVITE sip:h SIP/2.0\r\n".to_vec(), b"X: y\r\n".repeat(MAX_STREAMED / 6 + 1)].concat();
        assert!(matches!(read(&endless, &[1000]).1, Some(FrameFault::Unframed { refusal: Refusal::TooLong, .. })));
    }

    proptest! {
        #[test]
        fn how_a_stream_is_split_changes_nothing(
            messages in prop::collection::vec(("[\r\n]{0,5}", "[a-z\r\n]{0,60}"), 1..6),
            pieces in prop::collection::vec(1_usize..40, 1..30),
        ) {
            let mut stream = Vec::new();
            for (breaks, body) in &messages {
                stream.extend_from_slice(breaks.as_bytes());
                stream.extend_from_slice(&message("OPTIONS", body));
            }
            let whole = read(&stream, &[stream.len()]);
            prop_assert_eq!(&read(&stream, &pieces), &whole);
            let taken = whole.0.iter().filter(|frame| matches!(frame, Frame::Message(_))).count();
            prop_assert_eq!((taken, whole.1), (messages.len(), None));
        }

        #[test]
        fn rubbish_is_survived(
            stream in prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b':'), Just(b'l'), any::<u8>()], 1..400),
            pieces in prop::collection::vec(1_usize..40, 1..10),
        ) {
            let whole = read(&[b"X SIP/2.0\r\n".to_vec(), stream.clone()].concat(), &[9999]);
            prop_assert_eq!(read(&[b"X SIP/2.0\r\n".to_vec(), stream].concat(), &pieces), whole);
        }
    }
}
