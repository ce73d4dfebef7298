//! RTCP (RFC 3550 section 6): what is sent every few seconds and at the end of a call, and what is read.
//!
//! ```text
//!   SR (if anything was sent) or RR | report block on the far end's stream | SDES CNAME | BYE, at the end
//! ```

use rtcp_types::{
    Bye, Compound, Packet, ReceiverReport, ReportBlock, ReportBlockBuilder, RtcpPacketWriter, RtcpPacketWriterExt,
    Sdes, SdesChunk, SdesItem, SenderReport,
};

use crate::facts::Moment;

use super::{Reception, ReceptionReport};

/// What has been sent until now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SentSoFar {
    /// Packets.
    pub packets: u32,
    /// Bytes of payload.
    pub octets: u32,
    /// The timestamp of a packet that would be sent now.
    pub timestamp: u32,
}

/// What a received compound packet told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The far end leaves.
    pub bye: bool,
    /// How our stream arrives there.
    pub about_us: Option<ReceptionReport>,
    /// Middle 32 bits of the NTP time of its sender report.
    pub sender_report: Option<u32>,
}

/// What a compound packet is to say.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// Now.
    pub now: Moment,
    /// Now by the wall clock, in NTP's 32.32 form.
    pub ntp: u64,
    /// What was sent; nothing if no packet was since the last report.
    pub sent: Option<SentSoFar>,
    /// A name of this end, the same through the call, telling nothing else (RFC 7022); at most 64 bytes.
    pub cname: &'a str,
    /// Whether the call ends.
    pub bye: bool,
}

/// One call's RTCP.
#[derive(Clone, Copy, Debug)]
pub struct Reporter {
    ssrc: u32,
    /// Middle of the last sender report's NTP time, and when it came.
    last_sender_report: Option<(u32, Moment)>,
}

impl Reporter {
    /// For the stream we send.
    pub const fn new(ssrc: u32) -> Reporter {
        Reporter { ssrc, last_sender_report: None }
    }

    /// Reads a compound packet.
    ///
    /// # Errors
    /// The bytes are no RTCP.
    pub fn receive(&mut self, now: Moment, datagram: &[u8]) -> Result<Heard, rtcp_types::RtcpParseError> {
        let mut heard = Heard::default();
        for packet in Compound::parse(datagram)? {
            match packet? {
                Packet::Sr(report) => {
                    heard.sender_report = Some((report.ntp_timestamp() >> 16) as u32);
                    heard.about_us = self.about_us(report.report_blocks()).or(heard.about_us);
                }
                Packet::Rr(report) => heard.about_us = self.about_us(report.report_blocks()).or(heard.about_us),
                Packet::Bye(_) => heard.bye = true,
                _ => {}
            }
        }
        if let Some(middle) = heard.sender_report {
            self.last_sender_report = Some((middle, now));
        }
        Ok(heard)
    }

    fn about_us<'a>(&self, mut blocks: impl Iterator<Item = ReportBlock<'a>>) -> Option<ReceptionReport> {
        let block = blocks.find(|block| block.ssrc() == self.ssrc)?;
        Some(ReceptionReport {
            ssrc: block.ssrc(),
            fraction_lost: block.fraction_lost(),
            lost: block.cumulative_lost(),
            highest: block.extended_sequence_number(),
            jitter: block.interarrival_jitter(),
        })
    }

    /// Writes a compound packet into `out` and returns its length; nothing if `out` is too small (200 bytes do).
    pub fn write(&self, out: &mut [u8], reception: &mut Reception, report: &Report<'_>) -> Option<usize> {
        let block = reception.report().map(|about| self.block(report.now, about));
        let mut length = 0;
        if let Some(sent) = report.sent {
            let packet = SenderReport::builder(self.ssrc)
                .ntp_timestamp(report.ntp)
                .rtp_timestamp(sent.timestamp)
                .packet_count(sent.packets)
                .octet_count(sent.octets);
            append(out, &mut length, block.into_iter().fold(packet, |packet, block| packet.add_report_block(block)))?;
        } else {
            let packet = ReceiverReport::builder(self.ssrc);
            append(out, &mut length, block.into_iter().fold(packet, |packet, block| packet.add_report_block(block)))?;
        }
        let name = SdesItem::builder(SdesItem::CNAME, report.cname);
        append(out, &mut length, Sdes::builder().add_chunk(SdesChunk::builder(self.ssrc).add_item(name)))?;
        if report.bye {
            append(out, &mut length, Bye::builder().add_source(self.ssrc))?;
        }
        Some(length)
    }

    /// The report block on the far end's stream.
    fn block(&self, now: Moment, report: ReceptionReport) -> ReportBlockBuilder {
        let (last, delay) = self.last_sender_report.map_or((0, 0), |(middle, came)| {
            let delay = now.since(came).as_micros().saturating_mul(65_536) / 1_000_000;
            (middle, u32::try_from(delay).unwrap_or(u32::MAX))
        });
        ReportBlock::builder(report.ssrc)
            .fraction_lost(report.fraction_lost)
            .cumulative_lost(report.lost)
            .extended_sequence_number(report.highest)
            .interarrival_jitter(report.jitter)
            .last_sender_report_timestamp(last)
            .delay_since_last_sender_report_timestamp(delay)
    }
}

fn append(out: &mut [u8], length: &mut usize, packet: impl RtcpPacketWriter) -> Option<()> {
    *length += packet.write_into(out.get_mut(*length..)?).ok()?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::Header;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_report_says_how_the_other_ends_stream_arrives() {
        let (mut ours, mut theirs) = (Reporter::new(1), Reporter::new(2));
        let (mut from_them, mut from_us) = (Reception::default(), Reception::default());
        let now = Moment::from_micros(5_000_000);
        for sequence in [1, 2, 4] {
            from_us.receive(now, &Header { sequence, ssrc: 1, ..Header::default() }, Some(8000));
        }
        let mut out = [0; 256];
        let sent = Some(SentSoFar { packets: 3, octets: 480, timestamp: 99 });
        let report = Report { now, ntp: 0x1234_5678_9ABC_DEF0, sent, cname: "b", bye: false };
        let length = theirs.write(&mut out, &mut from_us, &report).unwrap();
        let heard = ours.receive(now, &out[..length]).unwrap();
        assert_eq!(heard.about_us.unwrap().lost, 1);
        assert_eq!(heard.about_us.unwrap().fraction_lost, 64);
        assert_eq!(heard.sender_report, Some(0x5678_9ABC));
        assert!(!heard.bye);
        let last = Report { now, ntp: 0, sent: None, cname: "a", bye: true };
        let length = ours.write(&mut out, &mut from_them, &last).unwrap();
        let heard = theirs.receive(now, &out[..length]).unwrap();
        assert_eq!(heard, Heard { bye: true, about_us: None, sender_report: None });
        assert_eq!(ours.write(&mut [0; 20], &mut from_them, &last), None);
    }

    proptest! {
        #[test]
        fn no_datagram_brings_it_down(
            bytes in prop::collection::vec(any::<u8>(), 0..120),
            at in 0_usize..80,
            with in any::<u8>(),
        ) {
            let mut reporter = Reporter::new(1);
            let _ = reporter.receive(Moment::ZERO, &bytes);
            let mut out = [0; 256];
            let sent = Some(SentSoFar::default());
            let report = Report { now: Moment::ZERO, ntp: 0, sent, cname: "name", bye: true };
            let length = reporter.write(&mut out, &mut Reception::default(), &report).unwrap();
            out[at] = with;
            let _ = reporter.receive(Moment::ZERO, &out[..length]);
        }
    }
}
