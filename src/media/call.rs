//! One call in its worker: its sockets, what it plays, what it has heard.

mod hearing;
mod reports;
mod sending;

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mio::net::UdpSocket;

use crate::facts::{Key, Moment};
use crate::rtp::is_rtcp;
use crate::rtp::srtp::{Srtp, SrtpFault};
use crate::rtp::{JitterBuffer, KeySender, KeyStep, Packet, Reception, Reporter};

use super::engine::{EngineConfig, Reservation};
use super::keys::HeardKeys;
use super::latch::{Latch, Verdict};
use super::ports::Pair;
use super::sieve::Sieve;
use super::{Action, Actions, Conductor, MediaParams, MediaStats};
pub(super) use sending::Room;
use sending::{Sending, is_somebody};

/// The longest payload: 120 ms of G.711.
pub(super) const LONGEST_PAYLOAD: usize = 960;
/// Between two RTCP reports (RFC 3550 section 6.2).
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// Playlists that may end at one tick: more than one only if they are empty.
const PLAYLISTS_A_TICK: usize = 4;
/// Comfort noise (RFC 3389), which some phones send unasked when the caller is silent.
const COMFORT_NOISE: u8 = 13;
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

/// What a tick came to.
pub(super) struct Ticked {
    /// Milliseconds to the next packet, if there will be one.
    pub(super) next: Option<u64>,
    /// The conductor has been called, so its timer may have changed. Told here so that a packet touches nothing else.
    pub(super) conducted: bool,
}

/// One call.
pub(super) struct Call {
    // The sockets close before the reservation gives their ports back.
    pub(super) sending: Sending,
    pub(super) rtcp: UdpSocket,
    pub(super) reservation: Reservation,
    params: MediaParams,
    conductor: Box<dyn Conductor>,
    on_event: OnEvent,
    latch: Latch,
    /// The conductor has been called, so its timer may have changed.
    conducted: bool,
    /// Neither sends nor listens any more.
    over: bool,
    heard_keys: HeardKeys,
    sound: Option<Box<JitterBuffer>>,
    sieve: Sieve,
    reception: Reception,
    reporter: Reporter,
    /// The packets sent when the last report was.
    reported: u64,
    next_report: Moment,
    last_heard: Moment,
    stats: MediaStats,
}

impl Call {
    pub(super) fn new(
        now: Moment,
        config: &EngineConfig,
        pair: Pair,
        reservation: Reservation,
        params: MediaParams,
        conductor: Box<dyn Conductor>,
        on_event: OnEvent,
    ) -> Call {
        let sending = Sending::new(now, pair.rtp, &params);
        let ssrc = sending.ssrc();
        let mut heard_keys = HeardKeys::default();
        heard_keys.listen_for_tones(params.in_band_keys);
        let mut call = Call {
            sending,
            rtcp: pair.rtcp,
            reservation,
            latch: Latch::new(config.latching, params.remote, now),
            params,
            conductor,
            on_event,
            conducted: true,
            over: false,
            heard_keys,
            sound: None,
            sieve: Sieve::Off(0, now),
            reception: Reception::default(),
            reporter: Reporter::new(ssrc),
            reported: 0,
            // Calls that began together do not report together.
            next_report: now + REPORT_INTERVAL / 2 + Duration::from_millis(u64::from(ssrc % 2500)),
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
                Action::Play(playlist) => self.sending.play(playlist),
                Action::Stop => self.sending.stop(),
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
        let frame = u32::from(self.sending.ptime()) * clock_rate / 1000;
        match &mut self.sending.keys {
            Some(keys) => keys.append(plan),
            none => *none = Some(Box::new(KeySender::new(plan, clock_rate, frame))),
        }
    }

    fn tell(&mut self, event: MediaEvent) {
        let on_event = &mut self.on_event;
        if catch_unwind(AssertUnwindSafe(|| on_event(event))).is_err() {
            tracing::error!("a call's owner panicked at its {event:?}");
        }
    }

    /// Whether the conductor has been called since this was last asked.
    pub(super) fn was_conducted(&mut self) -> bool {
        std::mem::take(&mut self.conducted)
    }

    /// Sends the packet due at millisecond `due` of the engine's time line, if there is one.
    pub(super) fn tick(&mut self, now: Moment, due: u64, room: &mut Room, out: &mut Actions) -> Ticked {
        self.sending.turn(due);
        let mut conducted = false;
        for _ in 0..PLAYLISTS_A_TICK {
            if !self.sending.wants_tick() {
                break;
            }
            let (sent, keys_done) = self.tick_keys(now, due, out);
            conducted |= keys_done;
            if sent || self.sending.send_sound(now, due, room) {
                break;
            }
            // Between two keys, or at a playlist's end.
            if !self.sending.end_playlist() {
                self.sending.pause();
                break;
            }
            conducted = true;
            self.conduct(now, out, |conductor, out| conductor.played(now, out));
        }
        // What has begun meanwhile is in its place already.
        self.sending.begins();
        let again = self.sending.wants_tick();
        if !again {
            self.sending.pause();
        }
        Ticked { next: again.then_some(self.sending.ptime().into()), conducted }
    }

    /// Sends a packet of the keys being sent, if one is due: it takes the sound's place. Whether it did, and whether all have been
    /// sent.
    fn tick_keys(&mut self, now: Moment, due: u64, out: &mut Actions) -> (bool, bool) {
        let timestamp = self.sending.timestamp_at(due);
        let Some(keys) = &mut self.sending.keys else { return (false, false) };
        let step = keys.tick(timestamp);
        match step {
            KeyStep::Packet { .. } => {
                self.send_key(now, due, step);
                (true, false)
            }
            KeyStep::Quiet => (false, false),
            KeyStep::Done => {
                self.sending.keys = None;
                self.conduct(now, out, |conductor, out| conductor.keys_sent(now, out));
                (false, true)
            }
        }
    }

    fn send_key(&mut self, now: Moment, due: u64, step: KeyStep) {
        let KeyStep::Packet { marker, timestamp, payload } = step else { return };
        let clock_rate = self.params.codec.clock_rate();
        let Some(event) = self.params.events.iter().find(|event| event.clock_rate == clock_rate) else { return };
        self.sending.send_event(now, due, (event.payload_type, marker, timestamp), payload);
    }

    /// A datagram on the RTP port.
    pub(super) fn receive(&mut self, now: Moment, from: SocketAddr, datagram: &mut [u8], out: &mut Actions) {
        if self.over {
            return;
        }
        if is_rtcp(datagram) && self.params.rtcp_mux {
            return self.receive_rtcp(now, from, datagram);
        }
        let length = match self.sending.srtp.as_mut().map(|srtp| srtp.unprotect(datagram)) {
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
            Verdict::Latched => self.sending.connect(from),
            Verdict::Ours => {}
        }
        self.last_heard = now;
        let sound = event.is_none() && header.payload_type == self.params.payload_type;
        let clock_rate = sound.then(|| self.params.codec.clock_rate());
        let stands_for = match self.sieve.is_on() {
            true => self.reception.receive_sieved(now, &header, clock_rate),
            false => self.reception.receive(now, &header, clock_rate),
        };
        self.stats.packets_received += u64::from(stands_for);
        if sound {
            self.hear(now, &packet, out);
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

    /// New parameters from a re-INVITE or UPDATE. A new address opens the latch again; the address of nobody, which some
    /// hold a call with (RFC 3264 section 8.4), does not: with it anybody could take the call.
    pub(super) fn update(&mut self, now: Moment, config: &EngineConfig, params: MediaParams) {
        if params.remote != self.latch.signalled() && !params.remote.ip().is_unspecified() {
            self.latch = Latch::new(config.latching, params.remote, now);
            self.sending.turn_to(params.remote);
        }
        // A far end that may key otherwise from now on, or another one.
        let before = (self.params.in_band_keys, &self.params.events, self.params.remote);
        if (params.in_band_keys, &params.events, params.remote) != before {
            self.heard_keys.far_end_changes(params.in_band_keys);
        }
        if params.send && !self.params.send {
            self.last_heard = now;
        }
        let new_key = match (&mut self.sending.srtp, &params.srtp) {
            (Some(srtp), Some(keys)) => srtp.rekey(keys.clone()),
            (srtp, keys) => {
                *srtp = keys.clone().map(|keys| Box::new(Srtp::new(keys)));
                srtp.is_some()
            }
        };
        if new_key {
            self.sending.begin_stream();
            self.reporter = Reporter::new(self.sending.ssrc());
        }
        self.sieve.open(self.sending.line.ear());
        let new_codec = params.codec != self.params.codec;
        if !self.over {
            self.sending.agree(&params);
        }
        self.params = params;
        if new_codec || self.listens_otherwise() {
            self.listen();
        }
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
            // So that NATs and far ends know the stream lives.
            let after_a_pause = now.since(self.sending.last_sent()) >= A_PAUSE;
            self.sending.send_silence(now, due, after_a_pause);
        }
        if self.sieve_doubted_at(config).is_some_and(|at| at <= now) {
            self.sieve.open(self.sending.line.ear());
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
        let times = [
            self.conductor.wake_at(),
            self.keep_alive_at(config),
            self.time_out_at(config),
            self.sieve_doubted_at(config),
            self.hears_at(),
        ];
        times.into_iter().flatten().chain([self.next_report]).min()
    }

    fn keep_alive_at(&self, config: &EngineConfig) -> Option<Moment> {
        (self.params.send && !self.sending.wants_tick()).then(|| self.sending.last_sent() + config.keep_alive)
    }

    fn sieve_doubted_at(&self, config: &EngineConfig) -> Option<Moment> {
        self.sieve.doubted_at(self.last_heard, config.time_out)
    }

    fn time_out_at(&self, config: &EngineConfig) -> Option<Moment> {
        self.params.send.then(|| self.last_heard + config.time_out)
    }

    /// Closes a key under way, says RTCP's goodbye and sends nothing more.
    fn go_silent(&mut self, now: Moment) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        if let Some(mut keys) = self.sending.keys.take() {
            keys.close().for_each(|step| self.send_key(now, now.as_micros() / 1000, step));
        }
        self.sending.end();
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
        self.sending.tell(&mut self.stats);
        self.stats.keys = self.heard_keys.counts();
        self.stats.lost = self.reception.lost();
        self.stats.jitter = self.reception.jitter();
        let Call { sending, rtcp, reservation, stats, mut on_event, .. } = self;
        drop((sending, rtcp));
        drop(reservation);
        let _ = catch_unwind(AssertUnwindSafe(|| on_event(MediaEvent::Ended(stats))));
    }
}

/// Whether an error is an ICMP message about an earlier packet.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable)
}
