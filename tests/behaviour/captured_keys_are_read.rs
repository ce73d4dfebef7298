//! Keys recorded from other people's systems decode to exactly the digits that were pressed (D16 of the field cases).

use std::path::PathBuf;

use hotline::facts::Key;
use hotline::rtp::{KeyReceiver, Packet};

use super::support::capture::datagrams;

/// The keys of a capture, each time payload type `payload_type` carries them.
fn keys(pcap: &[u8], payload_type: u8, clock_rate: u32) -> String {
    let mut receiver = KeyReceiver::new();
    let mut keys = String::new();
    for datagram in datagrams(pcap) {
        let packet = Packet::parse(&datagram.payload).unwrap();
        if packet.header.payload_type == payload_type {
            keys.extend(receiver.receive(datagram.at, &packet.header, clock_rate, packet.payload).map(Key::symbol));
        }
    }
    keys
}

#[test]
fn every_capture_gives_exactly_its_digits() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/foreign/dtmf-pcap"));
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    };
    let mut count = 0;
    for file in files {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let pcap = std::fs::read(&path).unwrap();
        let (wanted, payload_type, clock_rate) = match name.rsplit_once(['_', '-']).unwrap() {
            ("dtmf_2833", "pound") => ("#".to_owned(), 101, 8000),
            ("dtmf_2833", "star") => ("*".to_owned(), 101, 8000),
            ("dtmf_2833", digit) => (digit.to_owned(), 101, 8000),
            ("opus", digits) => (digits.to_owned(), 101, 48_000),
            (_, digits) => (digits.to_owned(), 101, 8000),
        };
        assert_eq!(keys(&pcap, payload_type, clock_rate), wanted, "{name}");
        count += 1;
    }
    assert_eq!(count, 14);
}
