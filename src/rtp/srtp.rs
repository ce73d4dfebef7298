//! SRTP (RFC 3711) with the two suites that SDES (RFC 4568) made common: AES-CM with 128-bit keys and HMAC-SHA1.
//!
//! ```text
//!   |V=2|P|X| CC |M|  PT  | sequence | timestamp | SSRC |      payload     | MKI, if any |  tag  |
//!   |<────────────────────── authenticated, with the rollover counter ────>|             | 10 or |
//!                                                       |<─ encrypted ────>|             | 4     |
//!
//!   SRTCP:  | header, SSRC |  the rest  |E| index |  MKI, if any  |  tag |      always 10 bytes of tag
//!           | 8 bytes      |<encrypted->| 4 bytes |
//!
//!   master key and salt ── AES as a generator, a label each ──> RTP: cipher key, salt, tag key; RTCP: the same again
//! ```
//!
//! A packet's place in its stream, the index, is 48 bits: the sequence number below a count of its wraps, the rollover
//! counter, which travels only inside the tag. Each source (SSRC) has its own; it begins at zero.
//!
//! All is done in the packet's own memory. A call's cipher and tag keys are derived once, and wiped when it ends.

mod keys;
mod receiver;
mod replay;
mod sender;

pub use receiver::{SrtpFault, SrtpReceiver};
pub use sender::SrtpSender;

use crate::facts::Secret;

/// Bytes of a master key and of the salt after it.
pub const MASTER_LENGTH: usize = 30;
/// The most bytes that protection adds to a packet: an SRTCP index and a tag.
pub const MOST_ADDED: usize = 14;
/// The longest master key identifier (RFC 4568 section 6.1 allows 128 bytes; one or four are met).
pub const LONGEST_MKI: u8 = 16;

/// A master key (16 bytes) with its master salt (14 bytes), as in `inline:` of an SDP, but not in Base64.
pub type MasterKey = Secret<[u8; MASTER_LENGTH]>;

/// A crypto-suite (RFC 4568 section 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES_CM_128_HMAC_SHA1_80: a tag of ten bytes.
    AesCm128HmacSha1_80,
    /// AES_CM_128_HMAC_SHA1_32: a tag of four bytes; RTCP's has ten all the same.
    AesCm128HmacSha1_32,
}

impl Suite {
    /// Both, the stronger first: the order in which they are offered.
    pub const ALL: [Suite; 2] = [Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32];

    /// Its name in SDP.
    pub const fn name(self) -> &'static str {
        match self {
            Suite::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// Bytes of an RTP packet's tag.
    pub const fn tag_length(self) -> usize {
        match self {
            Suite::AesCm128HmacSha1_80 => 10,
            Suite::AesCm128HmacSha1_32 => 4,
        }
    }
}

/// What offer and answer have agreed on. Its keys show in no `Debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrtpKeys {
    /// The suite of both ways.
    pub suite: Suite,
    /// What this side sends with.
    pub ours: MasterKey,
    /// What the far end sends with.
    pub theirs: MasterKey,
    /// Bytes of the identifier (MKI) that the far end puts before its tags, 0 to [`LONGEST_MKI`].
    pub their_mki: u8,
}

/// Both ways of one call.
#[derive(Debug)]
pub struct Srtp {
    keys: SrtpKeys,
    /// This side's packets.
    pub sender: SrtpSender,
    receiver: SrtpReceiver,
    /// Of the key before, until the first packet under the new one: what the far end had sent when it took the new key is
    /// still on its way.
    receiver_before: Option<SrtpReceiver>,
}

impl Srtp {
    /// For keys that have just been agreed on. The stream sent with them must be a new one: another SSRC than any that
    /// was sent with the same key.
    pub fn new(keys: SrtpKeys) -> Srtp {
        let sender = SrtpSender::new(keys.suite, &keys.ours);
        let receiver = SrtpReceiver::new(keys.suite, &keys.theirs, keys.their_mki);
        Srtp { keys, sender, receiver, receiver_before: None }
    }

    /// Takes the keys of a later offer or answer. A way whose keys are the same goes on as it was. Returns whether this
    /// side's key is new: the stream it sends must then be a new one.
    #[must_use]
    pub fn rekey(&mut self, keys: SrtpKeys) -> bool {
        let suite = keys.suite != self.keys.suite;
        let (ours, theirs) = (keys.ours != self.keys.ours, keys.theirs != self.keys.theirs);
        if suite || ours {
            self.sender = SrtpSender::new(keys.suite, &keys.ours);
        }
        if suite || theirs || keys.their_mki != self.keys.their_mki {
            let receiver = SrtpReceiver::following(&self.receiver, keys.suite, &keys.theirs, keys.their_mki);
            self.receiver_before = Some(std::mem::replace(&mut self.receiver, receiver));
        }
        self.keys = keys;
        suite || ours
    }

    /// Checks and decrypts an RTP packet of the far end in place; what is left of it is so long.
    ///
    /// # Errors
    /// It is not to be let in; its bytes are as they came.
    pub fn unprotect(&mut self, packet: &mut [u8]) -> Result<usize, SrtpFault> {
        match (self.receiver.unprotect(packet), &mut self.receiver_before) {
            (Err(SrtpFault::Forged), Some(before)) => before.unprotect(packet),
            (Ok(length), before) => {
                *before = None;
                Ok(length)
            }
            (fault, _) => fault,
        }
    }

    /// The same for a compound RTCP packet.
    ///
    /// # Errors
    /// As [`Srtp::unprotect`].
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpFault> {
        match (self.receiver.unprotect_rtcp(packet), &mut self.receiver_before) {
            (Err(SrtpFault::Forged), Some(before)) => before.unprotect_rtcp(packet),
            (length, _) => length,
        }
    }
}

#[cfg(test)]
#[path = "srtp/tests.rs"]
mod tests;
