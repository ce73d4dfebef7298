//! This side's packets on their way out.

use super::keys::{SessionKeys, Use};
use super::{MasterKey, Suite};
use crate::rtp::HEADER_LENGTH;

/// RTCP's bytes that stay in clear: header and SSRC.
pub(super) const RTCP_CLEAR: usize = 8;
/// Says that an SRTCP packet is encrypted, above its 31 bits of index.
pub(super) const ENCRYPTED: u32 = 1 << 31;
/// Bytes of an SRTCP packet's tag.
pub(super) const RTCP_TAG: usize = 10;

/// Protects one stream: one SSRC, whose sequence numbers rise by one and begin below 32768.
#[derive(Debug)]
pub struct SrtpSender {
    suite: Suite,
    rtp: SessionKeys,
    rtcp: SessionKeys,
    /// The last packet's sequence number, and how often they have wrapped.
    last: Option<u16>,
    rollover: u32,
    /// The next RTCP packet's.
    rtcp_index: u32,
}

impl SrtpSender {
    /// A stream that has not begun.
    pub fn new(suite: Suite, key: &MasterKey) -> SrtpSender {
        let (rtp, rtcp) = (SessionKeys::derive(key, Use::Rtp), SessionKeys::derive(key, Use::Rtcp));
        SrtpSender { suite, rtp, rtcp, last: None, rollover: 0, rtcp_index: 0 }
    }

    /// Encrypts the RTP packet in the first `length` bytes, whose header has neither sources nor an extension, and writes
    /// its tag behind it. Returns how long it is then: at most [`super::MOST_ADDED`] more. Allocates nothing.
    ///
    /// Nothing, and nothing may be sent, where it is no packet or there is no room.
    pub fn protect(&mut self, packet: &mut [u8], length: usize) -> Option<usize> {
        let end = length.checked_add(self.suite.tag_length())?;
        let (body, tag) = packet.get_mut(..end)?.split_at_mut(length);
        let [_, _, s1, s2, _, _, _, _, r1, r2, r3, r4] = *body.first_chunk::<HEADER_LENGTH>()?;
        let (sequence, ssrc) = (u16::from_be_bytes([s1, s2]), u32::from_be_bytes([r1, r2, r3, r4]));
        if self.last.replace(sequence).is_some_and(|last| sequence < last) {
            self.rollover = self.rollover.checked_add(1)?;
        }
        let index = u64::from(self.rollover) << 16 | u64::from(sequence);
        self.rtp.crypt(ssrc, index, body.get_mut(HEADER_LENGTH..)?);
        let whole = self.rtp.tag(body, &self.rollover.to_be_bytes());
        tag.iter_mut().zip(whole).for_each(|(to, from)| *to = from);
        Some(end)
    }

    /// The same for a compound RTCP packet.
    pub fn protect_rtcp(&mut self, packet: &mut [u8], length: usize) -> Option<usize> {
        let (index_end, end) = (length.checked_add(4)?, length.checked_add(4 + RTCP_TAG)?);
        let (body, tag) = packet.get_mut(..end)?.split_at_mut(index_end);
        let [_, _, _, _, r1, r2, r3, r4] = *body.first_chunk::<RTCP_CLEAR>()?;
        let index = self.rtcp_index;
        self.rtcp_index = index.checked_add(1).filter(|next| *next < ENCRYPTED)?;
        self.rtcp.crypt(u32::from_be_bytes([r1, r2, r3, r4]), index.into(), body.get_mut(RTCP_CLEAR..length)?);
        body.get_mut(length..)?.copy_from_slice(&(ENCRYPTED | index).to_be_bytes());
        let whole = self.rtcp.tag(body, &[]);
        tag.iter_mut().zip(whole).for_each(|(to, from)| *to = from);
        Some(end)
    }

    /// Begins RTCP's count here.
    #[cfg(test)]
    pub(super) fn rtcp_index_for_test(&mut self, index: u32) {
        self.rtcp_index = index;
    }
}
