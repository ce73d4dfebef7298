//! `hotline records locks` and `unlock`: who is locked out, and an operator's release.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, ValueEnum};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Place;
use crate::cli::{Wrong, operator, today};
use crate::facts::{CitizenId, Secret};
use crate::records::{Desk, DeskAct, DeskError, LockShown, Release, Trail};

/// The longest file that an ID or a number is read from, in octets.
const LONGEST: u64 = 1024;

/// `hotline records locks`.
#[derive(Debug, Args)]
pub struct Locks {
    #[command(flatten)]
    place: Place,
    /// Those too against whom failures are counted, and who are not locked
    #[arg(long)]
    all: bool,
    /// A table for people, or JSON for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// `hotline records unlock`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("whom").required(true))]
pub struct Unlock {
    #[command(flatten)]
    place: Place,
    /// A person, from wherever they were asked for: reads the ID number from a file, from standard input with `-`
    #[arg(long, value_name = "FILE", group = "whom")]
    id_from: Option<PathBuf>,
    /// A telephone, whomever it asked for: reads its number from a file, from standard input with `-`
    #[arg(long, value_name = "FILE", group = "whom")]
    caller_from: Option<PathBuf>,
    /// A trunk, by its name in the configuration
    #[arg(long, value_name = "NAME", group = "whom")]
    trunk: Option<String>,
    /// The operator's name, for the trail [default: this user's]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl Locks {
    /// Runs it.
    pub fn run(&self) -> Result<bool, Wrong> {
        let desk = open(&self.place)?;
        let locks = desk.locks(now(), self.all).map_err(|error| failed(&error))?;
        let text = match self.format {
            Format::Json => {
                serde_json::to_string_pretty(&locks).map_err(|error| Wrong::Failed(error.to_string()))? + "\n"
            }
            Format::Text => table(&locks),
        };
        std::io::stdout().write_all(text.as_bytes())?;
        Ok(true)
    }
}

impl Unlock {
    /// Runs it.
    pub fn run(&self) -> Result<bool, Wrong> {
        let release = self.whom()?;
        let desk = open(&self.place)?;
        let subject = desk.subject(&release);
        let who = self.by.clone().unwrap_or_else(operator);
        let outcome = "released".to_owned();
        let act = DeskAct { at: now(), who, what: "records unlock", subject: subject.clone(), outcome };
        self.place.trail()?.record(&act).map_err(Wrong::Failed)?;
        let released = desk.unlock(&release).map_err(|error| failed(&error))?;
        let what = match released {
            0 => "nothing was held against it".to_owned(),
            1 => "one lock or count is released".to_owned(),
            many => format!("{many} locks and counts are released"),
        };
        writeln!(std::io::stdout(), "{subject}: {what}")?;
        Ok(true)
    }

    fn whom(&self) -> Result<Release, Wrong> {
        if let Some(file) = &self.id_from {
            let text = read(file)?;
            let id = CitizenId::parse(text.reveal(), today());
            let id = id.map_err(|_| Wrong::Use("what was read is no ID number of 15 or 18 symbols".into()))?;
            return Ok(Release::Id(Secret::new(id)));
        }
        if let Some(file) = &self.caller_from {
            return Ok(Release::Caller(read(file)?));
        }
        let trunk = self.trunk.clone();
        trunk.map(Release::Trunk).ok_or_else(|| Wrong::Use("whom to release is not said".into()))
    }
}

/// The first line of a file; of standard input for `-`. Numbers of persons stand on no command line, where everybody on the
/// machine could read them.
fn read(file: &Path) -> Result<Secret<String>, Wrong> {
    let mut text = Secret::new(String::new());
    let wrong = |error: std::io::Error| Wrong::Use(format!("{}: {error}", file.display()));
    if file == Path::new("-") {
        std::io::stdin().take(LONGEST).read_to_string(text.reveal_mut()).map_err(wrong)?;
    } else {
        let open = std::fs::File::open(file).map_err(wrong)?;
        open.take(LONGEST).read_to_string(text.reveal_mut()).map_err(wrong)?;
    }
    let first = text.reveal().lines().next().unwrap_or_default().trim();
    if first.is_empty() {
        return Err(Wrong::Use(format!("{}: there is nothing in it", file.display())));
    }
    Ok(Secret::new(first.to_owned()))
}

fn table(locks: &[LockShown]) -> String {
    if locks.is_empty() {
        return "nobody is locked out\n".to_owned();
    }
    let zone = TimeZone::system();
    let mut text = format!("{:<16}{:<10}{:<34}{:<10}until\n", "what", "hash", "caller or trunk", "failures");
    for LockShown { what, hash, label, failures, until } in locks {
        let until = until.map(|until| until.to_zoned_datetime(zone.clone()).strftime("%F %R %Z").to_string());
        let until = until.unwrap_or_else(|| "not locked".to_owned());
        text.push_str(&format!("{what:<16}{hash:<10}{label:<34}{failures:<10}{until}\n"));
    }
    text
}

pub(crate) fn open(place: &Place) -> Result<Desk, Wrong> {
    Desk::open(&place.source()?).map_err(|error| Wrong::Failed(error.to_string()))
}

pub(crate) fn failed(error: &DeskError) -> Wrong {
    Wrong::Failed(error.to_string())
}

/// This machine's time.
#[allow(clippy::disallowed_methods, reason = "a command lives in this machine's time")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
