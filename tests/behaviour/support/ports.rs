//! Ports that a test must know before anything listens there.

use std::net::{TcpListener, UdpSocket};

/// A port that nobody listens at, in either family, over UDP or TCP: below those that the system gives away by itself, and
/// those of sound.
pub fn free_port() -> u16 {
    let ports = std::iter::repeat_with(|| rand::random_range(12_000..20_000_u16)).take(100);
    // These two hear both families.
    let free = |port: &u16| UdpSocket::bind(("::", *port)).is_ok() && TcpListener::bind(("::", *port)).is_ok();
    ports.into_iter().find(free).expect("a free port")
}
