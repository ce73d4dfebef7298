//! The inner loops whose instructions are counted (tools/instructions.sh): each goes round as often as it is told, within
//! one function that a counter can tell from what is done before.
//!
//!     instructions packet 1000
#![allow(clippy::expect_used, missing_docs)]

use std::any::Any;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use hotline::audio::{Clip, ClipStore, Codec, Decoder, DtmfDetector, Item, Law, MOST_DECODED, Playlist, read_wav};
use hotline::facts::{Key, Moment, Month};
use hotline::media::{Actions, Conductor, EngineConfig, MediaEngine, MediaParams, Unpaced};
use hotline::records::demo::{DemoOptions, without_sql};
use hotline::simulate::{Scene, parse, play};
use hotline::speech::{Catalogue, Prompts};

/// Samples of a packet of 20 ms.
const PACKET: usize = 160;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rounds = arguments.get(1).and_then(|rounds| rounds.parse().ok());
    match (arguments.first().map(String::as_str), rounds) {
        (Some("packet"), Some(rounds)) => packet(rounds),
        (Some("detector"), Some(rounds)) => detector(rounds),
        (Some("call"), Some(rounds)) => call(rounds),
        // What `cargo bench` does with all benches.
        (Some("--bench"), _) => println!("instructions are counted by tools/instructions.sh"),
        _ => {
            eprintln!("usage: instructions packet|detector|call ROUNDS");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// What is counted. One round goes before, so that what is done only once is not.
#[inline(never)]
fn counted(rounds: usize, mut round: impl FnMut()) {
    for _ in 0..rounds {
        round();
    }
}

fn tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A packet of a call that plays A-law: its turn, its sound, its header, handed to the kernel.
fn packet(rounds: usize) {
    let mut config = EngineConfig::on(IpAddr::V4(Ipv4Addr::LOCALHOST));
    (config.workers, config.ports) = (1, 20_000..=20_199);
    let engine = MediaEngine::start(config.clone()).expect("an engine");
    let (leg, far_end) = (engine.reserve().expect("ports"), engine.reserve().expect("ports"));
    let mut call =
        Unpaced::begin(leg, &config, MediaParams::plain(far_end.address()), Box::new(Player)).expect("a call");
    call.send_due();
    counted(rounds, || assert!(call.send_due(), "the sound is longer than this"));
}

/// Plays clips of 1.01 s, over and over, so that packets begin anywhere in a clip.
struct Player;

impl Conductor for Player {
    fn start(&mut self, _: Moment, out: &mut Actions) {
        let clip = Arc::new(Clip::from_samples(&[0; 8080]));
        out.play(Playlist::new(vec![Item::Clip(clip); 1000]));
    }

    fn key(&mut self, _: Moment, _: Key, _: &mut Actions) {}

    fn played(&mut self, _: Moment, _: &mut Actions) {}

    fn timeout(&mut self, _: Moment, _: &mut Actions) {}

    fn message(&mut self, _: Moment, _: Box<dyn Any + Send>, _: &mut Actions) {}

    fn hung_up(&mut self, _: Moment) {}

    fn wake_at(&self) -> Option<Moment> {
        None
    }
}

/// A packet of recorded speech, listened to for keys.
fn detector(rounds: usize) {
    let speech = read_wav(&tree().join("prompts/en/notice.wav")).expect("a recording");
    let speech = Law::A.encode_all(&speech);
    let (mut decoder, mut detector) = (Decoder::new(Codec::Pcma), DtmfDetector::new());
    let mut packets = speech.chunks_exact(PACKET).cycle();
    let mut hear = || {
        let mut samples = [0; MOST_DECODED];
        let length = decoder.decode(packets.next().unwrap_or_default(), &mut samples);
        detector.hear(samples.into_iter().take(length), |tone| assert!(black_box(tone) == tone));
    };
    hear();
    counted(rounds, hear);
}

/// A whole simulated call of the demo: the balance in Mandarin, from the welcome to the goodbye.
fn call(rounds: usize) {
    let script = std::fs::read_to_string(tree().join("voice-menus/12333/menu.toml")).expect("the demo's script");
    let menu = hotline::menu::parse("menu.toml", &script).expect("a menu").menu;
    let catalogue = Catalogue::from_dir(&tree().join("prompts")).expect("texts");
    let clips = ClipStore::load(&tree().join("prompts")).expect("recordings");
    let scene = Scene { menu: Arc::new(menu), prompts: Arc::new(Prompts::new(catalogue, clips)) };
    let name = "balance-in-mandarin";
    let text = std::fs::read_to_string(tree().join("voice-menus/12333/calls").join(format!("{name}.call")));
    let call = parse(name, name, &text.expect("a call")).expect("a call");
    let records = without_sql(DemoOptions::named_only(Month::new(2026, 9).expect("a month")));
    let play = || drop(black_box(play(&scene, &call, &records.fresh())));
    play();
    counted(rounds, play);
}
