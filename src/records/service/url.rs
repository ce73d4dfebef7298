//! Where a service's paths begin: `https://records.example/hotline`, without a password, a query or a fragment.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use hyper::Uri;
use serde::{Deserialize, Deserializer};

/// A URL that is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceUrl {
    /// Without a slash at its end.
    base: String,
    encrypted: bool,
}

/// Why a text is no such URL; quotes nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceUrlFault {
    /// Not a URL.
    #[error("this is no URL, as in https://records.example")]
    Malformed,
    /// A user or a password in it.
    #[error("a user or password stands in the URL")]
    Credentials,
    /// A query or a fragment.
    #[error("the URL goes on after its path")]
    Query,
    /// http to another machine.
    #[error("the URL is not https: in clear only a service on this machine is asked")]
    InClear,
}

impl ServiceUrl {
    pub(super) fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// The URL of a path of the first version of the document.
    pub(super) fn at(&self, path: &str) -> String {
        format!("{}/v1/{path}", self.base)
    }
}

impl FromStr for ServiceUrl {
    type Err = ServiceUrlFault;

    fn from_str(text: &str) -> Result<ServiceUrl, ServiceUrlFault> {
        if text.contains(['#', '?']) {
            return Err(ServiceUrlFault::Query);
        }
        // After a slash too: a slash may be a part of a password.
        if text.contains('@') {
            return Err(ServiceUrlFault::Credentials);
        }
        let uri: Uri = text.parse().map_err(|_| ServiceUrlFault::Malformed)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(ServiceUrlFault::Malformed);
        };
        let ported = authority.as_str() != authority.host();
        if authority.host().is_empty() || (ported && authority.port_u16().is_none()) {
            return Err(ServiceUrlFault::Malformed);
        }
        let host = authority.host().trim_matches(['[', ']']);
        let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        match scheme {
            "https" => {}
            "http" if here => {}
            "http" => return Err(ServiceUrlFault::InClear),
            _ => return Err(ServiceUrlFault::Malformed),
        }
        Ok(ServiceUrl { base: text.trim_end_matches('/').to_owned(), encrypted: scheme == "https" })
    }
}

impl<'de> Deserialize<'de> for ServiceUrl {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<ServiceUrl, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reading_fail(rest in ".{0,80}") {
            let _ = rest.parse::<ServiceUrl>();
            let _ = format!("https://{rest}").parse::<ServiceUrl>();
        }
    }

    #[test]
    fn only_a_plain_url_over_tls_or_to_this_machine_is_one() {
        for (text, expected) in [
            ("https://records.example", Ok("https://records.example/v1/records")),
            ("https://records.example:8443/hotline/", Ok("https://records.example:8443/hotline/v1/records")),
            ("http://127.0.0.1:8080", Ok("http://127.0.0.1:8080/v1/records")),
            ("http://[::1]:8080", Ok("http://[::1]:8080/v1/records")),
            ("http://records.example", Err(ServiceUrlFault::InClear)),
            ("https://a:b@records.example", Err(ServiceUrlFault::Credentials)),
            ("https://a:1234/b@records.example", Err(ServiceUrlFault::Credentials)),
            ("https://records.example:port", Err(ServiceUrlFault::Malformed)),
            ("https://records.example:65536", Err(ServiceUrlFault::Malformed)),
            ("https://:8443", Err(ServiceUrlFault::Malformed)),
            ("https://records.example/?key=1", Err(ServiceUrlFault::Query)),
            ("https://records.example/#x", Err(ServiceUrlFault::Query)),
            ("ftp://records.example", Err(ServiceUrlFault::Malformed)),
            ("records.example", Err(ServiceUrlFault::Malformed)),
            ("", Err(ServiceUrlFault::Malformed)),
        ] {
            let found = text.parse::<ServiceUrl>().map(|url| url.at("records"));
            assert_eq!(found.as_deref().map_err(|fault| *fault), expected, "{text}");
        }
    }
}
