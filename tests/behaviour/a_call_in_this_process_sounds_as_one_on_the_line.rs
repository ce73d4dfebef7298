//! `hotline call --local`: no line between, and the caller hears the same clips in the same order, byte for byte, with
//! the text of each line written as it begins to sound.

use std::sync::Arc;

use hotline::audio::Codec;
use hotline::dialogue::Caller;
use hotline::facts::Month;
use hotline::phone::{CallEnd, LocalCall, Speaker, call_locally, parse_script};
use hotline::records::demo::{DemoOptions, without_sql};
use hotline::records::{PoolOptions, Records, RecordsPool};

use crate::support::hotline::menu;
use crate::support::sound::{position, prompts_of, said_by_bench_100};

async fn called(script: &str) -> (CallEnd, Vec<i16>, String) {
    let records: Arc<dyn Records> = Arc::new(without_sql(DemoOptions::named_only(Month::new(2026, 9).unwrap())));
    let call = LocalCall {
        menu: menu("bench/100"),
        prompts: Arc::new(prompts_of("bench/100")),
        records: RecordsPool::start(&records, PoolOptions::default()).unwrap(),
        caller: Caller::unknown(jiff::civil::date(2026, 11, 25)),
        script: Some(parse_script(script).unwrap()),
        speaker: Speaker::off(),
    };
    let mut transcript = Vec::new();
    let (end, heard) = call_locally(call, &mut transcript).await.expect("a call");
    (end, heard, String::from_utf8(transcript).unwrap())
}

#[tokio::test]
async fn to_its_end() {
    let (end, heard, transcript) = called("s 119999198503150010# s 10000001#").await;
    assert_eq!(end, CallEnd::FarEnd);
    let codec = Codec::Pcma;
    let mut rest = heard.as_slice();
    for (place, wanted) in said_by_bench_100(codec).iter().enumerate() {
        let wanted: Vec<i16> = wanted.iter().map(|byte| codec.law().decode(*byte)).collect();
        let at = position(rest, &wanted).unwrap_or_else(|| panic!("clip list {place} was not heard whole"));
        assert!(
            rest[..at].iter().all(|sample| *sample == codec.law().decode(codec.law().silence())),
            "sound before {place}"
        );
        rest = &rest[at + wanted.len()..];
    }
    let lines: Vec<&str> = transcript.lines().filter(|line| !line.is_empty()).collect();
    let [first, one, second, two, balance] = lines.as_slice() else { panic!("{transcript}") };
    assert!(first.starts_with("  hotline: ") && second.starts_with("  hotline: "), "{transcript}");
    assert_eq!([*one, *two], ["  caller:  19 keys", "  caller:  9 keys"]);
    assert!(balance.contains("two thousand three hundred twenty-nine yuan"), "{balance}");
}

#[tokio::test]
async fn a_key_cuts_the_line_that_sounds() {
    let (end, _, transcript) = called("w1 119999198503150010# w1 10000001#").await;
    assert_eq!(end, CallEnd::FarEnd);
    assert_eq!(transcript.matches(" —\n  caller:").count(), 2, "{transcript}");
}
