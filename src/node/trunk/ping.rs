//! `[trunks.NAME.ping]`: how a trunk is asked whether it is alive.

use std::time::Duration;

use serde::Deserialize;

use super::super::config::duration;
use super::Mistake;
use crate::sip::agent::is_reachable_uri;

/// Who is asked, and how often.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ping {
    /// Who is asked, such as `sip:sip.carrier.example`; without it the registrar.
    pub to: Option<String>,
    /// How often. Three unanswered in a row, and the trunk counts as down.
    #[serde(deserialize_with = "duration")]
    pub every: Duration,
}

impl Default for Ping {
    fn default() -> Ping {
        Ping { to: None, every: Duration::from_secs(30) }
    }
}

impl Ping {
    /// What is wrong with it.
    pub(super) fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        if self.to.as_deref().is_some_and(|to| !is_reachable_uri(to)) {
            mistakes.push(("to", "is no SIP address", "as in to = \"sip:sip.carrier.example\""));
        }
        if !(Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&self.every) {
            mistakes.push(("every", "is not between a second and an hour", "as in every = \"30s\""));
        }
        mistakes
    }
}
