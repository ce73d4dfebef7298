//! `[trunks.NAME.register]`: how this hotline registers there.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::super::config::duration;
use super::Mistake;
use crate::sip::agent::is_reachable_uri;

/// With whom, and as whom.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Register {
    /// The registrar's URI, such as `sip:sip.carrier.example;transport=tcp`.
    pub registrar: String,
    /// The domain of the address that is registered; without it the registrar's host.
    pub domain: Option<String>,
    /// The account: the user part of the address that is registered.
    pub user: String,
    /// The user that the password belongs to, where it is another.
    pub auth_user: Option<String>,
    /// The file that the password stands in.
    pub password_file: Option<PathBuf>,
    /// The number that calls are to come to, of those in `[numbers]`; without it the user.
    pub number: Option<String>,
    /// For how long to register: the registrar may grant less.
    #[serde(default = "an_hour", deserialize_with = "duration")]
    pub expires: Duration,
}

impl Register {
    /// The number that calls come to.
    pub fn number(&self) -> &str {
        self.number.as_deref().unwrap_or(&self.user)
    }

    /// What is wrong with it.
    pub(super) fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        if !is_reachable_uri(&self.registrar) {
            mistakes.push(("registrar", "is no SIP address", "as in registrar = \"sip:sip.carrier.example\""));
        }
        if !(Duration::from_secs(60)..=Duration::from_secs(24 * 3600)).contains(&self.expires) {
            mistakes.push(("expires", "is not between a minute and a day", "as in expires = \"1h\""));
        }
        if self.password_file.is_none() && self.auth_user.is_some() {
            let hint = "name its file in password-file, or leave auth-user out";
            mistakes.push(("", "auth-user has no password", hint));
        }
        mistakes
    }
}

fn an_hour() -> Duration {
    Duration::from_secs(3600)
}
