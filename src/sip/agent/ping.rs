//! Asking a peer again and again whether it is alive, by OPTIONS (RFC 3261, section 11).
//!
//! ```text
//!   OPTIONS ──>         every 30 s, a little more or less by lot
//!        <── any answer     alive
//!                           three unanswered: down      (see super::super::pulse)
//! ```
//!
//! It also keeps the way open: a firewall or a translator of addresses forgets one on which nothing goes.

use std::sync::Arc;
use std::time::Duration;

use rsipstack::sip::{Header, Method};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::pulse::Pulse;
use super::super::{ACCEPT, ALLOW};
use super::asking::Asker;
use super::dial::{DialFault, checked};
use super::way::Way;
use super::{Agent, now, until};

/// Who is asked, and how often.
#[derive(Clone, Debug)]
pub struct PingConfig {
    /// What the peer is called in the log.
    pub name: Arc<str>,
    /// Its URI, such as `sip:sip.carrier.example;transport=tcp`.
    pub to: String,
    /// How often. An answer is waited for as long, and no longer than 64·T1.
    pub every: Duration,
}

/// A peer that is being asked; dropped, it is asked no more.
#[derive(Debug)]
pub struct Pinging(#[expect(dead_code, reason = "what it does when it is dropped")] DropGuard);

impl Agent {
    /// Asks a peer whether it is alive, from now on; `on` is told when it is found to be, or not to be any more.
    ///
    /// # Errors
    /// [`DialFault::BadUri`]: nothing is sent then.
    pub fn ping(&self, config: PingConfig, on: impl Fn(bool) + Send + 'static) -> Result<Pinging, DialFault> {
        checked(&config.to, "the address to ask")?;
        let asker = Asker::new(&self.core, &config.to, &config.to, None, &config.to);
        let token = self.core.token.child_token();
        tokio::spawn(run(asker, config, token.clone(), on));
        Ok(Pinging(token.drop_guard()))
    }
}

async fn run(asker: Asker, config: PingConfig, token: CancellationToken, on: impl Fn(bool)) {
    let within = config.every.min(asker.core.t1x64());
    let (mut pulse, mut sequence) = (Pulse::default(), 0_u32);
    // Held from one to the next, so that a connection stays open.
    let mut held: Option<Way> = None;
    loop {
        sequence = sequence.saturating_add(1);
        let ask = async {
            let way =
                asker.way().await.map_err(|error| tracing::debug!(trunk = %config.name, %error, "no way")).ok()?;
            let more = vec![way.contact(), Header::Accept(ACCEPT.into()), Header::Allow(ALLOW.into())];
            let answer = asker.ask(asker.request(Method::Options, sequence, &way, more), &way).await;
            held = Some(way);
            answer
        };
        let answer = tokio::select! {
            answer = tokio::time::timeout(within, ask) => answer.ok().flatten(),
            () = token.cancelled() => return,
        };
        let status = answer.map(|answer| answer.status_code.code());
        if let Some(alive) = pulse.hear(status) {
            match alive {
                true => tracing::info!(trunk = %config.name, status, "a trunk answers"),
                false => tracing::warn!(trunk = %config.name, status, "a trunk does not answer"),
            }
            on(alive);
        }
        let pause = config.every.mul_f64(0.9 + 0.2 * rand::random::<f64>());
        tokio::select! {
            () = until(Some(now() + pause)) => {}
            () = token.cancelled() => return,
        }
    }
}
