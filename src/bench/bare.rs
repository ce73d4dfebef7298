//! What the kernel alone can do: a loop that sends packets of a call's size through as many connected sockets, one after the
//! other, and does nothing else.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use super::server::pin;
use super::streams::PACKET;

/// Packets a second of a call.
pub(super) const PACKETS_A_SECOND: f64 = 50.0;
/// Packets between two looks at whether it is over.
const PACKETS_A_LOOK: usize = 1000;

/// Sends until it is told to stop: packets a second of processor time.
pub(super) fn send(sockets: usize, to: &[SocketAddr], cores: &[usize], stop: &AtomicBool) -> std::io::Result<f64> {
    pin(cores);
    let connect = |to: &SocketAddr| {
        let socket = UdpSocket::bind((to.ip(), 0))?;
        socket.connect(to)?;
        Ok::<_, std::io::Error>(socket)
    };
    let sockets: Vec<_> = to.iter().cycle().take(sockets).map(connect).collect::<Result<_, _>>()?;
    let packet = [0x80; PACKET];
    let mut sent: u64 = 0;
    let begun = processor_time()?;
    while !stop.load(Ordering::Relaxed) {
        for socket in sockets.iter().cycle().skip(sent as usize % sockets.len().max(1)).take(PACKETS_A_LOOK) {
            // What the far side has no room for was sent all the same.
            let _ = socket.send(&packet);
            sent += 1;
        }
    }
    let spent = processor_time()?.saturating_sub(begun);
    Ok(sent as f64 / spent.as_secs_f64().max(1e-9))
}

fn processor_time() -> std::io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}
