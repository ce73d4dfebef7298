//! What is done with whatever a fuzzer comes up with: a function a target, octets in, a panic where something is wrong.
//!
//! `cargo fuzz` calls them from `targets/`, `make test` with what lies in `corpus/` (the behaviour
//! `every_fuzz_target_bears_its_corpus`). A target asserts more than that nothing panics: what must hold of any input at
//! all is said beside it.

mod media;
mod records;
mod sip;
mod texts;

pub use media::{in_band, rtcp, rtp, srtp, telephone_event};
pub use records::{records_import, records_url, service_answer};
pub use sip::{framing, gate, info_keys, multipart, sdp};
pub use texts::{menu, prompts};

/// A target: its name, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 15] = [
    ("framing", framing),
    ("gate", gate),
    ("sdp", sdp),
    ("multipart", multipart),
    ("info_keys", info_keys),
    ("rtp", rtp),
    ("rtcp", rtcp),
    ("telephone_event", telephone_event),
    ("srtp", srtp),
    ("in_band", in_band),
    ("menu", menu),
    ("prompts", prompts),
    ("records_import", records_import),
    ("records_url", records_url),
    ("service_answer", service_answer),
];

/// Takes an input apart.
struct Taking<'a>(&'a [u8]);

impl<'a> Taking<'a> {
    /// The next octet; `None` at the end.
    fn octet(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// So many octets, or what is left.
    fn octets(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// The first line, without its end, as text; and what follows it.
fn first_line(octets: &[u8]) -> (String, &[u8]) {
    let end = octets.iter().position(|octet| *octet == b'\n').unwrap_or(octets.len());
    let (line, rest) = octets.split_at(end);
    (String::from_utf8_lossy(line).trim_end_matches('\r').to_owned(), rest.get(1..).unwrap_or_default())
}
