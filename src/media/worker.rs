//! A worker: one thread, one poll, a slab of calls.
//!
//! ```text
//!   loop:  packets due (pacing wheel), at most 512 → timers due → mailbox → sleep in poll until the next → sockets
//!
//!   pacing, one turn of 20 ms:   |0 ms: calls 3, 17 |1 ms: 8 |2 ms: 5, 21 | …     new calls go where fewest are
//! ```

use std::any::Any;
use std::io::ErrorKind;
use std::time::Duration;

use arrayvec::ArrayVec;
use crossbeam_channel::Receiver;
use mio::{Events, Interest, Poll, Token};

use crate::facts::{Key, Moment};

use super::call::{Call, Room, Ticked, is_refusal};
use super::clock::Clock;
use super::engine::{EngineConfig, Reservation};
use super::phases::{Phases, SOON};
use super::ports::Pair;
use super::wheel::Wheel;
use super::{Actions, Conductor, MediaParams, OnEvent};

/// The poll's name for the mailbox.
pub(super) const MAILBOX: Token = Token(usize::MAX);
/// A turn of the pacing wheel: longer than the longest packet and a phase.
const PACING_TURN: usize = 256;
/// A turn of the timer wheel: longer than the RTCP interval.
const TIMER_TURN: usize = 8192;
/// Datagrams of one socket before others have their turn.
const DATAGRAMS_A_TURN: usize = 64;
/// Commands before packets have their turn.
const COMMANDS_A_TURN: usize = 256;
/// Packets sent before the clock is asked again.
const PACKETS_A_LOOK: usize = 16;
/// Looks before timers, commands and keys have their turn: about a millisecond. Who stood still for 50 ms has thousands of packets to
/// catch up with, and a caller who presses a key meanwhile does not wait for all of them.
const LOOKS_A_TURN: usize = 32;
/// A packet later than this is not caught up with: the stream goes on from now.
const LATEST: u64 = 100;
/// A part of a turn that takes longer than this is told of.
const LONG_PART: Duration = Duration::from_millis(3);
/// The largest datagram that is read; RTP of G.711 is far smaller.
const DATAGRAM: usize = 2048;

/// What a worker is asked to do. `call` is a slot, `id` the reservation's, so that a late message misses.
pub(super) enum Command {
    Begin {
        pair: Pair,
        reservation: Reservation,
        params: MediaParams,
        conductor: Box<dyn Conductor>,
        on_event: OnEvent,
    },
    Update {
        call: u32,
        id: u64,
        params: MediaParams,
    },
    Message {
        call: u32,
        id: u64,
        message: Box<dyn Any + Send>,
    },
    Key {
        call: u32,
        id: u64,
        key: Key,
    },
    End {
        call: u32,
        id: u64,
    },
    Stop,
}

pub(super) struct Worker {
    config: EngineConfig,
    clock: Clock,
    poll: Poll,
    mailbox: Receiver<Command>,
    calls: Vec<Option<Box<Slot>>>,
    pacing: Wheel,
    timers: Wheel,
    /// Calls in each phase.
    phases: Phases,
    /// Sockets that have more to read.
    unread: Vec<Token>,
    room: Room,
    actions: Actions,
}

struct Slot {
    id: u64,
    phase: Option<usize>,
    call: Call,
}

impl Worker {
    pub(super) fn new(
        config: EngineConfig,
        clock: Clock,
        poll: Poll,
        mailbox: Receiver<Command>,
        most_calls: usize,
    ) -> Worker {
        Worker {
            config,
            clock,
            poll,
            mailbox,
            calls: Vec::new(),
            pacing: Wheel::new(PACING_TURN, most_calls),
            timers: Wheel::new(TIMER_TURN, most_calls),
            phases: Phases::default(),
            unread: Vec::new(),
            room: Room::new(),
            actions: Actions::new(),
        }
    }

    /// Runs until it is told to stop, then ends every call.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        loop {
            let begun = self.clock.now();
            let behind = self.send_due();
            let sent = self.clock.now();
            self.fire_due();
            let fired = self.clock.now();
            let Some(more) = self.read_mailbox() else { break };
            self.tell_if_long(&[
                ("packets", begun, sent),
                ("timers", sent, fired),
                ("mailbox", fired, self.clock.now()),
            ]);
            let at_once = behind || more || !self.unread.is_empty();
            let wait = if at_once { Some(Duration::ZERO) } else { self.time_to_next() };
            if let Err(error) = self.poll.poll(&mut events, wait)
                && error.kind() != ErrorKind::Interrupted
            {
                tracing::error!(%error, "the media engine cannot wait for its sockets");
                break;
            }
            let mut ready = std::mem::take(&mut self.unread);
            ready.extend(events.iter().map(|event| event.token()).filter(|token| *token != MAILBOX));
            // One that is both unread and ready anew has its turn once, so that the list cannot grow.
            ready.sort_unstable();
            ready.dedup();
            let woken = self.clock.now();
            ready.iter().for_each(|token| self.read(*token));
            self.tell_if_long(&[("sockets", woken, self.clock.now())]);
        }
        let now = self.clock.now();
        let calls = std::mem::take(&mut self.calls);
        calls.into_iter().flatten().for_each(|slot| slot.call.end(now));
    }

    /// Where the time went when sound may have been late.
    fn tell_if_long(&self, parts: &[(&str, Moment, Moment)]) {
        for (part, begun, ended) in parts {
            let took = ended.since(*begun);
            if took > LONG_PART {
                let calls = self.phases.calls();
                tracing::debug!(part, ms = took.as_millis(), calls, "a media worker was held up");
            }
        }
    }

    /// Sends the packets that are due, the longest due first, or a turn's worth of them. Whether there are more.
    fn send_due(&mut self) -> bool {
        let until = millisecond(self.clock.now());
        for _ in 0..LOOKS_A_TURN {
            let due: ArrayVec<_, PACKETS_A_LOOK> = self.pacing.take(until);
            let slots = due.iter().filter_map(|(call, _)| self.calls.get(*call as usize)?.as_ref());
            slots.for_each(|slot| slot.call.sending.warm());
            let now = self.clock.now();
            due.iter().for_each(|(call, due)| self.tick(now, *call, *due, until));
            if due.len() < PACKETS_A_LOOK {
                return false;
            }
        }
        true
    }

    /// Sends a call's packet, and sets the next.
    fn tick(&mut self, now: Moment, call: u32, due: u64, until: u64) {
        let Some(Some(slot)) = self.calls.get_mut(call as usize) else { return };
        let Ticked { next, conducted } = slot.call.tick(now, due, &mut self.room, &mut self.actions);
        if let Some(step) = next {
            let late = until.saturating_sub(due + step);
            let skipped = if late > LATEST { late.div_ceil(step) * step } else { 0 };
            self.pacing.set(call, due + step + skipped);
        }
        // Sound that ended may have changed the dialogue's timers.
        if conducted || next.is_none() {
            slot.call.was_conducted();
            self.arm(call, now);
        }
    }

    fn fire_due(&mut self) {
        let now = self.clock.now();
        let until = millisecond(now);
        loop {
            let due: ArrayVec<_, PACKETS_A_LOOK> = self.timers.take(until);
            for (call, _) in &due {
                let Some(Some(slot)) = self.calls.get_mut(*call as usize) else { continue };
                slot.call.timer(now, until, &self.config, &mut self.actions);
                self.arm(*call, now);
            }
            if due.is_empty() {
                break;
            }
        }
    }

    /// Sets a call's timer, and its pacing if it has begun or ceased to have something to send.
    fn arm(&mut self, call: u32, now: Moment) {
        let Some(Some(slot)) = self.calls.get_mut(call as usize) else { return };
        let (wants_tick, begins) = (slot.call.sending.wants_tick(), slot.call.sending.begins());
        match self.pacing.due(call) {
            due if wants_tick && (begins || due.is_none()) => self.begin_sound(call, now, due),
            Some(_) if !wants_tick => {
                self.pacing.clear(call);
                slot.call.sending.pause();
            }
            _ => {}
        }
        let Some(Some(slot)) = self.calls.get(call as usize) else { return };
        let this = millisecond(now);
        match slot.call.wake_at(&self.config) {
            // Rounded up, and never this millisecond again: a timer that is always due does not stop the rest.
            Some(wake) => {
                let due = wake.as_micros().div_ceil(1000).max(this + 1);
                if self.timers.due(call) != Some(due) {
                    self.timers.set(call, due);
                }
            }
            None => self.timers.clear(call),
        }
    }

    /// A stretch of sound begins, at once or a little later where fewer calls send. Whoever is behind with other calls' packets sends
    /// its first before them, so that the caller who pressed a key does not wait for all of them.
    fn begin_sound(&mut self, call: u32, now: Moment, due: Option<u64>) {
        let Some(Some(slot)) = self.calls.get_mut(call as usize) else { return };
        let this = millisecond(now);
        let earliest = slot.call.sending.earliest(this);
        let due = due.filter(|due| *due <= earliest + SOON);
        let due = due.unwrap_or_else(|| self.phases.enter(&mut slot.phase, this, earliest));
        if self.pacing.next_slot().is_some_and(|next| next + SOON < this) {
            self.tick(now, call, due, this);
        } else {
            self.pacing.set(call, due);
        }
    }

    /// How long until a packet or timer is due; nothing if none will ever be.
    fn time_to_next(&self) -> Option<Duration> {
        let next = [self.pacing.next_slot(), self.timers.next_slot()].into_iter().flatten().min()?;
        Some(Moment::from_micros(next * 1000).since(self.clock.now()))
    }

    /// Carries out what was asked. Whether there is more; nothing if the engine stops.
    fn read_mailbox(&mut self) -> Option<bool> {
        for _ in 0..COMMANDS_A_TURN {
            let Ok(command) = self.mailbox.try_recv() else { return Some(false) };
            let now = self.clock.now();
            match command {
                Command::Begin { pair, reservation, params, conductor, on_event } => {
                    let call = Call::new(now, &self.config, pair, reservation, params, conductor, on_event);
                    self.begin(now, call);
                }
                Command::Update { call, id, params } => self.update(now, call, id, params),
                Command::Message { call, id, message } => self.message(now, call, id, message),
                Command::Key { call, id, key } => self.key(now, call, id, key),
                Command::End { call, id } => self.end(now, call, id),
                Command::Stop => return None,
            }
        }
        Some(true)
    }

    fn begin(&mut self, now: Moment, mut call: Call) {
        let (place, id) = (call.reservation.slot(), call.reservation.id());
        let token = place as usize * 2;
        let registry = self.poll.registry();
        let registered = registry
            .register(call.sending.line.inward(), Token(token), Interest::READABLE)
            .and_then(|()| registry.register(&mut call.rtcp, Token(token + 1), Interest::READABLE));
        if let Err(error) = registered {
            tracing::error!(%error, "a media socket cannot be watched; its call is ended");
            call.end(now);
            return;
        }
        if self.calls.len() <= place as usize {
            self.calls.resize_with(place as usize + 1, || None);
        }
        call.conduct(now, &mut self.actions, |conductor, out| conductor.start(now, out));
        if let Some(free) = self.calls.get_mut(place as usize) {
            *free = Some(Box::new(Slot { id, phase: None, call }));
        }
        self.arm(place, now);
        // What came before the sockets were watched.
        self.unread.extend([Token(token), Token(token + 1)]);
    }

    fn update(&mut self, now: Moment, call: u32, id: u64, params: MediaParams) {
        let Some(Some(slot)) = self.calls.get_mut(call as usize) else { return };
        if slot.id == id {
            slot.call.reservation.message_read();
            slot.call.update(now, &self.config, params);
            self.arm(call, now);
        }
    }

    fn message(&mut self, now: Moment, call: u32, id: u64, message: Box<dyn Any + Send>) {
        let Some(Some(slot)) = self.calls.get_mut(call as usize) else { return };
        if slot.id == id {
            slot.call.reservation.message_read();
            slot.call.conduct(now, &mut self.actions, |conductor, out| conductor.message(now, message, out));
            self.arm(call, now);
        }
    }

    fn key(&mut self, now: Moment, call: u32, id: u64, key: Key) {
        let Some(Some(slot)) = self.calls.get_mut(call as usize) else { return };
        if slot.id == id {
            slot.call.reservation.message_read();
            slot.call.receive_info(now, key, &mut self.actions);
            self.arm(call, now);
        }
    }

    fn end(&mut self, now: Moment, call: u32, id: u64) {
        let Some(place) = self.calls.get_mut(call as usize) else { return };
        let Some(slot) = place.take_if(|slot| slot.id == id) else { return };
        self.pacing.clear(call);
        self.timers.clear(call);
        self.phases.leave(slot.phase);
        slot.call.end(now);
    }

    /// Reads a socket until it is empty or others must have their turn.
    fn read(&mut self, token: Token) {
        let (call, rtcp) = ((token.0 / 2) as u32, token.0 % 2 == 1);
        let Some(Some(slot)) = self.calls.get_mut(call as usize) else { return };
        let mut datagram = [0; DATAGRAM];
        let now = self.clock.now();
        let mut emptied = false;
        for _ in 0..DATAGRAMS_A_TURN {
            let received = match rtcp {
                true => slot.call.rtcp.recv_from(&mut datagram),
                false => slot.call.sending.line.receive(&mut datagram),
            };
            match received {
                Ok((length, from)) => {
                    let datagram = datagram.get_mut(..length).unwrap_or_default();
                    if rtcp {
                        slot.call.receive_rtcp(now, from, datagram);
                    } else {
                        slot.call.receive(now, from, datagram, &mut self.actions);
                    }
                }
                Err(error) if is_refusal(&error) || error.kind() == ErrorKind::Interrupted => {}
                // Nothing more, or a broken socket, which its time-out will end.
                Err(_) => {
                    emptied = true;
                    break;
                }
            }
        }
        if !emptied {
            self.unread.push(token);
        }
        if slot.call.was_conducted() {
            self.arm(call, now);
        }
    }
}

fn millisecond(now: Moment) -> u64 {
    now.as_micros() / 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr, UdpSocket};
    use std::sync::Arc;

    use crate::audio::{Clip, Item, Playlist};
    use crate::media::{Leg, MediaEngine};

    /// Plays at once, and anew with each key.
    struct Player;

    impl Player {
        fn play(out: &mut Actions) {
            let clip = Arc::new(Clip::from_samples(&[0; 8000]));
            out.play(Playlist::new(vec![Item::Clip(clip)]));
        }
    }

    impl Conductor for Player {
        fn start(&mut self, _: Moment, out: &mut Actions) {
            Player::play(out);
        }

        fn key(&mut self, _: Moment, _: Key, out: &mut Actions) {
            Player::play(out);
        }

        fn played(&mut self, _: Moment, _: &mut Actions) {}

        fn timeout(&mut self, _: Moment, _: &mut Actions) {}

        fn message(&mut self, _: Moment, _: Box<dyn Any + Send>, _: &mut Actions) {}

        fn hung_up(&mut self, _: Moment) {}

        fn wake_at(&self) -> Option<Moment> {
            None
        }
    }

    struct Caller {
        ear: UdpSocket,
        call: u32,
        id: u64,
    }

    impl Caller {
        fn dial(worker: &mut Worker, leg: Leg) -> Caller {
            let ear = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            ear.set_nonblocking(true).unwrap();
            let (pair, reservation) = leg.into_reserved().unwrap();
            let (call, id) = (reservation.slot(), reservation.id());
            let params = MediaParams::plain(ear.local_addr().unwrap());
            let now = worker.clock.now();
            let begun = Call::new(now, &worker.config, pair, reservation, params, Box::new(Player), Box::new(|_| ()));
            worker.begin(now, begun);
            Caller { ear, call, id }
        }

        fn hears(&self) -> bool {
            self.ear.recv_from(&mut [0; DATAGRAM]).is_ok()
        }
    }

    #[test]
    fn a_prompt_begins_before_packets_that_others_have_waited_for_since_the_machine_stood_still() {
        let mut config = EngineConfig::on(IpAddr::V4(Ipv4Addr::LOCALHOST));
        (config.workers, config.ports) = (1, 20_200..=20_299);
        let engine = MediaEngine::start(config.clone()).unwrap();
        let clock = Clock::start();
        let mut worker = Worker::new(config, clock, Poll::new().unwrap(), crossbeam_channel::never(), 50);
        let waiting = Caller::dial(&mut worker, engine.reserve().unwrap());
        // Nobody has sent for 50 ms.
        while clock.now() < Moment::from_micros(50_000) {
            std::thread::yield_now();
        }
        let hurried = Caller::dial(&mut worker, engine.reserve().unwrap());
        assert!(hurried.hears() && !waiting.hears());
        let now = clock.now();
        worker.key(now, hurried.call, hurried.id, Key::Digit(1));
        assert!(hurried.hears() && !waiting.hears());
        worker.send_due();
        assert!(waiting.hears());
    }
}
