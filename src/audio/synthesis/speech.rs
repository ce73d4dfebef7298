//! A server that speaks: OpenAI's form of it, which most neural synthesizers have too.
//!
//! ```text
//!   POST /v1/audio/speech        {"model": …, "voice": …, "input": "截至", "response_format": "wav", settings}
//!   Authorization: Bearer …
//!   <── 200, the sound
//! ```

use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::crypto::ring::default_provider;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use super::{LARGEST_OUTPUT, MOST_SAID};
use crate::facts::Secret;

/// A server, and how it is to speak.
#[derive(Clone, Debug)]
pub struct SpeechServer {
    url: String,
    fields: serde_json::Map<String, serde_json::Value>,
    key: Option<Secret<String>>,
    agent: Agent,
}

/// Why a server gave no sound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpeechFault {
    /// It cannot be asked.
    #[error("{url} cannot be asked ({why}); is it running, and is this its address?")]
    Unreachable {
        /// Its address.
        url: String,
        /// Why.
        why: String,
    },
    /// It took longer than the deadline.
    #[error("{url} took longer than {deadline:?}")]
    TooSlow {
        /// Its address.
        url: String,
        /// The deadline.
        deadline: Duration,
    },
    /// It answered otherwise than with sound.
    #[error("{url} answered {status}: {said}")]
    Refused {
        /// Its address.
        url: String,
        /// HTTP's status.
        status: u16,
        /// The beginning of what it said, at most 300 bytes.
        said: String,
    },
}

impl SpeechServer {
    /// A server at a URL, as `http://127.0.0.1:8880/v1/audio/speech`. `fields` are what its request holds beside the text:
    /// `model`, `voice`, and whatever else this server knows. `key` goes into the request's head and nowhere else.
    pub fn new(
        url: &str,
        fields: serde_json::Map<String, serde_json::Value>,
        key: Option<Secret<String>>,
    ) -> SpeechServer {
        let mut config = Agent::config_builder().http_status_as_error(false).max_redirects(0);
        if url.starts_with("https:") {
            let authorities = rustls_native_certs::load_native_certs().certs;
            let authorities: Vec<_> = authorities.iter().map(|one| Certificate::from_der(one).to_owned()).collect();
            let tls = TlsConfig::builder()
                .provider(TlsProvider::Rustls)
                .unversioned_rustls_crypto_provider(Arc::new(default_provider()))
                .root_certs(RootCerts::new_with_certs(&authorities));
            config = config.tls_config(tls.build());
        }
        SpeechServer { url: url.to_owned(), fields, key, agent: config.build().new_agent() }
    }

    /// Where it is and how it speaks; the key is no part of that.
    pub(super) fn settings(&self) -> Vec<String> {
        vec![self.url.clone(), serde_json::Value::Object(self.fields.clone()).to_string()]
    }

    /// Its sound of a text.
    pub(super) fn say(&self, text: &str, deadline: Duration) -> Result<Vec<u8>, SpeechFault> {
        let mut fields = self.fields.clone();
        fields.insert("input".into(), text.into());
        fields.entry("response_format").or_insert_with(|| "wav".into());
        let body = serde_json::Value::Object(fields).to_string();
        let mut request = self.agent.post(&self.url).header("content-type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {}", key.reveal()));
        }
        let failed = |error| self.failed(&error, deadline);
        let request = request.config().timeout_global(Some(deadline)).build();
        let mut answer = request.send(body).map_err(failed)?;
        let status = answer.status().as_u16();
        if status != 200 {
            let said = std::io::Read::take(answer.body_mut().as_reader(), MOST_SAID);
            let said = std::io::Read::bytes(said).map_while(Result::ok).collect::<Vec<u8>>();
            return Err(SpeechFault::Refused { url: self.url.clone(), status, said: self.without_key(&said) });
        }
        answer.body_mut().with_config().limit(LARGEST_OUTPUT).read_to_vec().map_err(failed)
    }

    fn failed(&self, error: &ureq::Error, deadline: Duration) -> SpeechFault {
        let url = self.url.clone();
        match error {
            ureq::Error::Timeout(_) => SpeechFault::TooSlow { url, deadline },
            other => SpeechFault::Unreachable { url, why: other.to_string() },
        }
    }

    /// What a server said, on one line; some repeat the key that they refuse.
    fn without_key(&self, said: &[u8]) -> String {
        let said = String::from_utf8_lossy(said);
        let said = match &self.key {
            Some(key) => said.replace(key.reveal().as_str(), "·"),
            None => said.into_owned(),
        };
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
