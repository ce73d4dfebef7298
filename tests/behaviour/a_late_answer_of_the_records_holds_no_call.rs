//! The records do not answer in time: the caller of a real call is asked to wait, then told, and goes on to the rest of
//! the menu. When the answer comes after all, nothing happens.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use hotline::audio::Codec;
use hotline::facts::{KeySource, Language, PersonRef, Query, Reply};
use hotline::media::{EngineConfig, MediaEngine};
use hotline::menu::{Menu, parse};
use hotline::phone::{self, CallEnd, parse_script};
use hotline::records::{CallLog, PoolOptions, Records, RecordsError, RecordsPool};
use hotline::sip::{Agent, AgentConfig};
use hotline::speech::{Line, Pace, Prompts};
use hotline::telephony::{Exchange, SrtpPolicy, Version, answer_calls};
use jiff::Timestamp;

use crate::support::hotline::prompts;
use crate::support::sound::{bytes, position};

const MENU: &str = r#"
[hotline]
name = "slow"
start = "enter-id"
languages = ["en"]
notice-said-before = true
look-up-patience = "500ms"
look-up-deadline = "3s"

[defaults]
gave-up = "end"
person = "end"
unavailable = "records-down"

[enter-id]
ask = "enter-id"
field = "citizen-id"
store = "id"
then = "enter-number"

[enter-number]
ask = "enter-number"
field = { digits = { min = 8, max = 10 } }
store = "number"
then = "verify"

[verify]
verify = { id = "id", number = "number" }
matched = "end"
unmatched = "end"
locked = "end"

[records-down]
say = "records-down"
then = "enter-id"

[end]
say = "goodbye"
then = "over"

[over]
hang-up = true
"#;

/// Answers when it is let.
struct Stuck(Mutex<Receiver<()>>);

impl Records for Stuck {
    fn answer(&self, _: &Query, _: Timestamp) -> Result<Reply, RecordsError> {
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).recv();
        Ok(Reply::Matched(PersonRef(1)))
    }
}

async fn answering(menu: Arc<Menu>, prompts: Arc<Prompts>, database: &std::path::Path) -> (Agent, String, Sender<()>) {
    let (let_go, gate) = channel();
    let records: Arc<dyn Records> = Arc::new(Stuck(Mutex::new(gate)));
    let mut engine = EngineConfig::on([127, 0, 0, 1].into());
    engine.workers = 1;
    let version = Arc::new(Version {
        digest: None,
        numbers: [("100".to_owned(), menu)].into(),
        any: None,
        prompts,
        media_addresses: Vec::new(),
        srtp: SrtpPolicy::default(),
        keys: KeySource::ALL.to_vec(),
        ring: std::time::Duration::ZERO,
    });
    let exchange = Exchange {
        versions: Arc::new(version),
        records: Arc::new(RecordsPool::start(&records, PoolOptions::default()).unwrap()),
        log: Arc::new(CallLog::open(database).unwrap()),
        media: Arc::new(MediaEngine::start(engine).unwrap()),
        traces: None,
        watch: Arc::new(()),
        retry_after: 10,
    };
    let (sender, calls) = tokio::sync::mpsc::channel(8);
    let config = AgentConfig::new(vec!["127.0.0.1:0".parse().unwrap()]);
    let (agent, addresses) = Agent::start(config, sender).await.unwrap();
    tokio::spawn(answer_calls(Arc::new(exchange), calls));
    (agent, format!("sip:100@{}", addresses[0].address), let_go)
}

#[tokio::test(flavor = "multi_thread")]
async fn and_the_caller_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("calls.sqlite");
    let menu = Arc::new(parse("slow.toml", MENU).expect("a menu without faults").menu);
    let prompts = prompts();
    let (agent, target, let_go) = answering(menu, Arc::clone(&prompts), &database).await;
    let call = phone::Call {
        // The look-up is given up after three seconds, and the caller told; then 0 ends the call.
        script: Some(parse_script("s 119999198503150010# s 10000001# w14 0").unwrap()),
        codec: Some(Codec::Pcma),
        ..phone::Call::to(&target)
    };
    let (end, heard) = phone::dial(call, &mut std::io::sink()).await.expect("a call");
    assert_eq!(end, CallEnd::FarEnd);

    let mut rest = heard.as_slice();
    for message in ["enter-id", "enter-number", "common.one-moment", "records-down"] {
        let said = prompts.say(&[(Language::En, Line::new(message))], Pace::Normal);
        assert_eq!((said.lines.len(), said.missing), (1, 0), "{message} is recorded");
        let wanted: Vec<i16> =
            bytes(&said.playlist, Codec::Pcma).iter().map(|byte| Codec::Pcma.law().decode(*byte)).collect();
        let at = position(rest, &wanted).unwrap_or_else(|| panic!("{message} was not heard whole, in its order"));
        rest = &rest[at + wanted.len()..];
    }
    // The records' thread is let go before its pool is joined.
    let_go.send(()).unwrap();
    agent.stop();
}
