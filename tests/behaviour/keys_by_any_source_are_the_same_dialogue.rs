//! One dialogue, keyed by telephone-events, by SIP INFO, by tones, by several at once: each press is one key.

use hotline::facts::KeySource;
use hotline::node::Config;

use crate::support::keying::{By, Caller, Recorded};
use crate::support::node::{Running, start};

const ID: &str = "119999198503150010#";
const NUMBER: &str = "10000001#";
const SERVED: &str = "id > number > more > end";
/// Two numbers are keyed; it says something, so that the last key's other sources find a call, and hangs up.
const MENU: &str = r#"
[hotline]
name = "keys"
start = "id"
languages = ["en"]

[defaults]
gave-up = "end"
person = "end"

[id]
ask = "bench-id"
field = "citizen-id"
store = "id"
then = "number"

[number]
ask = "bench-number"
field = { digits = { min = 8, max = 10 } }
store = "number"
then = "more"

[more]
say = "bench-number"
then = "end"

[end]
hang-up = true
"#;

async fn hotline(change: impl FnOnce(&mut Config)) -> Running {
    let menu = tempfile::tempdir().expect("a folder");
    std::fs::write(menu.path().join("menu.toml"), MENU).expect("a menu");
    start(&[("12333", menu.path().to_str().expect("UTF-8"))], change).await
}

/// Keys the whole dialogue, and gives its record.
async fn keyed(events: bool, by: &[By]) -> Recorded {
    let running = hotline(|_| ()).await;
    let mut caller = Caller::dial(running.address, events).await;
    caller.press(ID, by).await;
    caller.press(NUMBER, by).await;
    caller.is_hung_up_on().await;
    let recorded = Recorded::of(running).await;
    assert_eq!((recorded.path.as_str(), recorded.keys), (SERVED, 28));
    recorded
}

#[tokio::test(flavor = "multi_thread")]
async fn by_events_alone() {
    let recorded = keyed(true, &[By::Events]).await;
    assert_eq!((recorded.sources, recorded.twice), ([28, 0, 0], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_info_alone() {
    // N11 freeswitch#1937
    let recorded = keyed(false, &[By::Info]).await;
    assert_eq!((recorded.sources, recorded.twice), ([0, 28, 0], 0));
}

/// Over UDP an ACK may be lost, or come after what was sent after it.
#[tokio::test(flavor = "multi_thread")]
async fn by_info_that_overtakes_the_acknowledgement() {
    let running = hotline(|_| ()).await;
    let mut caller = Caller::ring(running.address, true).await;
    caller.press(&ID[..3], &[By::Info]).await;
    caller.phone.ack("").await;
    caller.press(&ID[3..], &[By::Info]).await;
    caller.press(NUMBER, &[By::Info]).await;
    caller.is_hung_up_on().await;
    let recorded = Recorded::of(running).await;
    assert_eq!((recorded.path.as_str(), recorded.keys), (SERVED, 28));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_tones_alone() {
    // N11 freeswitch#1937
    let recorded = keyed(false, &[By::Tones]).await;
    assert_eq!((recorded.sources, recorded.twice), ([0, 0, 28], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_tones_though_events_were_agreed_on() {
    let recorded = keyed(true, &[By::Tones]).await;
    assert_eq!((recorded.sources, recorded.twice), ([0, 0, 28], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_events_and_tones_at_once() {
    // N15 freeswitch#2560. An event is told of at once, a tone after thirty milliseconds, and then not listened for any more.
    let recorded = keyed(true, &[By::Events, By::Tones]).await;
    assert_eq!((recorded.sources, recorded.twice), ([28, 0, 0], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_all_three_at_once() {
    // Which of two is the first to tell of a press is chance.
    let recorded = keyed(true, &[By::Events, By::Info, By::Tones]).await;
    assert_eq!((recorded.sources.iter().sum::<i64>(), recorded.twice), (28, 28), "{recorded:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_info_and_tones_where_no_events_are_offered() {
    let recorded = keyed(false, &[By::Info, By::Tones]).await;
    assert_eq!(recorded.sources.iter().sum::<i64>(), 28, "{recorded:?}");
}

/// Keys half of the dialogue, changes by a re-INVITE whether there are telephone-events, keys the rest. The tones are always
/// there, as they are behind many gateways.
async fn reinvited(events_first: bool) -> Recorded {
    let running = hotline(|_| ()).await;
    let mut caller = Caller::dial(running.address, events_first).await;
    let by = |events| if events { vec![By::Events, By::Tones] } else { vec![By::Tones] };
    caller.press(ID, &by(events_first)).await;
    caller.reinvite(!events_first).await;
    assert_eq!(caller.answer.contains("telephone-event"), !events_first);
    caller.press(NUMBER, &by(!events_first)).await;
    caller.is_hung_up_on().await;
    let recorded = Recorded::of(running).await;
    assert_eq!((recorded.path.as_str(), recorded.twice), (SERVED, 0), "{recorded:?}");
    recorded
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reinvite_that_takes_events_away_moves_the_keys_to_tones() {
    // N10 AlticeLabs/asterisk-i#11
    assert_eq!(reinvited(true).await.sources, [19, 0, 9]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reinvite_that_adds_events_moves_the_keys_to_them() {
    // N09 asterisk#826
    assert_eq!(reinvited(false).await.sources, [9, 0, 19]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_is_switched_off_is_not_offered_and_not_listened_to() {
    // N12 freeswitch#2542
    let running = hotline(|config| config.media.keys = vec![KeySource::Info, KeySource::InBand]).await;
    let mut caller = Caller::dial(running.address, true).await;
    assert!(!caller.answer.contains("telephone-event"));
    caller.press(ID, &[By::Events, By::Tones]).await;
    caller.press(NUMBER, &[By::Events, By::Tones]).await;
    caller.is_hung_up_on().await;
    assert_eq!(Recorded::of(running).await.sources, [0, 0, 28]);

    let running = hotline(|config| config.media.keys = vec![KeySource::Rfc4733]).await;
    let mut caller = Caller::dial(running.address, true).await;
    assert!(caller.answer.contains("a=rtpmap:101 telephone-event/8000\r\n"));
    caller.press("99#", &[By::Info]).await;
    caller.press(ID, &[By::Events]).await;
    caller.press(NUMBER, &[By::Events]).await;
    caller.is_hung_up_on().await;
    let recorded = Recorded::of(running).await;
    assert_eq!((recorded.path.as_str(), recorded.sources), (SERVED, [28, 0, 0]));
}
