//! The addresses of hosts that trunks are named by: looked up at the start and every few minutes, off the calls' path.
//!
//! A name that is not found keeps the addresses it had. A name has at most [`MOST_ADDRESSES`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::super::desk::Desk;
use super::super::names::Names;

/// How soon a name is asked for again that was not found.
const AGAIN: Duration = Duration::from_secs(30);
/// Addresses of one name.
const MOST_ADDRESSES: usize = 64;

/// Looks all names up, once before it returns, and then by a task until the agent stops.
pub(in super::super) async fn watch(desk: &Arc<Desk>, names: &Arc<Names>, every: Duration, stop: CancellationToken) {
    let hosts = desk.door().hosts();
    if hosts.is_empty() {
        return;
    }
    let (desk, names) = (Arc::clone(desk), Arc::clone(names));
    let mut found = HashMap::new();
    let mut all = look_up(&names, &hosts, &mut found).await;
    desk.door().look_over(&found);
    tokio::spawn(async move {
        loop {
            let pause = if all { every } else { every.min(AGAIN) };
            #[allow(clippy::disallowed_methods, reason = "the door is a shell: names are looked up now and again")]
            let pause = tokio::time::sleep(pause);
            tokio::select! {
                () = pause => {}
                () = stop.cancelled() => return,
            }
            all = look_up(&names, &hosts, &mut found).await;
            desk.door().look_over(&found);
        }
    });
}

/// Whether every name was found. The log tells of each that was not, and of each whose addresses are new.
async fn look_up(names: &Arc<Names>, hosts: &[String], found: &mut HashMap<String, Vec<IpAddr>>) -> bool {
    let (mut all, mut asked) = (true, JoinSet::new());
    for host in hosts.iter().cloned() {
        let names = Arc::clone(names);
        asked.spawn(async move {
            let addresses = names.addresses(&host).await;
            (host, addresses)
        });
    }
    while let Some(answer) = asked.join_next().await {
        let Ok((host, mut addresses)) = answer else { continue };
        addresses.truncate(MOST_ADDRESSES);
        if addresses.is_empty() {
            all = false;
            tracing::warn!(
                host,
                kept = found.get(&host).map_or(0, Vec::len),
                "the name of a trunk's host is not found"
            );
        } else if found.get(&host) != Some(&addresses) {
            tracing::info!(host, addresses = addresses.len(), "the name of a trunk's host has new addresses");
            found.insert(host, addresses);
        }
    }
    all
}
