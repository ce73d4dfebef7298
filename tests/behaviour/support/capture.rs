//! What went over the wire, from packet captures.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use hotline::facts::Moment;

/// One UDP datagram of a capture.
pub struct Datagram {
    pub at: Moment,
    pub from_port: u16,
    pub to_port: u16,
    pub payload: Vec<u8>,
}

/// The datagrams of a classic pcap file: Ethernet or Linux cooked, IPv4 or IPv6 without extension headers.
pub fn datagrams(pcap: &[u8]) -> Vec<Datagram> {
    let word = |at: usize| u32::from_le_bytes(pcap[at..at + 4].try_into().unwrap());
    assert_eq!(word(0), 0xA1B2_C3D4, "a little-endian pcap with microseconds");
    let link_header = match word(20) {
        1 => 14,
        113 => 16,
        other => panic!("link type {other}"),
    };
    let (mut found, mut at) = (Vec::new(), 24);
    // A capture that is still being written may end in the middle of a packet.
    while at + 16 <= pcap.len() && at + 16 + word(at + 8) as usize <= pcap.len() {
        let length = word(at + 8) as usize;
        let ip = &pcap[at + 16 + link_header..at + 16 + length];
        let udp = &ip[if ip[0] >> 4 == 6 { 40 } else { usize::from(ip[0] & 15) * 4 }..];
        let port = |at| u16::from_be_bytes([udp[at], udp[at + 1]]);
        found.push(Datagram {
            at: Moment::from_micros(u64::from(word(at)) * 1_000_000 + u64::from(word(at + 4))),
            from_port: port(0),
            to_port: port(2),
            payload: udp[8..usize::from(port(4))].to_vec(),
        });
        at += 16 + length;
    }
    found
}

/// A running capture.
pub struct Capture {
    tcpdump: Child,
    /// What it says. Open to the end: it would stop at a pipe that nobody holds.
    _words: BufReader<ChildStderr>,
}

impl Capture {
    /// Begins, and returns once packets are taken; `None`, with a word why, where this machine does not allow it.
    pub fn of(filter: &str, file: &Path) -> Option<Capture> {
        Capture::with(Command::new("tcpdump"), "lo", filter, file)
    }

    /// The same by a command of its own, on an interface.
    pub fn with(mut command: Command, interface: &str, filter: &str, file: &Path) -> Option<Capture> {
        // As the user it is started by: it must write where the test wants it.
        command
            .args(["-i", interface, "-U", "--immediate-mode", "-Z", "root", "-B", "16384", "-w"])
            .arg(file)
            .arg(filter);
        let Ok(mut tcpdump) = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn() else {
            println!("skipped: there is no tcpdump (Debian: tcpdump)");
            return None;
        };
        let mut words = BufReader::new(tcpdump.stderr.take().expect("a pipe"));
        let mut said = String::new();
        while !said.contains("listening on") {
            if words.read_line(&mut said).expect("its words") == 0 {
                let _ = tcpdump.wait();
                println!("skipped: tcpdump may not listen here: {said}");
                return None;
            }
        }
        Some(Capture { tcpdump, _words: words })
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // Interrupted it writes what it has; killed it would not.
        let interrupted = Command::new("kill").arg("-INT").arg(self.tcpdump.id().to_string()).status();
        if !interrupted.is_ok_and(|status| status.success()) {
            let _ = self.tcpdump.kill();
        }
        let _ = self.tcpdump.wait();
    }
}
