//! The far end's packets on their way in.

use super::keys::{SessionKeys, Use};
use super::replay::{Replay, nearest};
use super::sender::{ENCRYPTED, RTCP_CLEAR, RTCP_TAG};
use super::{LONGEST_MKI, MasterKey, Suite};
use crate::rtp::HEADER_LENGTH;

/// Sources that one key may be used with; a far end takes a new one at a transfer or a restart. Forgetting an old one
/// would let its packets be played again.
const MOST_SOURCES: usize = 32;

/// Why a packet is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SrtpFault {
    /// Too short, or no RTP.
    #[error("no SRTP packet")]
    Malformed,
    /// Its tag is wrong: not protected at all, or with another key.
    #[error("the packet's tag is wrong")]
    Forged,
    /// It has come before, or is too old to tell.
    #[error("the packet has come before")]
    Replayed,
    /// More sources than one key is used with here.
    #[error("more than {MOST_SOURCES} sources with one key")]
    TooManySources,
}

/// Lets the far end's packets in: each once, and only if they are genuine.
#[derive(Debug)]
pub struct SrtpReceiver {
    suite: Suite,
    mki: usize,
    rtp: SessionKeys,
    rtcp: SessionKeys,
    sources: Sources,
    rtcp_sources: Sources,
    /// Highest indices under the key before this one.
    before: Vec<(u32, u64)>,
}

impl SrtpReceiver {
    /// For streams that begin now. `mki` is the length of the identifier before the tags; one over [`LONGEST_MKI`]
    /// counts as that.
    pub fn new(suite: Suite, key: &MasterKey, mki: u8) -> SrtpReceiver {
        SrtpReceiver {
            suite,
            mki: mki.min(LONGEST_MKI).into(),
            rtp: SessionKeys::derive(key, Use::Rtp),
            rtcp: SessionKeys::derive(key, Use::Rtcp),
            sources: Sources::default(),
            rtcp_sources: Sources::default(),
            before: Vec::new(),
        }
    }

    /// For a new key of streams that go on. Their rollover counters go on too (RFC 3711 section 3.3.1), or begin again, as
    /// some senders do.
    pub(super) fn following(before: &SrtpReceiver, suite: Suite, key: &MasterKey, mki: u8) -> SrtpReceiver {
        let before = before.sources.0.iter().filter_map(|(ssrc, replay)| Some((*ssrc, replay.highest()?))).collect();
        SrtpReceiver { before, ..SrtpReceiver::new(suite, key, mki) }
    }

    /// Checks and decrypts an RTP packet in place; what is left of it is so long.
    ///
    /// # Errors
    /// It is not to be let in; its bytes are as they came.
    pub fn unprotect(&mut self, packet: &mut [u8]) -> Result<usize, SrtpFault> {
        let clear = clear_length(packet).ok_or(SrtpFault::Malformed)?;
        let (body, tag) = split(packet, self.mki, self.suite.tag_length()).ok_or(SrtpFault::Malformed)?;
        let [_, _, s1, s2, _, _, _, _, r1, r2, r3, r4] = *body.first_chunk().ok_or(SrtpFault::Malformed)?;
        let (sequence, ssrc) = (u16::from_be_bytes([s1, s2]), u32::from_be_bytes([r1, r2, r3, r4]));
        if body.len() < clear {
            return Err(SrtpFault::Malformed);
        }
        let known = self.sources.find(ssrc);
        let mut fault = SrtpFault::Forged;
        for index in self.candidates(ssrc, known, sequence).into_iter().flatten() {
            if known.has_seen(index) {
                fault = SrtpFault::Replayed;
                continue;
            }
            let rollover = (index >> 16) as u32;
            if !self.rtp.is_tag(body, &rollover.to_be_bytes(), tag) {
                continue;
            }
            self.sources.note(ssrc, index)?;
            self.rtp.crypt(ssrc, index, body.get_mut(clear..).ok_or(SrtpFault::Malformed)?);
            return Ok(body.len());
        }
        Err(fault)
    }

    /// Where a packet may stand in its stream. Before a source's first genuine packet: at the beginning, or after a first
    /// wrap whose packets were lost, or where it stood under the last key.
    fn candidates(&self, ssrc: u32, known: Replay, sequence: u16) -> [Option<u64>; 3] {
        let begun = u64::from(sequence);
        match known.highest() {
            Some(highest) => [nearest(highest, sequence), None, None],
            None => {
                let before = self.before.iter().find(|(source, _)| *source == ssrc);
                [before.and_then(|(_, highest)| nearest(*highest, sequence)), Some(begun), Some(begun | 1 << 16)]
            }
        }
    }

    /// The same for a compound RTCP packet.
    ///
    /// # Errors
    /// As [`SrtpReceiver::unprotect`].
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpFault> {
        let (body, tag) = split(packet, self.mki, RTCP_TAG).ok_or(SrtpFault::Malformed)?;
        let [_, _, _, _, r1, r2, r3, r4] = *body.first_chunk::<RTCP_CLEAR>().ok_or(SrtpFault::Malformed)?;
        let word = u32::from_be_bytes(*body.last_chunk().ok_or(SrtpFault::Malformed)?);
        let end = body.len().checked_sub(4).filter(|end| *end >= RTCP_CLEAR).ok_or(SrtpFault::Malformed)?;
        let (ssrc, index) = (u32::from_be_bytes([r1, r2, r3, r4]), u64::from(word & !ENCRYPTED));
        if self.rtcp_sources.find(ssrc).has_seen(index) {
            return Err(SrtpFault::Replayed);
        }
        if !self.rtcp.is_tag(body, &[], tag) {
            return Err(SrtpFault::Forged);
        }
        self.rtcp_sources.note(ssrc, index)?;
        if word & ENCRYPTED != 0 {
            self.rtcp.crypt(ssrc, index, body.get_mut(RTCP_CLEAR..end).ok_or(SrtpFault::Malformed)?);
        }
        Ok(end)
    }
}

/// The sources heard, in the order they came: nearly always one.
#[derive(Debug, Default)]
struct Sources(Vec<(u32, Replay)>);

impl Sources {
    fn find(&self, ssrc: u32) -> Replay {
        self.0.iter().find(|(source, _)| *source == ssrc).map(|(_, replay)| *replay).unwrap_or_default()
    }

    fn note(&mut self, ssrc: u32, index: u64) -> Result<(), SrtpFault> {
        if let Some((_, replay)) = self.0.iter_mut().find(|(source, _)| *source == ssrc) {
            replay.note(index);
            return Ok(());
        }
        if self.0.len() >= MOST_SOURCES {
            return Err(SrtpFault::TooManySources);
        }
        let mut replay = Replay::default();
        replay.note(index);
        self.0.push((ssrc, replay));
        Ok(())
    }
}

/// A packet without identifier and tag, and the tag.
fn split(packet: &mut [u8], mki: usize, tag: usize) -> Option<(&mut [u8], &[u8])> {
    let (body, tag) = packet.split_at_mut_checked(packet.len().checked_sub(tag)?)?;
    let end = body.len().checked_sub(mki)?;
    Some((body.get_mut(..end)?, tag))
}

/// Bytes of an RTP packet that stay in clear: header, sources, extension (RFC 3711 section 3.1). The padding's length is
/// not yet to be seen.
fn clear_length(packet: &[u8]) -> Option<usize> {
    let flags = *packet.first().filter(|flags| **flags >> 6 == 2)?;
    let sources = HEADER_LENGTH + usize::from(flags & 0x0F) * 4;
    if flags & 0x10 == 0 {
        return Some(sources);
    }
    let words = packet.get(sources + 2..)?.first_chunk()?;
    Some(sources + 4 + usize::from(u16::from_be_bytes(*words)) * 4)
}
