//! What a second of one call costs while its sound is listened to for keys: A-law decoded, and looked at by the detector.
//! Speech is the demo's own recordings; a pause costs next to nothing.
#![allow(clippy::expect_used, missing_docs)]

use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hotline::audio::{ClipStore, Codec, Decoder, DtmfDetector, Law, MOST_DECODED};

const PACKET: usize = 160;

fn a_second(criterion: &mut Criterion) {
    let clips = ClipStore::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts")).expect("recordings");
    let speech: Vec<u8> = clips.iter().flat_map(|(_, _, clip)| clip.bytes(Law::A).to_vec()).take(8000 * 60).collect();
    let pause = vec![Law::A.silence(); 8000 * 60];
    let mut group = criterion.benchmark_group("a second of a call");
    group.throughput(Throughput::Elements(1));
    for (name, sound) in [("speech", &speech), ("pause", &pause)] {
        let (mut decoder, mut detector) = (Decoder::new(Codec::Pcma), DtmfDetector::new());
        let mut packets = sound.chunks_exact(PACKET).cycle();
        group.bench_function(name, |bench| {
            bench.iter(|| {
                for packet in packets.by_ref().take(8000 / PACKET) {
                    let mut samples = [0; MOST_DECODED];
                    let length = decoder.decode(packet, &mut samples);
                    detector.hear(samples.into_iter().take(length), |_| ());
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, a_second);
criterion_main!(benches);
