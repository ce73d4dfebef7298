//! The versions of a running hotline: read whole, checked whole, swapped at once, kept, and given back.
//!
//! ```text
//!   SIGHUP, a file that changes, the control socket
//!        └─> Workshop ── read, check ──faulty──> nothing changes; the log and the answer say why
//!                 └─────────────────────whole──> Shelf: kept ──> Serving: swapped ──> the next call
//!                                                                   └─ with a share: Canary ──> all calls, or none
//! ```
//!
//! A call has its version's `Arc` until it is over; the last one lets go of it. Recordings that have not changed are one
//! clip in both.

mod answer;
mod canary;
mod difference;
mod edition;
mod keys;
mod shelf;
mod watch;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};

use tokio::sync::Notify;

use super::StartFaults;
use super::config::Config;
use super::draft::Draft;
use super::loading::{load, load_content};
use super::outbound::Plan;
use crate::facts::{Disk, Fault};
use crate::sip::Agent;
use crate::sip::agent::WeakAgent;
use crate::telephony::{Served, Version, Versions};
use canary::{Tallies, Verdict};
use edition::{edition_of, finish, kept, parts, time};

pub use answer::{Answer, By, Order, ToldFault};
pub(super) use edition::Edition;
pub use shelf::{Deed, History, Kept, Shelf, Tried};
pub(super) use watch::watch;

/// What a reload may come to, as metrics have it.
pub(super) const RESULTS: [&str; 3] = ["taken", "unchanged", "refused"];

/// Where a configuration comes from, each time it is asked for.
pub(super) type Source = Box<dyn Fn() -> Draft + Send + Sync>;

/// What calls are served by now.
pub(super) struct Serving {
    now: RwLock<Now>,
    /// Every version that a call may still have.
    live: Mutex<Vec<Weak<Version>>>,
}

#[derive(Clone)]
struct Now {
    running: Arc<Edition>,
    trial: Option<(Arc<Edition>, Arc<Tallies>, u8)>,
}

impl Serving {
    fn new(running: Edition) -> Serving {
        let live = Mutex::new(vec![Arc::downgrade(&running.version)]);
        Serving { now: RwLock::new(Now { running: Arc::new(running), trial: None }), live }
    }

    fn now(&self) -> Now {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, now: Now) {
        let mut live = self.live();
        live.retain(|version| version.strong_count() > 0);
        for edition in [Some(&now.running), now.trial.as_ref().map(|(edition, ..)| edition)].into_iter().flatten() {
            let weak = Arc::downgrade(&edition.version);
            if !live.iter().any(|other| other.ptr_eq(&weak)) {
                live.push(weak);
            }
        }
        drop(live);
        let before = std::mem::replace(&mut *self.now.write().unwrap_or_else(PoisonError::into_inner), now);
        // Freed here, and not while calls wait to be told what they are served by.
        drop(before);
    }

    fn live(&self) -> MutexGuard<'_, Vec<Weak<Version>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Versions for Serving {
    fn choose(&self) -> Served {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        let version = |edition: &Edition| Arc::clone(&edition.version);
        match &now.trial {
            None => Served { version: version(&now.running), watch: Arc::new(()) },
            Some((trial, tallies, _)) => {
                let new = tallies.pick();
                let edition = if new { trial } else { &now.running };
                Served { version: version(edition), watch: tallies.counter(new) }
            }
        }
    }
}

/// Where versions are changed while calls run. One thing is done at a time.
pub struct Workshop {
    source: Source,
    started: Config,
    shelf: Shelf,
    pub(super) serving: Arc<Serving>,
    agent: OnceLock<WeakAgent>,
    busy: Mutex<()>,
    look: Arc<Notify>,
    results: [AtomicU64; RESULTS.len()],
}

/// What has been read and is whole.
struct Ready {
    edition: Edition,
    kept: Kept,
    warnings: Vec<Fault>,
    waiting: Vec<String>,
}

impl Workshop {
    /// Reads what is to be served first, and what else a start needs.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(super) fn open(
        source: Source,
        progress: impl FnMut(&str, usize, usize),
    ) -> Result<(Workshop, Plan, crate::sip::door::DoorRules), StartFaults> {
        let draft = source();
        let shelf = Shelf::at(&draft.config.versions_folder(), draft.config.versions.kept);
        if !draft.faults.is_empty() {
            return Err(StartFaults(load(&draft, &Disk, None).err().unwrap_or(draft.faults)));
        }
        let place = draft.config.versions_folder();
        let failed = |error: std::io::Error| {
            let fault = Fault::of_file(&place.display().to_string(), format!("versions cannot be kept here: {error}"));
            StartFaults(vec![fault.hint("name another folder: folder = \"…\" in [versions]")])
        };
        let held = shelf.hold().map_err(failed)?;
        let files = shelf::Taking::new(Some(&shelf));
        let loaded = load(&draft, &files, None).map_err(StartFaults)?;
        let (content, plan, door, _) = parts(loaded);
        let by = By::new("hotline serve", "");
        let (edition, kept) = finish(draft.config.clone(), content, files.taken(), &by, progress)?;
        shelf.keep(&kept).map_err(failed)?;
        let workshop = Workshop {
            source,
            started: draft.config,
            serving: Arc::new(Serving::new(edition)),
            agent: OnceLock::new(),
            busy: Mutex::default(),
            look: Arc::default(),
            results: Default::default(),
            shelf,
        };
        workshop.resume(&kept, &by);
        drop(held);
        Ok((workshop, plan, door))
    }

    /// A start serves the files as they are, unless they are still those that were taken back, or on trial.
    fn resume(&self, read: &Kept, by: &By) {
        let history = self.shelf.history();
        let tried = history.tried.clone().filter(|tried| tried.digest == read.digest);
        let before = history.serving.clone().filter(|serving| *serving != read.digest);
        let again = history.taken_back.contains(&read.digest) || tried.is_some();
        let earlier = before.filter(|_| again).and_then(|digest| self.shelf.version(&digest).ok());
        if let Some(kept) = earlier {
            match self.edition_of(&kept) {
                Ok(edition) => {
                    let now = self.serving.now();
                    let new = Now { running: Arc::new(edition), trial: None };
                    tracing::warn!(
                        version = %kept.digest, files = %read.digest,
                        "the files hold a version that was taken back or is on trial: the one before it is served"
                    );
                    let trial = tried.map(|tried| (now.running, self.tallies(&self.started, tried.share), tried.share));
                    self.serving.set(Now { trial, ..new });
                }
                Err(faults) => log_faults("the version before cannot be served; the files are", &faults),
            }
        }
        let now = self.serving.now();
        self.note("started", &now.running.digest, by);
    }

    /// From now on what changes is told to the agent too.
    pub(super) fn tell(&self, agent: &Agent) {
        let _ = self.agent.set(agent.downgrade());
        self.tell_agent();
    }

    /// The configuration of the start.
    pub(super) fn started(&self) -> &Config {
        &self.started
    }

    /// The numbers at which something answers.
    pub(super) fn numbers(&self) -> Option<HashSet<String>> {
        let now = self.serving.now();
        let editions = [Some(&now.running), now.trial.as_ref().map(|(edition, ..)| edition)];
        let mut numbers = HashSet::new();
        for version in editions.into_iter().flatten().map(|edition| &edition.version) {
            if version.any.is_some() {
                return None;
            }
            numbers.extend(version.numbers.keys().cloned());
        }
        Some(numbers)
    }

    /// Versions that calls are served by, or may still be.
    pub fn live(&self) -> usize {
        self.serving.live().iter().filter(|version| version.strong_count() > 0).count()
    }

    /// Reloads so far: taken, unchanged, refused.
    pub(super) fn results(&self) -> [u64; RESULTS.len()] {
        self.results.each_ref().map(|result| result.load(Ordering::Relaxed))
    }

    /// Does what is asked. Blocks for as long as reading takes.
    pub fn carry_out(&self, order: &Order) -> Answer {
        let _busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let done = match order {
            Order::Reload { check: true, .. } => self.check(),
            Order::Reload { share, by, .. } => self.reload(*share, by, false),
            Order::Rollback { to, by } => self.rollback(to.as_deref(), by),
            Order::Accept { by } => self.settle(true, by),
            Order::TakeBack { by } => self.settle(false, by),
            Order::Tell => Ok(self.standing()),
        };
        self.answer(done)
    }

    /// A file has changed: what was taken back is not taken again by itself.
    pub(super) fn changed(&self) -> Answer {
        let _busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        self.answer(self.reload(None, &By::new("file watch", ""), true))
    }

    /// Looks whether a version on trial is worse, or has proven itself.
    pub(super) fn judge(&self) {
        let _busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = self.serving.now().trial.and_then(|(_, tallies, _)| tallies.judge());
        let done = match verdict {
            None => return,
            Some(Verdict::Worse(figures)) => self.settle(false, &By::new("canary", &figures)),
            Some(Verdict::Proven(figures)) => self.settle(true, &By::new("canary", &figures)),
        };
        self.answer(done);
    }

    /// Woken when calls of a trial are over.
    pub(super) fn looks(&self) -> Arc<Notify> {
        Arc::clone(&self.look)
    }

    /// The files that versions are read from: those named one by one, and a folder with all in it.
    fn watched(&self) -> (Vec<PathBuf>, PathBuf) {
        let running = self.serving.now().running;
        let scripts = running.menus.values().map(|menu| PathBuf::from(&menu.file)).collect();
        (scripts, running.config.prompts.folder.clone())
    }

    fn answer(&self, done: Result<Vec<String>, Refused>) -> Answer {
        let now = self.serving.now();
        let (serving, tried) = (now.running.digest.clone(), now.trial.map(|(edition, ..)| edition.digest.clone()));
        match done {
            Ok(said) => {
                said.iter().for_each(|line| tracing::info!("{line}"));
                Answer { done: true, said, faults: Vec::new(), serving, tried }
            }
            Err(Refused { why, faults }) => {
                log_faults(&why, &faults);
                Answer { done: false, said: vec![why], faults: answer::told(&faults), serving, tried }
            }
        }
    }

    /// Reads the files anew and checks them whole.
    fn read(&self, shelf: Option<&Shelf>, by: &By) -> Result<Ready, Refused> {
        let draft = (self.source)();
        let files = shelf::Taking::new(shelf);
        let now = self.serving.now();
        let before = now.running.version.prompts.clips();
        let loaded = load(&draft, &files, Some(before)).map_err(Refused::by)?;
        let config = keys::with(&self.started, draft.config.clone());
        // Trunks that are registered with stay those of the start: their calls must still come to a menu.
        Plan::of(&config).map_err(Refused::by)?;
        let waiting = keys::waiting(&self.started, &draft.config);
        let (content, _, _, warnings) = parts(loaded);
        let (edition, kept) =
            finish(config, content, files.taken(), by, |_, _, _| ()).map_err(|faults| Refused::by(faults.0))?;
        Ok(Ready { edition, kept, warnings, waiting })
    }

    fn check(&self) -> Result<Vec<String>, Refused> {
        let Ready { edition, warnings, waiting, .. } = self.read(None, &By::default())?;
        let running = self.serving.now().running;
        let mut said = vec![match running.digest == edition.digest {
            true => format!("the files are the version that is served: {}", running.digest),
            false => {
                format!("the files are well: a reload would serve {} in place of {}", edition.digest, running.digest)
            }
        }];
        said.extend(difference::changes(&running, &edition));
        said.extend(tail(&warnings, &waiting));
        Ok(said)
    }

    fn reload(&self, share: Option<u8>, by: &By, by_itself: bool) -> Result<Vec<String>, Refused> {
        let count = |result: usize| self.results.get(result).map(|count| count.fetch_add(1, Ordering::Relaxed));
        let done = self.try_reload(share, by, by_itself);
        match &done {
            Ok((_, true)) => count(0),
            Ok((_, false)) => count(1),
            Err(_) => count(2),
        };
        done.map(|(said, _)| said)
    }

    /// What there is to say, and whether anything was taken.
    fn try_reload(&self, share: Option<u8>, by: &By, by_itself: bool) -> Result<(Vec<String>, bool), Refused> {
        if share.is_some_and(|share| !(1..=99).contains(&share)) {
            return Err(Refused::why("a share goes from 1 to 99 of a hundred calls; without one all calls get it"));
        }
        let held = self.shelf.hold().map_err(Refused::io)?;
        let ready = self.read(Some(&self.shelf), by);
        let Ready { edition, kept, warnings, waiting } = match ready {
            Ok(ready) => ready,
            Err(refused) => {
                // What was read of it is no version's.
                let _ = self.shelf.tidy(&self.shelf.history());
                return Err(refused);
            }
        };
        let (now, digest) = (self.serving.now(), edition.digest.clone());
        let agent = self.agent.get().and_then(WeakAgent::upgrade);
        agent.iter().for_each(Agent::renew_identity);
        if now.running.digest == digest && now.trial.is_none() {
            let mut said = vec![format!("nothing has changed: {digest} is served")];
            said.extend(tail(&warnings, &waiting));
            return Ok((said, false));
        }
        if by_itself && self.shelf.history().taken_back.contains(&digest) {
            let said =
                format!("the files are {digest}, which was taken back: it is only taken again by `hotline reload`");
            return Ok((vec![said], false));
        }
        self.shelf.keep(&kept).map_err(Refused::io)?;
        let mut said = match share {
            Some(share) if now.running.digest != digest => {
                vec![format!("{share} of 100 new calls are served by {digest}, the others by {}", now.running.digest)]
            }
            _ => vec![format!("calls that come now are served by {digest}; it was {}", now.running.digest)],
        };
        said.extend(difference::changes(&now.running, &edition));
        said.extend(tail(&warnings, &waiting));
        let what = match share {
            Some(share) if now.running.digest != digest => {
                let tallies = self.tallies(&edition.config, share);
                self.serving.set(Now { running: now.running, trial: Some((Arc::new(edition), tallies, share)) });
                "canary"
            }
            _ => {
                let again = now.running.digest == digest;
                let running = if again { now.running } else { Arc::new(edition) };
                self.serving.set(Now { running, trial: None });
                "reloaded"
            }
        };
        self.tell_agent();
        self.note(what, &digest, by);
        drop(held);
        Ok((said, true))
    }

    fn rollback(&self, to: Option<&str>, by: &By) -> Result<Vec<String>, Refused> {
        let held = self.shelf.hold().map_err(Refused::io)?;
        let (now, history) = (self.serving.now(), self.shelf.history());
        let kept = match to {
            Some(begin) => self.shelf.named(begin).map_err(|why| Refused::why(&why))?,
            None => {
                let earlier =
                    history.deeds.iter().rev().filter(|deed| deed.what != "canary" && deed.what != "taken back");
                let earlier = earlier
                    .map(|deed| &deed.digest)
                    .find(|digest| **digest != now.running.digest && !history.taken_back.contains(digest));
                let digest = earlier.ok_or_else(|| Refused::why("no version was served before this one"))?;
                self.shelf.version(digest).map_err(Refused::io)?
            }
        };
        if kept.digest == now.running.digest && now.trial.is_none() {
            return Ok(vec![format!("{} is served already", kept.digest)]);
        }
        let edition = self.edition_of(&kept).map_err(Refused::by)?;
        let mut said =
            vec![format!("calls that come now are served by {} again; it was {}", kept.digest, now.running.digest)];
        said.extend(difference::changes(&now.running, &edition));
        said.push("the files are as they were: mend them before the next reload".to_owned());
        let gone = now.trial.map_or_else(|| now.running.digest.clone(), |(trial, ..)| trial.digest.clone());
        self.serving.set(Now { running: Arc::new(edition), trial: None });
        self.tell_agent();
        self.note_gone("rolled back", &kept.digest, by, Some(&gone).filter(|gone| **gone != kept.digest));
        drop(held);
        Ok(said)
    }

    /// Ends a trial, for all calls or for none.
    fn settle(&self, accepted: bool, by: &By) -> Result<Vec<String>, Refused> {
        let held = self.shelf.hold().map_err(Refused::io)?;
        let now = self.serving.now();
        let Some((trial, tallies, _)) = now.trial else {
            return Err(Refused::why("no version is on trial: `hotline reload --canary 10` begins one"));
        };
        let why = if by.note.is_empty() { tallies.to_string() } else { by.note.clone() };
        let digest = trial.digest.clone();
        let said = if accepted {
            self.serving.set(Now { running: trial, trial: None });
            self.note("accepted", &digest, &By { note: why.clone(), ..by.clone() });
            format!("{digest} goes to all calls: {why}")
        } else {
            let running = now.running.digest.clone();
            self.serving.set(Now { running: now.running, trial: None });
            self.note_gone("taken back", &digest, &By { note: why.clone(), ..by.clone() }, Some(&digest));
            format!("{digest} was taken back, all calls that come now are served by {running}: {why}")
        };
        self.tell_agent();
        drop(held);
        Ok(vec![said])
    }

    fn standing(&self) -> Vec<String> {
        let now = self.serving.now();
        let mut said = vec![format!("{} is served", now.running.digest)];
        if let Some((trial, tallies, share)) = now.trial {
            said.push(format!("{share} of 100 calls are given {}: {tallies}", trial.digest));
        }
        said
    }

    fn edition_of(&self, kept: &Kept) -> Result<Edition, Vec<Fault>> {
        let now = self.serving.now();
        edition_of(&self.shelf, kept, &self.started, Some(&now.running))
    }

    fn tallies(&self, config: &Config, share: u8) -> Arc<Tallies> {
        let rules = &config.versions;
        Arc::new(Tallies::new(share, rules.least_calls, rules.proven_calls, Arc::clone(&self.look)))
    }

    fn tell_agent(&self) {
        if let Some(agent) = self.agent.get().and_then(WeakAgent::upgrade) {
            agent.serve_at(self.numbers());
        }
    }

    fn note(&self, what: &str, digest: &str, by: &By) {
        self.note_gone(what, digest, by, None);
    }

    /// Writes into the history what was done, and what of it is not to come again by itself.
    fn note_gone(&self, what: &str, digest: &str, by: &By, gone: Option<&String>) {
        let mut history = self.shelf.history();
        let now = self.serving.now();
        history.serving = Some(now.running.digest.clone());
        history.tried = now.trial.map(|(edition, _, share)| Tried { digest: edition.digest.clone(), share });
        history.forgive(digest);
        gone.into_iter().for_each(|gone| history.take_back(gone));
        let By { author, note } = By::new(&by.author, &by.note);
        history.add(Deed { time: time(), what: what.to_owned(), digest: digest.to_owned(), author, note });
        let written = self.shelf.write_history(&history).and_then(|()| self.shelf.tidy(&history));
        if let Err(error) = written {
            tracing::error!(%error, "what was done with versions could not be written down");
        }
    }
}

/// Why something was not done.
struct Refused {
    why: String,
    faults: Vec<Fault>,
}

impl Refused {
    fn by(faults: Vec<Fault>) -> Refused {
        let errors = faults.iter().filter(|fault| fault.is_error()).count();
        Refused { why: format!("nothing was changed: {errors} mistakes were found"), faults }
    }

    fn why(why: &str) -> Refused {
        Refused { why: format!("nothing was changed: {why}"), faults: Vec::new() }
    }

    fn io(error: std::io::Error) -> Refused {
        Refused::why(&format!("the folder of the versions: {error}"))
    }
}

/// What differs between two versions that are kept, or between one and the files as they are.
///
/// # Errors
/// Everything that is wrong with either.
pub fn differences(draft: &Draft, shelf: &Shelf, from: &Kept, to: Option<&Kept>) -> Result<Vec<String>, Vec<Fault>> {
    let from = edition_of(shelf, from, &draft.config, None)?;
    let to = match to {
        Some(to) => edition_of(shelf, to, &draft.config, None)?,
        None => {
            let files = shelf::Taking::new(None);
            let content = load_content(draft, &files, None)?;
            let (edition, _) = kept(draft.config.clone(), content, files.taken(), &By::default());
            edition
        }
    };
    Ok(difference::changes(&from, &to))
}

/// What was not meant perhaps, and what waits for the next start.
fn tail(warnings: &[Fault], waiting: &[String]) -> Vec<String> {
    let mut said: Vec<String> =
        warnings.iter().map(|fault| format!("warning: {}: {}", fault.file, fault.message)).collect();
    if !waiting.is_empty() {
        said.push(format!("waits for a restart, since a reload does not change it: {}", waiting.join(", ")));
    }
    said
}

fn log_faults(why: &str, faults: &[Fault]) {
    tracing::error!("{why}");
    for fault in faults {
        let (line, column) = fault.line_column();
        let hint = fault.hint.as_deref().unwrap_or_default();
        tracing::error!(file = %fault.file, line, column, hint, "{}", fault.message);
    }
}

/// The path as the machine knows it.
fn whole(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
