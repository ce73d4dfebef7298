//! A running hotline: configuration, menus and prompts loaded and checked, records open, calls answered, and in the end
//! drained.
//!
//! ```text
//!   [trunks] ──> registered with, asked whether they are alive       [metrics] ──> /metrics, /health
//!   hotline.toml ──> menus, prompts, records ──> media workers ──> SIP agent: "listening on udp 0.0.0.0:5060"
//!   SIGTERM, SIGINT ──> new calls 503, running ones go on ──> all over, or the drain's time is ──> end
//! ```

mod config;
mod control;
pub mod doctor;
mod draft;
mod inbound;
mod keeping;
mod loading;
mod log;
mod metrics;
mod outbound;
mod password;
mod records_config;
mod sealing;
mod spans;
mod survey;
mod trunk;
mod versions;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::audio::{ClipStore, Synthesizer, synthesize_missing};
use crate::facts::Fault;
use crate::media::{EngineConfig, MediaEngine};
use crate::records::audit::{Audit, AuditLog};
use crate::records::{CallLog, PoolOptions, RecordsPool};
use crate::sip::stream::StreamLimits;
use crate::sip::tls::{IdentityFiles, TlsConfig};
use crate::sip::{Agent, AgentConfig, Listen, SessionPolicy};
use crate::telephony::{CallTraces, CallWatch, Exchange, Versions, answer_calls};
use control::Control;
use metrics::Metrics;
use outbound::Outbound;
use spans::Sending;
use versions::watch;

pub use config::{
    Config, Media as MediaConfig, Metrics as MetricsConfig, Prompts as PromptsConfig, Records as RecordsConfig,
    Session as SipSessionConfig, Sip as SipConfig, Tls as SipTlsConfig, Versions as VersionsConfig,
};
pub use control::order;
pub use draft::Draft;
pub use inbound::Strangers as StrangersConfig;
pub use keeping::{CallRecords as CallRecordsConfig, Kept as RetentionConfig, To as CallRecordsTo};
use loading::Missing;
pub use loading::read_script;
pub use log::log_to;
pub use metrics::metrics_reference;
pub(crate) use password::read_password;
pub use sealing::Keys as KeysConfig;
pub use spans::Telemetry as TelemetryConfig;
pub use survey::{Survey, survey};
pub use trunk::{Ping as PingConfig, Register as RegisterConfig, Trunk as TrunkConfig};
pub use versions::{Answer, By, Deed, History, Kept, Order, Shelf, ToldFault, Tried, Workshop, differences};

/// Calls waiting for a task; beyond it callers get 503.
const MOST_WAITING: usize = 1024;
/// How often a drain looks whether all calls are over.
const DRAIN_LOOK: Duration = Duration::from_millis(100);
/// How long it may take that registrations are taken back.
const UNREGISTERED_WITHIN: Duration = Duration::from_secs(5);
/// How long the records of calls that are over are waited for.
const RECORDED_WITHIN: Duration = Duration::from_secs(10);
/// How long a collector of spans is waited for.
const SPANS_SENT_WITHIN: Duration = Duration::from_secs(5);

/// A hotline that answers.
pub struct Node {
    agent: Agent,
    /// Where it listens.
    pub addresses: Vec<Listen>,
    /// Where it is told how it stands, if anywhere.
    pub metrics_address: Option<SocketAddr>,
    drain: Duration,
    workshop: Arc<Workshop>,
    #[allow(dead_code, reason = "they end with the node")]
    tasks: Vec<AbortOnDrop>,
    _control: Option<Control>,
    answering: JoinHandle<()>,
    log: Arc<CallLog>,
    audit: Arc<AuditLog>,
    /// Spans on their way, where there are any.
    sending: Option<Sending>,
    outbound: Outbound,
    metrics: Arc<Metrics>,
    _metrics_server: Option<metrics::Server>,
}

/// Why a hotline does not start; all that could be found out at once.
#[derive(Debug)]
pub struct StartFaults(pub Vec<Fault>);

impl StartFaults {
    fn one(place: &Path, error: impl std::fmt::Display) -> StartFaults {
        StartFaults(vec![Fault::of_file(&place.display().to_string(), error.to_string())])
    }
}

impl Node {
    /// Loads everything and listens. `progress` is told of long work: what, how much is done, of how much. A reload reads
    /// what the configuration names anew, and not the configuration.
    ///
    /// # Errors
    /// Everything that is wrong with what is loaded, or the first thing that the machine does not give.
    pub async fn start(config: &Config, progress: impl FnMut(&str, usize, usize)) -> Result<Node, StartFaults> {
        let config = config.clone();
        Node::start_from(Box::new(move || Draft::of(config.clone())), None, progress).await
    }

    /// The same from wherever the configuration is read, again at each reload; `file` is the one to watch, where files are
    /// watched.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub async fn start_from(
        source: Box<dyn Fn() -> Draft + Send + Sync>,
        file: Option<&Path>,
        progress: impl FnMut(&str, usize, usize),
    ) -> Result<Node, StartFaults> {
        let (workshop, plan, door) = Workshop::open(source, progress)?;
        let workshop = Arc::new(workshop);
        let config = workshop.started();
        let source = config.source().map_err(|fault| StartFaults(vec![fault]))?;
        let place = Path::new("[records]");
        let records = source.open(config.records.locks()).map_err(|error| StartFaults::one(place, error))?;
        let pool = PoolOptions { workers: config.records.workers, ..PoolOptions::default() };
        let seal = config.seal().map_err(|fault| StartFaults(vec![fault]))?;
        let (log, audit) = keeping::open(config, &seal)?;
        let records = RecordsPool::audited(&records, pool, Arc::clone(&audit) as Arc<dyn Audit>)
            .map_err(|error| StartFaults::one(place, error))?;
        let media = start_media(config)?;
        let trunks = config.trunks.iter().map(|(name, trunk)| (name.as_str(), trunk.register.is_some()));
        let metrics = Arc::new(Metrics::new(trunks));
        let (sender, calls) = mpsc::channel(MOST_WAITING);
        let agent_config = AgentConfig {
            advertised: config.sip.advertised,
            numbers: workshop.numbers(),
            door,
            max_calls: config.sip.calls,
            retry_after: retry_after(config),
            session: SessionPolicy { expires: config.sip.session.expires, minimum: config.sip.session.minimum },
            streams: StreamLimits {
                connections: config.sip.connections,
                per_source: config.sip.connections_per_address,
                idle: config.sip.idle,
                ..StreamLimits::default()
            },
            tls: tls(&config.sip.tls),
            ..AgentConfig::new(config.sip.listen.clone())
        };
        let (agent, addresses) =
            Agent::start(agent_config, sender).await.map_err(|error| StartFaults::one(Path::new("[sip]"), error))?;
        workshop.tell(&agent);
        let records = Arc::new(records);
        let (spans, sending) = spans::start(&config.telemetry)?.unzip();
        metrics.ask(&agent, &records, &log, &audit, &workshop, sending.as_ref());
        let exchange = Exchange {
            versions: Arc::clone(&workshop.serving) as Arc<dyn Versions>,
            records,
            log: Arc::clone(&log),
            media: Arc::new(media),
            retry_after: retry_after(config),
            watch: Arc::clone(&metrics) as Arc<dyn CallWatch>,
            traces: spans.map(|spans| Arc::new(spans) as Arc<dyn CallTraces>),
        };
        let answering = tokio::spawn(answer_calls(Arc::new(exchange), calls));
        let outbound = plan.begin(&agent, &metrics).map_err(|fault| StartFaults(vec![fault]))?;
        let metrics_server = serve_metrics(config.metrics.listen, &metrics).await?;
        let control = control(config, &workshop);
        let watching =
            config.versions.watch.then(|| tokio::spawn(watch(Arc::clone(&workshop), file.map(Path::to_owned))));
        let keeping = tokio::spawn(keeping::keep(config.clone()));
        let tasks = watching.into_iter().chain([tokio::spawn(judge(Arc::clone(&workshop))), keeping]);
        Ok(Node {
            agent,
            addresses,
            metrics_address: metrics_server.as_ref().map(|server| server.address),
            drain: config.sip.drain,
            tasks: tasks.map(AbortOnDrop).collect(),
            _control: control,
            workshop,
            answering,
            log,
            audit,
            sending,
            outbound,
            metrics,
            _metrics_server: metrics_server,
        })
    }

    /// Where its menus and prompts are changed while it runs.
    pub fn workshop(&self) -> Arc<Workshop> {
        Arc::clone(&self.workshop)
    }

    /// Calls ringing or running.
    pub fn calls(&self) -> usize {
        self.agent.standing().calls
    }

    /// Takes no new calls and waits for the running ones, as long as the configuration says. Then whatever still runs is
    /// cut off. Tells how many calls were.
    pub async fn drain(self) -> usize {
        self.agent.drain();
        self.metrics.drain();
        let (limit, agent) = (self.drain, &self.agent);
        let calls = || agent.standing().calls;
        let over = async {
            let mut waited = Duration::ZERO;
            while calls() > 0 && waited < limit {
                #[allow(
                    clippy::disallowed_methods,
                    reason = "a shutdown looks ten times a second whether calls are over"
                )]
                tokio::time::sleep(DRAIN_LOOK).await;
                waited += DRAIN_LOOK;
            }
        };
        // The registrars send no more calls, as soon as may be.
        tokio::join!(over, self.outbound.end(UNREGISTERED_WITHIN.min(limit)));
        let cut = calls();
        self.agent.stop();
        // A call that is over still waits for its figures, and then writes its record.
        let mut answering = self.answering;
        if tokio::time::timeout(RECORDED_WITHIN, &mut answering).await.is_err() {
            tracing::error!("calls were cut off before they were recorded");
            answering.abort();
        }
        if let Some(sending) = self.sending {
            sending.end(SPANS_SENT_WITHIN).await;
        }
        let (records, lines) = (self.log.counts().lost, self.audit.counts().lost);
        if records + lines > 0 {
            tracing::error!(records, lines, "call records or lines of the audit log were lost");
        }
        cut
    }
}

/// A task that ends with its owner.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The socket that reloads are asked for at. Without it calls are served all the same, and SIGHUP reloads.
fn control(config: &Config, workshop: &Arc<Workshop>) -> Option<Control> {
    let socket = config.control_socket();
    match Control::start(&socket, workshop) {
        Ok(control) => Some(control),
        Err(error) => {
            let socket = socket.display();
            tracing::warn!(%socket, %error, "`hotline reload` cannot reach this hotline: name another versions.socket");
            None
        }
    }
}

/// Looks at a version on trial as its calls end.
async fn judge(workshop: Arc<Workshop>) {
    let looks = workshop.looks();
    loop {
        looks.notified().await;
        let workshop = Arc::clone(&workshop);
        if tokio::task::spawn_blocking(move || workshop.judge()).await.is_err() {
            tracing::error!("a look at the version on trial has broken off");
        }
    }
}

fn retry_after(config: &Config) -> u32 {
    u32::try_from(config.sip.retry_after.as_secs()).unwrap_or(u32::MAX).max(1)
}

fn tls(config: &SipTlsConfig) -> TlsConfig {
    let pair = config.certificate.clone().zip(config.key.clone());
    TlsConfig {
        identity: pair.map(|(certificate, key)| IdentityFiles { certificate, key }),
        authorities: config.authorities.clone(),
        ..TlsConfig::default()
    }
}

async fn serve_metrics(
    listen: Option<SocketAddr>,
    metrics: &Arc<Metrics>,
) -> Result<Option<metrics::Server>, StartFaults> {
    let Some(listen) = listen else { return Ok(None) };
    let wrong = |error| StartFaults::one(Path::new("[metrics]"), format!("cannot listen on {listen}: {error}"));
    metrics::Server::start(listen, Arc::clone(metrics)).await.map(Some).map_err(wrong)
}

fn start_media(config: &Config) -> Result<MediaEngine, StartFaults> {
    // Each call says where its sockets are to be.
    let mut engine = EngineConfig::on(std::net::Ipv4Addr::LOCALHOST.into());
    engine.ports = config.media.ports.0..=config.media.ports.1;
    engine.time_out = config.media.time_out;
    if config.media.workers > 0 {
        engine.workers = config.media.workers;
    }
    MediaEngine::start(engine).map_err(|error| StartFaults::one(Path::new("[media]"), error))
}

/// What nobody has recorded is synthesized now, so that no call waits for it.
fn synthesize(
    config: &PromptsConfig,
    clips: &mut ClipStore,
    missing: &[Missing],
    mut progress: impl FnMut(&str, usize, usize),
) -> Result<(), StartFaults> {
    if missing.is_empty() {
        return Ok(());
    }
    let synthesizer = Synthesizer::espeak(config.cache.clone());
    let failures = synthesize_missing(clips, missing, &synthesizer, |done, total| {
        progress("synthesizing texts without a recording", done, total);
    });
    match failures.first() {
        Some(failure) => {
            let message = format!("{} texts could not be synthesized; the first: {failure}", failures.len());
            Err(StartFaults::one(&config.folder, message))
        }
        None => Ok(()),
    }
}
