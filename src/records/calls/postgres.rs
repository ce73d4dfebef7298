//! Call records on a PostgreSQL server, of all hotlines of it: a statement a batch, none twice.
//!
//! The table lies in a schema of its own, `hotline_calls`: call records may be on another server than the insured, or on the same.
//! It is made by the first hotline that may. A batch travels as one JSON text, and is one statement and so one transaction.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::{CallEntry, CallsError, utc};
use crate::facts::Secret;
use crate::records::journal::{Sink, SinkError};
use crate::records::postgres::url::{read, ssl_mode};

/// How long the server may take: for a connection, for a statement. No call waits for it.
const WITHIN: Duration = Duration::from_secs(10);
/// Rows deleted by one statement.
const MOST_PRUNED: i64 = 1_000;
/// Rows read at once.
const PAGE: i64 = 2_000;

const TABLE: &str = include_str!("postgres.sql");

/// One JSON text of many entries becomes rows.
const INSERT: &str = "\
    INSERT INTO hotline_calls.calls (call_id, started, answered, ended, duration_ms, called, caller_masked, caller_hash, menu, \
    path, path_cut, path_ms, outcome, ending, language, person_hash, keys, sip_call_hash, rtp_lost, rtp_jitter_us, \
    keys_rfc4733, keys_info, keys_in_band, keys_twice, trunk, version, person_asked_ms, person_answered_ms, repeated) \
    SELECT decode(call_id, 'hex'), started, answered, ended, duration_ms, called, caller_masked, decode(caller_hash, 'hex'), \
    menu, path, path_cut, path_ms, outcome, ending, language, decode(person_hash, 'hex'), keys, decode(sip_call_hash, 'hex'), \
    rtp_lost, rtp_jitter_us, keys_rfc4733, keys_info, keys_in_band, keys_twice, trunk, version, person_asked_ms, \
    person_answered_ms, repeated \
    FROM json_to_recordset($1::text::json) AS entry (call_id text, started timestamptz, answered timestamptz, \
    ended timestamptz, duration_ms bigint, called text, caller_masked text, caller_hash text, menu text, path text, \
    path_cut bigint, path_ms text, outcome text, ending text, language text, person_hash text, keys bigint, \
    sip_call_hash text, rtp_lost bigint, rtp_jitter_us bigint, keys_rfc4733 bigint, keys_info bigint, keys_in_band bigint, \
    keys_twice bigint, trunk text, version text, person_asked_ms bigint, person_answered_ms bigint, repeated boolean) \
    ON CONFLICT (call_id) DO NOTHING";

/// Rows after one, as JSON texts of entries.
const SELECT: &str = "\
    SELECT c.row, to_json(entry)::text FROM hotline_calls.calls AS c, LATERAL (SELECT encode(call_id, 'hex') AS call_id, \
    to_char(started AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS started, \
    to_char(answered AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS answered, \
    to_char(ended AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS ended, duration_ms, called, caller_masked, \
    encode(caller_hash, 'hex') AS caller_hash, menu, path, path_cut, path_ms, outcome, ending, language, \
    encode(person_hash, 'hex') AS person_hash, keys, encode(sip_call_hash, 'hex') AS sip_call_hash, rtp_lost, rtp_jitter_us, \
    keys_rfc4733, keys_info, keys_in_band, keys_twice, trunk, version, person_asked_ms, person_answered_ms, repeated) AS entry \
    WHERE c.row > $1 AND ($2::text IS NULL OR c.started >= $2::text::timestamptz) \
    AND ($3::text IS NULL OR c.started < $3::text::timestamptz) ORDER BY c.row LIMIT $4";

const DELETE: &str = "\
    DELETE FROM hotline_calls.calls WHERE row IN (SELECT row FROM hotline_calls.calls \
    WHERE started < $1::text::timestamptz ORDER BY started LIMIT $2)";

/// A database on a PostgreSQL server, and who asks.
#[derive(Clone)]
pub struct CallServer {
    url: String,
    password: Option<Secret<String>>,
}

impl CallServer {
    /// By a URL as libpq writes them, without a password. TLS is spoken with what is not on this machine, unless the URL
    /// says `sslmode=disable`; the certificate must come from an authority that this machine trusts.
    ///
    /// # Errors
    /// What is wrong with the URL, without quoting it.
    pub fn new(url: &str, password: Option<Secret<String>>) -> Result<CallServer, &'static str> {
        read(url)?;
        Ok(CallServer { url: url.to_owned(), password })
    }

    fn config(&self) -> Result<Config, CallsError> {
        let mut config = read(&self.url).map_err(|why| CallsError::Server(why.to_owned()))?;
        config.ssl_mode(ssl_mode(&config));
        config.connect_timeout(WITHIN).keepalives_idle(Duration::from_secs(30)).application_name("hotline");
        if let Some(password) = &self.password {
            config.password(password.reveal());
        }
        Ok(config)
    }
}

impl fmt::Debug for CallServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

fn tls() -> Result<MakeRustlsConnect, CallsError> {
    let mut trusted = RootCertStore::empty();
    trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| CallsError::Server(error.to_string()))?;
    Ok(MakeRustlsConnect::new(config.with_root_certificates(trusted).with_no_client_auth()))
}

/// The table, through one connection that is made when it is needed, and anew after it broke.
pub(super) struct PostgresCalls {
    server: CallServer,
    /// Some until it is dropped.
    runtime: Option<Runtime>,
    client: Option<Client>,
}

/// It may be dropped on a thread of another runtime, which must not wait.
impl Drop for PostgresCalls {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl PostgresCalls {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// The system's, if it grants no runtime.
    pub(super) fn new(server: &CallServer) -> std::io::Result<PostgresCalls> {
        // A thread of its own: the connection goes on while nobody waits for it, and ends when the server does.
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).thread_name("call-records-io").enable_all().build()?;
        Ok(PostgresCalls { server: server.clone(), runtime: Some(runtime), client: None })
    }

    /// Does something within the time. A connection that it failed on is not used again.
    fn with<T: Send>(
        &mut self,
        work: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error> + Send,
    ) -> Result<T, CallsError> {
        let (server, before) = (&self.server, self.client.take().filter(|client| !client.is_closed()));
        let broken_off = || CallsError::Server("the work broke off".to_owned());
        let runtime = self.runtime.as_ref().ok_or_else(broken_off)?;
        let ask = || {
            runtime.block_on(async {
                let within = async {
                    let client = match before {
                        Some(client) => client,
                        None => connect(server).await?,
                    };
                    let done = work(&client).await.map_err(|error| told(&error))?;
                    Ok((client, done))
                };
                let late = Err(CallsError::Server(format!("no answer within {} s", WITHIN.as_secs())));
                tokio::time::timeout(WITHIN, within).await.unwrap_or(late)
            })
        };
        // A hotline starts on a thread of its own runtime, which may wait, but not for another runtime.
        let done = match tokio::runtime::Handle::try_current() {
            Ok(_) => std::thread::scope(|threads| threads.spawn(ask).join()).unwrap_or_else(|_| Err(broken_off())),
            Err(_) => ask(),
        };
        let (client, done) = done?;
        self.client = Some(client);
        Ok(done)
    }

    /// Gives the rows of calls that began from a time on and before another.
    pub(super) fn read(
        &mut self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        each: &mut dyn FnMut(CallEntry),
    ) -> Result<(), CallsError> {
        let (from, to, mut last) = (from.map(utc), to.map(utc), 0_i64);
        loop {
            let rows = self.with(async |client| client.query(SELECT, &[&last, &from, &to, &PAGE]).await)?;
            for row in &rows {
                let garbled = |error: &dyn std::fmt::Display| CallsError::Server(error.to_string());
                last = row.try_get(0).map_err(|error| garbled(&error))?;
                let entry: &str = row.try_get(1).map_err(|error| garbled(&error))?;
                each(serde_json::from_str(entry).map_err(|error| garbled(&error))?);
            }
            if rows.is_empty() {
                return Ok(());
            }
        }
    }

    /// Removes the rows of calls that began before a time, some at once.
    pub(super) fn prune(&mut self, before: Timestamp) -> Result<u64, CallsError> {
        let (before, mut gone) = (utc(before), 0);
        loop {
            let some = self.with(async |client| client.execute(DELETE, &[&before, &MOST_PRUNED]).await)?;
            gone += some;
            if some == 0 {
                return Ok(gone);
            }
        }
    }
}

impl Sink<CallEntry> for PostgresCalls {
    fn write(&mut self, entries: &[CallEntry]) -> Result<(), SinkError> {
        let text = serde_json::to_string(entries).map_err(|error| SinkError::Refused(error.to_string()))?;
        let written = self.with(async |client| client.execute(INSERT, &[&text]).await);
        written.map(drop).map_err(|error| match error {
            CallsError::NeverTaken(_) => SinkError::Refused(error.to_string()),
            other => SinkError::Down(other.to_string()),
        })
    }
}

async fn connect(server: &CallServer) -> Result<Client, CallsError> {
    let unreachable = |error: tokio_postgres::Error| CallsError::Server(format!("no connection: {error}"));
    let (client, connection) = server.config()?.connect(tls()?).await.map_err(unreachable)?;
    // Ends with the client.
    tokio::spawn(connection);
    let there = client.query_one("SELECT to_regclass('hotline_calls.calls') IS NOT NULL", &[]).await;
    let there = there.and_then(|row| row.try_get::<_, bool>(0)).map_err(|error| told(&error))?;
    if !there {
        client.batch_execute(TABLE).await.map_err(|error| told(&error))?;
    }
    Ok(client)
}

/// Of what the server says only what it is about: it may quote a value.
fn told(error: &tokio_postgres::Error) -> CallsError {
    match error.code() {
        // A value that the table will not take, now or later.
        Some(code)
            if code.code().starts_with("22")
                || *code == SqlState::CHECK_VIOLATION
                || *code == SqlState::NOT_NULL_VIOLATION =>
        {
            CallsError::NeverTaken(code.code().to_owned())
        }
        Some(code) => CallsError::Server(format!("SQLSTATE {}", code.code())),
        None => CallsError::Server("the connection was lost".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::SslMode;

    use super::*;

    #[test]
    fn a_password_in_a_url_is_refused_and_one_of_a_file_shown_nowhere() {
        for (url, words) in [
            ("postgres://hotline:s3cr3t@db.example/calls", "password"),
            ("postgres:///calls", "no host"),
            ("hotline.db", "no URL"),
            ("postgres://hotline:s3cr3t@db.example:port/calls", "no URL"),
        ] {
            let why = CallServer::new(url, None).unwrap_err();
            assert!(why.contains(words) && !why.contains("s3cr3t"), "{url}: {why}");
        }
        let server =
            CallServer::new("postgres://hotline@db.example/calls", Some(Secret::new("s3cr3t".into()))).unwrap();
        assert!(!format!("{server:?}").contains("s3cr3t"));
        for (url, mode) in [
            ("postgres://hotline@db.example/calls", SslMode::Require),
            ("postgres://hotline@db.example/calls?sslmode=disable", SslMode::Disable),
            ("postgres://hotline@127.0.0.1/calls", SslMode::Disable),
            ("postgres://hotline@localhost/calls?hostaddr=192.0.2.1", SslMode::Require),
            ("postgres://hotline@127.0.0.1/calls?sslmode=require", SslMode::Require),
        ] {
            assert_eq!(CallServer::new(url, None).unwrap().config().unwrap().get_ssl_mode(), mode, "{url}");
        }
    }
}
