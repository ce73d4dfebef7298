//! Which keys of a configuration a reload changes, and which wait for the next start.

use std::time::Duration;

use toml::{Table, Value};

use super::super::config::{Config, Media, Metrics, Prompts, Records, Session, Sip, Tls, Versions};
use super::super::keeping::{CallRecords, Kept};
use super::super::spans::Telemetry;

/// What a version has of a configuration: a configuration's text, in which everything else is left out.
pub(super) fn frozen(config: &Config) -> String {
    let Config { sip, media, prompts, numbers, .. } = config;
    let text = |value: &str| Value::String(value.to_owned());
    let list = |values: Vec<String>| Value::Array(values.into_iter().map(Value::String).collect());
    let mut tables = Table::new();
    if !sip.ring.is_zero() {
        tables.insert("sip".into(), Value::Table([("ring".to_owned(), text(&millis(sip.ring)))].into_iter().collect()));
    }
    let mut of_media = Table::new();
    if !media.address.is_empty() {
        of_media.insert("address".into(), list(media.address.iter().map(ToString::to_string).collect()));
    }
    of_media.insert("srtp".into(), text(media.srtp.name()));
    of_media.insert("keys".into(), list(media.keys.iter().map(|source| source.name().to_owned()).collect()));
    tables.insert("media".into(), Value::Table(of_media));
    let mut of_prompts = Table::new();
    of_prompts.insert("folder".into(), text(&prompts.folder.display().to_string()));
    of_prompts.insert("cache".into(), text(&prompts.cache.display().to_string()));
    of_prompts.insert("synthesize".into(), Value::Boolean(prompts.synthesize));
    tables.insert("prompts".into(), Value::Table(of_prompts));
    let numbers = numbers.iter().map(|(number, path)| (number.clone(), text(&path.display().to_string())));
    tables.insert("numbers".into(), Value::Table(numbers.collect()));
    tables.to_string()
}

/// The settings of a version that its digest is made of beside its files, by their names: what a caller could notice.
pub(super) fn settings(config: &Config) -> Vec<(&'static str, String)> {
    let Config { sip, media, .. } = config;
    let keys: Vec<_> = media.keys.iter().map(|source| source.name()).collect();
    vec![
        ("sip.ring", format!("{:?}", sip.ring)),
        ("media.address", format!("{:?}", media.address)),
        ("media.srtp", media.srtp.name().to_owned()),
        ("media.keys", keys.join(", ")),
    ]
}

/// A running configuration, with what a version has of one in its place.
pub(super) fn with(running: &Config, version: Config) -> Config {
    let Config { sip, media, prompts, numbers, versions, .. } = version;
    let mut config = running.clone();
    config.sip.ring = sip.ring;
    config.media.address = media.address;
    config.media.srtp = media.srtp;
    config.media.keys = media.keys;
    config.prompts = prompts;
    config.numbers = numbers;
    config.versions.least_calls = versions.least_calls;
    config.versions.proven_calls = versions.proven_calls;
    config
}

/// The keys that are written otherwise than at the start and wait for the next one.
pub(super) fn waiting(started: &Config, written: &Config) -> Vec<String> {
    let (was, is) = (settled(started), settled(written));
    let changed = was.iter().zip(&is).filter(|(was, is)| was.1 != is.1).map(|(was, _)| was.0.to_owned());
    let names = started.trunks.keys().chain(written.trunks.keys().filter(|name| !started.trunks.contains_key(*name)));
    let shown = |config: &Config, name: &String| config.trunks.get(name).map(|trunk| format!("{trunk:?}"));
    let trunks = names.filter(|name| shown(started, name) != shown(written, name)).map(|name| format!("trunks.{name}"));
    changed.chain(trunks).collect()
}

/// Every key that only a start reads, with what it says. Taken apart whole, so that a new key is sorted before it compiles.
fn settled(config: &Config) -> Vec<(&'static str, String)> {
    let Config {
        sip,
        media,
        records,
        prompts,
        numbers: _,
        trunks: _,
        metrics,
        versions,
        call_records,
        retention,
        telemetry,
    } = config;
    let Telemetry { otlp, service } = telemetry;
    let CallRecords { to, server, password_file: calls_password, folder: calls_folder, spool, spool_mib } =
        call_records;
    let Kept { call_records: calls_kept, audit, cases } = retention;
    let Sip {
        listen,
        advertised,
        calls,
        rate,
        digest,
        strangers,
        tls,
        connections,
        connections_per_address,
        idle,
        session,
        retry_after,
        ring: _,
        drain,
    } = sip;
    let Tls { certificate, key, authorities } = tls;
    let Session { expires, minimum } = session;
    let Media { address: _, ports, workers, time_out, srtp: _, keys: _ } = media;
    let Records {
        database,
        local,
        url,
        password_file,
        authorities: believed,
        certificate: shown,
        key: shown_key,
        deadline,
        workers: look_ups,
        failures,
        id_failures,
        trunk_failures,
        window,
        lock,
        longest_lock,
        keys: sealing,
    } = records;
    let Prompts { folder: _, synthesize: _, cache: _ } = prompts;
    let Metrics { listen: metrics } = metrics;
    let Versions { folder, kept, socket, watch, least_calls: _, proven_calls: _ } = versions;
    vec![
        ("sip.listen", format!("{listen:?}")),
        ("sip.advertised", format!("{advertised:?}")),
        ("sip.calls", format!("{calls:?}")),
        ("sip.rate", format!("{rate:?}")),
        ("sip.digest", format!("{digest:?}")),
        ("sip.strangers", format!("{strangers:?}")),
        ("sip.tls.certificate", format!("{certificate:?}")),
        ("sip.tls.key", format!("{key:?}")),
        ("sip.tls.authorities", format!("{authorities:?}")),
        ("sip.connections", format!("{connections:?}")),
        ("sip.connections-per-address", format!("{connections_per_address:?}")),
        ("sip.idle", format!("{idle:?}")),
        ("sip.session.expires", format!("{expires:?}")),
        ("sip.session.minimum", format!("{minimum:?}")),
        ("sip.retry-after", format!("{retry_after:?}")),
        ("sip.drain", format!("{drain:?}")),
        ("media.ports", format!("{ports:?}")),
        ("media.workers", format!("{workers:?}")),
        ("media.time-out", format!("{time_out:?}")),
        ("records.database", format!("{database:?}")),
        ("records.local", format!("{local:?}")),
        ("records.url", format!("{url:?}")),
        ("records.password-file", format!("{password_file:?}")),
        ("records.authorities", format!("{believed:?}")),
        ("records.certificate", format!("{shown:?}")),
        ("records.key", format!("{shown_key:?}")),
        ("records.deadline", format!("{deadline:?}")),
        ("records.workers", format!("{look_ups:?}")),
        ("records.failures", format!("{failures:?}")),
        ("records.id-failures", format!("{id_failures:?}")),
        ("records.trunk-failures", format!("{trunk_failures:?}")),
        ("records.window", format!("{window:?}")),
        ("records.lock", format!("{lock:?}")),
        ("records.longest-lock", format!("{longest_lock:?}")),
        ("records.keys", format!("{sealing:?}")),
        ("call-records.to", format!("{to:?}")),
        ("call-records.server", format!("{server:?}")),
        ("call-records.password-file", format!("{calls_password:?}")),
        ("call-records.folder", format!("{calls_folder:?}")),
        ("call-records.spool", format!("{spool:?}")),
        ("call-records.spool-mib", format!("{spool_mib:?}")),
        ("retention.call-records", format!("{calls_kept:?}")),
        ("retention.audit", format!("{audit:?}")),
        ("retention.cases", format!("{cases:?}")),
        ("telemetry.otlp", format!("{otlp:?}")),
        ("telemetry.service", format!("{service:?}")),
        ("metrics.listen", format!("{metrics:?}")),
        ("versions.folder", format!("{folder:?}")),
        ("versions.kept", format!("{kept:?}")),
        ("versions.socket", format!("{socket:?}")),
        ("versions.watch", format!("{watch:?}")),
    ]
}

fn millis(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}
