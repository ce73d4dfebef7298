//! `hotline records`: makes records to call about, and releases who is locked out.

pub mod locks;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::{exit_code, today};
use crate::facts::Month;
use crate::records::demo::{self, DemoError, DemoOptions, DemoReport, MOST_PEOPLE, NAMED, NamedPerson};

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
        hotline records demo --database hotline.db --people 500\n\n\
        The same seed and month give the same people on every machine. No real person bears their numbers.\n\
        Demo records that are there already are replaced; a running hotline answers from the new ones at once.")]
    Demo(DemoArgs),
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
    /// The SQLite file; made with its folder if it is missing
    #[arg(long, value_name = "FILE", default_value = "hotline.db")]
    database: PathBuf,
    /// How many people, ten with fixed numbers among them
    #[arg(long, value_name = "NUMBER", default_value_t = 500, value_parser = clap::value_parser!(u32).range(10..=i64::from(MOST_PEOPLE)))]
    people: u32,
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
    /// Runs it. 0: written; 1: not, and why is on standard error.
    pub fn run(&self) -> ExitCode {
        let demo = match &self.command {
            Command::Demo(demo) => demo,
            Command::Locks(locks) => return exit_code("records", locks.run()),
            Command::Unlock(unlock) => return exit_code("records", unlock.run()),
        };
        let as_of = demo.as_of.unwrap_or_else(|| demo::default_as_of(today()));
        let options = DemoOptions { people: demo.people, seed: demo.seed, as_of };
        match write(&demo.database, options, demo.force) {
            Ok(report) => {
                // Nobody reads: nothing more to say.
                let _ = std::io::stdout().write_all(told(&demo.database, &report).as_bytes());
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("hotline records: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

fn write(database: &Path, options: DemoOptions, force: bool) -> Result<DemoReport, DemoError> {
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(options.people.into())
    } else {
        eprintln!("writing {} made-up people into {}", options.people, database.display());
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} people") {
        bar.set_style(style);
    }
    let report = demo::write(database, options, force, || bar.inc(1));
    bar.finish_and_clear();
    report
}

/// What was written, and the people whose numbers may be dialled with.
fn told(database: &Path, report: &DemoReport) -> String {
    let DemoReport { people, payments, as_of, replaced } = report;
    let instead = if *replaced { ", in place of those that were there" } else { "" };
    let heading = format!(
        "{}: {people} made-up people with {payments} payments, true as of {as_of}{instead}.\n\n\
         {:<20}{:<20}{:<10}{:<12}{:<10}particular\n",
        database.display(),
        "who",
        "ID number",
        "number",
        "card",
        "password"
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
        for right in ["--people=10", "--people=50000", "--as-of=2026-03", "--seed=18446744073709551615", "--force"] {
            assert_eq!(code(right), None, "{right}");
        }
        for wrong in ["--people=9", "--people=50001", "--as-of=2026-13", "--as-of=2014-12", "--as-of=2026-3", "--x"] {
            assert_eq!(code(wrong), Some(2), "{wrong}");
        }
    }
}
