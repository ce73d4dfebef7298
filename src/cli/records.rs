//! `hotline records`: makes records to call about.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::today;
use crate::facts::Month;
use crate::node::{RecordsConfig, password};
use crate::records::demo::{self, DemoError, DemoOptions, DemoReport, MOST_PEOPLE, NAMED, NamedPerson};
use crate::records::{Database, LockPolicy, PostgresOptions, openapi};

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
        The same seed and month give the same people on every machine. No real person bears their numbers.\n\
        Demo records that are there already are replaced; a running hotline answers from the new ones at once.")]
    Demo(DemoArgs),
    /// Prints the OpenAPI document of a service that records can be asked of
    #[command(after_help = "Example:\n  \
        hotline records openapi > records.openapi.json\n\n\
        records.url in the configuration names such a service; docs/records.md tells more.")]
    Openapi,
}

#[derive(Debug, Args)]
struct DemoArgs {
    /// The SQLite file, made with its folder if it is missing; or postgres://user@host/database, with the password in
    /// PGPASSWORD
    #[arg(long, value_name = "DATABASE", default_value = "hotline.db")]
    database: Database,
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
            Command::Openapi => {
                // Nobody reads: nothing more to say.
                let _ = writeln!(std::io::stdout(), "{:#}", openapi());
                return ExitCode::SUCCESS;
            }
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

/// Opens a database that a command names; a server's password is in PGPASSWORD.
pub(super) fn open(database: &Database) -> Result<Arc<dyn crate::records::Records>, String> {
    let source = RecordsConfig { database: database.clone(), ..RecordsConfig::default() }.source();
    let source = source.map_err(|fault| fault.message)?;
    source.open(LockPolicy::default()).map_err(|error| error.to_string())
}

fn write(database: &Database, options: DemoOptions, force: bool) -> Result<DemoReport, DemoError> {
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(options.people.into())
    } else {
        eprintln!("writing {} made-up people into {database}", options.people);
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} people") {
        bar.set_style(style);
    }
    let report = match database {
        Database::File(file) => demo::write(file, options, force, || bar.inc(1)),
        Database::Postgres(url) => {
            let password = password::of_database(None).unwrap_or_default();
            let server = PostgresOptions { password, ..PostgresOptions::of(url.clone()) };
            demo::write_to_server(&server, options, force, || bar.inc(1))
        }
    };
    bar.finish_and_clear();
    report
}

/// What was written, and the people whose numbers may be dialled with.
fn told(database: &Database, report: &DemoReport) -> String {
    let DemoReport { people, payments, as_of, replaced } = report;
    let instead = if *replaced { ", in place of those that were there" } else { "" };
    let heading = format!(
        "{database}: {people} made-up people with {payments} payments, true as of {as_of}{instead}.\n\n\
         {:<20}{:<20}{:<10}particular\n",
        "who", "ID number", "number"
    );
    let row =
        |person: &NamedPerson| format!("{:<20}{:<20}{:<10}{}\n", person.who, person.id, person.number, person.about);
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
