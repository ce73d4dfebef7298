//! How long a whole simulated call takes: the balance in Mandarin, from the welcome to the goodbye.
#![allow(clippy::expect_used, missing_docs)]

use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use hotline::audio::ClipStore;
use hotline::facts::Month;
use hotline::records::demo::{DemoOptions, without_sql};
use hotline::simulate::{Scene, parse, play};
use hotline::speech::{Catalogue, Prompts};

fn whole_call(criterion: &mut Criterion) {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = std::fs::read_to_string(tree.join("voice-menus/12333/menu.toml")).expect("the demo's script");
    let menu = hotline::menu::parse("menu.toml", &script).expect("a menu").menu;
    let catalogue = Catalogue::from_dir(&tree.join("prompts")).expect("texts");
    let clips = ClipStore::load(&tree.join("prompts")).expect("recordings");
    let scene = Scene { menu: Arc::new(menu), prompts: Arc::new(Prompts::new(catalogue, clips)) };
    let text = std::fs::read_to_string(tree.join("voice-menus/12333/calls/balance-in-mandarin.call")).expect("a call");
    let call = parse("balance-in-mandarin.call", "balance-in-mandarin", &text).expect("a call");
    let records = without_sql(DemoOptions::named_only(Month::new(2026, 9).expect("a month")));
    criterion.bench_function("balance in Mandarin", |bench| bench.iter(|| play(&scene, &call, &records.fresh())));
}

criterion_group!(benches, whole_call);
criterion_main!(benches);
