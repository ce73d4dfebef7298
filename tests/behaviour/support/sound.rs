//! What a caller should hear, as the bytes on the wire.

use std::collections::BTreeMap;

use hotline::audio::{ClipStore, Codec, Item, Playlist, Synthesizer, synthesize_missing};
use hotline::facts::{Fen, Form, Language, Month};
use hotline::menu::wanted_clips;
use hotline::rtp::Packet;
use hotline::speech::{Catalogue, Line, Pace, Prompts, Value};

use super::capture::Datagram;
use super::hotline::{in_tree, menu};

/// The prompts as the node has them: recordings, and what is synthesized for want of one.
pub fn prompts_of(folder: &str) -> Prompts {
    let catalogue = Catalogue::from_dir(&in_tree("prompts")).expect("texts");
    let mut clips = ClipStore::load(&in_tree("prompts")).expect("recordings");
    let missing: Vec<_> = wanted_clips(&menu(folder), &catalogue)
        .into_iter()
        .filter(|clip| clips.find(clip.language, &clip.text, clip.form).is_none())
        .map(|clip| (clip.language, clip.text, clip.form))
        .collect();
    let synthesizer = Synthesizer::espeak(in_tree("target/synthesized"));
    let failures = synthesize_missing(&mut clips, &missing, &synthesizer, |_, _| ());
    assert!(failures.is_empty(), "{:?}", failures.first());
    Prompts::new(catalogue, clips)
}

/// A playlist as one codec carries it.
pub fn bytes(playlist: &Playlist, codec: Codec) -> Vec<u8> {
    let items = playlist.items().iter().flat_map(|item| match item {
        Item::Clip(clip) => clip.bytes(codec.law()).to_vec(),
        Item::Silence(samples) => vec![codec.law().silence(); *samples],
    });
    items.collect()
}

/// What `voice-menus/bench/100` says to the first of the made-up people, as of September 2026: the question for the ID
/// number, the one for the social security number, and both balances.
pub fn said_by_bench_100(codec: Codec) -> [Vec<u8>; 3] {
    let prompts = prompts_of("bench/100");
    assert!(prompts.clips().find(Language::En, "yuan", Form::Plain).is_some(), "amounts are recordings");
    let say = |line: Line| bytes(&prompts.say(&[(Language::En, line)], Pace::Normal).playlist, codec);
    let balance = Line::new("bench-balance")
        .with("pension", Value::Money(Fen(10_232_952)))
        .with("medical", Value::Money(Fen(370_315)))
        .with("as-of", Value::Month(Month::new(2026, 9).unwrap()));
    let said = [say(Line::new("bench-id")), say(Line::new("bench-number")), say(balance)];
    assert!(said.iter().all(|list| list.len() > 8000), "each clip list is sound");
    said
}

/// That these are a whole call of `voice-menus/bench/100` in A-law, clip by clip, with nothing but silence between.
pub fn assert_balance_is_heard(datagrams: &[Datagram]) {
    let codec = Codec::Pcma;
    let heard = sound_of(datagrams);
    let mut rest = heard.as_slice();
    for (place, wanted) in said_by_bench_100(codec).iter().enumerate() {
        let at = position(rest, wanted).unwrap_or_else(|| panic!("clip list {place} was not heard whole"));
        assert!(rest[..at].iter().all(|byte| *byte == codec.law().silence()), "sound before clip list {place}");
        rest = &rest[at + wanted.len()..];
    }
    assert!(rest.iter().all(|byte| *byte == codec.law().silence()), "sound after the balance");
}

/// The sound of one stream of A-law, in its own order.
fn sound_of(datagrams: &[Datagram]) -> Vec<u8> {
    let packets = datagrams.iter().filter_map(|datagram| Packet::parse(&datagram.payload).ok());
    let packets = packets.filter(|packet| packet.header.payload_type == 8);
    // The call is shorter than the sequence number's round; it may begin anywhere in it.
    let mut first = None;
    let ordered: BTreeMap<u16, Vec<u8>> = packets
        .map(|packet| {
            let first = *first.get_or_insert(packet.header.sequence);
            (packet.header.sequence.wrapping_sub(first), packet.payload.to_vec())
        })
        .collect();
    let last = ordered.keys().next_back().copied().unwrap_or_default();
    assert_eq!(ordered.len(), usize::from(last) + 1, "a packet is missing");
    ordered.into_values().flatten().collect()
}

/// Where one sound stands in another, if it does.
pub fn position<T: PartialEq>(heard: &[T], wanted: &[T]) -> Option<usize> {
    heard.windows(wanted.len()).position(|window| window == wanted)
}
