//! Every metric there is: the registry and the page `docs/metrics.md` are made from this table alone.

use crate::dialogue::Outcome;
use crate::facts::KeySource;
use crate::records::{BreakerState, RemoteError};
use crate::telephony::{Failure, Stage};

/// What kind of metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows, from the start of the program.
    Counter,
    /// How it stands now.
    Gauge,
}

/// One metric.
#[derive(Debug)]
pub(super) struct Described {
    /// Without the `_total` of a counter.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// The names of its labels, in the order that values are given in.
    pub(super) labels: &'static [&'static str],
    /// Without a full stop.
    pub(super) help: &'static str,
}

macro_rules! metrics {
    ($($name:ident: $kind:ident $text:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(super) const $name: Described =
            Described { name: $text, kind: Kind::$kind, labels: &[$($label),*], help: $help };)*
        /// All of them, in the order of the page.
        pub(super) const ALL: &[&Described] = &[$(&$name),*];
    };
}

metrics! {
    CALLS: Gauge "hotline_calls" ["trunk", "state"] "Calls at this moment";
    CALLS_ENDED: Counter "hotline_calls_ended" ["trunk", "outcome"] "Calls that were taken and are over, by what the caller got";
    CALL_FAILURES: Counter "hotline_call_failures" ["trunk", "failure"] "Calls that reached their menu and were refused or cut off; what is refused before shows in hotline_sip_refused_total alone";
    KEYS: Counter "hotline_keys" ["trunk", "source"] "Keys pressed in calls that are over, each once, by the way that they came first";
    KEYS_DOUBLED: Counter "hotline_keys_doubled" ["trunk"] "Presses of these that came by two ways at once and were counted once";
    TRUNK_REGISTERED: Gauge "hotline_trunk_registered" ["trunk"] "1 while what the registrar has granted holds, else 0";
    TRUNK_REGISTER_ANSWERS: Counter "hotline_trunk_register_answers" ["trunk", "status"] "REGISTER requests by what was answered: 408 is also no answer, 503 also no way there";
    TRUNK_ALIVE: Gauge "hotline_trunk_alive" ["trunk"] "1 while the trunk answers OPTIONS, 0 after three misses in a row; absent until either is known";
    TRUNK_CALLS_REFUSED: Counter "hotline_trunk_calls_refused" ["trunk"] "Calls that the trunk brought beyond its share";
    STRANGERS_REFUSED: Counter "hotline_strangers_refused" ["why"] "Attempts of those who are no trunk, and wrong passwords of anybody: what a ban tool is told of";
    SIP_REFUSED: Counter "hotline_sip_refused" ["status", "reason"] "Requests that were refused, each retransmission too where nothing is remembered of the first";
    SIP_TRANSACTIONS: Gauge "hotline_sip_transactions" ["state"] "SIP transactions running, and remembered for their retransmissions";
    SIP_CONNECTIONS: Gauge "hotline_sip_connections" [] "TCP and TLS connections open";
    SIP_CONNECTIONS_REFUSED: Counter "hotline_sip_connections_refused" [] "Connections closed as they came, because there were too many";
    MEDIA_PACKETS_SENT: Counter "hotline_media_packets_sent" [] "RTP packets sent in calls that are over";
    MEDIA_PACKETS_LATE: Counter "hotline_media_packets_late" ["over"] "Those of them that left later than this after they were due";
    MEDIA_PACKETS_RECEIVED: Counter "hotline_media_packets_received" [] "RTP packets that came from callers in calls that are over";
    MEDIA_PACKETS_LOST: Counter "hotline_media_packets_lost" [] "RTP packets of callers that never came in calls that are over";
    LOOKUPS: Counter "hotline_lookups" [] "Questions to the records";
    LOOKUPS_LATE: Counter "hotline_lookups_late" [] "Those of them that were not answered within their time";
    LOOKUPS_REFUSED: Counter "hotline_lookups_refused" [] "Those of them that too many others waited before";
    LOOKUPS_FAILED: Counter "hotline_lookups_failed" ["failure"] "Those of them that a server or service of records did not answer; absent where records are in a file";
    LOOKUPS_SLOW: Counter "hotline_lookups_slow" ["over"] "Those of them that a server or service took longer than this to answer";
    RECORDS_BREAKER: Gauge "hotline_records_breaker" ["state"] "1 for how the breaker before a server or service of records stands, 0 for the others";
    SERVICE: Counter "hotline_service" ["what"] "Calls that are over, by what their callers came to: [calls](calls.md#what-is-counted)";
    CALLS_ABANDONED: Counter "hotline_calls_abandoned" ["menu", "step"] "Calls whose caller went with nothing, by the step they were in; beyond 1,000 steps, and where the path is too long, `other`";
    CALL_RECORDS_LOST: Counter "hotline_call_records_lost" [] "Rows of the call record that could not be kept: too many came at once, or the spool is full";
    CALL_RECORDS_WAITING: Gauge "hotline_call_records_waiting_bytes" [] "Call records that wait on the disk to be written";
    CALL_RECORDS_DOWN: Gauge "hotline_call_records_down" [] "1 while call records cannot be written where they are kept, else 0";
    AUDIT_LINES_LOST: Counter "hotline_audit_lines_lost" [] "Lines of the audit log that could not be kept";
    AUDIT_LINES_WAITING: Gauge "hotline_audit_lines_waiting_bytes" [] "Lines of the audit log that wait on the disk to be written";
    SPANS_SENT: Counter "hotline_spans_sent" [] "OpenTelemetry spans that a collector took";
    SPANS_DROPPED: Counter "hotline_spans_dropped" [] "Spans that were not sent: too many waited, or the collector did not take them";
    VERSIONS_LIVE: Gauge "hotline_versions_live" [] "Versions of menus and prompts that calls are served by, or may still be";
    RELOADS: Counter "hotline_reloads" ["result"] "Reloads that were asked for";
    DRAINING: Gauge "hotline_draining" [] "1 from the moment that no new calls are taken, else 0";
    BUILD: Gauge "hotline_build" ["version"] "Always 1";
}

/// The page `docs/metrics.md`.
pub(super) fn page() -> String {
    let mut page = String::from(HEAD);
    for metric in ALL {
        let (suffix, kind) = match metric.kind {
            Kind::Counter => ("_total", "counter"),
            Kind::Gauge => ("", "gauge"),
        };
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, help) = (metric.name, metric.help);
        page.push_str(&format!("| `{name}{suffix}` | {kind} | {} | {help} |\n", labels.join(", ")));
    }
    page.push_str("\n## Labels\n\n| label | values |\n|---|---|\n");
    page.push_str("| `trunk` | a name of the configuration's `[trunks]`; empty for calls that no trunk brought |\n");
    let (bounds, slow) = (super::bounds(), super::slow_bounds());
    let of_type = [
        ("state", Stage::ALL.map(Stage::name).to_vec(), "of calls"),
        ("state", super::TRANSACTION_STATES.to_vec(), "of transactions"),
        ("outcome", Outcome::ALL.map(Outcome::name).to_vec(), "as in the call record"),
        ("failure", Failure::ALL.map(Failure::name).to_vec(), "as in the log"),
        (
            "why",
            super::whys(crate::sip::door::Refusals::default()).map(|(why, _)| why).to_vec(),
            "[defence](defence.md)",
        ),
        (
            "what",
            crate::records::Service::ALL.map(crate::records::Service::name).to_vec(),
            "[calls](calls.md#what-is-counted)",
        ),
        ("source", KeySource::ALL.map(KeySource::name).to_vec(), "[keys](keys.md)"),
        ("result", crate::node::versions::RESULTS.to_vec(), "[reload](reload.md)"),
        (
            "state",
            BreakerState::ALL.map(BreakerState::name).to_vec(),
            "of the breaker; [records](records.md#when-they-are-down)",
        ),
        ("failure", RemoteError::NAMES.to_vec(), "of look-ups; [records](records.md#when-they-are-down)"),
        ("over", slow.each_ref().map(String::as_str).to_vec(), "of look-ups; each counts those of the next too"),
        ("over", bounds.each_ref().map(String::as_str).to_vec(), "of packets; each counts those of the next too"),
    ];
    for (label, values, note) in of_type {
        let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
        page.push_str(&format!("| `{label}` | {}: {note} |\n", values.join(", ")));
    }
    page.push_str("| `menu`, `step` | a menu's name, and a step of it |\n");
    page.push_str("| `status` | a SIP status; of answers to REGISTER one of those of RFC 3261, or `other` |\n");
    page.push_str("| `reason` | a word for what the status was answered for |\n");
    page.push_str("| `version` | of this program |\n");
    page
}

const HEAD: &str = "# Metrics\n
    [metrics]
    listen = \"127.0.0.1:9100\"\n
Without `metrics.listen` nothing is served. `GET /metrics` gives all of them in the OpenMetrics text format, which Prometheus reads.
`GET /health` is answered 200 while new calls are taken, 503 from the moment that the hotline is told to end: for a balancer before
several hotlines. Neither asks for a password, and neither holds anything of a caller; the address should be one that only those
reach who look after the hotline.\n
At most 16 connections are served at once, one request on each, within 10 s; its head may have 8 KiB and 64 lines.\n
This page is made from the program, as the tests see to.\n
| metric | kind | labels | |
|---|---|---|---|
";
