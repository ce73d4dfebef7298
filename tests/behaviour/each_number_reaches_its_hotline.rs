//! The table of numbers: a number reaches its own hotline, `*` every other one, and without it nothing answers there.

use std::io;

use hotline::phone::{self, CallEnd, parse_script};

use crate::support::node::{Running, start};

/// Dials a number without pressing a key, and returns how the call ends.
async fn dialled(running: &Running, number: &str) -> CallEnd {
    let target = format!("sip:{number}@{}", running.address);
    let call = phone::Call { script: Some(parse_script("w1").unwrap()), ..phone::Call::to(&target) };
    phone::dial(call, &mut io::sink()).await.expect("a call").0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_without_a_hotline_is_not_found() {
    let running = start(&[("300", "bench/300")], |_| ()).await;
    assert_eq!(dialled(&running, "300").await, CallEnd::FarEnd);
    assert!(matches!(dialled(&running, "301").await, CallEnd::Refused(404, _)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_star_answers_at_every_other_number() {
    let running = start(&[("100", "bench/100"), ("*", "bench/300")], |_| ()).await;
    assert_eq!(dialled(&running, "301").await, CallEnd::FarEnd);
}
