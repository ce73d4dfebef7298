//! The URL of a database on a PostgreSQL server, as libpq writes them: what it may hold, and what is made of it.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::facts::Secret;

/// A URL that begins with `postgres://` or `postgresql://`; right or not.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Secret<String>);

impl PostgresUrl {
    /// Nothing where the text begins otherwise.
    pub fn of(text: &str) -> Option<PostgresUrl> {
        let url = ["postgres://", "postgresql://"].iter().any(|begin| text.starts_with(begin));
        url.then(|| PostgresUrl(Secret::new(text.to_owned())))
    }

    /// What is wrong with it, if anything.
    pub fn fault(&self) -> Option<String> {
        let config = match self.parsed() {
            Ok(config) => config,
            Err(fault) => return Some(fault),
        };
        if config.get_password().is_some() {
            return Some("the password stands in the URL".to_owned());
        }
        if config.get_hosts().is_empty() {
            return Some("the URL names no host: one, or a socket's folder as in ?host=/run/postgresql".to_owned());
        }
        if config.get_options().is_some_and(|options| options.contains("timeout")) {
            return Some("time-outs are set by records.deadline, not in the URL".to_owned());
        }
        None
    }

    fn parsed(&self) -> Result<Config, String> {
        // The library's own words may quote what was written.
        self.0.reveal().parse::<Config>().map_err(|_| "this is no URL of a PostgreSQL database".to_owned())
    }

    /// How to connect.
    pub(super) fn config(&self, password: Option<&Secret<String>>, deadline: Duration) -> Result<Config, String> {
        if let Some(fault) = self.fault() {
            return Err(fault);
        }
        let mut config = self.parsed()?;
        let ssl = if config.get_ssl_mode() == SslMode::Disable || (!asks_for_tls(&config) && is_local(&config)) {
            SslMode::Disable
        } else {
            SslMode::Require
        };
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

fn asks_for_tls(config: &Config) -> bool {
    config.get_ssl_mode() == SslMode::Require
}

/// Whether nothing goes over a network.
fn is_local(config: &Config) -> bool {
    let here = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
    };
    config.get_hosts().iter().all(here) && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

/// As it was written, but for a password.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.reveal();
        match self.parsed() {
            Ok(config) if config.get_password().is_none() => f.write_str(text),
            _ => f.write_str("postgres://…"),
        }
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
        for text in ["postgres:///records", "postgres://h/r?options=-c%20statement_timeout%3D0", "postgres://h/r?x=1"] {
            assert!(PostgresUrl::of(text).unwrap().fault().is_some(), "{text}");
        }
    }
}
