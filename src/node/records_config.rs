//! `[records]`: where the insured are, how they are reached, and how verification is guarded.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::config::duration;
use super::draft::Wrong;
use super::password;
use super::sealing::Keys;
use crate::facts::Fault;
use crate::records::{ClientTls, Database, LockPolicy, PostgresOptions, ServiceOptions, ServiceUrl, Source};
use crate::sip::tls::IdentityFiles;

/// The longest that a server of records may be waited for.
const LONGEST_LOOK_UP: Duration = Duration::from_secs(60);

/// `[records]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Records {
    /// The database of the insured: an SQLite file, which holds the lock-outs and the call records too, or a PostgreSQL
    /// server's.
    #[serde(deserialize_with = "database")]
    pub database: Database,
    /// The SQLite file of what each hotline keeps for itself, the call records, where `database` is a server's.
    pub local: PathBuf,
    /// A service that is asked over HTTP in place of the database, which then keeps the call records alone.
    pub url: Option<ServiceUrl>,
    /// A file whose first line is the password of the server's user.
    pub password_file: Option<PathBuf>,
    /// Authorities that the certificate of a server or service must come from, in PEM; without, those that the machine
    /// trusts.
    pub authorities: Option<PathBuf>,
    /// The certificate that a server or service is shown, in PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, in PEM.
    pub key: Option<PathBuf>,
    /// How long a server or service may take to answer a look-up.
    #[serde(deserialize_with = "duration")]
    pub deadline: Duration,
    /// Look-ups at once.
    pub workers: usize,
    /// So many failed verifications from one caller's number lock it.
    pub failures: u32,
    /// So many for one person, from numbers that they have not been verified from before, lock the person to such numbers.
    pub id_failures: u32,
    /// So many over one trunk within an hour lock it, to the same numbers.
    pub trunk_failures: u32,
    /// Failures count for so long.
    #[serde(deserialize_with = "duration")]
    pub window: Duration,
    /// A lock lasts for so long.
    #[serde(deserialize_with = "duration")]
    pub lock: Duration,
    /// A caller's number is locked for twice as long each time, and at most for so long.
    #[serde(deserialize_with = "duration")]
    pub longest_lock: Duration,
    /// Where the keys come from that the personal values of a file are sealed by.
    pub keys: Keys,
}

impl Default for Records {
    fn default() -> Records {
        Records {
            database: Database::File(PathBuf::from("hotline.db")),
            local: PathBuf::from("hotline.db"),
            url: None,
            password_file: None,
            authorities: None,
            certificate: None,
            key: None,
            deadline: Duration::from_secs(3),
            workers: 2,
            failures: 3,
            id_failures: 10,
            trunk_failures: 1_000,
            window: Duration::from_secs(24 * 3600),
            lock: Duration::from_secs(30 * 60),
            longest_lock: Duration::from_secs(24 * 3600),
            keys: Keys::default(),
        }
    }
}

impl Records {
    /// When failed verifications lock.
    pub(super) fn locks(&self) -> LockPolicy {
        let Records { failures, id_failures, trunk_failures, window, lock, longest_lock, .. } = *self;
        LockPolicy { failures, id_failures, trunk_failures, window, lock, longest_lock, ..LockPolicy::default() }
    }

    pub(super) fn wrongs(&self) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        let mut check = |well: bool, table: &str, key: &'static str, message: &str, hint: &'static str| {
            wrongs.extend((!well).then(|| Wrong::at(table, key, message, hint)));
        };
        check(
            (1..=100).contains(&self.failures) && self.workers <= 64,
            "records",
            "",
            "records.failures goes from 1 to 100, records.workers to 64",
            "as in failures = 3",
        );
        check(
            (1..=10_000).contains(&self.id_failures) && (1..=1_000_000).contains(&self.trunk_failures),
            "records",
            "",
            "records.id-failures goes from 1 to 10000, records.trunk-failures to 1000000",
            "as in id-failures = 10",
        );
        check(
            self.longest_lock >= self.lock,
            "records",
            "longest-lock",
            "records.longest-lock is shorter than records.lock",
            "as in lock = \"30m\" and longest-lock = \"24h\"",
        );
        if let Database::Postgres(url) = &self.database {
            let fault = url.fault();
            let message = format!("records.database: {}", fault.as_deref().unwrap_or_default());
            let hint = "as in \"postgres://hotline@db.example/records\"; its password is the first line of \
                        records.password-file, or PGPASSWORD";
            check(fault.is_none(), "records", "database", &message, hint);
            check(
                self.url.is_none(),
                "records",
                "url",
                "records.url and a server's records.database say two places",
                "leave one out",
            );
        }
        wrongs.extend(self.wrongs_of_remote());
        wrongs.extend(self.keys.wrongs());
        wrongs
    }

    /// The same of what bears on a server or service.
    fn wrongs_of_remote(&self) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        let mut check = |well: bool, table: &str, key: &'static str, message: &str, hint: &'static str| {
            wrongs.extend((!well).then(|| Wrong::at(table, key, message, hint)));
        };
        let remote = self.url.is_some() || self.database.file().is_none();
        check(
            self.certificate.is_some() == self.key.is_some(),
            "records",
            if self.certificate.is_some() { "certificate" } else { "key" },
            "records has a certificate without its key, or a key without its certificate",
            "name both, certificate and key, or neither",
        );
        for (written, key) in [
            (self.certificate.is_some(), "certificate"),
            (self.authorities.is_some(), "authorities"),
            (self.password_file.is_some(), "password-file"),
        ] {
            let message = format!("records.{key} is of no use to a file");
            check(remote || !written, "records", key, &message, "name a server in database, or a service in url");
        }
        check(
            self.deadline <= LONGEST_LOOK_UP,
            "records",
            "deadline",
            "records.deadline is over a minute",
            "as in deadline = \"3s\": a caller waits for it",
        );
        wrongs
    }

    pub(super) fn resolve(&mut self, folder: &Path) {
        let within = |path: &mut PathBuf| *path = folder.join(&*path);
        if let Database::File(file) = &mut self.database {
            within(file);
        }
        within(&mut self.local);
        self.keys.resolve(folder);
        let files = [&mut self.password_file, &mut self.authorities, &mut self.certificate, &mut self.key];
        files.into_iter().flatten().for_each(within);
    }

    /// The SQLite file of this hotline: its call records, and unless they are elsewhere the insured and the lock-outs.
    pub fn file(&self) -> &Path {
        self.database.file().unwrap_or(&self.local)
    }

    /// Where the insured are, with what it takes to reach them.
    ///
    /// # Errors
    /// The file of the password, or the keys, and what is wrong with it.
    pub fn source(&self) -> Result<Source, Fault> {
        let identity = self.certificate.clone().zip(self.key.clone());
        let identity = identity.map(|(certificate, key)| IdentityFiles { certificate, key });
        let tls = ClientTls { authorities: self.authorities.clone(), identity };
        Ok(match (&self.url, &self.database) {
            (Some(url), _) => {
                Source::Service(ServiceOptions { tls, deadline: self.deadline, ..ServiceOptions::of(url.clone()) })
            }
            (None, Database::File(file)) => Source::Sqlite(file.clone(), self.keys.seal(file)?),
            (None, Database::Postgres(url)) => Source::Postgres(PostgresOptions {
                password: password::of_database(self.password_file.as_deref())?,
                tls,
                seal: self.keys.seal(&self.local)?,
                deadline: self.deadline,
                connections: self.workers,
                ..PostgresOptions::of(url.clone())
            }),
        })
    }
}

fn database<'de, D: Deserializer<'de>>(from: D) -> Result<Database, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn wrong(text: &str) -> String {
        let fault = Config::parse("hotline.toml", &format!("[records]\n{text}\n")).unwrap_err();
        assert!(fault.line_column().0 >= 1 && fault.hint.is_some(), "{}", fault.message);
        fault.message
    }

    #[test]
    fn records_are_in_a_file_on_a_server_or_behind_a_service() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("db.secret"), "open, sesame\n").unwrap();
        let config = |text: &str| {
            let mut config = Config::parse("hotline.toml", &format!("[records]\n{text}\n")).unwrap();
            config.resolve(folder.path());
            config.records
        };
        let file = config("database = \"a.db\"");
        assert!(matches!(file.source(), Ok(Source::Sqlite(path, _)) if path == folder.path().join("a.db")));
        assert_eq!(file.file(), folder.path().join("a.db"));
        let server = config(
            "database = \"postgres://hotline@db.example/records\"\npassword-file = \"db.secret\"\nlocal = \"own.db\"",
        );
        let Ok(Source::Postgres(options)) = server.source() else { panic!("no server") };
        assert_eq!(options.password.unwrap().reveal(), "open, sesame");
        assert_eq!(server.file(), folder.path().join("own.db"));
        let service = config("url = \"https://records.example\"\ncertificate = \"c.pem\"\nkey = \"k.pem\"");
        let Ok(Source::Service(options)) = service.source() else { panic!("no service") };
        assert_eq!(options.tls.identity.unwrap().key, folder.path().join("k.pem"));
        let lacking = config("database = \"postgres://hotline@db.example/records\"\npassword-file = \"none\"");
        assert!(lacking.source().unwrap_err().message.contains("cannot be read"));
    }

    #[test]
    fn what_cannot_be_meant_is_told() {
        for (text, words) in [
            ("database = \"postgres://hotline:s3cr3t@db.example/records\"", "the password stands in the URL"),
            ("database = \"postgres:///records\"", "names no host"),
            ("url = \"http://records.example\"", "not https"),
            ("url = \"https://a:s3cr3t@records.example\"", "a user or password stands in the URL"),
            ("url = \"https://r.example\"\ndatabase = \"postgres://db.example/r\"", "say two places"),
            ("url = \"https://r.example\"\ncertificate = \"c.pem\"", "without its key"),
            ("authorities = \"a.pem\"", "of no use to a file"),
            ("password-file = \"a\"", "of no use to a file"),
            ("deadline = \"2m\"", "over a minute"),
        ] {
            let message = wrong(text);
            assert!(message.contains(words) && !message.contains("s3cr3t"), "{text}: {message}");
        }
    }
}
