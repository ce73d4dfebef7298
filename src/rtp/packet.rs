//! An RTP packet's header (RFC 3550 section 5.1): read by `rtp-types`, written by hand, since a playing call does it fifty
//! times a second.

use rtp_types::{RtpPacket, RtpParseError};

/// Bytes of a header without sources or extension.
pub const HEADER_LENGTH: usize = 12;

/// The parts of a header that matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// What the payload is, 0–127.
    pub payload_type: u8,
    /// Sound: the first packet after silence. telephone-event: the first packet of a press.
    pub marker: bool,
    /// Rises by one a packet, and wraps.
    pub sequence: u16,
    /// When the payload's first sample was taken, in the payload type's clock (8000 Hz for G.711). A telephone-event's is
    /// the moment the key went down, the same in each of its packets.
    pub timestamp: u32,
    /// The sender's stream.
    pub ssrc: u32,
}

impl Header {
    /// The header's bytes, without sources, extension or padding.
    pub const fn to_bytes(self) -> [u8; HEADER_LENGTH] {
        let marker = if self.marker { 0x80 } else { 0 };
        let [s1, s2] = self.sequence.to_be_bytes();
        let [t1, t2, t3, t4] = self.timestamp.to_be_bytes();
        let [r1, r2, r3, r4] = self.ssrc.to_be_bytes();
        [0x80, marker | (self.payload_type & 0x7F), s1, s2, t1, t2, t3, t4, r1, r2, r3, r4]
    }
}

/// A received packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Its header.
    pub header: Header,
    /// Its payload, without padding. May be empty.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a datagram.
    ///
    /// # Errors
    /// Not version 2, cut short, or padding longer than the packet.
    pub fn parse(datagram: &'a [u8]) -> Result<Packet<'a>, RtpParseError> {
        let packet = RtpPacket::parse(datagram)?;
        let header = Header {
            payload_type: packet.payload_type(),
            marker: packet.marker_bit(),
            sequence: packet.sequence_number(),
            timestamp: packet.timestamp(),
            ssrc: packet.ssrc(),
        };
        let start = packet.payload_offset();
        let end = datagram.len().saturating_sub(packet.padding().unwrap_or(0).into());
        Ok(Packet { header, payload: datagram.get(start..end).unwrap_or(&[]) })
    }
}

/// Whether a datagram on an RTP port is RTCP that went astray (RFC 5761 section 4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram.get(1), Some(192..=223))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> impl Strategy<Value = Header> {
        (0_u8..128, any::<bool>(), any::<u16>(), any::<u32>(), any::<u32>()).prop_map(
            |(payload_type, marker, sequence, timestamp, ssrc)| Header {
                payload_type,
                marker,
                sequence,
                timestamp,
                ssrc,
            },
        )
    }

    #[test]
    fn sources_extension_and_padding_are_no_payload() {
        let mut datagram = vec![0xB1, 0x88, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        datagram.extend([0, 0, 0, 9]); // one contributing source
        datagram.extend([0xBE, 0xDE, 0, 1, 1, 2, 3, 4]); // one word of extension
        datagram.extend([7, 7, 7, 0, 0, 3]); // three bytes, three of padding
        let packet = Packet::parse(&datagram).unwrap();
        assert_eq!(packet.payload, [7, 7, 7]);
        assert_eq!(packet.header, Header { payload_type: 8, marker: true, sequence: 1, timestamp: 2, ssrc: 3 });
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(header in header(), payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut datagram = header.to_bytes().to_vec();
            datagram.extend(&payload);
            let packet = Packet::parse(&datagram).unwrap();
            prop_assert_eq!(packet.header, header);
            prop_assert_eq!(packet.payload, &payload[..]);
        }

        #[test]
        fn no_datagram_brings_it_down(mut datagram in prop::collection::vec(any::<u8>(), 0..100), version in any::<bool>()) {
            if let (Some(first), true) = (datagram.first_mut(), version) {
                *first = *first & 0x3F | 0x80;
            }
            let _ = Packet::parse(&datagram);
            let _ = is_rtcp(&datagram);
        }
    }
}
