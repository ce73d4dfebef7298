//! One call in its worker: its sockets, what it plays, what it has heard.

mod hearing;
mod reports;

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mio::net::UdpSocket;

use crate::audio::Playlist;
use crate::facts::{Key, Moment};
use crate::rtp::is_rtcp;
use crate::rtp::srtp::{MOST_ADDED, Srtp, SrtpFault};
use crate::rtp::{HEADER_LENGTH, Header, JitterBuffer, KeySender, KeyStep, Packet, Reception, Reporter};

use super::engine::{EngineConfig, Reservation};
use super::keys::HeardKeys;
use super::latch::{Latch, Verdict};
use super::sieve::Sieve;
use super::voice::Voice;
use super::{Action, Actions, Conductor, MediaParams, MediaStats};

/// The longest payload: 120 ms of G.711.
pub(super) const LONGEST_PAYLOAD: usize = 960;
/// Between two RTCP reports (RFC 3550 section 6.2).
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// Playlists that may end at one tick: more than one only if they are empty.
const PLAYLISTS_A_TICK: usize = 4;
/// Comfort noise (RFC 3389), which some phones send unasked when the caller is silent.
const COMFORT_NOISE: u8 = 13;
/// The longest packet, in milliseconds, at whose end what came is still read in time.
const A_TICK: u8 = 20;
/// What lies between packets of one stretch of sound is shorter.
const A_PAUSE: Duration = Duration::from_millis(40);

/// What a call's owner is told, on the worker's thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaEvent {
    /// The conductor wants the call to be ended. Nothing more is sent.
    HangUp,
    /// Neither RTP nor RTCP has come for as long as the configuration allows. Nothing more is sent.
    TimedOut,
    /// The leg has ended, and its ports are free. The last event, always.
    Ended(MediaStats),
}

/// Hears a call's events. Must not block.
pub type OnEvent = Box<dyn FnMut(MediaEvent) + Send>;

/// One call.
pub(super) struct Call {
    // The sockets close before the reservation gives their ports back.
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    pub(super) reservation: Reservation,
    params: MediaParams,
    conductor: Box<dyn Conductor>,
    on_event: OnEvent,
    latch: Latch,
    srtp: Option<Box<Srtp>>,
    voice: Voice,
    playlist: Option<Playlist>,
    keys: Option<KeySender>,
    /// The last tick sent a packet of sound: the next one is not the first.
    talking: bool,
    /// The conductor has been called, so its timer may have changed.
    conducted: bool,
    /// Neither sends nor listens any more.
    over: bool,
    ssrc: u32,
    sequence: u16,
    first_timestamp: u32,
    /// Packets and bytes sent under other SSRCs before.
    sent_before: (u64, u64),
    heard_keys: HeardKeys,
    sound: Option<Box<JitterBuffer>>,
    sieve: Sieve,
    reception: Reception,
    reporter: Reporter,
    /// The packets sent when the last report was.
    reported: u64,
    next_report: Moment,
    last_sent: Moment,
    last_heard: Moment,
    stats: MediaStats,
}

impl Call {
    pub(super) fn new(
        now: Moment,
        config: &EngineConfig,
        sockets: (UdpSocket, UdpSocket),
        reservation: Reservation,
        params: MediaParams,
        conductor: Box<dyn Conductor>,
        on_event: OnEvent,
    ) -> Call {
        let ssrc: u32 = rand::random();
        let mut heard_keys = HeardKeys::default();
        heard_keys.listen_for_tones(params.in_band_keys);
        let mut call = Call {
            rtp: sockets.0,
            rtcp: sockets.1,
            reservation,
            latch: Latch::new(config.latching, params.remote, now),
            srtp: params.srtp.clone().map(|keys| Box::new(Srtp::new(keys))),
            voice: Voice::new(params.codec),
            params,
            conductor,
            on_event,
            playlist: None,
            keys: None,
            talking: false,
            conducted: true,
            over: false,
            ssrc,
            sequence: first_sequence(),
            first_timestamp: rand::random(),
            sent_before: (0, 0),
            heard_keys,
            sound: None,
            sieve: Sieve::Off(0),
            reception: Reception::default(),
            reporter: Reporter::new(ssrc),
            reported: 0,
            // Calls that began together do not report together.
            next_report: now + REPORT_INTERVAL / 2 + Duration::from_millis(u64::from(ssrc % 2500)),
            last_sent: now,
            last_heard: now,
            stats: MediaStats::default(),
        };
        call.listen();
        call
    }

    /// Lets the conductor do something, and does what it asks.
    pub(super) fn conduct(
        &mut self,
        now: Moment,
        out: &mut Actions,
        act: impl FnOnce(&mut dyn Conductor, &mut Actions),
    ) {
        if self.over {
            return;
        }
        self.conducted = true;
        let conductor = self.conductor.as_mut();
        if catch_unwind(AssertUnwindSafe(|| act(conductor, out))).is_err() {
            tracing::error!("a call's conductor panicked; the call is ended");
            out.hang_up();
        }
        for action in out.drain() {
            match action {
                Action::Play(playlist) => self.playlist = Some(playlist),
                Action::Stop => self.playlist = None,
                Action::SendKeys(plan) => self.send_keys(plan),
                Action::HangUp => {
                    self.go_silent(now);
                    self.tell(MediaEvent::HangUp);
                }
            }
        }
    }

    fn send_keys(&mut self, plan: crate::rtp::KeyPlan) {
        let clock_rate = self.params.codec.clock_rate();
        let frame = u32::from(self.ptime()) * clock_rate / 1000;
        match &mut self.keys {
            Some(keys) => keys.append(plan),
            None => self.keys = Some(KeySender::new(plan, clock_rate, frame)),
        }
    }

    fn tell(&mut self, event: MediaEvent) {
        let on_event = &mut self.on_event;
        if catch_unwind(AssertUnwindSafe(|| on_event(event))).is_err() {
            tracing::error!("a call's owner panicked at its {event:?}");
        }
    }

    /// Whether there is something to send at the next tick.
    pub(super) fn wants_tick(&self) -> bool {
        !self.over && self.params.send && (self.playlist.is_some() || self.keys.is_some())
    }

    fn ptime(&self) -> u8 {
        self.params.codec.packet_time(self.params.ptime)
    }

    /// Whether the conductor has been called since this was last asked.
    pub(super) fn was_conducted(&mut self) -> bool {
        std::mem::take(&mut self.conducted)
    }

    /// The stream pauses here: the next packet of sound begins a new stretch.
    pub(super) fn pause(&mut self) {
        self.talking = false;
    }

    /// Sends the packet due at millisecond `due` of the engine's time line, if there is one. Returns the milliseconds to
    /// the next, if there will be one.
    pub(super) fn tick(&mut self, now: Moment, due: u64, out: &mut Actions) -> Option<u64> {
        let timestamp = self.timestamp_at(due);
        for _ in 0..PLAYLISTS_A_TICK {
            if !self.wants_tick() || self.tick_keys(now, due, timestamp, out) || self.tick_sound(now, due, timestamp) {
                break;
            }
            // Between two keys, or at a playlist's end.
            if self.playlist.take().is_some() {
                self.conduct(now, out, |conductor, out| conductor.played(now, out));
            } else {
                self.talking = false;
                break;
            }
        }
        let again = self.wants_tick();
        self.talking &= again;
        again.then_some(self.ptime().into())
    }

    /// Sends a packet of the keys being sent, if one is due: it takes the sound's place.
    fn tick_keys(&mut self, now: Moment, due: u64, timestamp: u32, out: &mut Actions) -> bool {
        let Some(keys) = &mut self.keys else { return false };
        let step = keys.tick(timestamp);
        match step {
            KeyStep::Packet { .. } => {
                self.send_key(now, due, step);
                true
            }
            KeyStep::Quiet => false,
            KeyStep::Done => {
                self.keys = None;
                self.conduct(now, out, |conductor, out| conductor.keys_sent(now, out));
                false
            }
        }
    }

    fn send_key(&mut self, now: Moment, due: u64, step: KeyStep) {
        let KeyStep::Packet { marker, timestamp, payload } = step else { return };
        let clock_rate = self.params.codec.clock_rate();
        let Some(event) = self.params.events.iter().find(|event| event.clock_rate == clock_rate) else { return };
        let payload_type = event.payload_type;
        let mut packet = [0; HEADER_LENGTH + 4 + MOST_ADDED];
        let parts = self.next_header(payload_type, marker, timestamp).to_bytes().into_iter().chain(payload);
        packet.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        self.send(now, due, &mut packet, HEADER_LENGTH + 4);
        self.talking = false;
    }

    /// Sends a packet of what plays, if there is sound left.
    fn tick_sound(&mut self, now: Moment, due: u64, timestamp: u32) -> bool {
        let ptime = self.ptime();
        let Some(playlist) = &mut self.playlist else { return false };
        let mut packet = [0; HEADER_LENGTH + LONGEST_PAYLOAD + MOST_ADDED];
        let (header, payload) = packet.split_at_mut(HEADER_LENGTH);
        let length = self.voice.fill(playlist, ptime, payload);
        if length == 0 {
            return false;
        }
        header.copy_from_slice(&self.next_header(self.params.payload_type, !self.talking, timestamp).to_bytes());
        self.talking = true;
        self.send(now, due, &mut packet, HEADER_LENGTH + length);
        true
    }

    fn timestamp_at(&self, millisecond: u64) -> u32 {
        self.first_timestamp.wrapping_add((millisecond as u32).wrapping_mul(self.params.codec.clock_rate() / 1000))
    }

    fn next_header(&mut self, payload_type: u8, marker: bool, timestamp: u32) -> Header {
        self.sequence = self.sequence.wrapping_add(1);
        Header { payload_type, marker, sequence: self.sequence, timestamp, ssrc: self.ssrc }
    }

    /// Sends the packet in the first `length` bytes; SRTP needs [`MOST_ADDED`] more.
    fn send(&mut self, now: Moment, due: u64, packet: &mut [u8], length: usize) {
        self.last_sent = now;
        let protected = match &mut self.srtp {
            Some(srtp) => srtp.sender.protect(packet, length),
            None => Some(length),
        };
        let packet = protected.and_then(|length| packet.get(..length));
        match packet.filter(|_| is_somebody(self.latch.far_end())).map(|packet| self.transmit(packet)) {
            Some(Ok(_)) => {
                self.stats.packets_sent += 1;
                self.stats.octets_sent += (length - HEADER_LENGTH) as u64;
                self.stats.late.record(now.since(Moment::from_micros(due * 1000)));
            }
            Some(Err(_)) | None => self.stats.send_errors += 1,
        }
    }

    /// Gives the RTP socket a datagram for the far end.
    fn transmit(&self, datagram: &[u8]) -> std::io::Result<usize> {
        let sent = || match self.latch.is_latched() {
            true => self.rtp.send(datagram),
            false => self.rtp.send_to(datagram, self.latch.far_end()),
        };
        // An ICMP error of an earlier packet is told at the next send, which is then not made.
        sent().or_else(|error| if is_refusal(&error) { sent() } else { Err(error) })
    }

    /// Whether what comes may wait until the next packet is sent: nothing that it could change goes out before. Sound that is
    /// listened to may not: while it waited it would be taken for lost.
    pub(super) fn may_be_read_at_ticks(&self) -> bool {
        self.wants_tick() && self.latch.is_latched() && self.ptime() <= A_TICK && self.sound.is_none()
    }

    /// A datagram on the RTP port, which came at `came`.
    pub(super) fn receive(
        &mut self,
        now: Moment,
        came: Moment,
        from: SocketAddr,
        datagram: &mut [u8],
        out: &mut Actions,
    ) {
        if self.over {
            return;
        }
        if is_rtcp(datagram) && self.params.rtcp_mux {
            return self.receive_rtcp(now, from, datagram);
        }
        let length = match self.srtp.as_mut().map(|srtp| srtp.unprotect(datagram)) {
            Some(length) => self.let_in(length),
            None => datagram.len(),
        };
        let packet = match Packet::parse(datagram.get(..length).unwrap_or_default()) {
            Ok(packet) if !is_rtcp(datagram) => packet,
            _ => {
                self.stats.refused += 1;
                return;
            }
        };
        let header = packet.header;
        let event = self.params.events.iter().find(|event| event.payload_type == header.payload_type).copied();
        let known = event.is_some() || [self.params.payload_type, COMFORT_NOISE].contains(&header.payload_type);
        let verdict = if known { self.latch.judge(now, from, &header) } else { Verdict::Stranger };
        match verdict {
            Verdict::Stranger => {
                self.stats.refused += 1;
                return;
            }
            Verdict::Latched => self.connect(from),
            Verdict::Ours => {}
        }
        self.last_heard = now;
        let sound = event.is_none() && header.payload_type == self.params.payload_type;
        let clock_rate = sound.then(|| self.params.codec.clock_rate());
        let stands_for = match self.sieve.is_on() {
            true => self.reception.receive_sieved(came, &header, clock_rate),
            false => self.reception.receive(came, &header, clock_rate),
        };
        self.stats.packets_received += u64::from(stands_for);
        if sound {
            self.hear(now, came, &packet, out);
        }
        let Some(event) = event else { return };
        let keys = self.heard_keys.event(now, &header, event.clock_rate, packet.payload);
        self.press(now, keys, out);
    }

    fn press(&mut self, now: Moment, keys: impl IntoIterator<Item = Key>, out: &mut Actions) {
        for key in keys {
            self.conduct(now, out, |conductor, out| conductor.key(now, key, out));
        }
    }

    /// How long a packet of an encrypted call is in clear: zero if it is not to be let in.
    fn let_in(&mut self, found: Result<usize, SrtpFault>) -> usize {
        if matches!(found, Err(SrtpFault::Forged | SrtpFault::Malformed)) {
            self.stats.forged += 1;
        }
        found.unwrap_or(0)
    }

    /// From here on the kernel drops what comes from elsewhere, and sending is cheaper. A failure leaves it to us.
    fn connect(&mut self, far_end: SocketAddr) {
        if let Err(error) = self.rtp.connect(far_end) {
            tracing::debug!(%error, "a media socket cannot be connected");
        }
    }

    /// New parameters from a re-INVITE or UPDATE. A new address opens the latch again; the address of nobody, which some
    /// hold a call with (RFC 3264 section 8.4), does not: with it anybody could take the call.
    pub(super) fn update(&mut self, now: Moment, config: &EngineConfig, params: MediaParams) {
        if params.remote != self.latch.signalled() && !params.remote.ip().is_unspecified() {
            self.latch = Latch::new(config.latching, params.remote, now);
            if let Err(error) = rustix::net::connect_unspec(&self.rtp) {
                tracing::debug!(%error, "a media socket cannot be let go of its far end");
            }
        }
        // A far end that may key otherwise from now on, or another one.
        let before = (self.params.in_band_keys, &self.params.events, self.params.remote);
        if (params.in_band_keys, &params.events, params.remote) != before {
            self.heard_keys.far_end_changes(params.in_band_keys);
        }
        if params.send && !self.params.send {
            self.last_heard = now;
        }
        let new_key = match (&mut self.srtp, &params.srtp) {
            (Some(srtp), Some(keys)) => srtp.rekey(keys.clone()),
            (srtp, keys) => {
                *srtp = keys.clone().map(|keys| Box::new(Srtp::new(keys)));
                srtp.is_some()
            }
        };
        if new_key {
            self.begin_stream();
        }
        self.sieve.open(&self.rtp);
        self.voice.change(params.codec);
        let new_codec = params.codec != self.params.codec;
        // What follows may count in another clock.
        self.talking &= !new_codec;
        self.params = params;
        if new_codec || self.listens_otherwise() {
            self.listen();
        }
    }

    /// A new key protects a new stream: so nobody need know how far the old one's sequence numbers had come.
    fn begin_stream(&mut self) {
        self.ssrc = rand::random();
        self.sequence = first_sequence();
        self.reporter = Reporter::new(self.ssrc);
        self.sent_before = (self.stats.packets_sent, self.stats.octets_sent);
        self.talking = false;
    }

    /// What is due by time: the dialogue's timer, the report, the keep-alive, the time-out.
    pub(super) fn timer(&mut self, now: Moment, due: u64, config: &EngineConfig, out: &mut Actions) {
        if self.over {
            return;
        }
        if self.conductor.wake_at().is_some_and(|wake| wake <= now) {
            self.conduct(now, out, |conductor, out| conductor.timeout(now, out));
        }
        self.hear_due(now, out);
        if self.next_report <= now {
            self.next_report = now + REPORT_INTERVAL;
            self.report(now, false);
        }
        if self.keep_alive_at(config).is_some_and(|at| at <= now) {
            self.keep_alive(now, due);
        }
        if self.time_out_at(config).is_some_and(|at| at <= now) {
            self.go_silent(now);
            self.hung_up(now);
            self.tell(MediaEvent::TimedOut);
        }
    }

    /// When [`Call::timer`] wants to be called next.
    pub(super) fn wake_at(&self, config: &EngineConfig) -> Option<Moment> {
        if self.over {
            return None;
        }
        let times = [self.conductor.wake_at(), self.keep_alive_at(config), self.time_out_at(config), self.hears_at()];
        times.into_iter().flatten().chain([self.next_report]).min()
    }

    fn keep_alive_at(&self, config: &EngineConfig) -> Option<Moment> {
        (self.params.send && !self.wants_tick()).then(|| self.last_sent + config.keep_alive)
    }

    fn time_out_at(&self, config: &EngineConfig) -> Option<Moment> {
        self.params.send.then(|| self.last_heard + config.time_out)
    }

    /// One packet of silence, so that NATs and far ends know the stream lives.
    fn keep_alive(&mut self, now: Moment, due: u64) {
        let mut packet = [0; HEADER_LENGTH + 160 + MOST_ADDED];
        let timestamp = self.timestamp_at(due);
        let (header, payload) = packet.split_at_mut(HEADER_LENGTH);
        let after_a_pause = now.since(self.last_sent) >= A_PAUSE;
        header.copy_from_slice(&self.next_header(self.params.payload_type, after_a_pause, timestamp).to_bytes());
        let length = self.voice.silence(20, payload);
        self.send(now, due, &mut packet, HEADER_LENGTH + length);
    }

    /// Closes a key under way, says RTCP's goodbye and sends nothing more.
    fn go_silent(&mut self, now: Moment) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        if let Some(mut keys) = self.keys.take() {
            keys.close().for_each(|step| self.send_key(now, now.as_micros() / 1000, step));
        }
        self.playlist = None;
        // N24 livekit/sip#701
        self.heard_keys.listen_for_tones(false);
        self.report(now, true);
    }

    fn hung_up(&mut self, now: Moment) {
        let conductor = self.conductor.as_mut();
        if catch_unwind(AssertUnwindSafe(|| conductor.hung_up(now))).is_err() {
            tracing::error!("a call's conductor panicked at its end");
        }
    }

    /// Ends the call, tells its conductor and owner, and frees its ports.
    pub(super) fn end(mut self, now: Moment) {
        if !self.over {
            self.go_silent(now);
            self.hung_up(now);
        }
        self.stats.keys = self.heard_keys.counts();
        self.stats.lost = self.reception.lost();
        self.stats.jitter = self.reception.jitter();
        let Call { rtp, rtcp, reservation, stats, mut on_event, .. } = self;
        drop((rtp, rtcp));
        drop(reservation);
        let _ = catch_unwind(AssertUnwindSafe(|| on_event(MediaEvent::Ended(stats))));
    }
}

/// Below half of all sequence numbers: SRTP's count of their wraps cannot then be mistaken at the beginning.
fn first_sequence() -> u16 {
    rand::random::<u16>() & 0x7FFF
}

/// To an address of this host itself, or of many, nothing is sent: nobody who calls is there.
fn is_somebody(to: SocketAddr) -> bool {
    !to.ip().is_unspecified() && !to.ip().is_multicast()
}

/// Whether an error is an ICMP message about an earlier packet.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable)
}
