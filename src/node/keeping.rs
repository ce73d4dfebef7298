//! What a hotline keeps of calls and accesses, where, and for how long.
//!
//! ```text
//!   [call-records] ──> CallLog        [records] ──> AuditLog        [retention] ──> once an hour: what is too old goes,
//!                                                                                  and the audit log's head is told
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use super::StartFaults;
use super::config::Config;
use super::draft::Wrong;
use super::password::read_password;
use crate::facts::Fault;
use crate::records::audit::{self, AuditLog};
use crate::records::retention::{self, Gone, LEAST_AUDIT_DAYS, Retention};
use crate::records::{CallLog, CallLogOptions, CallPlace, CallServer, Seal};

/// How often it is looked whether anything is too old.
const EVERY: Duration = Duration::from_secs(3600);

/// `[call-records]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CallRecords {
    /// Where they are kept.
    pub to: To,
    /// The database of `postgres`, as in `"postgres://hotline@db.example/calls"`.
    pub server: Option<String>,
    /// A file whose first line is the password of the server's user.
    pub password_file: Option<PathBuf>,
    /// The folder of JSON lines; without it beside the database, under its name with `.calls` after it.
    pub folder: Option<PathBuf>,
    /// Where those wait that cannot be written now; without it beside the database, under its name with `.spool` after it.
    pub spool: Option<PathBuf>,
    /// The most that may wait, in MiB, of call records and of audit lines each.
    pub spool_mib: u64,
}

/// Where call records are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum To {
    /// In the records' database.
    #[default]
    Database,
    /// In files of JSON lines.
    JsonLines,
    /// On a PostgreSQL server.
    Postgres,
}

impl Default for CallRecords {
    fn default() -> CallRecords {
        CallRecords {
            to: To::Database,
            server: None,
            password_file: None,
            folder: None,
            spool: None,
            spool_mib: CallLogOptions::SPOOL_SIZE >> 20,
        }
    }
}

impl CallRecords {
    pub(super) fn wrongs(&self) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        if !(1..=65_536).contains(&self.spool_mib) {
            let message = "call-records.spool-mib goes from 1 to 65536";
            wrongs.push(Wrong::at("call-records", "spool-mib", message, "as in spool-mib = 64"));
        }
        let wrong = match (self.to, self.server.as_deref().map(|server| CallServer::new(server, None))) {
            (To::Postgres, None) => Some("call-records.server is missing".to_owned()),
            (_, Some(Err(why))) => Some(format!("call-records.server is not right: {why}")),
            _ => None,
        };
        let hint = "as in server = \"postgres://hotline@db.example/calls\", its password in password-file";
        let key = if self.server.is_some() { "server" } else { "" };
        wrongs.extend(wrong.map(|message| Wrong::at("call-records", key, message, hint)));
        wrongs
    }

    pub(super) fn resolve(&mut self, folder: &Path) {
        [&mut self.folder, &mut self.spool, &mut self.password_file]
            .into_iter()
            .flatten()
            .for_each(|path| *path = folder.join(&*path));
    }
}

/// `[retention]`: days that things are kept for.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Kept {
    /// Call records.
    pub call_records: u32,
    /// The audit log.
    pub audit: u32,
    /// Cases, from when they were closed.
    pub cases: u32,
}

impl Default for Kept {
    fn default() -> Kept {
        let Retention { call_records, audit, cases } = Retention::default();
        Kept { call_records, audit, cases }
    }
}

impl Kept {
    pub(super) fn wrongs(self) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        if !(1..=36_600).contains(&self.call_records) {
            let message = "retention.call-records goes from 1 day to 36600";
            wrongs.push(Wrong::at("retention", "call-records", message, "as in call-records = 366"));
        }
        if !(1..=36_600).contains(&self.cases) {
            let message = "retention.cases goes from 1 day to 36600";
            wrongs.push(Wrong::at("retention", "cases", message, "as in cases = 1096"));
        }
        if !(LEAST_AUDIT_DAYS..=36_600).contains(&self.audit) {
            let message = format!("retention.audit goes from {LEAST_AUDIT_DAYS} days, six months, to 36600");
            wrongs.push(Wrong::at("retention", "audit", message, "as in audit = 366"));
        }
        wrongs
    }

    fn retention(self) -> Retention {
        Retention { call_records: self.call_records, audit: self.audit, cases: self.cases }
    }
}

impl Config {
    /// Where its call records are kept.
    ///
    /// # Errors
    /// The password of their server cannot be read.
    pub fn call_place(&self) -> Result<CallPlace, Fault> {
        let calls = &self.call_records;
        Ok(match (calls.to, &calls.server) {
            (To::Postgres, Some(url)) => {
                let password = calls.password_file.as_deref().map(read_password).transpose()?;
                let server = CallServer::new(url, password);
                CallPlace::Postgres(server.map_err(|why| Fault::of_file("[call-records]", why.to_owned()))?)
            }
            (To::JsonLines, _) => {
                let beside = || self.beside_the_database(".calls");
                CallPlace::JsonLines(calls.folder.clone().unwrap_or_else(beside))
            }
            // A server without its URL is refused before.
            (To::Database | To::Postgres, _) => CallPlace::Sqlite(self.records.file().to_owned()),
        })
    }

    /// Where what cannot be written now waits.
    pub fn spool_folder(&self) -> PathBuf {
        self.call_records.spool.clone().unwrap_or_else(|| self.beside_the_database(".spool"))
    }

    /// Removes what is older than it may be, and tells what that was.
    ///
    /// # Errors
    /// The password of a server cannot be read.
    pub fn prune(&self, now: Timestamp) -> Result<Vec<Gone>, Fault> {
        Ok(retention::enforce(self.records.file(), &self.call_place()?, self.retention.retention(), now))
    }
}

/// Opens what calls and accesses are written to.
pub(super) fn open(config: &Config, seal: &Seal) -> Result<(Arc<CallLog>, Arc<AuditLog>), StartFaults> {
    let database = config.records.file();
    let (spool, spool_size) = (config.spool_folder(), config.call_records.spool_mib << 20);
    let options = CallLogOptions {
        database: database.to_owned(),
        place: config.call_place().map_err(|fault| StartFaults(vec![fault]))?,
        spool: spool.join("calls"),
        spool_size,
    };
    let log = CallLog::start(&options, seal).map_err(|error| StartFaults::one(Path::new("[call-records]"), error))?;
    let audit = AuditLog::start(database, seal, Some(&spool.join("audit")), spool_size)
        .map_err(|error| StartFaults::one(database, error))?;
    Ok((Arc::new(log), Arc::new(audit)))
}

/// Looks once an hour, and at the start.
pub(super) async fn keep(config: Config) {
    let mut hours = tokio::time::interval(EVERY);
    loop {
        hours.tick().await;
        let config = config.clone();
        if tokio::task::spawn_blocking(move || look(&config)).await.is_err() {
            tracing::error!("a look at what is too old has broken off");
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the shell's clock: what is too old")]
fn look(config: &Config) {
    let removed = config.prune(Timestamp::now()).unwrap_or_else(|fault| {
        tracing::error!(error = fault.message, "retention: nothing can be removed");
        Vec::new()
    });
    for Gone { what, days, gone } in removed {
        match gone {
            Ok(0) => {}
            Ok(count) => match days {
                Some(days) => {
                    tracing::info!(count, days, "retention: {what} were removed, as they are kept for so many days")
                }
                None => tracing::info!(count, "retention: {what} were removed, as their time is over"),
            },
            Err(error) => tracing::error!(%error, "retention: {what} cannot be removed"),
        }
    }
    match audit::head(config.records.file()) {
        Ok(head) => tracing::info!(%head, "the audit log has come to this head"),
        Err(error) => tracing::error!(%error, "the audit log cannot be read"),
    }
}
