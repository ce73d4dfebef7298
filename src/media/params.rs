//! What offer and answer agreed on, as a call's sound and keys need it.

use std::net::SocketAddr;

use crate::audio::Codec;
use crate::rtp::srtp::SrtpKeys;
use crate::sip::sdp::Negotiated;

/// A telephone-event payload type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventType {
    /// The dynamic payload type, as in 101.
    pub payload_type: u8,
    /// Its ticks a second.
    pub clock_rate: u32,
}

/// What offer and answer agreed on. No `Debug`: an address can tell who calls.
#[derive(Clone, PartialEq, Eq)]
pub struct MediaParams {
    /// The far end's RTP address, from its SDP.
    pub remote: SocketAddr,
    /// Its RTCP address, if it is not the next port (RFC 3605).
    pub remote_rtcp: Option<SocketAddr>,
    /// Whether RTCP goes to and comes from the RTP ports (RFC 5761).
    pub rtcp_mux: bool,
    /// The codec.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// Payload types of telephone-events, which all are listened to. Keys are sent as the first whose clock is the codec's.
    pub events: Vec<EventType>,
    /// Whether keys are listened for in the sound, until the first that comes by another way.
    pub in_band_keys: bool,
    /// Milliseconds of sound a packet that we send: held within 10 and 120.
    pub ptime: u8,
    /// Whether the far end wants to hear us. If not (hold), what plays waits, and silence is no time-out.
    pub send: bool,
    /// The keys of SRTP and SRTCP. With them nothing goes out in clear, and what comes in clear is refused.
    pub srtp: Option<SrtpKeys>,
}

impl MediaParams {
    /// A-law and keys as telephone-events, in clear, both ways.
    pub fn plain(remote: SocketAddr) -> MediaParams {
        MediaParams {
            remote,
            remote_rtcp: None,
            rtcp_mux: false,
            codec: Codec::Pcma,
            payload_type: Codec::Pcma.payload_type(),
            events: vec![EventType { payload_type: 101, clock_rate: 8000 }],
            in_band_keys: false,
            ptime: 20,
            send: true,
            srtp: None,
        }
    }
}

/// What was agreed, without keys in the sound. Who has no address (RFC 3264's way to hold) is sent nothing.
impl From<&Negotiated> for MediaParams {
    fn from(agreed: &Negotiated) -> MediaParams {
        let events = agreed.telephone_event.iter();
        MediaParams {
            remote: agreed.remote,
            remote_rtcp: agreed.rtcp,
            rtcp_mux: agreed.rtcp_mux,
            codec: agreed.codec,
            payload_type: agreed.payload_type,
            events: events.map(|&(payload_type, clock_rate)| EventType { payload_type, clock_rate }).collect(),
            in_band_keys: false,
            ptime: agreed.ptime,
            send: agreed.direction.may_send() && !agreed.remote.ip().is_unspecified(),
            srtp: agreed.srtp.clone(),
        }
    }
}
