//! The line that tells a ban tool who was refused. Pure: which lines are written, and what stands in them.
//!
//! ```text
//!   SIP refused from=203.0.113.9 port=5071 transport=udp why=unknown-source
//! ```
//!
//! Nothing in it has been written by the sender: the address and port are its socket's, the rest are words of this module
//! (Z04 fail2ban#1328). An attempt that comes again by retransmission is one line (fail2ban#2532).
//!
//! | lines | bound | at the bound |
//! |---|---|---|
//! | of one source, an IPv6 /64 as one | 10, then one every 10 s | counted |
//! | of all | 1000, then 100 a second | counted |
//! | sources known | [`MOST_HEARD`] | the one heard longest ago is forgotten: it begins anew |

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hashlink::LruCache;

use super::super::listen::Transport;
use super::admission::{Bucket, Pace, table};
use super::sources::neighbourhood;

/// Sources whose lines are counted: some 4 MB.
pub const MOST_HEARD: usize = 32_768;

/// Attempts of a source that are known again.
const ATTEMPTS: usize = 8;
const OF_SOURCE: Pace = Pace { every: Duration::from_secs(10), burst: 10 };
const OF_ALL: Pace = Pace { every: Duration::from_millis(10), burst: 1000 };

/// Why a sender is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// It is no trunk's, and strangers are not served.
    UnknownSource,
    /// It has tried a user or password that is not right.
    WrongPassword,
    /// It wants more than it may.
    TooMany,
    /// It has sent what is no proper message.
    Malformed,
}

impl Why {
    /// As the line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownSource => "unknown-source",
            Self::WrongPassword => "wrong-password",
            Self::TooMany => "too-many",
            Self::Malformed => "malformed",
        }
    }
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The sender's socket.
    pub from: SocketAddr,
    /// What carried the message.
    pub transport: Transport,
    /// Why it is refused.
    pub why: Why,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, port, transport) = (self.from.ip().to_canonical(), self.from.port(), self.transport);
        write!(f, "SIP refused from={from} port={port} transport={transport} why={}", self.why.name())
    }
}

/// What is known of a source.
#[derive(Debug, Default)]
struct Heard {
    bucket: Bucket,
    attempts: [u64; ATTEMPTS],
    next: usize,
}

/// Which lines are written.
#[derive(Debug)]
pub struct Notices {
    heard: LruCache<IpAddr, Heard>,
    all: Bucket,
    unwritten: u64,
}

impl Default for Notices {
    fn default() -> Self {
        Self { heard: table(MOST_HEARD), all: Bucket::default(), unwritten: 0 }
    }
}

impl Notices {
    /// Whether a line is to be written about an attempt from this source. Who sends the same again is the same `attempt`;
    /// it is asked for only where a line may be written.
    pub fn is_due(&mut self, from: IpAddr, now: Duration, attempt: impl FnOnce() -> u64) -> bool {
        let heard = self.heard.entry(neighbourhood(from)).or_insert_with(Heard::default);
        if !heard.bucket.has(OF_SOURCE, now) || !self.all.has(OF_ALL, now) {
            self.unwritten = self.unwritten.saturating_add(1);
            return false;
        }
        let attempt = attempt();
        if heard.attempts.contains(&attempt) {
            return false;
        }
        if let Some(oldest) = heard.attempts.get_mut(heard.next % ATTEMPTS) {
            *oldest = attempt;
        }
        heard.next = (heard.next + 1) % ATTEMPTS;
        heard.bucket.take(OF_SOURCE, now) && self.all.take(OF_ALL, now)
    }

    /// How many attempts had no line since this was last asked.
    pub fn unwritten(&mut self) -> u64 {
        std::mem::take(&mut self.unwritten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notices() -> (Notices, IpAddr) {
        (Notices::default(), "203.0.113.9".parse().unwrap())
    }

    #[test]
    fn a_line_says_who_and_why() {
        let notice = |from: &str, transport, why| Notice { from: from.parse().unwrap(), transport, why }.to_string();
        assert_eq!(
            notice("203.0.113.9:5071", Transport::Udp, Why::UnknownSource),
            "SIP refused from=203.0.113.9 port=5071 transport=udp why=unknown-source"
        );
        assert_eq!(
            notice("[2001:db8::9]:5071", Transport::Tls, Why::WrongPassword),
            "SIP refused from=2001:db8::9 port=5071 transport=tls why=wrong-password"
        );
        assert_eq!(
            notice("[::ffff:203.0.113.9]:1", Transport::Tcp, Why::TooMany),
            "SIP refused from=203.0.113.9 port=1 transport=tcp why=too-many"
        );
    }

    #[test]
    fn one_attempt_is_one_line_however_often_it_comes() {
        let (mut notices, from) = notices();
        let mut written = |attempts: &[u64], second| {
            attempts.iter().filter(|attempt| notices.is_due(from, Duration::from_secs(second), || **attempt)).count()
        };
        assert_eq!(written(&[1, 2, 3], 0), 3);
        for again in 1..7 {
            assert_eq!(written(&[1, 2, 3], again), 0);
        }
        assert_eq!(written(&[4], 7), 1, "another attempt");
        assert_eq!(notices.unwritten(), 0);
    }

    #[test]
    fn the_lines_of_a_source_and_of_all_are_bounded() {
        let (mut notices, from) = notices();
        let second = Duration::from_secs(1);
        let written = (0..1000).filter(|attempt| notices.is_due(from, second, || *attempt + 1)).count();
        assert_eq!((written, notices.unwritten()), (10, 990));
        let later = second + Duration::from_secs(30);
        assert_eq!((0..1000).filter(|attempt| notices.is_due(from, later, || *attempt + 1)).count(), 3);
        let many = 0..MOST_HEARD as u32 + 1000;
        let written = many
            .filter(|host| notices.is_due(std::net::Ipv4Addr::from_bits(*host).into(), later, || u64::from(*host) + 1));
        assert!((990..=1000).contains(&written.count()));
        assert_eq!(notices.heard.len(), MOST_HEARD);
    }
}
