//! Keys recorded from other people's systems decode to exactly the digits that were pressed (D16 of the field cases).

use std::path::PathBuf;

use hotline::facts::{Key, Moment};
use hotline::rtp::{KeyReceiver, Packet};

/// The UDP payloads of a classic pcap file with the moment each was captured: Ethernet or Linux cooked, IPv4.
fn datagrams(pcap: &[u8]) -> Vec<(Moment, Vec<u8>)> {
    let word = |at: usize| u32::from_le_bytes(pcap[at..at + 4].try_into().unwrap());
    assert_eq!(word(0), 0xA1B2_C3D4, "a little-endian pcap with microseconds");
    let link_header = match word(20) {
        1 => 14,
        113 => 16,
        other => panic!("link type {other}"),
    };
    let (mut found, mut at) = (Vec::new(), 24);
    while at < pcap.len() {
        let moment = Moment::from_micros(u64::from(word(at)) * 1_000_000 + u64::from(word(at + 4)));
        let length = word(at + 8) as usize;
        let ip = &pcap[at + 16 + link_header..at + 16 + length];
        let udp = &ip[usize::from(ip[0] & 15) * 4..];
        let size = usize::from(u16::from_be_bytes([udp[4], udp[5]]));
        found.push((moment, udp[8..size].to_vec()));
        at += 16 + length;
    }
    found
}

/// The keys of a capture, each time payload type `payload_type` carries them.
fn keys(pcap: &[u8], payload_type: u8, clock_rate: u32) -> String {
    let mut receiver = KeyReceiver::new();
    let mut keys = String::new();
    for (moment, datagram) in datagrams(pcap) {
        let packet = Packet::parse(&datagram).unwrap();
        if packet.header.payload_type == payload_type {
            keys.extend(receiver.receive(moment, &packet.header, clock_rate, packet.payload).map(Key::symbol));
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
