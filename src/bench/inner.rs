//! What runs inside a hotline, without a network: listening for tones, whole simulated calls, the records.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use super::spread::{Quantiles, Spread};
use crate::audio::{ClipStore, Codec, Decoder, DtmfDetector, Law, MOST_DECODED};
use crate::dialogue::{Outcome, Story};
use crate::facts::{
    CallId, CitizenId, Identity, Insurance, KeyCounts, Language, Month, Origin, PersonRef, Query, Reply, Secret,
};
use crate::records::demo::{self, DemoOptions, NAMED};
use crate::records::{CallLog, CallRecord, LockPolicy, PoolOptions, Records, RecordsPool, Source, SqliteRecords};
use crate::simulate::{Scene, Suite, TestCall, play};

/// A packet of 20 ms.
const PACKET: usize = 160;
const PACKETS_A_SECOND: f64 = 50.0;
/// Speech that is listened to, over and over.
const SPEECH: usize = 8000 * 120;
/// Look-ups that wait at once: fewer than the pool's queue holds.
const AT_ONCE: u64 = 32;
/// People of a database that are asked for in turn.
const MOST_ASKED_FOR: u32 = 20_000;
/// Rows of one run at most: some tens of megabytes.
const MOST_ROWS: u64 = 200_000;

/// Listening for tones.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Keys {
    /// Calls a core that can be listened to at once while their callers speak all the time.
    pub speaking_calls: f64,
    /// The same of callers who are silent.
    pub silent_calls: f64,
}

/// Listens to recordings of speech, and to silence, each for this long.
///
/// # Errors
/// The recordings cannot be read; or a key was heard where there is none.
pub fn keys(prompts: &Path, time: Duration, mut turned: impl FnMut(f64)) -> Result<Keys, String> {
    let clips = ClipStore::load(prompts)
        .map_err(|faults| faults.iter().map(|fault| format!("{fault}\n")).collect::<String>())?;
    let speech: Vec<u8> = clips.iter().flat_map(|(_, _, clip)| clip.bytes(Law::A).to_vec()).take(SPEECH).collect();
    let mut listen = |sound: &[u8], from: f64| {
        let (mut decoder, mut detector) = (Decoder::new(Codec::Pcma), DtmfDetector::new());
        let (mut keys, mut packets, mut next) = (0_u64, 0_u64, 0.0);
        let begun = now();
        while begun.elapsed() < time {
            for packet in sound.chunks_exact(PACKET) {
                let mut samples = [0; MOST_DECODED];
                let length = decoder.decode(packet, &mut samples);
                detector.hear(samples.into_iter().take(length), |_| keys += 1);
                packets += 1;
            }
            let part = begun.elapsed().as_secs_f64() / time.as_secs_f64();
            if part >= next {
                next = part + 0.02;
                turned(from + part.min(1.0) / 2.0);
            }
        }
        match keys {
            0 => Ok(packets as f64 / PACKETS_A_SECOND / begun.elapsed().as_secs_f64()),
            _ => Err(format!("{keys} keys were heard in sound that has none")),
        }
    };
    let speaking_calls = listen(&speech, 0.0)?;
    let silent_calls = listen(&vec![Law::A.silence(); PACKET * 500], 0.5)?;
    Ok(Keys { speaking_calls, silent_calls })
}

/// Simulated calls.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Simulated {
    /// Whole calls a second on this thread.
    pub calls_a_second: f64,
    /// How long they would be for their callers, in hours.
    pub hours: f64,
    /// How many were made.
    pub calls: usize,
}

/// Plays test calls over and over for this long; `records` gives each fresh ones.
pub fn simulate<R: Records>(
    scene: &Scene,
    suite: &Suite,
    time: Duration,
    mut records: impl FnMut(&TestCall) -> R,
    mut turned: impl FnMut(f64),
) -> Simulated {
    let (mut calls, mut length, mut taken) = (0, Duration::ZERO, Duration::ZERO);
    let begun = now();
    while begun.elapsed() < time && !suite.calls.is_empty() {
        for (_, call) in &suite.calls {
            let records = records(call);
            let begun = now();
            let played = play(scene, call, &records);
            taken += begun.elapsed();
            calls += played.lengths.len();
            length += played.lengths.iter().sum::<Duration>();
        }
        turned(begun.elapsed().as_secs_f64() / time.as_secs_f64());
    }
    let calls_a_second = calls as f64 / taken.as_secs_f64().max(1e-9);
    Simulated { calls_a_second, hours: length.as_secs_f64() / 3600.0, calls }
}

/// The records' database.
#[derive(Clone, Debug, Serialize)]
pub struct Store {
    /// People in it.
    pub people: u32,
    /// Verifications and balances together, a second.
    pub look_ups_a_second: f64,
    /// From the question to the answer, in milliseconds; with 32 questions waiting at once where no rate was asked for.
    pub look_up_ms: Quantiles,
    /// Questions without an answer.
    pub unanswered: u64,
    /// Call records written, a second.
    pub rows_a_second: f64,
    /// Call records that the database refused.
    pub rows_lost: u64,
}

/// Asks a database of so many made-up people, then writes call records into it, each for this long.
///
/// # Errors
/// The database cannot be made or opened.
pub fn store(
    folder: &Path,
    people: u32,
    workers: usize,
    time: Duration,
    mut turned: impl FnMut(f64),
) -> Result<Store, String> {
    let path = folder.join("bench.db");
    let as_of = Month::new(2026, 9).ok_or("no such month")?;
    let options = DemoOptions { people, ..DemoOptions::as_of(as_of) };
    let people = demo::write(&path, options, true, || ()).map_err(|error| error.to_string())?.people;
    let records: Arc<dyn Records> = Arc::new(SqliteRecords::open(&path).map_err(|error| error.to_string())?);
    let asked = PoolOptions { workers, step: Duration::ZERO, ..PoolOptions::default() };
    let pool = RecordsPool::start(&records, asked).map_err(|error| error.to_string())?;
    let today = jiff::civil::date(2026, 11, 1);
    let named =
        NAMED.iter().filter_map(|person| Some((CitizenId::parse(person.id, today).ok()?, person.number.into())));
    let looked_up = look_up(&pool, &named.collect::<Vec<_>>(), None, time, |part| turned(part / 2.0))?;
    let LookedUp { look_ups_a_second, look_up_ms, unanswered } = looked_up;
    drop(pool);
    let log = CallLog::open(&path).map_err(|error| error.to_string())?;
    let (mut written, mut refused, begun) = (0_u64, 0_u64, now());
    while begun.elapsed() < time && written < MOST_ROWS {
        // As fast as they are written, no faster: a full queue is waited for.
        if !log.write(a_record(written)) {
            refused += 1;
            std::thread::yield_now();
            continue;
        }
        written += 1;
        if written.is_multiple_of(1000) {
            turned(0.5 + begun.elapsed().as_secs_f64() / time.as_secs_f64() / 2.0);
        }
    }
    // Those that found the queue full were offered again.
    let lost = log.counts().lost.saturating_sub(refused);
    // Waits until all are in the database.
    drop(log);
    let rows_a_second = written as f64 / begun.elapsed().as_secs_f64();
    Ok(Store { people, look_ups_a_second, look_up_ms, unanswered, rows_a_second, rows_lost: lost })
}

/// Look-ups in a database that is there.
#[derive(Clone, Debug, Serialize)]
pub struct LookedUp {
    /// Verifications, balances and payments of a year together, a second.
    pub look_ups_a_second: f64,
    /// From the question to the answer, in milliseconds.
    pub look_up_ms: Quantiles,
    /// Questions without an answer.
    pub unanswered: u64,
}

/// Asks for people of a database that is there, all over it: so many questions a second, or as many as are answered. Right
/// answers alone are given, so nothing is written but that they were right.
///
/// # Errors
/// The database cannot be opened, or holds nobody.
pub fn existing(
    source: &Source,
    workers: usize,
    rate: Option<u32>,
    time: Duration,
    turned: impl FnMut(f64),
) -> Result<LookedUp, String> {
    let people = source.some_people(MOST_ASKED_FOR).map_err(|error| error.to_string())?;
    let mut source = source.clone();
    if let Source::Postgres(options) = &mut source {
        options.connections = workers;
    }
    let records = source.open(LockPolicy::default()).map_err(|error| error.to_string())?;
    let pool = RecordsPool::start(&records, PoolOptions { workers, step: Duration::ZERO, ..PoolOptions::default() });
    look_up(&pool.map_err(|error| error.to_string())?, &people, rate, time, turned)
}

fn look_up(
    pool: &RecordsPool,
    people: &[(CitizenId, String)],
    rate: Option<u32>,
    time: Duration,
    mut turned: impl FnMut(f64),
) -> Result<LookedUp, String> {
    let first = people.first().ok_or("there is nobody to ask for")?;
    let (answered, answers) = mpsc::channel();
    let unanswered = Arc::new(AtomicU64::new(0));
    let (mut spread, mut asked, mut done) = (Spread::new(), 0_u64, 0_u64);
    let (begun, at) = (now(), Timestamp::from_second(1_790_000_000).map_err(|error| error.to_string())?);
    let mut person = None;
    // When the next question is due, where they come at a rate: late ones are asked at once, and count from when they were due.
    let due = |asked: u64| rate.map_or(begun, |rate| begun + Duration::from_secs_f64(asked as f64 / f64::from(rate)));
    while begun.elapsed() < time || done < asked {
        while begun.elapsed() < time && now() >= due(asked) && (rate.is_some() || asked - done < AT_ONCE) {
            let (id, number) = people.get(asked as usize / 3 % people.len()).unwrap_or(first);
            let query = question(asked, id, number, person);
            let sent = if rate.is_some() { due(asked) } else { now() };
            let (answered, unanswered) = (answered.clone(), Arc::clone(&unanswered));
            pool.ask(CallId::new([0; 16]), query, at, sent + Duration::from_secs(5), move |reply| {
                if reply == Reply::Unavailable {
                    unanswered.fetch_add(1, Ordering::Relaxed);
                }
                // Nobody waits: the measurement is over.
                let _ = answered.send((reply, sent.elapsed()));
            });
            asked += 1;
        }
        let patience =
            if rate.is_some() { due(asked).saturating_duration_since(now()) } else { Duration::from_secs(10) };
        let Ok((reply, took)) = answers.recv_timeout(patience) else { continue };
        spread.record(took);
        done += 1;
        if let Reply::Matched(matched) = reply {
            person = Some(matched);
        }
        if done % 1000 == 0 {
            turned(begun.elapsed().as_secs_f64() / time.as_secs_f64());
        }
    }
    let look_ups_a_second = done as f64 / begun.elapsed().as_secs_f64();
    let unanswered = unanswered.load(Ordering::Relaxed);
    Ok(LookedUp { look_ups_a_second, look_up_ms: spread.quantiles(), unanswered })
}

/// In turn: who they are, their balances, their payments of a year.
fn question(turn: u64, id: &CitizenId, number: &str, person: Option<PersonRef>) -> Query {
    match (turn % 3, person) {
        (1, Some(person)) => Query::Balances(person),
        (2, Some(person)) => {
            let to = Month::of(jiff::civil::date(2026, 9, 1));
            Query::Payments { person, insurance: Insurance::Pension, from: to.plus(-11), to }
        }
        _ => Query::Verify {
            identity: Identity {
                id: Some(Secret::new(id.clone())),
                number: Some(Secret::new(number.to_owned())),
                ..Identity::default()
            },
            from: Origin::default(),
        },
    }
}

fn a_record(number: u64) -> CallRecord {
    let at = |second: u64| Timestamp::from_second(1_790_000_000 + second as i64).unwrap_or(Timestamp::UNIX_EPOCH);
    let second = number / 100;
    let path = ["welcome", "main", "enter-id", "enter-number", "verify", "account", "balance"].map(Arc::from).to_vec();
    let entered = [0, 15, 30, 50, 60, 61, 75].map(Duration::from_secs).to_vec();
    CallRecord {
        call: CallId::new(u128::from(number).to_be_bytes()),
        started: at(second),
        answered: Some(at(second)),
        ended: at(second + 90),
        called: "12333".into(),
        caller: None,
        menu: "12333".into(),
        story: Story { path, entered, outcome: Outcome::Served, keys: 28, ..Story::of(Language::ZhCn) },
        person: None,
        trunk: None,
        version: None,
        sip_call_id: Some(format!("{number}@hotline-bench")),
        keys: KeyCounts::default(),
        rtp_lost: Some(0),
        rtp_jitter_us: Some(120),
    }
}

#[allow(clippy::disallowed_methods, reason = "what is measured is time")]
fn now() -> Instant {
    Instant::now()
}
