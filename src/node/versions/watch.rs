//! Files that change are reloaded by themselves, once they have been left alone for a moment.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::{Workshop, whole};

/// A change counts once so long nothing else has changed: an editor or a copy is done then.
const QUIET: Duration = Duration::from_secs(1);
/// So often more is waited for, while things go on changing.
const MOST_WAITS: usize = 30;

/// Watches until it is dropped.
pub(crate) async fn watch(workshop: Arc<Workshop>, configuration: Option<PathBuf>) {
    let changed = Arc::<Notify>::default();
    loop {
        let (mut files, folder) = workshop.watched();
        files.extend(configuration.clone());
        let watcher = match watcher(&files, &folder, &changed) {
            Ok(watcher) => watcher,
            Err(error) => {
                tracing::error!(%error, "files cannot be watched: they are reloaded by SIGHUP and `hotline reload` alone");
                return;
            }
        };
        changed.notified().await;
        for _ in 0..MOST_WAITS {
            if tokio::time::timeout(QUIET, changed.notified()).await.is_err() {
                break;
            }
        }
        let workshop = Arc::clone(&workshop);
        if tokio::task::spawn_blocking(move || workshop.changed()).await.is_err() {
            tracing::error!("a reload has broken off");
        }
        // Other files may be to be watched now.
        drop(watcher);
    }
}

fn watcher(files: &[PathBuf], folder: &Path, changed: &Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let named: BTreeSet<PathBuf> = files.iter().map(|file| whole(file)).collect();
    let (within, tell) = (whole(folder), Arc::clone(changed));
    // A file that is written anew under its name is seen by its folder alone.
    let folders: BTreeSet<PathBuf> = named.iter().filter_map(|file| Some(file.parent()?.to_owned())).collect();
    let prompts = within.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let Ok(event) = event else { return };
        let ours = event.paths.iter().any(|path| named.contains(path) || path.starts_with(&prompts));
        if ours && !matches!(event.kind, EventKind::Access(_)) {
            tell.notify_one();
        }
    })?;
    for folder in folders {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
    }
    watcher.watch(&within, RecursiveMode::Recursive)?;
    Ok(watcher)
}
