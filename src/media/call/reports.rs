//! RTCP of a call (RFC 3550 section 6): what its far end tells of what it heard, and what it is told.

use std::net::SocketAddr;

use crate::facts::Moment;
use crate::rtp::{Report, SentSoFar};

use super::super::clock::Clock;
use super::{Call, is_somebody};

impl Call {
    /// A datagram on the RTCP port, or of RTCP on the RTP port.
    pub(in crate::media) fn receive_rtcp(&mut self, now: Moment, from: SocketAddr, datagram: &mut [u8]) {
        if !self.latch.admits_rtcp(from) {
            self.stats.refused += 1;
            return;
        }
        let length = match self.sending.srtp.as_mut().map(|srtp| srtp.unprotect_rtcp(datagram)) {
            Some(length) => self.let_in(length),
            None => datagram.len(),
        };
        let Ok(heard) = self.reporter.receive(now, datagram.get(..length).unwrap_or_default()) else {
            self.stats.refused += 1;
            return;
        };
        self.last_heard = now;
        if let Some(about_us) = heard.about_us {
            self.stats.far_lost = Some(about_us.lost);
        }
    }

    pub(super) fn report(&mut self, now: Moment, bye: bool) {
        let sent = (self.sending.packets() > self.reported).then(|| {
            let (packets, octets) = self.sending.of_this_stream();
            SentSoFar { packets, octets, timestamp: self.sending.timestamp_at(now.as_micros() / 1000) }
        });
        self.reported = self.sending.packets();
        let cname = format!("{:08x}", self.sending.ssrc());
        let report = Report { now, ntp: Clock::ntp(), sent, cname: &cname, bye };
        let mut packet = [0; 256];
        let length = self.reporter.write(&mut packet, &mut self.reception, &report);
        let length = match &mut self.sending.srtp {
            Some(srtp) => length.and_then(|length| srtp.sender.protect_rtcp(&mut packet, length)),
            None => length,
        };
        let to = self.rtcp_far_end();
        match length.and_then(|length| packet.get(..length)).filter(|_| is_somebody(to)) {
            Some(packet) if self.params.rtcp_mux => drop(self.sending.transmit(packet)),
            Some(packet) => drop(self.rtcp.send_to(packet, to)),
            None => {}
        }
    }

    fn rtcp_far_end(&self) -> SocketAddr {
        let rtp = self.latch.far_end();
        if self.params.rtcp_mux {
            return rtp;
        }
        let signalled = self.params.remote_rtcp.filter(|_| rtp == self.latch.signalled());
        signalled.unwrap_or_else(|| SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1)))
    }
}
