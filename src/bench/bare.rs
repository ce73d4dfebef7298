//! What the kernel alone can do: a loop that sends packets of a call's size through as many connected sockets and does nothing
//! else, on the hotline's core, to the sockets that hear calls.
//!
//! ```text
//!   without a rest:   socket 0, 1, 2, … n − 1, 0, 1, …      packets a second of processor time
//!   at calls' pace:   |0 ms: sockets 0, 20, 40 …|1 ms: 1, 21, 41 …| … |20 ms: 0, 20, 40 …     how late, how many lost
//! ```
//!
//! The second is held to what calls are held to, so what it cannot keep is the machine's doing.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::maker::{Maker, now, processor_time, rest};
use super::media::{self, CLEAN};
use super::server::pin;
use super::spread::Quantiles;
use super::streams::PACKET;
use crate::media::precede;
use crate::rtp::Header;

/// Packets a second of a call.
const PACKETS_A_SECOND: f64 = 50.0;
/// Milliseconds from a call's packet to its next.
const FRAME: usize = 20;
/// What a packet holds, of G.711's clock.
const TICKS: u32 = 160;
/// Packets between two looks at whether it is over.
const PACKETS_A_LOOK: usize = 1000;
/// How long it sends without a rest, at most.
const LONGEST: Duration = Duration::from_secs(10);
/// Before measuring.
const REST: Duration = Duration::from_secs(2);

/// The bare loop.
#[derive(Clone, Debug, Serialize)]
pub struct Bare {
    /// Its sockets, where it does not rest.
    pub sockets: usize,
    /// Packets it sent then in a second of processor time.
    pub packets_a_second: f64,
    /// Calls that many packets would be.
    pub calls: f64,
    /// What it came to at the pace of so many calls, in the order they were run.
    pub paced: Vec<Paced>,
    /// The greatest of those numbers that was clean.
    pub clean: Option<u32>,
}

/// The bare loop at the pace of so many calls.
#[derive(Clone, Debug, Serialize)]
pub struct Paced {
    /// Calls, and sockets.
    pub calls: u32,
    /// Of a core.
    pub core: f64,
    /// How late packets were, in milliseconds.
    pub late_ms: Quantiles,
    /// Packets that came.
    pub packets: u64,
    /// Packets that did not.
    pub lost: i64,
    /// Of a core, by the maker.
    pub maker_core: f64,
    /// Whether the maker was the limit, and why.
    pub limited_by_maker: Option<String>,
}

impl Paced {
    /// Whether no packet was lost, and 99.9 % were late by less than 5 ms: as calls are judged.
    pub fn is_clean(&self) -> bool {
        self.lost <= 0 && self.late_ms.p999 <= CLEAN.as_secs_f64() * 1000.0
    }
}

/// How the bare loop is measured.
pub(super) struct Course<'a> {
    /// Its sockets while it does not rest.
    pub(super) sockets: usize,
    /// Numbers of calls whose pace it is to keep.
    pub(super) paced: &'a [u32],
    /// Look for the greatest that is clean.
    pub(super) find: bool,
    /// So often a number that is not clean is tried.
    pub(super) tries: u32,
    pub(super) time: Duration,
    /// The hotline's core.
    pub(super) cores: &'a [usize],
}

/// Measures it, with the maker hearing it as it hears calls; there are none any more.
pub(super) fn measure(maker: &mut Maker, course: &Course<'_>, told: &mut dyn media::Told) -> std::io::Result<Bare> {
    told.doing("the bare loop", 0.0);
    let packets_a_second = without_rest(maker, course)?;
    let calls = packets_a_second / PACKETS_A_SECOND;
    let mut bare = Bare { sockets: course.sockets, packets_a_second, calls, paced: Vec::new(), clean: None };
    let mut keep_pace = |calls: u32| {
        told.doing(&format!("the bare loop at the pace of {calls} calls"), 0.0);
        let paced = at_pace(maker, calls, course)?;
        told.paced(&paced);
        let clean = paced.is_clean();
        bare.paced.push(paced);
        Ok::<_, std::io::Error>(clean)
    };
    let mut tried = Vec::new();
    for calls in course.paced {
        tried.push((*calls, media::tries(course.tries, || keep_pace(*calls))?));
    }
    if course.find {
        media::find(&mut tried, |calls| media::tries(course.tries, || keep_pace(calls)))?;
    }
    bare.clean = media::greatest(&tried);
    Ok(bare)
}

fn without_rest(maker: &mut Maker, course: &Course<'_>) -> std::io::Result<f64> {
    let (stop, sockets) = (AtomicBool::new(false), connected(course.sockets, &maker.inlets())?);
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            pin(course.cores);
            send(&sockets, &stop)
        });
        let heard = maker.run(course.time.min(LONGEST), |_, _| sending.is_finished());
        stop.store(true, Ordering::Relaxed);
        let sent = sending.join().map_err(|_| std::io::Error::other("the bare loop panicked"))?;
        heard?;
        maker.run(Duration::ZERO, |_, _| true).map(|_| sent)
    })
}

/// Sends until it is told to stop: packets a second of processor time.
fn send(sockets: &[UdpSocket], stop: &AtomicBool) -> f64 {
    let packet = [0x80; PACKET];
    let mut sent: u64 = 0;
    let begun = processor_time();
    while !stop.load(Ordering::Relaxed) {
        for socket in sockets.iter().cycle().skip(sent as usize % sockets.len().max(1)).take(PACKETS_A_LOOK) {
            // What the far side has no room for was sent all the same.
            let _ = socket.send(&packet);
            sent += 1;
        }
    }
    sent as f64 / processor_time().saturating_sub(begun).as_secs_f64().max(1e-9)
}

fn at_pace(maker: &mut Maker, calls: u32, course: &Course<'_>) -> std::io::Result<Paced> {
    let (stop, sockets) = (AtomicBool::new(false), connected(calls as usize, &maker.inlets())?);
    for (call, socket) in (0..).zip(&sockets) {
        maker.streams.begin(call, socket.local_addr()?);
    }
    let paced = std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            pin(course.cores);
            // As the hotline's media threads do; without the privilege neither has it.
            let _ = precede();
            keep_pace(&sockets, &stop)
        });
        let heard = hear(maker, course.time, || sending.is_finished());
        stop.store(true, Ordering::Relaxed);
        let core = sending.join().map_err(|_| std::io::Error::other("the bare loop panicked"))?;
        heard.map(|heard| Paced { calls, core, ..heard })
    });
    // A socket of the next pace may have a port of this one: what waits of it is not to be taken for that one's.
    maker.run(Duration::ZERO, |_, _| true)?;
    (0..calls).for_each(|call| maker.streams.end(call));
    paced
}

/// What the maker hears of it.
fn hear(maker: &mut Maker, time: Duration, over: impl Fn() -> bool) -> std::io::Result<Paced> {
    maker.run(REST, |_, _| over())?;
    let (began, spent, dropped) = (now(), processor_time(), maker.dropped());
    maker.streams.measure(began);
    maker.run(time, |_, _| over())?;
    let took = now().saturating_sub(began).as_secs_f64();
    let maker_core = processor_time().saturating_sub(spent).as_secs_f64() / took.max(1e-9);
    let heard = maker.streams.measured();
    Ok(Paced {
        calls: 0,
        core: 0.0,
        late_ms: heard.late,
        packets: heard.packets,
        lost: heard.lost,
        maker_core,
        limited_by_maker: media::limit(maker.dropped() - dropped, maker_core, 0),
    })
}

/// Sends each socket's packet every 20 ms until it is told to stop. What it took of a core.
fn keep_pace(sockets: &[UdpSocket], stop: &AtomicBool) -> f64 {
    let mut packet = [0x80; PACKET];
    let (began, begun) = (monotonic(), processor_time());
    let mut turn: u32 = 0;
    while !stop.load(Ordering::Relaxed) {
        let due = began + Duration::from_millis(turn.into());
        rest(due.saturating_sub(monotonic()));
        let (phase, frame) = (turn as usize % FRAME, turn / FRAME as u32);
        let header = Header {
            payload_type: 0,
            marker: false,
            sequence: frame as u16,
            timestamp: frame.wrapping_mul(TICKS),
            ssrc: 0,
        };
        packet.iter_mut().zip(header.to_bytes()).for_each(|(to, from)| *to = from);
        for socket in sockets.iter().skip(phase).step_by(FRAME) {
            let _ = socket.send(&packet);
        }
        turn = turn.wrapping_add(1);
    }
    let took = monotonic().saturating_sub(began).as_secs_f64();
    processor_time().saturating_sub(begun).as_secs_f64() / took.max(1e-9)
}

fn connected(sockets: usize, to: &[SocketAddr]) -> std::io::Result<Vec<UdpSocket>> {
    let connect = |to: &SocketAddr| {
        let socket = UdpSocket::bind((to.ip(), 0))?;
        socket.connect(to)?;
        Ok(socket)
    };
    to.iter().cycle().take(sockets).map(connect).collect()
}

fn monotonic() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}
