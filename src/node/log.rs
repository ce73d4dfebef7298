//! What a node logs, and what it never does.
//!
//! Hotline's own lines hold nothing secret at any level. The libraries below it were not written to that rule (the SIP
//! stack writes whole messages at `info`, keys by INFO among them): of theirs only warnings and errors pass, whatever is
//! asked for.

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry;

/// A log of what is asked for, as in `info` or `hotline::media=trace,warn`; a part that means nothing is passed over.
/// Coloured for a terminal, plain for a file.
pub fn log_to<W>(asked: &str, writer: W, coloured: bool) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let lines = fmt::layer()
        .with_writer(writer)
        .with_ansi(coloured)
        .with_filter(EnvFilter::new(asked))
        .with_filter(filter_fn(may_pass));
    registry().with(lines)
}

fn may_pass(line: &Metadata<'_>) -> bool {
    line.target().split("::").next() == Some(env!("CARGO_PKG_NAME")) || *line.level() <= Level::WARN
}
