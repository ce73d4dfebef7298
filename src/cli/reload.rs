//! `hotline reload`, `rollback`, `canary`, `versions`, `diff`: menus and prompts change while calls run.
//!
//! ```text
//!   $ hotline reload --note 'opening hours'
//!   calls that come now are served by 5d2c01a7f3be; it was 91c4e0aa27d5
//!   12333, step main: key 4 now leads to hours (it led nowhere)
//! ```

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::check::{Format, write_faults};
use super::{Wrong, exit_code};
use crate::facts::Fault;
use crate::node::{Answer, By, Draft, Kept, Order, Shelf, differences, order};
use crate::records::Database;

/// Where the hotline is.
#[derive(Debug, Args)]
struct Place {
    /// The configuration of the hotline
    #[arg(long, global = true, value_name = "FILE", default_value = "hotline.toml")]
    config: PathBuf,
    /// The records database it was given in place of the configuration's
    #[arg(long, global = true, value_name = "DATABASE")]
    database: Option<Database>,
}

impl Place {
    fn draft(&self) -> Result<Draft, Wrong> {
        let mut draft = super::draft(&self.config)?;
        if let Some(database) = &self.database {
            draft.config.records.database.clone_from(database);
        }
        Ok(draft)
    }

    /// A faulty configuration may still say where the hotline listens that is to be told of it.
    fn ask(&self, what: &Order) -> Result<Answer, Wrong> {
        let socket = self.draft()?.config.control_socket();
        order(&socket, what).map_err(|error| {
            Wrong::Failed(format!(
                "no hotline answers at {}: {error}. Does `hotline serve` run with this configuration, as this user?",
                socket.display()
            ))
        })
    }

    fn shelf(&self) -> Result<(Draft, Shelf), Wrong> {
        let draft = self.draft()?;
        let shelf = Shelf::at(&draft.config.versions_folder(), draft.config.versions.kept);
        Ok((draft, shelf))
    }
}

/// Who does it, for the list of versions.
#[derive(Debug, Args)]
struct Who {
    /// Who does it [default: this user's name]
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// What for, in a few words
    #[arg(long, value_name = "WORDS", default_value = "")]
    note: String,
}

impl Who {
    fn by(&self) -> By {
        let author = self.author.clone().unwrap_or_else(super::operator);
        By::new(&author, &self.note)
    }
}

/// Has a running hotline read its configuration, menus and prompts anew. Calls in progress end with what they began with.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hotline reload\n  hotline reload --check\n  hotline reload --canary 10 --note 'shorter \
                        welcome'\n\nExits with 0 if the new version is served, or nothing has changed; with 1 if \
                        something is wrong with it: then nothing has changed, and every mistake is shown; with 2 on \
                        wrong use. SIGHUP to `hotline serve` does the same, and says it in the log."
)]
pub struct Reload {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    who: Who,
    /// Check everything, say what callers would notice, and change nothing
    #[arg(long)]
    check: bool,
    /// Give it to so many of a hundred calls first; it is taken back by itself if it is worse, and goes to all if not
    #[arg(long, value_name = "PERCENT", conflicts_with = "check", value_parser = clap::value_parser!(u8).range(1..=99))]
    canary: Option<u8>,
    /// How faults are shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Has a running hotline serve an earlier version again, exactly as it was.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hotline rollback\n  hotline rollback 91c4e0aa27d5 --note 'callers were lost in the \
                        new menu'\n\nThe files stay as they are; until they are changed, neither a restart nor the file \
                        watch serves them again. Exits with 0 if the version is served, with 1 if not, with 2 on wrong use."
)]
pub struct Rollback {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    who: Who,
    /// The version, by the beginning of its digest [default: the one before]
    version: Option<String>,
}

/// The version that some calls are given first: how it stands, and its end.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hotline canary show\n  hotline canary accept\n  hotline canary take-back --note 'wrong \
                        opening hours'\n\nExits with 0 if it was done, with 1 if not, with 2 on wrong use."
)]
pub struct Canary {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    what: CanaryEnd,
}

#[derive(Debug, Subcommand)]
enum CanaryEnd {
    /// Which versions are served, and the figures of both
    Show,
    /// Give it to all calls now
    Accept(Who),
    /// Give it to no more calls
    TakeBack(Who),
}

/// Lists the versions that are kept, with when they were taken and by whom.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hotline versions\n  hotline versions --deeds\n\nThe version that is served has a *, one \
                        on trial a %. Exits with 0; with 1 if they cannot be read, with 2 on wrong use."
)]
pub struct Versions {
    #[command(flatten)]
    place: Place,
    /// List what was done with them instead
    #[arg(long)]
    deeds: bool,
}

/// Says what callers would hear and reach otherwise, between two versions, or the one that is served and the files.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hotline diff\n  hotline diff 91c4e0aa27d5\n  hotline diff 91c4e0aa27d5 5d2c01a7f3be\n\nExits \
                        with 0 if it could be told, with 1 if a side is faulty, with 2 on wrong use."
)]
pub struct Diff {
    #[command(flatten)]
    place: Place,
    /// The version before [default: the one that is served]
    from: Option<String>,
    /// The version after [default: the files as they are]
    to: Option<String>,
}

impl Reload {
    /// Asks for it.
    pub fn run(&self) -> ExitCode {
        let order = Order::Reload { check: self.check, share: self.canary, by: self.who.by() };
        exit_code("reload", self.place.ask(&order).and_then(|answer| tell(answer, self.format)))
    }
}

impl Rollback {
    /// Asks for it.
    pub fn run(&self) -> ExitCode {
        let order = Order::Rollback { to: self.version.clone(), by: self.who.by() };
        exit_code("rollback", self.place.ask(&order).and_then(|answer| tell(answer, Format::Text)))
    }
}

impl Canary {
    /// Asks for it.
    pub fn run(&self) -> ExitCode {
        let order = match &self.what {
            CanaryEnd::Show => Order::Tell,
            CanaryEnd::Accept(who) => Order::Accept { by: who.by() },
            CanaryEnd::TakeBack(who) => Order::TakeBack { by: who.by() },
        };
        exit_code("canary", self.place.ask(&order).and_then(|answer| tell(answer, Format::Text)))
    }
}

impl Versions {
    /// Lists them.
    pub fn run(&self) -> ExitCode {
        exit_code("versions", self.list())
    }

    fn list(&self) -> Result<bool, Wrong> {
        let (_, shelf) = self.place.shelf()?;
        let (history, mut out) = (shelf.history(), io::stdout().lock());
        if self.deeds {
            for deed in &history.deeds {
                writeln!(out, "{}  {:12}  {:11}  {}  {}", deed.time, deed.digest, deed.what, deed.author, deed.note)?;
            }
            return Ok(true);
        }
        let tried = history.tried.as_ref().map(|tried| &tried.digest);
        for version in shelf.versions()? {
            let mark = match () {
                () if history.serving.as_ref() == Some(&version.digest) => '*',
                () if tried == Some(&version.digest) => '%',
                () => ' ',
            };
            let back = if history.taken_back.contains(&version.digest) { "  (taken back)" } else { "" };
            let Kept { digest, time, author, note, .. } = &version;
            writeln!(out, "{mark} {digest}  {time}  {author}  {note}{back}")?;
        }
        Ok(true)
    }
}

impl Diff {
    /// Says it.
    pub fn run(&self) -> ExitCode {
        exit_code("diff", self.tell())
    }

    fn tell(&self) -> Result<bool, Wrong> {
        let (draft, shelf) = self.place.shelf()?;
        let served = || {
            let digest = shelf.history().serving;
            digest.ok_or_else(|| "no version is kept yet: `hotline serve` keeps the first".to_owned())
        };
        let named = |begin: &str| shelf.named(begin).map_err(Wrong::Use);
        let from = match &self.from {
            Some(from) => named(from)?,
            None => named(&served().map_err(Wrong::Use)?)?,
        };
        let to = self.to.as_deref().map(named).transpose()?;
        let changes = differences(&draft, &shelf, &from, to.as_ref()).map_err(Wrong::Faults)?;
        let mut out = io::stdout().lock();
        if changes.is_empty() {
            writeln!(out, "callers would notice nothing")?;
        }
        changes.iter().try_for_each(|change| writeln!(out, "{change}"))?;
        Ok(true)
    }
}

/// Prints an answer: what was done on standard output, what is wrong on standard error.
fn tell(answer: Answer, format: Format) -> Result<bool, Wrong> {
    let (done, faults) = (answer.done, answer.faults.into_iter().map(Fault::from).collect::<Vec<_>>());
    if !faults.is_empty() {
        let coloured = io::stderr().is_terminal();
        write_faults(&faults, format, coloured, &mut io::stderr().lock())?;
    }
    for line in answer.said {
        if done { writeln!(io::stdout(), "{line}")? } else { writeln!(io::stderr(), "{line}")? }
    }
    Ok(done)
}
