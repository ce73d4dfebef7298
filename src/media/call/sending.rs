//! What a call sends: its stream of RTP, from what plays to the socket.
//!
//! ```text
//!   due:      packet ──20 ms── packet ──20 ms── packet     key: another playlist     packet ──20 ms── packet
//!   its time: 0                20               40          └ at once, up to 20 ms ─▶ 60               80
//!                                                             ahead of the others
//! ```
//!
//! A stream's time goes on without a gap or an overlap however its packets are sent. So what begins while the last packet's sound
//! still lasts is sent ahead of its time; the far end's buffer holds it for as long. With the next pause the stream is on time again.
//!
//! All that a packet touches lies side by side here, in the order of [`Sending`]'s fields: with thousands of calls none of it is in
//! the processor's caches when its turn comes.
//!
//! ```text
//!   line of the cache 0   where the sound lies, and how far it has played
//!                     1   the socket, the header's numbers, what has been counted
//!                     2   how late, what is encoded or encrypted
//! ```

use std::hint::black_box;
use std::io::Result;
use std::net::SocketAddr;

use super::super::line::Line;
use super::super::stats::{Lateness, MediaStats};
use super::super::voice::Voice;
use super::{LONGEST_PAYLOAD, MediaParams, is_refusal};
use crate::audio::Playlist;
use crate::facts::Moment;
use crate::rtp::srtp::{MOST_ADDED, Srtp};
use crate::rtp::{HEADER_LENGTH, Header, KeySender};

/// Milliseconds that a stream is sent ahead of its time at most: a far end's buffer must hold them.
const MOST_AHEAD: u8 = 20;

/// Room for the longest packet of sound. Whoever sends has one for all calls: a new one for each packet would be filled with
/// zeros first.
pub(in crate::media) struct Room([u8; HEADER_LENGTH + LONGEST_PAYLOAD + MOST_ADDED]);

impl Room {
    pub(in crate::media) fn new() -> Room {
        Room([0; HEADER_LENGTH + LONGEST_PAYLOAD + MOST_ADDED])
    }
}

/// One call's stream.
#[repr(C, align(64))]
pub(in crate::media) struct Sending {
    playlist: Option<Playlist>,

    pub(in crate::media) line: Line,
    sequence: u16,
    payload_type: u8,
    /// Milliseconds of sound a packet.
    ptime: u8,
    first_timestamp: u32,
    ssrc: u32,
    /// Whether the far end wants to hear us, and the call is not over.
    allowed: bool,
    connected: bool,
    /// The last tick sent a packet of sound: the next one is not the first.
    talking: bool,
    /// Another playlist than the one that the last packet was of.
    begins: bool,
    /// How far the stream is ahead of its time, in milliseconds.
    ahead: u8,
    /// Milliseconds from when the last packet was due to when its sound ends in the stream's time.
    filled: u8,
    /// The millisecond at which the last packet was due.
    last_due: u64,
    packets: u64,
    octets: u64,
    pub(super) keys: Option<Box<KeySender>>,

    late: Lateness,
    pub(super) srtp: Option<Box<Srtp>>,
    pub(super) voice: Voice,

    errors: u64,
    /// Where to, while it is not connected.
    far_end: SocketAddr,
    /// Packets and bytes sent under other SSRCs before.
    before: (u64, u64),
}

impl Sending {
    pub(super) fn new(now: Moment, line: Line, params: &MediaParams) -> Sending {
        let mut sending = Sending {
            line,
            srtp: params.srtp.clone().map(|keys| Box::new(Srtp::new(keys))),
            playlist: None,
            keys: None,
            voice: Voice::new(params.codec),
            first_timestamp: rand::random(),
            ssrc: rand::random(),
            sequence: first_sequence(),
            payload_type: 0,
            ptime: 0,
            allowed: false,
            connected: false,
            talking: false,
            begins: false,
            ahead: 0,
            filled: 0,
            last_due: now.as_micros() / 1000,
            packets: 0,
            octets: 0,
            late: Lateness::default(),
            errors: 0,
            far_end: params.remote,
            before: (0, 0),
        };
        sending.agree(params);
        sending
    }

    /// Takes another codec or packet time, or is held or heard again, from the next packet on.
    pub(super) fn agree(&mut self, params: &MediaParams) {
        if self.voice.change(params.codec) {
            // What follows may count in another clock.
            self.talking = false;
        }
        (self.payload_type, self.allowed) = (params.payload_type, params.send);
        self.ptime = params.codec.packet_time(params.ptime);
    }

    /// From here on the kernel drops what comes from elsewhere, and sending is cheaper. A failure leaves it to us.
    pub(super) fn connect(&mut self, far_end: SocketAddr) {
        self.far_end = far_end;
        match self.line.connect(far_end) {
            Ok(()) => self.connected = true,
            Err(error) => tracing::debug!(%error, "a media socket cannot be connected"),
        }
    }

    /// Another far end, which has not spoken yet.
    pub(super) fn turn_to(&mut self, far_end: SocketAddr) {
        (self.far_end, self.connected) = (far_end, false);
        if let Err(error) = self.line.disconnect() {
            tracing::debug!(%error, "a media socket cannot be let go of its far end");
        }
    }

    pub(super) fn play(&mut self, playlist: Playlist) {
        self.begins = self.talking;
        self.playlist = Some(playlist);
    }

    pub(super) fn stop(&mut self) {
        self.playlist = None;
    }

    /// Ends what plays. Whether something did.
    pub(super) fn end_playlist(&mut self) -> bool {
        self.playlist.take().is_some()
    }

    /// Nothing but RTCP's goodbye is sent any more.
    pub(super) fn end(&mut self) {
        (self.playlist, self.allowed) = (None, false);
    }

    /// Whether there is something to send at the next tick.
    pub(in crate::media) fn wants_tick(&self) -> bool {
        self.allowed && (self.playlist.is_some() || self.keys.is_some())
    }

    pub(super) fn ptime(&self) -> u8 {
        self.ptime
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The stream pauses here: the next packet of sound begins a new stretch.
    pub(in crate::media) fn pause(&mut self) {
        self.talking = false;
    }

    /// Whether another playlist has taken the place of one that was playing since this was last asked.
    pub(in crate::media) fn begins(&mut self) -> bool {
        std::mem::take(&mut self.begins)
    }

    /// The first millisecond, from `now` on, at which a stretch of sound may begin.
    pub(in crate::media) fn earliest(&self, now: u64) -> u64 {
        now.max(self.filled_to().saturating_sub(MOST_AHEAD.into()))
    }

    /// A tick at millisecond `due`, at which a stretch of sound may begin.
    pub(super) fn turn(&mut self, due: u64) {
        if !self.talking || self.filled_to() > due + u64::from(self.ahead) {
            let ahead = self.filled_to().saturating_sub(due);
            self.ahead = u8::try_from(ahead).map_or(MOST_AHEAD, |ahead| ahead.min(MOST_AHEAD));
        }
    }

    /// The millisecond of the stream's time at which the last packet's sound ends.
    fn filled_to(&self) -> u64 {
        self.last_due + u64::from(self.filled)
    }

    /// When the last packet was due.
    pub(super) fn last_sent(&self) -> Moment {
        Moment::from_micros(self.last_due * 1000)
    }

    /// The stream's time at a millisecond.
    pub(super) fn timestamp_at(&self, millisecond: u64) -> u32 {
        let ticks = ((millisecond + u64::from(self.ahead)) as u32).wrapping_mul(self.voice.codec().clock_rate() / 1000);
        self.first_timestamp.wrapping_add(ticks)
    }

    /// Sends a packet of what plays, if there is sound left.
    pub(super) fn send_sound(&mut self, now: Moment, due: u64, room: &mut Room) -> bool {
        let Some(playlist) = &mut self.playlist else { return false };
        let (header, payload) = room.0.split_at_mut(HEADER_LENGTH);
        let length = self.voice.fill(playlist, self.ptime, payload);
        if length == 0 {
            return false;
        }
        let timestamp = self.timestamp_at(due);
        header.copy_from_slice(&self.next_header(self.payload_type, !self.talking, timestamp));
        self.talking = true;
        self.send(now, due, &mut room.0, HEADER_LENGTH + length);
        true
    }

    /// Sends a packet of 20 ms of silence.
    pub(super) fn send_silence(&mut self, now: Moment, due: u64, marker: bool) {
        let mut packet = [0; HEADER_LENGTH + LONGEST_PAYLOAD + MOST_ADDED];
        let (header, payload) = packet.split_at_mut(HEADER_LENGTH);
        self.turn(due);
        let timestamp = self.timestamp_at(due);
        header.copy_from_slice(&self.next_header(self.payload_type, marker, timestamp));
        let length = self.voice.silence(20, payload);
        self.send(now, due, &mut packet, HEADER_LENGTH + length);
    }

    /// Sends a telephone-event, whose timestamp is its beginning's.
    pub(super) fn send_event(&mut self, now: Moment, due: u64, event: (u8, bool, u32), payload: [u8; 4]) {
        let (payload_type, marker, timestamp) = event;
        let mut packet = [0; HEADER_LENGTH + 4 + MOST_ADDED];
        let parts = self.next_header(payload_type, marker, timestamp).into_iter().chain(payload);
        packet.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        self.send(now, due, &mut packet, HEADER_LENGTH + 4);
        self.talking = false;
    }

    fn next_header(&mut self, payload_type: u8, marker: bool, timestamp: u32) -> [u8; HEADER_LENGTH] {
        self.sequence = self.sequence.wrapping_add(1);
        Header { payload_type, marker, sequence: self.sequence, timestamp, ssrc: self.ssrc }.to_bytes()
    }

    /// Sends the packet in the first `length` bytes; SRTP needs [`MOST_ADDED`] more.
    fn send(&mut self, now: Moment, due: u64, packet: &mut [u8], length: usize) {
        (self.last_due, self.filled) = (due, self.ahead + self.ptime);
        let protected = match &mut self.srtp {
            Some(srtp) => srtp.sender.protect(packet, length),
            None => Some(length),
        };
        match protected.and_then(|length| packet.get(..length)).and_then(|packet| self.transmit(packet)) {
            Some(Ok(_)) => {
                self.packets += 1;
                self.octets += (length - HEADER_LENGTH) as u64;
                self.late.record(now.since(Moment::from_micros(due * 1000)));
            }
            Some(Err(_)) | None => self.errors += 1,
        }
    }

    /// Gives the line a datagram for the far end; nothing where that is nobody.
    pub(super) fn transmit(&self, datagram: &[u8]) -> Option<Result<usize>> {
        let sent = || match self.connected {
            true => self.line.send(datagram),
            false => self.line.send_to(datagram, self.far_end),
        };
        // An ICMP error of an earlier packet is told at the next send, which is then not made.
        let somebody = self.connected || is_somebody(self.far_end);
        somebody.then(|| sent().or_else(|error| if is_refusal(&error) { sent() } else { Err(error) }))
    }

    /// A new key protects a new stream: so nobody need know how far the old one's sequence numbers had come.
    pub(super) fn begin_stream(&mut self) {
        (self.ssrc, self.sequence) = (rand::random(), first_sequence());
        self.before = (self.packets, self.octets);
        self.talking = false;
    }

    /// Packets sent, all streams together.
    pub(super) fn packets(&self) -> u64 {
        self.packets
    }

    /// Packets and bytes of this stream.
    pub(super) fn of_this_stream(&self) -> (u32, u32) {
        ((self.packets - self.before.0) as u32, (self.octets - self.before.1) as u32)
    }

    pub(super) fn tell(&self, stats: &mut MediaStats) {
        (stats.packets_sent, stats.octets_sent, stats.send_errors) = (self.packets, self.octets, self.errors);
        stats.late = self.late;
    }

    /// Has what a packet will touch brought into the processor's caches. What is asked for together comes together; left to the
    /// packets themselves, each would wait for its own, one after the other.
    pub(in crate::media) fn warm(&self) {
        let sound = self.playlist.as_ref().map_or(0, |playlist| playlist.touch(usize::from(self.ptime) * 8));
        black_box(u64::from(sound) ^ self.packets ^ self.late.most.as_secs());
    }
}

/// Below half of all sequence numbers: SRTP's count of their wraps cannot then be mistaken at the beginning.
fn first_sequence() -> u16 {
    rand::random::<u16>() & 0x7FFF
}

/// To an address of this host itself, or of many, nothing is sent: nobody who calls is there.
pub(super) fn is_somebody(to: SocketAddr) -> bool {
    !to.ip().is_unspecified() && !to.ip().is_multicast()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};
    use std::time::Duration;

    use super::*;
    use crate::audio::Codec;
    use crate::rtp::Packet;

    struct Stream {
        sending: Sending,
        far_end: UdpSocket,
        room: Room,
        sent: Vec<(u64, u32, bool)>,
    }

    impl Stream {
        fn new() -> Stream {
            let far_end = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let params = MediaParams {
                remote: far_end.local_addr().unwrap(),
                remote_rtcp: None,
                rtcp_mux: false,
                codec: Codec::Pcmu,
                payload_type: 0,
                events: Vec::new(),
                in_band_keys: false,
                ptime: 20,
                send: true,
                srtp: None,
            };
            let line = Line::bind_any(Ipv4Addr::LOCALHOST.into(), cfg!(target_os = "linux")).unwrap();
            Stream { sending: Sending::new(Moment::ZERO, line, &params), far_end, room: Room::new(), sent: Vec::new() }
        }

        fn play(&mut self) {
            let mut playlist = Playlist::default();
            playlist.push_pause(Duration::from_secs(10));
            self.sending.play(playlist);
        }

        fn tick(&mut self, due: u64) {
            self.sending.turn(due);
            assert!(self.sending.send_sound(Moment::from_micros(due * 1000), due, &mut self.room));
            let mut datagram = [0; 256];
            let (length, _) = self.far_end.recv_from(&mut datagram).unwrap();
            let header = Packet::parse(&datagram[..length]).unwrap().header;
            let time = header.timestamp.wrapping_sub(self.sending.first_timestamp) / 8;
            self.sent.push((due, time, header.marker));
        }
    }

    #[test]
    fn what_a_key_starts_is_sent_at_once_and_the_streams_time_has_no_gap_and_no_overlap() {
        let mut stream = Stream::new();
        stream.play();
        assert!(!stream.sending.begins());
        [3, 23].into_iter().for_each(|due| stream.tick(due));
        stream.play();
        assert!(stream.sending.begins() && !stream.sending.begins());
        assert_eq!(stream.sending.earliest(31), 31);
        [31, 51].into_iter().for_each(|due| stream.tick(due));
        // A second key soon after: no farther ahead than 20 ms.
        stream.play();
        assert_eq!(stream.sending.earliest(52), 63);
        [63, 83].into_iter().for_each(|due| stream.tick(due));
        // After a pause the stream is on time again.
        stream.sending.stop();
        stream.sending.pause();
        stream.play();
        assert!(!stream.sending.begins());
        assert_eq!(stream.sending.earliest(200), 200);
        [200, 220].into_iter().for_each(|due| stream.tick(due));
        let wanted = [
            (3, 3, true),
            (23, 23, false),
            (31, 43, false),
            (51, 63, false),
            (63, 83, false),
            (83, 103, false),
            (200, 200, true),
            (220, 220, false),
        ];
        assert_eq!(stream.sent, wanted);
    }
}
