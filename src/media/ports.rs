//! Port pairs: an even port for RTP and the odd one above it for RTCP (RFC 3550 section 11). A port rests after a call,
//! so that the last call's stray packets do not reach the next.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use mio::net::UdpSocket;
use rand::seq::SliceRandom;

use crate::facts::Moment;

use super::MediaError;
use super::line::Line;

/// Pairs tried when others are taken by other programs.
const TRIES: usize = 32;

/// The pairs that are free, the longest free first.
pub(super) struct Ports {
    rest: Duration,
    free: VecDeque<(u16, Moment)>,
    all: usize,
    /// Whether RTP takes two sockets.
    parted: bool,
}

/// A pair of bound ports.
pub(super) struct Pair {
    pub(super) port: u16,
    pub(super) rtp: Line,
    pub(super) rtcp: UdpSocket,
}

impl Ports {
    /// Every pair of a range, in random order: a port that can be guessed is easier to spray.
    pub(super) fn new(range: RangeInclusive<u16>, rest: Duration, parted: bool) -> Result<Ports, MediaError> {
        let (first, last) = (*range.start(), *range.end());
        let mut even: Vec<u16> = range.filter(|port| *port > 0 && port % 2 == 0 && *port < last).collect();
        if even.is_empty() {
            return Err(MediaError::NoPairs { first, last });
        }
        even.shuffle(&mut rand::rng());
        let free: VecDeque<_> = even.into_iter().map(|port| (port, Moment::ZERO)).collect();
        Ok(Ports { rest, all: free.len(), free, parted })
    }

    /// How many pairs there are.
    pub(super) fn len(&self) -> usize {
        self.all
    }

    /// Binds a pair that has rested, on this address.
    pub(super) fn take(&mut self, address: IpAddr, now: Moment) -> Result<Pair, MediaError> {
        let mut refused = None;
        for _ in 0..TRIES {
            let Some((port, rested)) = self.free.pop_front() else { break };
            if rested > now {
                self.free.push_front((port, rested));
                break;
            }
            match bind_pair(address, port, self.parted) {
                Ok(pair) => return Ok(pair),
                Err(error) => {
                    self.free.push_back((port, now + self.rest));
                    refused = Some(error);
                }
            }
        }
        match refused {
            Some(error) => Err(MediaError::Socket { address, error }),
            None => Err(MediaError::PortsExhausted { pairs: self.all }),
        }
    }

    /// Gives a pair back, whose sockets are closed.
    pub(super) fn give_back(&mut self, port: u16, now: Moment) {
        self.free.push_back((port, now + self.rest));
    }
}

fn bind_pair(address: IpAddr, port: u16, parted: bool) -> std::io::Result<Pair> {
    let rtp = Line::bind(address, port, parted)?;
    let rtcp = UdpSocket::bind((address, port.saturating_add(1)).into())?;
    Ok(Pair { port, rtp, rtcp })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn pairs_are_even_and_odd_and_rest_after_a_call() {
        let mut ports = Ports::new(61_001..=61_005, Duration::from_secs(2), true).unwrap();
        assert_eq!(ports.len(), 2);
        let (one, two) = (ports.take(HERE, Moment::ZERO).unwrap(), ports.take(HERE, Moment::ZERO).unwrap());
        assert_eq!(one.port.abs_diff(two.port), 2);
        assert_eq!(one.rtcp.local_addr().unwrap().port(), one.port + 1);
        assert!(matches!(ports.take(HERE, Moment::ZERO), Err(MediaError::PortsExhausted { pairs: 2 })));
        let port = one.port;
        drop(one);
        ports.give_back(port, Moment::ZERO);
        assert!(ports.take(HERE, Moment::from_micros(1_900_000)).is_err());
        assert_eq!(ports.take(HERE, Moment::from_micros(2_000_000)).unwrap().port, port);
    }

    #[test]
    fn a_pair_that_another_program_holds_is_passed_over() {
        let _taken = UdpSocket::bind("127.0.0.1:61010".parse().unwrap()).unwrap();
        let mut ports = Ports::new(61_010..=61_013, Duration::from_secs(2), true).unwrap();
        assert_eq!(ports.take(HERE, Moment::ZERO).unwrap().port, 61_012);
        assert!(matches!(Ports::new(7..=7, Duration::ZERO, true), Err(MediaError::NoPairs { first: 7, last: 7 })));
    }
}
