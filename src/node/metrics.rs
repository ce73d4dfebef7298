//! What a node counts, and the page that a monitoring system reads it from.
//!
//! ```text
//!   telephony ── CallWatch ──┐
//!   registrations, pings ────┤   families, counted as things happen ──┐
//!                            └──>                                     ├── GET /metrics
//!   agent, records, call log ──── collector, asked as the page is made ┘
//! ```
//!
//! How many series there may be is bounded: trunks are those of the configuration, every other label has its values from a type.

mod http;
mod table;

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::exemplar::CounterWithExemplar;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Registry;

use crate::dialogue::Outcome;
use crate::facts::{CallId, KeySource};
use crate::media::Lateness;
use crate::records::audit::AuditLog;
use crate::records::{BreakerState, CallLog, JournalCounts, RecordsPool, RemoteCounts, RemoteError, Service};
use crate::sip::Agent;
use crate::sip::agent::{RegisterNews, WeakAgent};
use crate::sip::door::Refusals;
use crate::sip::door::notice::Why;
use crate::telephony::{CallReport, CallWatch, Failure, Stage};

use super::spans::{Sending, SpanCounts};
use super::versions::{RESULTS, Workshop};

pub(super) use http::Server;
use table::{Described, Kind};

/// The states of transactions.
const TRANSACTION_STATES: [&str; 2] = ["running", "remembered"];

/// The statuses that answers to REGISTER are told apart by: those of RFC 3261, section 21, that end a request.
const STATUSES: [u16; 45] = [
    200, 300, 301, 302, 305, 380, 400, 401, 402, 403, 404, 405, 406, 407, 408, 410, 413, 414, 415, 416, 420, 421, 423,
    480, 481, 482, 483, 484, 485, 486, 487, 488, 491, 493, 500, 501, 502, 503, 504, 505, 513, 600, 603, 604, 606,
];

/// The bounds of lateness, as labels.
fn bounds() -> [String; Lateness::BOUNDS_MS.len()] {
    Lateness::BOUNDS_MS.map(|bound| format!("{bound}ms"))
}

/// The bounds of slow look-ups, as labels.
fn slow_bounds() -> [String; RemoteCounts::BOUNDS_MS.len()] {
    RemoteCounts::BOUNDS_MS.map(|bound| format!("{bound}ms"))
}

type Labels = Vec<(&'static str, String)>;

fn labels(described: &Described, values: &[&str]) -> Labels {
    described.labels.iter().copied().zip(values.iter().map(|value| (*value).to_owned())).collect()
}

/// A counter that also names the last call that it counted: its trace, its record, its lines in the logs.
type Traced = CounterWithExemplar<Labels>;

/// The name of a call as an exemplar's label; 40 symbols, of the 128 that OpenMetrics allows.
fn trace(call: Option<CallId>) -> Option<Labels> {
    call.map(|call| vec![("trace_id", call.to_string())])
}

/// A metric that is counted as things happen.
#[derive(Debug)]
struct Counted<M> {
    described: &'static Described,
    family: Family<Labels, M>,
}

impl<M: Clone + Default + EncodeMetric + TypedMetric + fmt::Debug + Send + Sync + 'static> Counted<M> {
    fn new(described: &'static Described, registry: &mut Registry) -> Counted<M> {
        let family = Family::<Labels, M>::default();
        registry.register(described.name, described.help, family.clone());
        Counted { described, family }
    }

    /// The one with these values of its labels.
    fn of(&self, values: &[&str]) -> M {
        self.family.get_or_create(&labels(self.described, values)).clone()
    }
}

/// Everything a node counts.
pub(super) struct Metrics {
    registry: Mutex<Registry>,
    trunks: HashSet<String>,
    calls: Counted<Gauge>,
    ended: Counted<Traced>,
    failures: Counted<Traced>,
    keys: Counted<Counter>,
    doubled: Counted<Counter>,
    registered: Counted<Gauge>,
    answers: Counted<Counter>,
    alive: Counted<Gauge>,
    sent: Counted<Counter>,
    late: Counted<Counter>,
    received: Counted<Counter>,
    lost: Counted<Counter>,
    draining: Arc<AtomicBool>,
}

impl Metrics {
    /// Nothing counted yet, for these trunks. What can be counted of them is there from the beginning, as zero.
    pub(super) fn new<'a>(trunks: impl Iterator<Item = (&'a str, bool)>) -> Metrics {
        let mut registry = Registry::default();
        let to = &mut registry;
        let mut metrics = Metrics {
            trunks: HashSet::new(),
            calls: Counted::new(&table::CALLS, to),
            ended: Counted::new(&table::CALLS_ENDED, to),
            failures: Counted::new(&table::CALL_FAILURES, to),
            keys: Counted::new(&table::KEYS, to),
            doubled: Counted::new(&table::KEYS_DOUBLED, to),
            registered: Counted::new(&table::TRUNK_REGISTERED, to),
            answers: Counted::new(&table::TRUNK_REGISTER_ANSWERS, to),
            alive: Counted::new(&table::TRUNK_ALIVE, to),
            sent: Counted::new(&table::MEDIA_PACKETS_SENT, to),
            late: Counted::new(&table::MEDIA_PACKETS_LATE, to),
            received: Counted::new(&table::MEDIA_PACKETS_RECEIVED, to),
            lost: Counted::new(&table::MEDIA_PACKETS_LOST, to),
            draining: Arc::default(),
            registry: Mutex::default(),
        };
        metrics.prepare("");
        for (trunk, registers) in trunks {
            metrics.trunks.insert(trunk.to_owned());
            metrics.prepare(trunk);
            if registers {
                metrics.registered.of(&[trunk]);
            }
        }
        bounds().iter().for_each(|over| drop(metrics.late.of(&[over])));
        [&metrics.sent, &metrics.received, &metrics.lost].iter().for_each(|counted| drop(counted.of(&[])));
        metrics.registry = Mutex::new(registry);
        metrics
    }

    fn prepare(&self, trunk: &str) {
        Stage::ALL.iter().for_each(|stage| drop(self.calls.of(&[trunk, stage.name()])));
        Outcome::ALL.iter().for_each(|outcome| drop(self.ended.of(&[trunk, outcome.name()])));
        Failure::ALL.iter().for_each(|failure| drop(self.failures.of(&[trunk, failure.name()])));
        KeySource::ALL.iter().for_each(|source| drop(self.keys.of(&[trunk, source.name()])));
        drop(self.doubled.of(&[trunk]));
    }

    /// From now on the page tells of these too.
    pub(super) fn ask(
        &self,
        agent: &Agent,
        records: &Arc<RecordsPool>,
        log: &Arc<CallLog>,
        audit: &Arc<AuditLog>,
        workshop: &Arc<Workshop>,
        spans: Option<&Sending>,
    ) {
        let spans = spans.map(|spans| Arc::clone(&spans.counts));
        let (records, log, audit) = (Arc::downgrade(records), Arc::downgrade(log), Arc::downgrade(audit));
        let workshop = Arc::downgrade(workshop);
        let asked = Asked {
            agent: agent.downgrade(),
            records,
            log,
            audit,
            workshop,
            spans,
            draining: Arc::clone(&self.draining),
        };
        self.registry().register_collector(Box::new(asked));
    }

    /// No new calls are taken from now on.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The page, in the OpenMetrics text format.
    pub(super) fn page(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        encode(&mut page, &self.registry())?;
        Ok(page)
    }

    pub(super) fn registers(&self, trunk: &str, news: RegisterNews) {
        match news {
            RegisterNews::Answered(status) if STATUSES.contains(&status) => {
                self.answers.of(&[trunk, &status.to_string()]).inc();
            }
            RegisterNews::Answered(_) => {
                self.answers.of(&[trunk, "other"]).inc();
            }
            RegisterNews::Registered(registered) => {
                self.registered.of(&[trunk]).set(registered.into());
            }
        }
    }

    pub(super) fn answers(&self, trunk: &str, alive: bool) {
        self.alive.of(&[trunk]).set(alive.into());
    }

    /// A trunk's name as a label: one that the configuration does not have is none.
    fn named<'a>(&self, trunk: Option<&'a Arc<str>>) -> &'a str {
        trunk.map(|trunk| &**trunk).filter(|trunk| self.trunks.contains(*trunk)).unwrap_or_default()
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallWatch for Metrics {
    fn moves(&self, trunk: Option<&Arc<str>>, from: Option<Stage>, to: Option<Stage>) {
        let trunk = self.named(trunk);
        let at = |stage: Stage| self.calls.of(&[trunk, stage.name()]);
        from.map(|stage| at(stage).dec());
        to.map(|stage| at(stage).inc());
    }

    fn ended(&self, trunk: Option<&Arc<str>>, report: &CallReport) {
        let trunk = self.named(trunk);
        if let Some(failure) = report.failure {
            self.failures.of(&[trunk, failure.name()]).inc_by(1, trace(report.call), None);
        }
        for source in KeySource::ALL {
            self.keys.of(&[trunk, source.name()]).inc_by(report.keys.of(source).into());
        }
        self.doubled.of(&[trunk]).inc_by(report.keys.twice.into());
        if let Some(media) = report.media {
            self.sent.of(&[]).inc_by(media.packets_sent);
            self.received.of(&[]).inc_by(media.packets_received);
            self.lost.of(&[]).inc_by(u64::try_from(media.lost).unwrap_or_default());
            for (place, over) in bounds().iter().enumerate() {
                let later = media.late.packets.iter().skip(place + 1).map(|packets| u64::from(*packets)).sum();
                self.late.of(&[over]).inc_by(later);
            }
        }
        // Last, so that a page which has the call has all of it.
        if let Some(outcome) = report.outcome {
            self.ended.of(&[trunk, outcome.name()]).inc_by(1, trace(report.call), None);
        }
    }
}

/// What is asked as the page is made.
struct Asked {
    agent: WeakAgent,
    records: Weak<RecordsPool>,
    log: Weak<CallLog>,
    audit: Weak<AuditLog>,
    workshop: Weak<Workshop>,
    spans: Option<Arc<SpanCounts>>,
    draining: Arc<AtomicBool>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked")
    }
}

impl Collector for Asked {
    fn encode(&self, mut page: DescriptorEncoder<'_>) -> fmt::Result {
        if let Some(agent) = self.agent.upgrade() {
            put_agent(&mut page, &agent)?;
        }
        if let Some(records) = self.records.upgrade() {
            let counts = records.counts();
            put(&mut page, &table::LOOKUPS, [(vec![], counts.asked)])?;
            put(&mut page, &table::LOOKUPS_LATE, [(vec![], counts.late)])?;
            put(&mut page, &table::LOOKUPS_REFUSED, [(vec![], counts.refused)])?;
            put_remote(&mut page, records.remote())?;
        }
        if let Some(log) = self.log.upgrade() {
            put_log(&mut page, &log)?;
        }
        if let Some(audit) = self.audit.upgrade() {
            let JournalCounts { lost, waiting, .. } = audit.counts();
            put(&mut page, &table::AUDIT_LINES_LOST, [(vec![], lost)])?;
            put(&mut page, &table::AUDIT_LINES_WAITING, [(vec![], waiting)])?;
        }
        if let Some(workshop) = self.workshop.upgrade() {
            put(&mut page, &table::VERSIONS_LIVE, [(vec![], wide(workshop.live()))])?;
            put(
                &mut page,
                &table::RELOADS,
                RESULTS.into_iter().zip(workshop.results()).map(|(name, times)| (vec![name], times)),
            )?;
        }
        let spans = |of: fn(&SpanCounts) -> &AtomicU64| {
            self.spans.as_ref().map_or(0, |spans| of(spans).load(Ordering::Relaxed))
        };
        put(&mut page, &table::SPANS_SENT, [(vec![], spans(|spans| &spans.sent))])?;
        put(&mut page, &table::SPANS_DROPPED, [(vec![], spans(|spans| &spans.dropped))])?;
        put(&mut page, &table::DRAINING, [(vec![], self.draining.load(Ordering::Relaxed).into())])?;
        put(&mut page, &table::BUILD, [(vec![env!("CARGO_PKG_VERSION")], 1)])
    }
}

/// How a server or service of records answers; no series where they are in a file.
fn put_remote(page: &mut DescriptorEncoder<'_>, remote: Option<RemoteCounts>) -> fmt::Result {
    let failed = remote.iter().flat_map(|remote| RemoteError::NAMES.into_iter().zip(remote.failed));
    put(page, &table::LOOKUPS_FAILED, failed.map(|(name, times)| (vec![name], times)))?;
    let bounds = slow_bounds();
    let slower = remote.iter().flat_map(|remote| bounds.iter().zip(remote.slower));
    put(page, &table::LOOKUPS_SLOW, slower.map(|(over, times)| (vec![over.as_str()], times)))?;
    let stands = |state: BreakerState| remote.map(|remote| (vec![state.name()], u64::from(state == remote.breaker)));
    put(page, &table::RECORDS_BREAKER, BreakerState::ALL.into_iter().filter_map(stands))
}

fn put_log(page: &mut DescriptorEncoder<'_>, log: &CallLog) -> fmt::Result {
    let (service, JournalCounts { lost, waiting, down }) = (log.service(), log.counts());
    put(page, &table::SERVICE, Service::ALL.map(|what| (vec![what.name()], service.of(what))))?;
    put(page, &table::CALLS_ABANDONED, service.abandoned().map(|(menu, step, calls)| (vec![menu, step], calls)))?;
    put(page, &table::CALL_RECORDS_LOST, [(vec![], lost)])?;
    put(page, &table::CALL_RECORDS_WAITING, [(vec![], waiting)])?;
    put(page, &table::CALL_RECORDS_DOWN, [(vec![], down.into())])
}

fn put_agent(page: &mut DescriptorEncoder<'_>, agent: &Agent) -> fmt::Result {
    let standing = agent.standing();
    let transactions = [standing.transactions, standing.remembered].into_iter().map(wide);
    let transactions = TRANSACTION_STATES.iter().zip(transactions).map(|(state, now)| (vec![*state], now));
    put(page, &table::SIP_TRANSACTIONS, transactions)?;
    put(page, &table::SIP_CONNECTIONS, [(vec![], wide(standing.connections))])?;
    put(page, &table::SIP_CONNECTIONS_REFUSED, [(vec![], standing.connections_refused)])?;
    let trunks = agent.trunks();
    let trunks = trunks.iter().map(|trunk| (vec![&*trunk.name], trunk.refused));
    put(page, &table::TRUNK_CALLS_REFUSED, trunks)?;
    put(page, &table::STRANGERS_REFUSED, whys(agent.refusals()).map(|(why, times)| (vec![why], times)))?;
    let refused = agent.refused();
    let refused: Vec<_> = refused.iter().map(|(status, reason, times)| (status.to_string(), *reason, *times)).collect();
    let refused = refused.iter().map(|(status, reason, times)| (vec![status.as_str(), reason], *times));
    put(page, &table::SIP_REFUSED, refused)
}

/// Refused attempts, each with its reason.
fn whys(refused: Refusals) -> [(&'static str, u64); 4] {
    [
        (Why::UnknownSource.name(), refused.unknown_source),
        (Why::WrongPassword.name(), refused.wrong_password),
        (Why::TooMany.name(), refused.too_many),
        (Why::Malformed.name(), refused.malformed),
    ]
}

/// Writes one metric with its values.
fn put<'a>(
    page: &mut DescriptorEncoder<'_>,
    described: &Described,
    series: impl IntoIterator<Item = (Vec<&'a str>, u64)>,
) -> fmt::Result {
    let kind = match described.kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
    };
    let mut metric = page.encode_descriptor(described.name, &format!("{}.", described.help), None, kind)?;
    for (values, number) in series {
        let labels = labels(described, &values);
        match described.kind {
            Kind::Counter => ConstCounter::new(number).encode(metric.encode_family(&labels)?)?,
            Kind::Gauge => {
                ConstGauge::new(i64::try_from(number).unwrap_or(i64::MAX)).encode(metric.encode_family(&labels)?)?
            }
        }
    }
    Ok(())
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The page `docs/metrics.md`, made from what there is to be counted.
pub fn metrics_reference() -> String {
    table::page()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The series of a page that begin so.
    fn series(metrics: &Metrics, begin: &str) -> Vec<String> {
        metrics.page().unwrap().lines().filter(|line| line.starts_with(begin)).map(str::to_owned).collect()
    }

    #[test]
    fn no_trunk_of_another_name_and_no_status_makes_a_series_without_end() {
        let metrics = Metrics::new([("carrier", true)].into_iter());
        let before = series(&metrics, "hotline_calls").len();
        for number in 0..100 {
            let trunk: Arc<str> = format!("stranger-{number}").into();
            metrics.moves(Some(&trunk), None, Some(Stage::Running));
        }
        assert_eq!(series(&metrics, "hotline_calls").len(), before);
        assert!(series(&metrics, "hotline_calls{").contains(&"hotline_calls{trunk=\"\",state=\"running\"} 100".into()));
        for status in 200..700 {
            metrics.registers("carrier", RegisterNews::Answered(status));
        }
        let answers = series(&metrics, "hotline_trunk_register_answers_total");
        assert_eq!(answers.len(), STATUSES.len() + 1);
        let others = 500 - STATUSES.len();
        let other = format!("hotline_trunk_register_answers_total{{trunk=\"carrier\",status=\"other\"}} {others}");
        assert!(answers.contains(&other), "{answers:?}");
    }

    #[test]
    fn a_call_of_a_trunk_is_counted_as_its_own_and_a_late_packet_by_how_late_it_was() {
        let metrics = Metrics::new([("carrier", false)].into_iter());
        let trunk: Arc<str> = "carrier".into();
        let mut keys = crate::facts::KeyCounts::default();
        keys.twice = 2;
        keys.add(KeySource::Info);
        let mut media = crate::media::MediaStats { packets_sent: 21, lost: -3, ..Default::default() };
        media.late.packets = [6, 5, 4, 3, 2, 1];
        metrics.ended(
            Some(&trunk),
            &CallReport {
                call: Some(CallId::new([7; 16])),
                outcome: Some(Outcome::Served),
                keys,
                media: Some(media),
                ..CallReport::default()
            },
        );
        let page = metrics.page().unwrap();
        for line in [
            "hotline_calls_ended_total{trunk=\"carrier\",outcome=\"served\"} 1 # {trace_id=\"07070707070707070707070707070707\"} 1.0",
            "hotline_keys_total{trunk=\"carrier\",source=\"info\"} 1",
            "hotline_keys_doubled_total{trunk=\"carrier\"} 2",
            "hotline_keys_doubled_total{trunk=\"\"} 0",
            "hotline_media_packets_late_total{over=\"1ms\"} 15",
            "hotline_media_packets_late_total{over=\"20ms\"} 1",
            "hotline_media_packets_lost_total 0",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }
}
