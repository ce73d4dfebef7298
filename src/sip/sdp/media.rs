//! One `m=` line with what stands under it, read as an audio stream.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use sdp_types::{Media, ParserError, Session};

use super::crypto::{self, Crypto};
use super::{Codec, Direction, SdpFault};

/// Milliseconds in a packet where nobody says otherwise (RFC 3551, table 4).
pub(super) const PTIME: u8 = 20;
/// The shortest and the longest packets that are sent, in milliseconds.
const PTIMES: RangeInclusive<u8> = 10..=60;
/// The first payload type that means nothing by itself (RFC 3551 section 6).
const FIRST_DYNAMIC: u8 = 96;
/// The most payload types of a stream that are looked at.
const MAX_PAYLOAD_TYPES: usize = 64;

/// An audio stream as its sender describes it. Directions are the sender's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Audio {
    pub(super) remote: SocketAddr,
    pub(super) rtcp: Option<SocketAddr>,
    pub(super) rtcp_mux: bool,
    /// Those of this telephone, in the description's order, each with its payload type.
    pub(super) codecs: Vec<(Codec, u8)>,
    /// telephone-event: payload type and clock rate, in the description's order.
    pub(super) events: Vec<(u8, u32)>,
    /// Every payload type of the stream.
    pub(super) payload_types: Vec<u8>,
    pub(super) ptime: u8,
    pub(super) direction: Direction,
    /// Its profile, as written: RTP/AVP and its kin.
    pub(super) proto: String,
    /// Whether the profile is SRTP's: plain RTP will not do.
    pub(super) secure: bool,
    /// The lines of SRTP keys that can be used. With a plain profile they are an offer to whom it pleases.
    pub(super) crypto: Vec<Crypto>,
}

impl Audio {
    pub(super) fn read(session: &Session, media: &Media) -> Result<Self, SdpFault> {
        let secure = is_secure(&media.proto).ok_or(SdpFault::NoAudio)?;
        if media.media != "audio" || media.port == 0 {
            return Err(SdpFault::NoAudio);
        }
        let crypto = crypto::read(media);
        if secure && crypto.is_empty() {
            return Err(SdpFault::NoCrypto);
        }
        let payload_types = payload_types(&media.fmt);
        let codecs: Vec<_> =
            payload_types.iter().filter_map(|pt| codec(media, *pt).map(|codec| (codec, *pt))).collect();
        if codecs.is_empty() {
            return Err(SdpFault::NoCodec);
        }
        let address = address(session, media)?;
        let remote = SocketAddr::new(address, media.port);
        // RFC 2543's way of holding a call, still met: the address 0.0.0.0 (RFC 3264, section 8.4).
        let held = if address.is_unspecified() { Direction::SendOnly } else { Direction::SendRecv };
        let direction = direction(media.attributes.iter().chain(&session.attributes)).unwrap_or(held);
        Ok(Self {
            remote,
            rtcp: rtcp(media, remote),
            rtcp_mux: flag(media, "rtcp-mux"),
            codecs,
            events: payload_types.iter().filter_map(|pt| event_clock(media, *pt).map(|clock| (*pt, clock))).collect(),
            payload_types,
            ptime: ptime(media),
            direction: if address.is_unspecified() && direction == Direction::SendRecv { held } else { direction },
            proto: media.proto.clone(),
            secure,
            crypto,
        })
    }
}

/// Whether a profile is SRTP's; nothing for one that is not spoken here. The feedback of the F profiles (RFC 4585) may be
/// left out by who has none.
fn is_secure(proto: &str) -> Option<bool> {
    let known = [("RTP/AVP", false), ("RTP/SAVP", true), ("RTP/AVPF", false), ("RTP/SAVPF", true)];
    known.into_iter().find(|(name, _)| proto.eq_ignore_ascii_case(name)).map(|(_, secure)| secure)
}

/// Names the kind of fault and the line, never the line's text: a description holds addresses and names.
pub(super) fn without_quotation(fault: &ParserError) -> String {
    match fault {
        ParserError::InvalidLineFormat(line, _)
        | ParserError::InvalidFieldEncoding(line, _)
        | ParserError::InvalidFieldFormat(line, _)
        | ParserError::MissingField(line, _)
        | ParserError::FieldTrailingData(line, _) => format!("line {line} cannot be read"),
        ParserError::InvalidVersion(..) | ParserError::NoVersion => "it does not begin with v=0".to_owned(),
        _ => "a line stands twice or in the wrong place".to_owned(),
    }
}

fn payload_types(fmt: &str) -> Vec<u8> {
    let known = fmt.split_ascii_whitespace().take(MAX_PAYLOAD_TYPES).filter_map(|pt| pt.parse().ok());
    let mut all: Vec<u8> = known.filter(|pt| *pt < 128).collect();
    let mut seen = 0u128;
    all.retain(|pt| {
        let new = seen & (1 << pt) == 0;
        seen |= 1 << pt;
        new
    });
    all
}

/// A payload type's rtpmap: encoding name, clock rate, channels (RFC 8866, section 6.6).
fn rtpmap(media: &Media, payload_type: u8) -> Option<(&str, u32, &str)> {
    values(media, "rtpmap").find_map(|value| {
        let (pt, rest) = value.trim().split_once(' ')?;
        if pt.parse() != Ok(payload_type) {
            return None;
        }
        let mut parts = rest.trim().splitn(3, '/');
        let (name, clock) = (parts.next()?, parts.next()?);
        Some((name, clock.trim().parse().ok()?, parts.next().unwrap_or("1").trim()))
    })
}

fn codec(media: &Media, payload_type: u8) -> Option<Codec> {
    let mut all = Codec::ALL.into_iter();
    match rtpmap(media, payload_type) {
        Some((name, clock, channels)) => {
            let known = |codec: &Codec| (clock, channels.parse()) == (codec.clock_rate(), Ok(codec.channels()));
            all.find(|codec| name.eq_ignore_ascii_case(codec.name()) && known(codec))
        }
        None => all.find(|codec| codec.payload_type() == payload_type && payload_type < FIRST_DYNAMIC),
    }
}

fn event_clock(media: &Media, payload_type: u8) -> Option<u32> {
    match rtpmap(media, payload_type) {
        // No time passes by a clock of 0 Hz.
        Some((name, clock, _)) => (name.eq_ignore_ascii_case("telephone-event") && clock > 0).then_some(clock),
        // Some senders forget the rtpmap of 101 and leave only its list of events.
        None => values(media, "fmtp")
            .any(|value| {
                value.trim().split_once(' ').is_some_and(|(pt, events)| pt == "101" && events.trim() == "0-15")
            })
            .then_some(8000)
            .filter(|_| payload_type == 101),
    }
}

fn address(session: &Session, media: &Media) -> Result<IpAddr, SdpFault> {
    let connection = media.connections.first().or(session.connection.as_ref()).ok_or(SdpFault::NoAddress)?;
    let address: IpAddr = connection.connection_address.parse().map_err(|_| SdpFault::NoAddress)?;
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    if address.is_multicast() || broadcast { Err(SdpFault::NoAddress) } else { Ok(address) }
}

/// `a=rtcp:53020` or `a=rtcp:53020 IN IP4 192.0.2.7` (RFC 3605), else the port after RTP's (RFC 3550, section 11).
fn rtcp(media: &Media, remote: SocketAddr) -> Option<SocketAddr> {
    let Some(value) = values(media, "rtcp").next() else {
        return remote.port().checked_add(1).map(|port| SocketAddr::new(remote.ip(), port));
    };
    let mut parts = value.split_ascii_whitespace();
    let port = parts.next()?.parse().ok().filter(|port| *port != 0)?;
    let address = parts.nth(2).and_then(|address| address.parse().ok()).unwrap_or(remote.ip());
    Some(SocketAddr::new(address, port))
}

/// What `a=ptime` asks for, and `a=maxptime` allows (RFC 8866, section 6.4): the nearest that can be sent.
fn ptime(media: &Media) -> u8 {
    let milliseconds = |name| {
        // Some write 20.0.
        let whole = values(media, name).next()?.trim().split('.').next()?.parse::<u16>().ok()?;
        let near = u8::try_from(whole).unwrap_or(u8::MAX).clamp(*PTIMES.start(), *PTIMES.end());
        (whole > 0).then_some(near)
    };
    let most = milliseconds("maxptime").unwrap_or(*PTIMES.end());
    milliseconds("ptime").unwrap_or(PTIME).min(most)
}

fn direction<'a>(mut attributes: impl Iterator<Item = &'a sdp_types::Attribute>) -> Option<Direction> {
    attributes.find_map(|attribute| {
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
            .into_iter()
            .find(|direction| attribute.attribute == direction.name())
    })
}

fn flag(media: &Media, name: &str) -> bool {
    media.attributes.iter().any(|attribute| attribute.attribute == name)
}

fn values<'a>(media: &'a Media, name: &'a str) -> impl Iterator<Item = &'a str> {
    media.attributes.iter().filter(move |a| a.attribute == name).filter_map(|a| a.value.as_deref())
}
