//! Offer and answer (RFC 3264) for one audio stream of PCMA, PCMU, G722 or opus with telephone-event (RFC 4733). Pure.
//!
//! ```text
//!   offer                                            answer
//!   c=IN IP4 198.51.100.7                            c=IN IP4 192.0.2.1
//!   m=audio 49170 RTP/AVP 102 0 103 101              m=audio 30000 RTP/AVP 0 101
//!   a=rtpmap:102 opus/48000/2                        a=rtpmap:0 PCMU/8000
//!   a=rtpmap:103 telephone-event/48000               a=rtpmap:101 telephone-event/8000
//!   a=rtpmap:101 telephone-event/8000                a=fmtp:101 0-15
//!   a=sendonly                                       a=recvonly
//!   m=video 51372 RTP/AVP 31                         m=video 0 RTP/AVP 31
//! ```
//!
//! The first audio stream that can be taken is taken; every other stream is answered with port 0. Of its codecs the first
//! that clips are kept in is taken, else the cheapest that they can be transcoded to; keys go out on the event whose clock is
//! the codec's. Keys at other clocks are heard all the same.
//!
//! SRTP by SDES (RFC 4568) is what [`Local::srtp`] makes of it:
//!
//! ```text
//!   offer                      never          if offered             required
//!   RTP/SAVP, a=crypto         488            SRTP                   SRTP
//!   RTP/AVP, a=crypto          plain RTP      SRTP, as RTP/AVP       SRTP, as RTP/AVP
//!   RTP/AVP                    plain RTP      plain RTP              488
//!   this side's own            RTP/AVP        RTP/AVP                RTP/SAVP
//! ```

mod crypto;
mod media;

use std::net::{IpAddr, SocketAddr};

use sdp_types::{Attribute, Connection, Media, Origin, Session, Time};

use super::Refusal;
pub use crate::audio::Codec;
use crate::rtp::srtp::{MasterKey, SrtpKeys, Suite};
use media::Audio;

/// The most octets a description may have.
pub const MAX_OCTETS: usize = 64 * 1024;
/// The most lines a description may have.
pub const MAX_LINES: usize = 1024;
/// The most streams (`m=` lines) a description may have.
pub const MAX_STREAMS: usize = 16;
/// The payload type under which telephone-event is offered here.
pub const OFFERED_EVENT: u8 = 101;

/// Which way sound may go, seen from this side (RFC 3264, section 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// Only from here.
    SendOnly,
    /// Only to here: the far end holds the call.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// Whether sound may be sent from this side.
    pub fn may_send(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether sound may come to this side.
    pub fn may_receive(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same, seen from the other side.
    pub fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            both => both,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

/// How this side takes part in SRTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srtp {
    /// Whether plain RTP is refused. If not, SRTP is taken where it is offered.
    pub required: bool,
    /// What this side sends with, by suite in the order of [`Suite::ALL`]: random, and of this call alone.
    pub keys: [MasterKey; Suite::ALL.len()],
}

impl Srtp {
    fn lines(&self) -> impl Iterator<Item = (u32, Suite, &MasterKey)> {
        (1..).zip(Suite::ALL).zip(&self.keys).map(|((tag, suite), key)| (tag, suite, key))
    }

    fn key(&self, of: Suite) -> Option<&MasterKey> {
        self.lines().find(|(_, suite, _)| *suite == of).map(|(_, _, key)| key)
    }
}

/// This side of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// The address that the far end sends to.
    pub address: IpAddr,
    /// The RTP port; RTCP is the next one unless they share.
    pub port: u16,
    /// The session's number in `o=`, the same in every description of one call.
    pub session: u64,
    /// The version in `o=`; see [`Local::next`].
    pub version: u64,
    /// The codecs there are. In an offer they stand in this order; those that are transcoded to only where there is no
    /// other.
    pub codecs: Vec<Codec>,
    /// Whether keys are negotiated as telephone-event (N12 freeswitch#2542).
    pub telephone_event: bool,
    /// Whether RTP and RTCP may share a port if the far end offers it (RFC 5761).
    pub rtcp_mux: bool,
    /// SRTP, if it is spoken here.
    pub srtp: Option<Srtp>,
}

impl Local {
    /// A stream with every codec, A-law first, and telephone-event; without SRTP.
    pub fn new(address: IpAddr, port: u16, session: u64) -> Self {
        Self {
            address,
            port,
            session,
            version: 1,
            codecs: Codec::ALL.to_vec(),
            telephone_event: true,
            rtcp_mux: false,
            srtp: None,
        }
    }

    /// The same side for the call's next description: its version is one higher (RFC 3264, section 8).
    #[must_use]
    pub fn next(&self) -> Self {
        Self { version: self.version.saturating_add(1), ..self.clone() }
    }
}

/// What both sides have agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Where RTP goes. Its address may be unspecified (`0.0.0.0`): then nothing is sent, see [`Negotiated::direction`].
    pub remote: SocketAddr,
    /// Where RTCP goes: `a=rtcp`, else the next port, else the RTP port where they share. `None` past port 65535.
    pub rtcp: Option<SocketAddr>,
    /// Whether RTP and RTCP share a port.
    pub rtcp_mux: bool,
    /// The codec of both ways.
    pub codec: Codec,
    /// Its payload type, 0–127.
    pub payload_type: u8,
    /// Milliseconds of sound in a packet that the far end asks for, held within 10 and 60 and its `maxptime`; 20 if it does
    /// not say. What it sends may be of any length.
    pub ptime: u8,
    /// Every telephone-event to be understood: payload type and clock rate in Hz, the codec's clock first.
    pub telephone_event: Vec<(u8, u32)>,
    /// Which way sound may go, seen from this side.
    pub direction: Direction,
    /// This side's RTP port.
    pub local_port: u16,
    /// The keys of SRTP; without them RTP is plain.
    pub srtp: Option<SrtpKeys>,
}

impl Negotiated {
    /// The event that the answer names: the one at the codec's clock, else the first. Without any, the far end would take it
    /// that keys by telephone-event are not understood.
    fn answered_event(&self) -> Option<(u8, u32)> {
        let clock_rate = self.codec.clock_rate();
        let same = self.telephone_event.iter().find(|(_, clock)| *clock == clock_rate);
        same.or(self.telephone_event.first()).copied()
    }

    /// The payload type under which keys are sent: the event at the codec's clock. `None`: only INFO or tones remain.
    pub fn sent_event(&self) -> Option<u8> {
        let same = self.telephone_event.iter().find(|(_, clock)| *clock == self.codec.clock_rate());
        same.map(|(payload_type, _)| *payload_type)
    }
}

/// Why a description cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpFault {
    /// Over [`MAX_OCTETS`], [`MAX_LINES`] or [`MAX_STREAMS`].
    #[error("the session description is longer than {MAX_OCTETS} octets, {MAX_LINES} lines or {MAX_STREAMS} streams")]
    TooLong,
    /// Not a session description (RFC 8866). The words say what, and never quote it.
    #[error("no session description: {0}")]
    Syntax(String),
    /// No audio stream over RTP that is not switched off.
    #[error("no audio stream over RTP/AVP or RTP/SAVP in the session description")]
    NoAudio,
    /// SRTP without a line of keys that can be used, or where none is spoken.
    #[error("SRTP without a=crypto of AES_CM_128_HMAC_SHA1_80 or _32, or where media.srtp is \"never\"")]
    NoCrypto,
    /// Plain RTP where SRTP is required.
    #[error("plain RTP, and media.srtp is \"required\"")]
    Plain,
    /// None of its codecs is known here.
    #[error("none of {} in the session description", Codec::ALL.map(Codec::name).join(", "))]
    NoCodec,
    /// The connection address is missing, a name, or a multicast group.
    #[error("no usable unicast address in the session description")]
    NoAddress,
    /// The answer is not one to the offer that was made.
    #[error("the answer does not match the offer")]
    Mismatch,
}

impl From<SdpFault> for Refusal {
    fn from(fault: SdpFault) -> Self {
        match fault {
            SdpFault::TooLong => Self::TooLong,
            SdpFault::Syntax(_) => Self::Malformed("Bad Session Description"),
            _ => Self::NotAcceptable,
        }
    }
}

/// An offer that has been read: at least one of its streams can be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    streams: Vec<Stream>,
    /// The first stream that can be taken, by its place among all, and those after it.
    taken: usize,
    audio: Box<Audio>,
    others: Vec<(usize, Audio)>,
}

/// What a refused stream's answer has to repeat (RFC 3264, section 6).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stream {
    media: String,
    proto: String,
    fmt: String,
}

impl Offer {
    /// Reads an offer.
    ///
    /// # Errors
    /// Where it is no session description, or none of its streams can be taken. [`Refusal::from`] says with which status.
    pub fn parse(bytes: &[u8]) -> Result<Self, SdpFault> {
        let session = read(bytes)?;
        let mut audios = audios(&session)?;
        let (taken, audio) = audios.next().ok_or(SdpFault::NoAudio)?;
        let others = audios.collect();
        let streams =
            session.medias.into_iter().map(|m| Stream { media: m.media, proto: m.proto, fmt: m.fmt }).collect();
        Ok(Self { streams, taken, audio: Box::new(audio), others })
    }

    /// Whether the far end puts the call on hold: nothing may be sent to it.
    pub fn holds(&self) -> bool {
        !self.audio.direction.reversed().may_send()
    }

    /// Where the far end wants RTP.
    pub fn remote(&self) -> SocketAddr {
        self.audio.remote
    }

    /// The codecs that are known here, in the offer's order.
    pub fn codecs(&self) -> impl Iterator<Item = Codec> {
        self.audio.codecs.iter().map(|(codec, _)| *codec)
    }
}

/// Answers an offer: the text of the answer, and what is then agreed.
///
/// # Errors
/// [`SdpFault::NoCodec`] where `local` allows none of the offer's codecs; [`SdpFault::NoCrypto`] or [`SdpFault::Plain`]
/// where its SRTP does not fit.
pub fn answer(offer: &Offer, local: &Local) -> Result<(String, Negotiated), SdpFault> {
    let agree_on = |(at, audio)| Ok::<_, SdpFault>((at, audio, agree(audio, local)?));
    let mut others = offer.others.iter().map(|(at, audio)| (*at, audio));
    let (taken, audio, (negotiated, tag)) = agree_on((offer.taken, &offer.audio))
        .or_else(|fault| others.find_map(|other| agree_on(other).ok()).ok_or(fault))?;
    let mut session = description(local);
    for (at, stream) in offer.streams.iter().enumerate() {
        session.medias.push(if at == taken {
            let events = negotiated.answered_event().into_iter().collect::<Vec<_>>();
            let codec = (negotiated.codec, negotiated.payload_type);
            let mut media = stream_of(local, &audio.proto, &[codec], &events, &negotiated);
            if let (Some(tag), Some(srtp)) = (tag, &negotiated.srtp) {
                media.attributes.push(crypto::attribute(tag, srtp.suite, &srtp.ours));
            }
            media
        } else {
            media_line(&stream.media, 0, &stream.proto, &stream.fmt)
        });
    }
    Ok((text(&session), negotiated))
}

/// An offer of this side: for a call out, or in the 200 of an INVITE that brought none (RFC 3261, section 13.2.1).
pub fn offer(local: &Local) -> String {
    let mut codecs: Vec<_> = local.codecs.iter().map(|codec| (*codec, codec.payload_type())).collect();
    if codecs.iter().any(|(codec, _)| !codec.is_transcoded()) {
        codecs.retain(|(codec, _)| !codec.is_transcoded());
    }
    let clock_rate = codecs.first().map_or(8000, |(codec, _)| codec.clock_rate());
    let events: &[(u8, u32)] = if local.telephone_event { &[(OFFERED_EVENT, clock_rate)] } else { &[] };
    let wanted = Negotiated {
        remote: SocketAddr::new(local.address, local.port),
        rtcp: None,
        rtcp_mux: local.rtcp_mux,
        codec: Codec::Pcma,
        payload_type: 8,
        ptime: media::PTIME,
        telephone_event: Vec::new(),
        direction: Direction::SendRecv,
        local_port: local.port,
        srtp: None,
    };
    let mut session = description(local);
    let srtp = local.srtp.as_ref().filter(|srtp| srtp.required);
    let proto = if srtp.is_some() { "RTP/SAVP" } else { "RTP/AVP" };
    let mut media = stream_of(local, proto, &codecs, events, &wanted);
    let lines = srtp.into_iter().flat_map(Srtp::lines);
    media.attributes.extend(lines.map(|(tag, suite, key)| crypto::attribute(tag, suite, key)));
    session.medias.push(media);
    text(&session)
}

/// Reads the answer to [`offer`]`(local)`.
///
/// # Errors
/// Where it cannot be read, or does not answer that offer. The call is then to be ended with a BYE.
pub fn accept_answer(local: &Local, answer: &[u8]) -> Result<Negotiated, SdpFault> {
    let session = read(answer)?;
    let (at, audio) = audios(&session)?.next().ok_or(SdpFault::NoAudio)?;
    if at != 0 {
        return Err(SdpFault::Mismatch);
    }
    // Keys that answer no offer of keys mean nothing.
    let offered = local.srtp.as_ref().filter(|srtp| srtp.required);
    let offered_to = Local { srtp: offered.cloned(), ..local.clone() };
    let (mut negotiated, tag) = agree(&audio, &offered_to)?;
    let suite = negotiated.srtp.as_ref().map(|srtp| srtp.suite);
    if !offered.zip(tag).is_none_or(|(srtp, tag)| srtp.lines().any(|(ours, of, _)| (ours, Some(of)) == (tag, suite))) {
        return Err(SdpFault::Mismatch);
    }
    // N13 pjproject#2369: the far end may use the payload type that was offered to it, whatever it answered with.
    if local.telephone_event && negotiated.telephone_event.iter().all(|(event, _)| *event != OFFERED_EVENT) {
        let taken = audio.payload_types.contains(&OFFERED_EVENT) || negotiated.payload_type == OFFERED_EVENT;
        if !taken && !negotiated.telephone_event.is_empty() {
            negotiated.telephone_event.push((OFFERED_EVENT, negotiated.codec.clock_rate()));
        }
    }
    Ok(negotiated)
}

/// What a stream and this side have in common, and the tag of the line of keys that was taken.
fn agree(audio: &Audio, local: &Local) -> Result<(Negotiated, Option<u32>), SdpFault> {
    let common = || audio.codecs.iter().filter(|(codec, _)| local.codecs.contains(codec)).copied();
    let kept = common().find(|(codec, _)| !codec.is_transcoded());
    let cheapest = || Codec::ALL.into_iter().find_map(|cheapest| common().find(|(codec, _)| *codec == cheapest));
    let (codec, payload_type) = kept.or_else(cheapest).ok_or(SdpFault::NoCodec)?;
    let mut telephone_event = if local.telephone_event { audio.events.clone() } else { Vec::new() };
    telephone_event.sort_by_key(|(_, clock)| *clock != codec.clock_rate());
    let rtcp_mux = audio.rtcp_mux && local.rtcp_mux;
    let (tag, srtp) = agree_on_keys(audio, local)?.unzip();
    let negotiated = Negotiated {
        remote: audio.remote,
        rtcp: if rtcp_mux { Some(audio.remote) } else { audio.rtcp },
        rtcp_mux,
        codec,
        payload_type,
        ptime: codec.packet_time(audio.ptime),
        telephone_event,
        direction: audio.direction.reversed(),
        local_port: local.port,
        srtp,
    };
    Ok((negotiated, tag))
}

/// The keys of both ways, with the tag of the far end's line; nothing for plain RTP.
fn agree_on_keys(audio: &Audio, local: &Local) -> Result<Option<(u32, SrtpKeys)>, SdpFault> {
    match (&local.srtp, audio.crypto.first()) {
        (None, _) if audio.secure => Err(SdpFault::NoCrypto),
        (None, _) => Ok(None),
        (Some(srtp), None) if srtp.required => Err(SdpFault::Plain),
        (Some(_), None) => Ok(None),
        (Some(srtp), Some(line)) => {
            let ours = srtp.key(line.suite).ok_or(SdpFault::NoCrypto)?.clone();
            let keys = SrtpKeys { suite: line.suite, ours, theirs: line.key.clone(), their_mki: line.mki };
            Ok(Some((line.tag, keys)))
        }
    }
}

fn read(bytes: &[u8]) -> Result<Session, SdpFault> {
    if bytes.len() > MAX_OCTETS || bytes.iter().filter(|byte| **byte == b'\n').count() > MAX_LINES {
        return Err(SdpFault::TooLong);
    }
    let session = Session::parse(bytes).map_err(|fault| SdpFault::Syntax(media::without_quotation(&fault)))?;
    if session.medias.len() > MAX_STREAMS {
        return Err(SdpFault::TooLong);
    }
    Ok(session)
}

/// The streams that can be taken; where none can, the most telling reason of the audio streams.
fn audios(session: &Session) -> Result<std::vec::IntoIter<(usize, Audio)>, SdpFault> {
    let (mut audios, mut reason) = (Vec::new(), SdpFault::NoAudio);
    for (at, media) in session.medias.iter().enumerate() {
        match Audio::read(session, media) {
            Ok(audio) => audios.push((at, audio)),
            Err(SdpFault::NoAudio) => {}
            Err(fault) => reason = fault,
        }
    }
    if audios.is_empty() { Err(reason) } else { Ok(audios.into_iter()) }
}

fn description(local: &Local) -> Session {
    let mut session = Session::new(Origin::with_ip_addr(local.session, local.version, local.address), "-");
    session.connection = Some(Connection::from_ip_addr(local.address));
    session.times.push(Time::new(0, 0));
    session
}

fn stream_of(local: &Local, proto: &str, codecs: &[(Codec, u8)], events: &[(u8, u32)], agreed: &Negotiated) -> Media {
    let payload_types: Vec<_> =
        codecs.iter().map(|(_, pt)| pt).chain(events.iter().map(|(pt, _)| pt)).map(u8::to_string).collect();
    let mut media = media_line("audio", local.port, proto, &payload_types.join(" "));
    let mut add = |name: &str, value: String| media.attributes.push(Attribute::with_value(name, value));
    for (codec, payload_type) in codecs {
        let channels = if codec.channels() > 1 { format!("/{}", codec.channels()) } else { String::new() };
        add("rtpmap", format!("{payload_type} {}/{}{channels}", codec.name(), codec.clock_rate()));
        if let Some(format) = codec.format() {
            add("fmtp", format!("{payload_type} {format}"));
        }
    }
    for (event, clock) in events {
        add("rtpmap", format!("{event} telephone-event/{clock}"));
        add("fmtp", format!("{event} 0-15"));
    }
    add("ptime", agreed.ptime.to_string());
    if agreed.rtcp_mux {
        media.attributes.push(Attribute::new("rtcp-mux"));
    }
    media.attributes.push(Attribute::new(agreed.direction.name()));
    media
}

fn media_line(media: &str, port: u16, proto: &str, fmt: &str) -> Media {
    Media {
        media: media.to_owned(),
        port,
        num_ports: None,
        proto: proto.to_owned(),
        fmt: fmt.to_owned(),
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    }
}

fn text(session: &Session) -> String {
    let mut octets = Vec::with_capacity(512);
    // Writing to memory does not fail.
    let _ = session.write(&mut octets);
    String::from_utf8_lossy(&octets).into_owned()
}
