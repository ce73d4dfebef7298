//! `hotline records`: makes records to call about, imports them, keeps them sealed, removes what is too old, and releases who is
//! locked out.

mod import;
mod keys;
pub mod locks;
mod place;
mod prune;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

pub(crate) use self::place::Place;
use super::{Wrong, exit_code, today};
use crate::facts::Month;
use crate::records::demo::{self, DemoOptions, DemoReport, MOST_PEOPLE, MOST_TABLED, NAMED, NamedPerson};
use crate::records::{self, Database, Seal, Source, new_key_file, openapi};

/// `hotline records`.
#[derive(Debug, Args)]
pub struct Records {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Writes made-up insured people into a records database
    #[command(after_help = "Example:\n  \
        hotline records demo --database hotline.db --people 500\n  \
        PGPASSWORD=… hotline records demo --database postgres://hotline@db.example/records\n\n\
        The records are sealed by the key in the file hotline.db.key, which is made if it is missing; those on a server by the keys of --key-file or the configuration, if there are any. The same seed and month give the same people on every machine. No real person bears their numbers.\n\
        Demo records that are there already are replaced; a running hotline answers from the new ones at once.")]
    Demo(DemoArgs),
    /// Prints the OpenAPI document of a service that records can be asked of
    #[command(after_help = "Example:\n  \
        hotline records openapi > records.openapi.json\n\n\
        records.url in the configuration names such a service; docs/records.md tells more.")]
    Openapi,
    /// Removes what is older than the configuration lets it be kept
    #[command(after_help = "Example:\n  hotline records prune --config hotline.toml\n\n\
        A running hotline does so by itself, once an hour. Says how many of each kind went, and writes it into the audit log. \
        Exits with 0; with 1 if some could not be removed, with 2 on wrong use.")]
    Prune(prune::Prune),
    /// Imports a month of insured people and their payments
    #[command(after_help = "Example:\n  \
        hotline records import --people people.csv --payments payments.csv --as-of 2026-09 --config hotline.toml\n  \
        PGPASSWORD=… hotline records import --people people.csv --payments payments.csv --as-of 2026-09 --database \
        postgres://hotline@db.example/records\n\n\
        docs/records-import.md describes the columns. Every faulty row is told; none is loaded unless all are good, or \
        --skip-faulty leaves the faulty ones out. Calls read the old month until the new one is whole. Exits with 0 if it \
        was loaded, or had been before; with 1 if there were faulty rows, or it failed; with 2 on wrong use.")]
    Import(import::Import),
    /// Makes a key that records are sealed by
    #[command(after_help = "Examples:\n  \
        hotline records key /etc/hotline/records.key\n  \
        hotline records key --add /etc/hotline/records.key\n\n\
        Exits with 0 if it was made, with 1 if it could not be, with 2 if the file is there already.")]
    Key(keys::Key),
    /// Seals all records by the first key, while calls run
    #[command(after_help = "Examples:\n  \
        hotline records rekey --config hotline.toml\n  \
        hotline records rekey --database postgres://hotline@db.example/records --key-file records.key\n\n\
        Records that lay open are sealed, those sealed by another key are sealed anew. Broken off, it goes on the next time. \
        Exits with 0 if all is sealed, with 1 if not, with 2 on wrong use.")]
    Rekey(keys::Rekey),
    /// Shows who is locked out, and until when
    #[command(
        after_help = "Examples:\n  hotline records locks --database hotline.db\n  hotline records locks --all --format json\n\n\
        Nobody is named: an ID is the beginning of a keyed hash, a telephone is masked. Exits with 0; with 1 if the database \
        cannot be read."
    )]
    Locks(locks::Locks),
    /// Releases a person, a telephone or a trunk that is locked out
    #[command(
        after_help = "Examples:\n  hotline records unlock --id-from - --database hotline.db      (then the ID number on standard input)\n  \
        hotline records unlock --caller-from number.txt\n  hotline records unlock --trunk east\n\n\
        The numbers of persons stand on no command line. Who released what, and when, is written into the audit trail first.\n\
        Exits with 0, also where nothing was held against it; with 1 if the database cannot be written, with 2 on wrong use."
    )]
    Unlock(locks::Unlock),
}

#[derive(Debug, Args)]
struct DemoArgs {
    #[command(flatten)]
    place: Place,
    /// Write them as two tables into this folder in place of a database, as `hotline records import` reads them
    #[arg(long, value_name = "DIR", conflicts_with_all = ["database", "config", "key_file", "force"])]
    csv: Option<PathBuf>,
    /// How many people, ten with fixed numbers among them; up to 50000, or 10000000 with --csv
    #[arg(long, value_name = "NUMBER", default_value_t = 500, value_parser = clap::value_parser!(u32).range(10..=i64::from(MOST_TABLED)))]
    people: u32,
    /// No more than the last so many months of payments of each person
    #[arg(long, value_name = "NUMBER", requires = "csv", value_parser = clap::value_parser!(u32).range(0..=600))]
    months: Option<u32>,
    /// Which people
    #[arg(long, value_name = "NUMBER", default_value_t = 12333)]
    seed: u64,
    /// The month the records are true as of [default: the month before the previous one]
    #[arg(long, value_name = "YYYY-MM", value_parser = as_of)]
    as_of: Option<Month>,
    /// Replaces records that are not made up
    #[arg(long)]
    force: bool,
}

impl Records {
    /// Runs it. 0: done; 1: not, and why is on standard error; 2: used wrongly.
    pub fn run(&self) -> ExitCode {
        let (name, done) = match &self.command {
            Command::Openapi => ("records openapi", tell(&format!("{:#}\n", openapi()))),
            Command::Demo(demo) => ("records demo", demo.run()),
            Command::Import(import) => ("records import", import.run()),
            Command::Key(key) => ("records key", key.run()),
            Command::Prune(prune) => ("records prune", prune.run()),
            Command::Rekey(rekey) => ("records rekey", rekey.run()),
            Command::Locks(locks) => ("records locks", locks.run()),
            Command::Unlock(unlock) => ("records unlock", unlock.run()),
        };
        exit_code(name, done)
    }
}

impl DemoArgs {
    fn run(&self) -> Result<bool, Wrong> {
        let as_of = self.as_of.unwrap_or_else(|| demo::default_as_of(today()));
        let options = DemoOptions { people: self.people, seed: self.seed, as_of };
        let told = match &self.csv {
            Some(folder) => self.tables(folder, options)?,
            None => self.write(options)?,
        };
        tell(&told)
    }

    fn tables(&self, folder: &Path, options: DemoOptions) -> Result<String, Wrong> {
        let bar = bar(options.people, &folder.display());
        let payments = demo::write_tables(folder, options, self.months, || bar.inc(1));
        bar.finish_and_clear();
        let payments = payments.map_err(|error| Wrong::Failed(format!("{}: {error}", folder.display())))?;
        let (people, as_of) = (options.people, options.as_of);
        Ok(format!(
            "{}: people.csv with {people} made-up people, payments.csv with {payments} payments, true as of {as_of}\n",
            folder.display()
        ))
    }

    fn write(&self, options: DemoOptions) -> Result<String, Wrong> {
        if self.people > MOST_PEOPLE {
            return Err(Wrong::Use(format!("--people goes to {MOST_PEOPLE} without --csv")));
        }
        if let Database::File(file) = self.place.named()? {
            self.make_key(&file)?;
        }
        let source = self.place.source()?;
        let bar = bar(options.people, &source);
        let report = match &source {
            Source::Sqlite(file, seal) => demo::write_with(file, seal, options, self.force, || bar.inc(1)),
            Source::Postgres(server) => demo::write_to_server(server, options, self.force, || bar.inc(1)),
            Source::Service(_) => {
                return Err(Wrong::Use(
                    "a service has records of its own: leave records.url out, or name a --database".to_owned(),
                ));
            }
        };
        bar.finish_and_clear();
        let report = report.map_err(|error| Wrong::Failed(error.to_string()))?;
        tell_left_over("demo", report.left_over.as_deref());
        Ok(told(&source, &report))
    }

    /// A demonstration is sealed too: its key is made where it would be looked for, unless it has been sealed by one before.
    fn make_key(&self, database: &Path) -> Result<(), Wrong> {
        let Some(file) = self.place.key_file()? else { return Ok(()) };
        let sealed = database.exists() && records::sealed_by(database, &Seal::open_values()).is_err();
        if file.exists() || sealed {
            return Ok(());
        }
        new_key_file(&file).map_err(|error| Wrong::Failed(format!("{}: {error}", file.display())))
    }
}

/// Warns of records that nobody reads any more and that are still there.
fn tell_left_over(command: &str, why: Option<&str>) {
    if let Some(why) = why {
        eprintln!(
            "hotline records {command}: warning: all is done, but what nobody reads any more could not be emptied, and the next \
             import does that first: {why}"
        );
    }
}

fn tell(text: &str) -> Result<bool, Wrong> {
    // Nobody reads: nothing more to say.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(true)
}

/// A bar on a terminal; a line elsewhere.
fn bar(people: u32, place: &dyn std::fmt::Display) -> ProgressBar {
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(people.into())
    } else {
        eprintln!("writing {people} made-up people into {place}");
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} people") {
        bar.set_style(style);
    }
    bar
}

/// What was written, and the people whose numbers may be dialled with.
fn told(database: &Source, report: &DemoReport) -> String {
    let DemoReport { people, payments, as_of, replaced, .. } = report;
    let instead = if *replaced { ", in place of those that were there" } else { "" };
    let heading = format!(
        "{database}: {people} made-up people with {payments} payments, true as of {as_of}{instead}.\n\n\
         {:<20}{:<20}{:<10}{:<12}{:<10}particular\n",
        "who", "ID number", "number", "card", "password"
    );
    let row = |person: &NamedPerson| {
        let NamedPerson { who, id, number, card, about, .. } = person;
        let password = person.password.map_or("", |password| password.digits);
        format!("{who:<20}{id:<20}{number:<10}{card:<12}{password:<10}{about}\n")
    };
    std::iter::once(heading).chain(NAMED.iter().map(row)).collect()
}

fn as_of(text: &str) -> Result<Month, String> {
    let month = text.parse::<Month>().map_err(|error| error.to_string())?;
    if (2015..=2050).contains(&month.year()) {
        Ok(month)
    } else {
        Err("the month lies within 2015-01 to 2050-12".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_sound_and_bounded() {
        let command = Records::augment_args(clap::Command::new("records"));
        command.clone().debug_assert();
        let code = |argument: &str| {
            let parsed = command.clone().try_get_matches_from(["records", "demo", argument]);
            parsed.err().map(|error| error.exit_code())
        };
        for right in [
            "--people=10",
            "--people=50000",
            "--csv=tables",
            "--as-of=2026-03",
            "--seed=18446744073709551615",
            "--force",
        ] {
            assert_eq!(code(right), None, "{right}");
        }
        for wrong in ["--people=9", "--people=10000001", "--as-of=2026-13", "--as-of=2014-12", "--as-of=2026-3", "--x"]
        {
            assert_eq!(code(wrong), Some(2), "{wrong}");
        }
    }
}
