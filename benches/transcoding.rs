//! What a second of one call costs in a codec that clips are not kept in: encoded as it is sent, decoded as tones are listened
//! for. Speech is the demo's own recordings. Opus is there with the feature of that name. Memory is printed first: what a
//! thousand encoders, and as many decoders, that have been used take of this process; little where freed memory is used again.
#![allow(clippy::expect_used, missing_docs)]

use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hotline::audio::{ClipStore, Codec, Decoder, Encoder, Law, MOST_DECODED};

const PACKET: usize = 160;
const PACKETS_A_SECOND: usize = 8000 / PACKET;

fn speech() -> Vec<i16> {
    let clips = ClipStore::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts")).expect("recordings");
    let bytes = clips.iter().flat_map(|(_, _, clip)| clip.bytes(Law::A).to_vec()).take(8000 * 60);
    bytes.map(|byte| Law::A.decode(byte)).collect()
}

fn packets(codec: Codec, speech: &[i16]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(codec).expect("a codec that is transcoded to");
    let encode = |samples: &[i16]| {
        let mut packet = [0; PACKET];
        let length = encoder.encode(samples, &mut packet);
        packet.iter().take(length).copied().collect()
    };
    speech.chunks_exact(PACKET).map(encode).collect()
}

/// Kilobytes of this process that are in memory.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn print_memory(codec: Codec, speech: &[i16], packets: &[Vec<u8>]) {
    let before = resident();
    let encoders: Vec<Encoder> = (0..1000)
        .filter_map(|_| {
            let mut encoder = Encoder::new(codec)?;
            encoder.encode(speech.get(..PACKET)?, &mut [0; PACKET]);
            Some(encoder)
        })
        .collect();
    let between = resident();
    let decoders: Vec<Decoder> = (0..1000)
        .map(|_| {
            let mut decoder = Decoder::new(codec);
            packets.first().map(|packet| decoder.decode(packet, &mut [0; MOST_DECODED]));
            decoder
        })
        .collect();
    let after = resident();
    let bytes: usize = packets.iter().map(Vec::len).sum();
    println!(
        "{}: {:.1} KB an encoder, {:.1} KB a decoder, {} bit/s of speech",
        codec.name(),
        (between - before) as f64 / encoders.len() as f64,
        (after - between) as f64 / decoders.len() as f64,
        bytes * 8 * PACKETS_A_SECOND / packets.len().max(1)
    );
}

fn a_second(criterion: &mut Criterion) {
    let speech = speech();
    let mut group = criterion.benchmark_group("a second of a call");
    group.throughput(Throughput::Elements(1));
    for codec in Codec::ALL.into_iter().filter(|codec| codec.is_transcoded()) {
        let packets = packets(codec, &speech);
        print_memory(codec, &speech, &packets);
        let mut encoder = Encoder::new(codec).expect("a codec that is transcoded to");
        let mut sounds = speech.chunks_exact(PACKET).cycle();
        group.bench_function(format!("{} encoded", codec.name()), |bench| {
            bench.iter(|| {
                let mut packet = [0; PACKET];
                sounds.by_ref().take(PACKETS_A_SECOND).map(|sound| encoder.encode(sound, &mut packet)).sum::<usize>()
            });
        });
        let (mut decoder, mut payloads) = (Decoder::new(codec), packets.iter().cycle());
        group.bench_function(format!("{} decoded", codec.name()), |bench| {
            bench.iter(|| {
                let mut samples = [0; MOST_DECODED];
                payloads
                    .by_ref()
                    .take(PACKETS_A_SECOND)
                    .map(|packet| decoder.decode(packet, &mut samples))
                    .sum::<usize>()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, a_second);
criterion_main!(benches);
