//! `hotline serve`: answers real telephones.
//!
//! ```text
//!   hotline serve --config hotline.toml
//!   listening on udp 127.0.0.1:5060
//!   listening on tcp 127.0.0.1:5060
//!   metrics on http://127.0.0.1:9100/metrics        with `metrics.listen` in the configuration
//! ```

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::check::{Format, write_faults};
use super::progress::Progress;
use super::{Wrong, exit_code};
use crate::node::{By, Draft, Node, Order, survey};
use crate::records::Database;

/// Answers calls over SIP and RTP until it is told to end (SIGTERM or Ctrl-C); then it takes no new calls and lets the
/// running ones finish.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hotline records demo --database hotline-data/demo.db\n  hotline serve --config \
                  hotline.toml\n  hotline serve --check --config hotline.toml\n\nPrints each address it listens on once it is ready. Exits with 0 after all calls have \
                  ended, with 1 if it could not start or had to cut calls off, with 2 on wrong use. The environment's \
                  HOTLINE_LOG sets what is logged, as in HOTLINE_LOG=debug. SIGHUP reads everything anew, as \
                  `hotline reload` does.")]
pub struct Serve {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "hotline.toml")]
    config: PathBuf,
    /// Load everything, say what would be served or everything that is wrong, and end: no port is taken, nothing written
    #[arg(long)]
    check: bool,
    /// Listen on this address in place of the configuration's; tcp: or tls: before it names another transport than UDP
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<crate::sip::Listen>,
    /// Use this records database in place of the configuration's: a file, or postgres://…
    #[arg(long, value_name = "DATABASE")]
    database: Option<Database>,
}

impl Serve {
    /// Serves until the end.
    pub fn run(&self) -> ExitCode {
        exit_code("serve", self.serve())
    }

    fn serve(&self) -> Result<bool, Wrong> {
        super::draft(&self.config)?;
        let (file, listen, database) = (self.config.clone(), self.listen.clone(), self.database.clone());
        // Read anew at each reload, what the command line says in its place again.
        let read = move || {
            let mut draft = Draft::load(&file);
            if !listen.is_empty() {
                draft.config.sip.listen.clone_from(&listen);
            }
            if let Some(database) = &database {
                draft.config.records.database.clone_from(database);
            }
            draft
        };
        if self.check {
            return self.tell(&read());
        }
        super::start_log();
        // On one core two would only take turns: a fifth of the time that calls cost went by in their changing places.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(cores.min(2)).enable_all().build()?;
        runtime.block_on(async {
            let bar = Progress::default();
            // From here on each of them is heard: also one that comes as soon as it listens.
            let mut hangup = signal(SignalKind::hangup())?;
            let ends = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
            let progress = |what: &str, done, total| bar.tell(what, done, total);
            let node = Node::start_from(Box::new(read), Some(&self.config), progress)
                .await
                .map_err(|faults| Wrong::Faults(faults.0))?;
            bar.end();
            for address in &node.addresses {
                say(&format!("listening on {address}"));
            }
            if let Some(address) = node.metrics_address {
                say(&format!("metrics on http://{address}/metrics"));
            }
            let workshop = node.workshop();
            let reloads = async {
                while hangup.recv().await.is_some() {
                    let (workshop, by) = (Arc::clone(&workshop), By::new("SIGHUP", ""));
                    let order = Order::Reload { check: false, share: None, by };
                    // What comes of it is in the log.
                    let _ = tokio::task::spawn_blocking(move || workshop.carry_out(&order)).await;
                }
            };
            let reloading = async {
                reloads.await;
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = told_to_end(ends) => {}
                () = reloading => {}
            }
            say(&format!("draining: {} calls are running", node.calls()));
            let cut = node.drain().await;
            say(&format!("ended; {cut} calls were cut off"));
            Ok(cut == 0)
        })
    }
}

impl Serve {
    /// What would be served, or everything that is wrong.
    fn tell(&self, draft: &Draft) -> Result<bool, Wrong> {
        let survey = survey(draft).map_err(Wrong::Faults)?;
        let mut out = std::io::stdout().lock();
        if !survey.warnings.is_empty() {
            write_faults(&survey.warnings, Format::Text, std::io::stdout().is_terminal(), &mut out)?;
        }
        writeln!(out, "{} is well; it would serve\n{survey}", self.config.display())?;
        Ok(true)
    }
}

/// To whoever reads. Calls are answered all the same if nobody does.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// SIGTERM or Ctrl-C.
async fn told_to_end([mut terminate, mut interrupt]: [Signal; 2]) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
