//! A real call over SIP and RTP: from ring to balance. What the telephone hears is, byte for byte, the recordings that
//! the dialogue asked for, in order, the balance read back included; and the call leaves its record.

use hotline::audio::{ClipStore, Codec, Item, Playlist, Synthesizer, synthesize_missing};
use hotline::facts::{Fen, Form, Language, Month};
use hotline::menu::wanted_clips;
use hotline::phone::{self, CallEnd, Speaker, parse_script};
use hotline::speech::{Catalogue, Line, Pace, Prompts, Value};

use crate::support::hotline::{in_tree, menu};
use crate::support::node::start;

/// The prompts as the node has them: recordings, and what is synthesized for want of one.
fn prompts() -> Prompts {
    let catalogue = Catalogue::from_dir(&in_tree("prompts")).expect("texts");
    let mut clips = ClipStore::load(&in_tree("prompts")).expect("recordings");
    let missing: Vec<_> = wanted_clips(&menu("bench/100"), &catalogue)
        .into_iter()
        .filter(|clip| clips.find(clip.language, &clip.text, clip.form).is_none())
        .map(|clip| (clip.language, clip.text, clip.form))
        .collect();
    let synthesizer = Synthesizer::espeak(in_tree("target/synthesized"));
    let failures = synthesize_missing(&mut clips, &missing, &synthesizer, |_, _| ());
    assert!(failures.is_empty(), "{:?}", failures.first());
    Prompts::new(catalogue, clips)
}

fn samples(playlist: &Playlist, codec: Codec) -> Vec<i16> {
    let bytes = playlist.items().iter().flat_map(|item| match item {
        Item::Clip(clip) => clip.bytes(codec).to_vec(),
        Item::Silence(samples) => vec![codec.silence(); *samples],
    });
    bytes.map(|byte| codec.decode(byte)).collect()
}

/// Where one sound stands in another, if it does.
fn position(heard: &[i16], wanted: &[i16]) -> Option<usize> {
    heard.windows(wanted.len()).position(|window| window == wanted)
}

async fn hears(codec: Codec) {
    let running = start(&[("100", "bench/100")], |_| ()).await;
    let target = format!("sip:100@{}", running.address);
    let call = phone::Call {
        target: &target,
        from: "13900000001",
        script: Some(parse_script("s 119999198503150010# s 10000001#").unwrap()),
        clips: None,
        speaker: Speaker::off(),
        codec: Some(codec),
    };
    let mut transcript = Vec::new();
    let (end, heard) = phone::dial(call, &mut transcript).await.expect("a call");
    assert_eq!(end, CallEnd::FarEnd);

    let prompts = prompts();
    let say = |line: Line| samples(&prompts.say(&[(Language::En, line)], Pace::Normal).playlist, codec);
    let money = |fen| Value::Money(Fen(fen));
    let balance = Line::new("bench-balance")
        .with("pension", money(10_232_952))
        .with("medical", money(370_315))
        .with("as-of", Value::Month(Month::new(2026, 9).unwrap()));
    let expected = [say(Line::new("bench-id")), say(Line::new("bench-number")), say(balance)];
    let mut from = 0;
    for (place, wanted) in expected.iter().enumerate() {
        assert!(wanted.len() > 8000, "clip list {place} is sound");
        let at = position(&heard[from..], wanted).unwrap_or_else(|| panic!("clip list {place} was not heard whole"));
        from += at + wanted.len();
    }
    assert!(prompts.clips().find(Language::En, "yuan", Form::Plain).is_some());

    let database = running.folder.path().join("hotline.db");
    running.node.drain().await;
    let rows = rusqlite::Connection::open(database).unwrap();
    let (path, outcome, keys): (String, String, i64) = rows
        .query_row("SELECT path, outcome, keys FROM calls", [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .expect("one call record");
    assert_eq!(path, "id > number > verify > balance > end");
    assert_eq!(outcome, "served");
    assert_eq!(keys, 28);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_law() {
    hears(Codec::Pcma).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_mu_law() {
    hears(Codec::Pcmu).await;
}
