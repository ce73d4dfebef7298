//! The load maker: one thread that dials, holds and hears thousands of calls.
//!
//! ```text
//!   a turn, every half millisecond:
//!     SIP that came → timers → calls dialled or hung up, as many as are asked for → SIP to send
//!     → sound that came → sound and keys that are due
//! ```

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use super::caller::{Caller, Event, Line};
use super::datagrams::Inlet;
use super::spread::Spread;
use super::streams::{PACKET, Streams};
use super::usage::dropped;
use crate::facts::{Key, Moment};
use crate::rtp::Header;

/// Sockets that all calls' sound comes to.
const INLETS: usize = 32;
/// The longest SIP message that is read whole.
const MESSAGE: usize = 4096;
const TURN: Duration = Duration::from_micros(500);
/// New calls of one turn, so that a maker that was held up does not make up for it at once.
const DIALS_A_TURN: u64 = 50;
/// Calls that are being set up at once at most; beyond, the far side is behind, and no more are dialled.
const MOST_DIALLED: usize = 20_000;
/// How often a silent far end sends a packet all the same, as telephones that suppress silence do: a far end of which
/// nothing at all comes is hung up on.
const SIGN_OF_LIFE: u64 = 10_000;
/// Milliseconds between packets of sound.
const FRAME: u64 = 20;
/// Packets of a key: five while it is down and three that say its end.
const KEY_PACKETS: u8 = 8;
const SILENCE: u8 = 0xFF;

/// What the far ends send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FarEnd {
    /// A packet every ten seconds.
    Silent,
    /// 50 packets a second.
    Sound,
}

/// The calls that are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aim {
    /// So many at once.
    pub(super) calls: usize,
    /// At most so many dialled a second.
    pub(super) rate: f64,
}

pub(super) struct Maker {
    sip: Inlet,
    /// Whom to dial, in turn.
    to: Vec<SocketAddr>,
    caller: Caller,
    inlets: Vec<Inlet>,
    pub(super) streams: Streams,
    began: Duration,
    aim: Aim,
    /// Since when calls are dialled at the rate that is aimed for, and how many were.
    pace: (Duration, u64),
    calls: HashMap<u32, Sending>,
    up: VecDeque<u32>,
    ring: Vec<Vec<u32>>,
    turned_to: u64,
    keys: BinaryHeap<Reverse<(Duration, u32, u8, u8)>>,
    pub(super) counts: Counts,
}

/// What became of the calls.
pub(super) struct Counts {
    pub(super) dialled: u64,
    pub(super) answered: u64,
    pub(super) ended: u64,
    /// Of those, the ones that the far side ended.
    pub(super) hung_up_on: u64,
    pub(super) failed: BTreeMap<String, u64>,
    /// From INVITE to 200.
    pub(super) answering: Spread,
}

impl Counts {
    pub(super) fn new() -> Counts {
        Counts { dialled: 0, answered: 0, ended: 0, hung_up_on: 0, failed: BTreeMap::new(), answering: Spread::new() }
    }

    fn fail(&mut self, why: String) {
        *self.failed.entry(why).or_default() += 1;
    }
}

/// A call's own sound.
struct Sending {
    inlet: usize,
    sequence: u16,
    /// When the latest key went down, in the stream's clock.
    pressed: Option<u32>,
}

impl Maker {
    /// For calls to SIP URIs, each in its turn, from this machine's address on the way there.
    ///
    /// # Errors
    /// A URI's host is not known; sockets cannot be had.
    pub(super) fn new(uris: &[String], far_end: FarEnd) -> std::io::Result<Maker> {
        let to: Vec<_> = uris.iter().map(|uri| host(uri)).collect::<Result<_, _>>()?;
        let first = to.first().copied().ok_or(std::io::ErrorKind::InvalidInput)?;
        let local = way_to(first)?;
        let sip = Inlet::open(local, MESSAGE)?;
        let inlets = (0..INLETS).map(|_| Inlet::open(local, PACKET)).collect::<Result<_, _>>()?;
        let began = now();
        let line = Line { uris: uris.to_vec(), local: sip.address, run: rand::random() };
        let period = if far_end == FarEnd::Sound { FRAME } else { SIGN_OF_LIFE };
        Ok(Maker {
            sip,
            to,
            caller: Caller::new(line),
            inlets,
            streams: Streams::new(),
            began,
            aim: Aim { calls: 0, rate: 0.0 },
            pace: (began, 0),
            calls: HashMap::new(),
            up: VecDeque::new(),
            ring: (0..period).map(|_| Vec::new()).collect(),
            turned_to: 0,
            keys: BinaryHeap::new(),
            counts: Counts::new(),
        })
    }

    /// Where sound is to be sent to be heard by this maker.
    pub(super) fn inlets(&self) -> Vec<SocketAddr> {
        self.inlets.iter().map(|inlet| inlet.address).collect()
    }

    /// Datagrams that came and found their socket full.
    pub(super) fn dropped(&self) -> u64 {
        let ports: Vec<u16> = self.inlets.iter().chain([&self.sip]).map(|inlet| inlet.address.port()).collect();
        dropped(&ports)
    }

    /// Requests that were sent again because no answer came.
    pub(super) fn sent_again(&self) -> u64 {
        self.caller.again
    }

    /// Calls that are up.
    pub(super) fn up(&self) -> usize {
        self.up.len()
    }

    /// Whether no call is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.caller.count() == 0
    }

    /// Whether just as many calls are up as are asked for.
    pub(super) fn is_settled(&self) -> bool {
        self.up.len() == self.aim.calls && self.caller.count() == self.up.len()
    }

    pub(super) fn aim(&mut self, aim: Aim) {
        self.aim = aim;
        self.pace = (now(), 0);
    }

    /// Turns until `until` says so or the time has passed. Whether it said so.
    pub(super) fn run(
        &mut self,
        time: Duration,
        mut until: impl FnMut(&mut Maker, Duration) -> bool,
    ) -> std::io::Result<bool> {
        let began = now();
        loop {
            let turn = now();
            self.turn(turn)?;
            if until(self, turn) {
                return Ok(true);
            }
            if turn.saturating_sub(began) >= time {
                return Ok(false);
            }
            rest(TURN.saturating_sub(now().saturating_sub(turn)));
        }
    }

    fn turn(&mut self, now: Duration) -> std::io::Result<()> {
        let (caller, began) = (&mut self.caller, self.began);
        self.sip.drain(|came, _, datagram| caller.receive(moment(began, came), datagram))?;
        caller.timeout(moment(began, now));
        while let Some(event) = self.caller.poll_event() {
            self.happened(now, event);
        }
        self.follow_aim(now);
        while let Some((call, datagram)) = self.caller.poll_outgoing() {
            if let Some(to) = self.to.get(call as usize % self.to.len().max(1)) {
                // What cannot be sent now is sent again by its timer.
                let _ = self.sip.socket.send_to(&datagram, to);
            }
        }
        let streams = &mut self.streams;
        for inlet in &mut self.inlets {
            inlet.drain(|came, from, datagram| streams.receive(came, from, datagram))?;
        }
        self.send_sound(now);
        self.send_keys(now);
        Ok(())
    }

    fn follow_aim(&mut self, now: Duration) {
        let Aim { calls, rate } = self.aim;
        let (since, dialled) = self.pace;
        let due = (now.saturating_sub(since).as_secs_f64() * rate) as u64;
        let behind = due.saturating_sub(dialled).min(DIALS_A_TURN);
        let room = calls
            .saturating_sub(self.caller.count())
            .min(MOST_DIALLED.saturating_sub(self.calls.len() - self.up.len()));
        for _ in 0..behind.min(room as u64) {
            let inlet = self.counts.dialled as usize % INLETS;
            let Some(sound) = self.inlets.get(inlet).map(|inlet| inlet.address) else { continue };
            let call = self.caller.dial(moment(self.began, now), sound);
            self.calls.insert(call, Sending { inlet, sequence: 0, pressed: None });
            self.counts.dialled += 1;
        }
        // What could not be dialled in time is not made up for later.
        self.pace.1 = due;
        let hang_ups = if due > dialled { self.up.len().saturating_sub(calls).min(behind as usize) } else { 0 };
        for _ in 0..hang_ups {
            let Some(call) = self.up.pop_front() else { break };
            self.caller.hang_up(moment(self.began, now), call);
            self.streams.end(call);
            self.calls.remove(&call);
        }
    }

    fn happened(&mut self, now: Duration, event: Event) {
        match event {
            Event::Answered { call, media, after } => {
                self.counts.answered += 1;
                self.counts.answering.record(after);
                let Some(media) = media else {
                    self.counts.fail("answered without sound".into());
                    return;
                };
                self.streams.begin(call, media);
                self.up.push_back(call);
                // So that the far side knows where its caller is.
                self.send(now, call, 0, &[SILENCE; 160]);
                let slot = (self.turned_to + u64::from(call)) % self.ring.len().max(1) as u64;
                if let Some(slot) = self.ring.get_mut(slot as usize) {
                    slot.push(call);
                }
            }
            Event::Ended { call, by_far_side, well } => {
                self.counts.ended += 1;
                self.counts.hung_up_on += u64::from(by_far_side);
                if !well {
                    self.counts.fail("BYE not answered".into());
                }
                self.forget(call);
            }
            Event::Failed { call, status } => {
                self.counts.fail(status.map_or_else(|| "no answer".into(), |status| status.to_string()));
                self.forget(call);
            }
        }
    }

    fn forget(&mut self, call: u32) {
        self.streams.end(call);
        if self.calls.remove(&call).is_some()
            && let Some(place) = self.up.iter().position(|up| *up == call)
        {
            self.up.remove(place);
        }
    }

    /// Each millisecond has its calls, so that sound is spread evenly.
    fn send_sound(&mut self, now: Duration) {
        let until = now.saturating_sub(self.began).as_millis() as u64;
        let period = self.ring.len().max(1) as u64;
        // A maker that was held up for longer leaves out what it missed.
        self.turned_to = self.turned_to.max(until.saturating_sub(FRAME));
        while self.turned_to < until {
            let slot = (self.turned_to % period) as usize;
            self.turned_to += 1;
            let mut calls = self.ring.get_mut(slot).map(std::mem::take).unwrap_or_default();
            calls.retain(|call| self.calls.contains_key(call));
            calls.iter().for_each(|call| self.send(now, *call, 0, &[SILENCE; 160]));
            if let Some(slot) = self.ring.get_mut(slot) {
                *slot = calls;
            }
        }
    }

    /// Presses a key in the call that has been up the longest without one. Its sound is expected to begin anew.
    pub(super) fn press(&mut self, now: Duration, key: Key) {
        let Some(call) = self.up.pop_front() else { return };
        self.up.push_back(call);
        if !self.streams.pressed(call, now) {
            return;
        }
        self.key_down(now, call, key);
    }

    /// Presses a key in every call that has had none yet, one each half millisecond, without expecting anything of it.
    pub(super) fn press_first(&mut self, now: Duration, key: Key) {
        let untouched = |call: &u32| self.calls.get(call).is_some_and(|sending| sending.pressed.is_none());
        let calls: Vec<u32> = self.up.iter().copied().filter(untouched).collect();
        for (place, call) in calls.into_iter().enumerate() {
            self.key_down(now + Duration::from_micros(place as u64 * 500), call, key);
        }
    }

    fn key_down(&mut self, now: Duration, call: u32, key: Key) {
        let clock = self.clock(now);
        if let Some(sending) = self.calls.get_mut(&call) {
            sending.pressed = Some(clock);
            self.keys.push(Reverse((now, call, key.event(), 0)));
        }
    }

    fn send_keys(&mut self, now: Duration) {
        while let Some(Reverse((due, call, event, step))) = self.keys.peek().copied() {
            if due > now {
                return;
            }
            self.keys.pop();
            let end = step + 3 >= KEY_PACKETS;
            let duration = 160 * u16::from(step.min(KEY_PACKETS - 3) + 1);
            let [high, low] = duration.to_be_bytes();
            self.send(
                now,
                call,
                if step == 0 { 0x80 | 101 } else { 101 },
                &[event, if end { 0x8A } else { 0x0A }, high, low],
            );
            if step + 1 < KEY_PACKETS {
                self.keys.push(Reverse((due + Duration::from_millis(FRAME), call, event, step + 1)));
            }
        }
    }

    /// A packet from a call's far end; the high bit of `kind` is the marker.
    fn send(&mut self, now: Duration, call: u32, kind: u8, payload: &[u8]) {
        let clock = self.clock(now);
        let (Some(sending), Some(to)) = (self.calls.get_mut(&call), self.streams.address(call)) else { return };
        sending.sequence = sending.sequence.wrapping_add(1);
        let (payload_type, marker) = (kind & 0x7F, kind & 0x80 != 0);
        let timestamp = sending.pressed.filter(|_| payload_type != 0).unwrap_or(clock);
        let header = Header { payload_type, marker, sequence: sending.sequence, timestamp, ssrc: call };
        let mut packet = [0; PACKET];
        let parts = header.to_bytes().into_iter().chain(payload.iter().copied());
        packet.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        let packet = packet.get(..12 + payload.len()).unwrap_or_default();
        if let Some(inlet) = self.inlets.get(sending.inlet) {
            let _ = inlet.socket.send_to(packet, to);
        }
    }

    fn clock(&self, now: Duration) -> u32 {
        (now.saturating_sub(self.began).as_micros() / 125) as u32
    }
}

/// Time since 1970, as the kernel stamps datagrams.
pub(super) fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_REALTIME).map_or(Duration::ZERO, Duration::from)
}

/// Processor time of this thread.
pub(super) fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

fn moment(began: Duration, now: Duration) -> Moment {
    Moment::from_micros(now.saturating_sub(began).as_micros() as u64)
}

#[allow(clippy::disallowed_methods, reason = "a load maker keeps time")]
pub(super) fn rest(time: Duration) {
    if !time.is_zero() {
        std::thread::sleep(time);
    }
}

/// The address of a URI's host: `sip:user@host:port;params`.
fn host(uri: &str) -> std::io::Result<SocketAddr> {
    let fault = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidInput, format!("{uri}: {what}"));
    let rest = uri.strip_prefix("sip:").ok_or_else(|| fault("is no sip: URI"))?;
    let host = rest.split([';', '?']).next().unwrap_or(rest);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let has_port =
        host.rsplit_once(':').is_some_and(|(before, port)| port.parse::<u16>().is_ok() && !before.ends_with(':'));
    let named = if has_port { host.to_owned() } else { format!("{host}:5060") };
    let found = named.to_socket_addrs().map_err(|error| fault(&error.to_string()));
    found?.next().ok_or_else(|| fault("has no address"))
}

/// The address of this machine that packets there leave from.
fn way_to(to: SocketAddr) -> std::io::Result<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { [0, 0, 0, 0].into() } else { [0_u16; 8].into() };
    let probe = std::net::UdpSocket::bind((any, 0))?;
    probe.connect(to)?;
    Ok(probe.local_addr()?.ip())
}
