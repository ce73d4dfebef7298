//! The URL of a database on a PostgreSQL server, as libpq writes them: what it may hold, and what is made of it.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::facts::Secret;

/// A URL that should begin with `postgres://` or `postgresql://`; right or not.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Secret<String>);

impl PostgresUrl {
    /// Nothing where the text is no URL at all. One of another scheme is a wrong one: there may be a password in it too.
    pub fn of(text: &str) -> Option<PostgresUrl> {
        text.contains("://").then(|| PostgresUrl(Secret::new(text.to_owned())))
    }

    /// What is wrong with it, if anything.
    pub fn fault(&self) -> Option<String> {
        match read(self.0.reveal()) {
            Err(fault) => Some(fault.to_owned()),
            Ok(config) if config.get_options().is_some_and(|options| options.contains("timeout")) => {
                Some("time-outs are set by records.deadline, not in the URL".to_owned())
            }
            Ok(_) => None,
        }
    }

    /// How to connect.
    pub(super) fn config(&self, password: Option<&Secret<String>>, deadline: Duration) -> Result<Config, String> {
        if let Some(fault) = self.fault() {
            return Err(fault);
        }
        let mut config = read(self.0.reveal())?;
        let ssl = ssl_mode(&config);
        let millis = deadline.as_millis();
        let limits = format!(
            "-c statement_timeout={millis} -c lock_timeout={millis} -c idle_in_transaction_session_timeout={millis}"
        );
        let options = config.get_options().map_or_else(|| limits.clone(), |own| format!("{own} {limits}"));
        config.options(options).ssl_mode(ssl).connect_timeout(deadline).tcp_user_timeout(deadline);
        config.keepalives(true).keepalives_idle(Duration::from_secs(30));
        // Of several hosts the one that takes writes, also after a standby was promoted.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_application_name().is_none() {
            config.application_name("hotline");
        }
        if let Some(password) = password {
            config.password(password.reveal());
        }
        Ok(config)
    }
}

/// A URL of a PostgreSQL database, with a host and without a password; or what is wrong with it, which quotes nothing of it.
pub(in crate::records) fn read(text: &str) -> Result<Config, &'static str> {
    let begins = ["postgres://", "postgresql://"].iter().any(|begin| text.starts_with(begin));
    // The library ends the credentials at the first @, and would take a password before the second for a port and hosts.
    if begins && text.split('?').next().is_some_and(|text| text.matches('@').count() > 1) {
        return Err("more than one @ stands in the URL: in a name it is written %40");
    }
    // The library's own words may quote what was written.
    let config = text.parse::<Config>().ok().filter(|_| begins).ok_or("this is no URL of a PostgreSQL database")?;
    if config.get_password().is_some() {
        return Err("the password stands in the URL");
    }
    if config.get_hosts().is_empty() || config.get_hosts().contains(&Host::Tcp(String::new())) {
        return Err("the URL names no host: one, or a socket's folder as in ?host=/run/postgresql");
    }
    Ok(config)
}

/// What crosses a network is encrypted unless the URL says otherwise.
pub(in crate::records) fn ssl_mode(config: &Config) -> SslMode {
    match config.get_ssl_mode() {
        SslMode::Disable => SslMode::Disable,
        SslMode::Require => SslMode::Require,
        _ if is_local(config) => SslMode::Disable,
        _ => SslMode::Require,
    }
}

/// Whether nothing goes over a network.
fn is_local(config: &Config) -> bool {
    let here = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
    };
    config.get_hosts().iter().all(here) && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

/// As it was written, if it is right: one that is not may have a password in it.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.reveal();
        f.write_str(if read(text).is_ok() { text } else { "postgres://…" })
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_refused_and_shown_nowhere() {
        for text in [
            "postgres://hotline:s3cr3t@db.example/records",
            "postgresql://db.example/records?user=hotline&password=s3cr3t",
            "postgres://hotline:s3cr3t@db.example:port/records",
            "postgres://hotline@server:1,s3cr3t@db.example/records",
            "POSTGRES://hotline:s3cr3t@db.example/records",
            "postgresql+psycopg://hotline:s3cr3t@db.example/records",
        ] {
            let url = PostgresUrl::of(text).unwrap();
            assert!(url.fault().is_some(), "{text}");
            let said = format!("{url} {url:?} {}", url.fault().unwrap());
            assert!(!said.contains("s3cr3t"), "{said}");
        }
    }

    #[test]
    fn what_crosses_a_network_is_encrypted_unless_the_url_says_otherwise() {
        for (text, expected) in [
            ("postgres://hotline@db.example/records", SslMode::Require),
            ("postgres://hotline@192.0.2.1/records?sslmode=prefer", SslMode::Require),
            ("postgres://hotline@db.example/records?sslmode=disable", SslMode::Disable),
            ("postgres://hotline@127.0.0.1/records", SslMode::Disable),
            ("postgres://hotline@localhost,db.example/records", SslMode::Require),
            ("postgres://hotline@localhost/records?sslmode=require", SslMode::Require),
            ("postgres:///records?host=/run/postgresql", SslMode::Disable),
        ] {
            let config = PostgresUrl::of(text).unwrap().config(None, Duration::from_secs(3)).unwrap();
            assert_eq!(config.get_ssl_mode(), expected, "{text}");
            assert!(config.get_options().unwrap().contains("statement_timeout=3000"));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reading_fail(rest in ".{0,80}") {
            let url = PostgresUrl::of(&format!("postgres://{rest}")).unwrap();
            let _ = (url.fault(), url.to_string(), url.config(None, Duration::from_secs(3)).is_ok());
        }
    }

    #[test]
    fn a_url_without_a_host_or_with_time_outs_of_its_own_is_refused() {
        for text in [
            "postgres:///records",
            "postgres://:5432/records",
            "postgres://h/r?options=-c%20statement_timeout%3D0",
            "postgres://h/r?x=1",
        ] {
            assert!(PostgresUrl::of(text).unwrap().fault().is_some(), "{text}");
        }
    }
}
