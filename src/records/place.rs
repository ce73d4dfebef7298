//! Where records are: a file, a PostgreSQL server, a service.
//!
//! ```text
//!   "hotline.db"                               Database::File      ──▶ Source::Sqlite     opened now, or refused
//!   "postgres://hotline@db.example/records"    Database::Postgres  ──▶ Source::Postgres   opened when it answers
//!   url = "https://records.example"                                ──▶ Source::Service    asked when it answers
//! ```

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{
    DatabaseStanding, LockPolicy, OpenError, PostgresOptions, PostgresRecords, PostgresUrl, Records, RecordsError,
    RemoteError, Seal, ServiceOptions, ServiceRecords, SqliteRecords, database, postgres, service,
};
use crate::facts::CitizenId;
use crate::sip::tls::{self, IdentityFiles, TlsFault};

/// A database by its name: a file, or a server where it is a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// An SQLite file.
    File(PathBuf),
    /// A PostgreSQL server's database.
    Postgres(PostgresUrl),
}

impl Database {
    /// The file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Database::File(file) => Some(file),
            Database::Postgres(_) => None,
        }
    }
}

impl From<PathBuf> for Database {
    fn from(file: PathBuf) -> Database {
        Database::File(file)
    }
}

impl FromStr for Database {
    type Err = Infallible;

    /// Any text names one; whether a server's URL is right, [`PostgresUrl::fault`] says.
    fn from_str(text: &str) -> Result<Database, Infallible> {
        Ok(match PostgresUrl::of(text) {
            Some(url) => Database::Postgres(url),
            None => Database::File(PathBuf::from(text)),
        })
    }
}

/// As it was written; of a URL with a password, which is refused, without that.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Database::File(file) => file.display().fmt(f),
            Database::Postgres(url) => url.fmt(f),
        }
    }
}

/// What TLS to a server of records stands on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// Authorities that the server's certificate must come from, in PEM; without, those that the machine trusts.
    pub authorities: Option<PathBuf>,
    /// What the server is shown, where it wants to know who asks.
    pub identity: Option<IdentityFiles>,
}

impl ClientTls {
    pub(super) fn load(&self) -> Result<ClientConfig, TlsFault> {
        tls::client(self.authorities.as_deref(), self.identity.as_ref())
    }

    /// The same for PostgreSQL.
    pub(super) fn for_postgres(&self) -> Result<MakeRustlsConnect, TlsFault> {
        self.load().map(MakeRustlsConnect::new)
    }
}

/// What is handed to a library that wants a set-up for TLS where none is spoken: it believes nobody.
pub(super) fn speaking_no_tls() -> Result<ClientConfig, TlsFault> {
    let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let versions = versions.with_safe_default_protocol_versions()?;
    Ok(versions.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// Records with all that it takes to reach them.
#[derive(Clone)]
pub enum Source {
    /// An SQLite file, and what it is sealed by.
    Sqlite(PathBuf, Seal),
    /// A PostgreSQL server.
    Postgres(PostgresOptions),
    /// A service; it locks out by a policy of its own.
    Service(ServiceOptions),
}

impl Source {
    /// Opens them. A file must be there; a server that does not answer is asked again with each look-up.
    ///
    /// # Errors
    /// [`OpenError`] says which, why, and what to do.
    pub fn open(&self, locks: LockPolicy) -> Result<Arc<dyn Records>, OpenError> {
        Ok(match self {
            Source::Sqlite(file, seal) => Arc::new(SqliteRecords::open_with(file, seal)?.with_locks(locks)),
            Source::Postgres(options) => Arc::new(PostgresRecords::open(options)?.with_locks(locks)),
            Source::Service(options) => Arc::new(ServiceRecords::open(options)?),
        })
    }

    /// So many people at most, from all over them, with their numbers: for a measurement.
    ///
    /// # Errors
    /// They cannot be read; a service tells nobody's.
    pub(crate) fn some_people(&self, most: u32) -> Result<Vec<(CitizenId, String)>, RecordsError> {
        match self {
            Source::Sqlite(file, seal) => {
                let failed = |error: OpenError| RemoteError::Refused(error.to_string());
                SqliteRecords::open_with(file, seal).map_err(failed)?.some_people(most)
            }
            Source::Postgres(options) => Ok(postgres::some_people(options, most)?),
            Source::Service(_) => Err(RemoteError::Refused("a service tells nobody's numbers".to_owned()).into()),
        }
    }

    /// Whether there are keys, and the records lie open all the same. Changes nothing.
    ///
    /// # Errors
    /// [`OpenError`], as opening them with these keys would.
    pub fn lies_open(&self) -> Result<bool, OpenError> {
        Ok(match self {
            Source::Sqlite(file, seal) => database::sealed_by(file, seal)?.is_none() && seal.current().is_some(),
            Source::Postgres(options) => postgres::sealed_by(options)?.is_none() && options.seal.current().is_some(),
            Source::Service(_) => false,
        })
    }

    /// Looks how they stand, and changes nothing. Of a server waits as long as a look-up may take.
    ///
    /// # Errors
    /// [`OpenError`], as opening them would; [`OpenError::Unreachable`] where opening would go on.
    pub fn look(&self) -> Result<DatabaseStanding, OpenError> {
        match self {
            Source::Sqlite(file, _) => database::look(file),
            Source::Postgres(options) => postgres::look(options),
            Source::Service(options) => service::look(options),
        }
    }
}

/// The place alone: no password, no key.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self})")
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Sqlite(file, _) => file.display().fmt(f),
            Source::Postgres(options) => options.url.fmt(f),
            Source::Service(options) => options.url.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_a_file_unless_its_name_is_a_url() {
        for (text, server) in [
            ("hotline.db", false),
            ("/var/lib/hotline/records.db", false),
            ("postgres", false),
            ("postgres://db.example/records", true),
            ("postgresql:///records?host=/run/postgresql", true),
            ("C:/hotline/records.db", false),
        ] {
            let database: Database = text.parse().unwrap();
            assert_eq!(database.file().is_none(), server, "{text}");
            assert_eq!(database.to_string(), text);
        }
    }
}
