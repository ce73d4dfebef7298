//! `hotline cases`: what callers have said is wrong with their records.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use jiff::tz::TimeZone;

use super::records::Place;
use super::records::locks::{failed, now, open};
use super::{Wrong, exit_code, operator};
use crate::facts::{Blame, CaseNumber};
use crate::records::{Case, DeskAct, Trail, masked};

/// `hotline cases`.
#[derive(Debug, Args)]
pub struct Cases {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows the cases, the newest first
    #[command(
        after_help = "Examples:\n  hotline cases list --database hotline.db\n  hotline cases list --all --reveal\n\n\
        ID numbers and callback numbers are masked. --reveal shows them, and is written into the audit trail first.\n\
        Exits with 0; with 1 if the database cannot be read."
    )]
    List(List),
    /// Writes the cases for another program, as CSV or JSON
    #[command(
        after_help = "Examples:\n  hotline cases export --format csv --reveal > cases.csv\n  hotline cases export --all\n\n\
        Without --reveal ID numbers and callback numbers are masked there too."
    )]
    Export(Export),
    /// Closes a case
    #[command(after_help = "Example:\n  hotline cases close 00000018 --database hotline.db\n\n\
        Exits with 0 if it is closed; with 1 if there is no open case of that number.")]
    Close(Close),
}

#[derive(Debug, Args)]
struct Which {
    #[command(flatten)]
    place: Place,
    /// Those that are closed too
    #[arg(long)]
    all: bool,
    /// Shows ID numbers and callback numbers in clear
    #[arg(long)]
    reveal: bool,
    /// The operator's name, for the audit trail [default: this user's]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
struct Export {
    #[command(flatten)]
    which: Which,
    /// In which form
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Json,
}

#[derive(Debug, Args)]
struct Close {
    /// The case's number, all its digits
    #[arg(value_name = "NUMBER")]
    number: CaseNumber,
    #[command(flatten)]
    place: Place,
    /// The operator's name [default: this user's]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// A case as it is shown.
#[derive(serde::Serialize)]
struct Shown {
    number: String,
    opened: String,
    id: String,
    insurance: &'static str,
    month: String,
    whose_error: &'static str,
    callback: String,
    closed: Option<String>,
    closed_by: Option<String>,
    /// As in the call's record.
    call: String,
}

impl Cases {
    /// Runs it.
    pub fn run(&self) -> ExitCode {
        exit_code(
            "cases",
            match &self.command {
                Command::List(list) => list.which.cases("cases list").and_then(|cases| print(&table(&cases))),
                Command::Export(export) => export.run(),
                Command::Close(close) => close.run(),
            },
        )
    }
}

impl Which {
    fn cases(&self, what: &'static str) -> Result<Vec<Shown>, Wrong> {
        let desk = open(&self.place)?;
        let cases = desk.cases(self.all).map_err(|error| failed(&error))?;
        if self.reveal {
            let (subject, outcome) = ("cases".to_owned(), format!("{} revealed", cases.len()));
            record(&self.place, self.by.as_ref(), what, subject, outcome)?;
        }
        Ok(cases.iter().map(|case| Shown::of(case, self.reveal)).collect())
    }
}

impl Export {
    fn run(&self) -> Result<bool, Wrong> {
        let cases = self.which.cases("cases export")?;
        match self.format {
            Format::Csv => print(&csv(&cases)),
            Format::Json => {
                let json = serde_json::to_string_pretty(&cases).map_err(|error| Wrong::Failed(error.to_string()))?;
                print(&(json + "\n"))
            }
        }
    }
}

impl Close {
    fn run(&self) -> Result<bool, Wrong> {
        let desk = open(&self.place)?;
        let record = |outcome: &str| {
            record(&self.place, self.by.as_ref(), "cases close", format!("case:{}", self.number), outcome.to_owned())
        };
        let no_open_case = || Err(Wrong::Failed(format!("there is no open case {}", self.number)));
        if !desk.is_open(self.number).map_err(|error| failed(&error))? {
            record("no open case")?;
            return no_open_case();
        }
        // Written before it is done; what did not come of it, after.
        record("closed")?;
        let by = self.by.clone().unwrap_or_else(operator);
        match desk.close(self.number, &by, now()) {
            Ok(true) => print(&format!("case {} is closed\n", self.number)),
            Ok(false) => {
                record("not closed: another had closed it meanwhile")?;
                no_open_case()
            }
            Err(error) => {
                record("not closed: the records failed")?;
                Err(failed(&error))
            }
        }
    }
}

/// Writes an operator's act down before it is done.
fn record(
    place: &Place,
    by: Option<&String>,
    what: &'static str,
    subject: String,
    outcome: String,
) -> Result<(), Wrong> {
    let trail = place.trail()?;
    let who = by.cloned().unwrap_or_else(operator);
    trail.record(&DeskAct { at: now(), who, what, subject, outcome }).map_err(Wrong::Failed)
}

impl Shown {
    fn of(case: &Case, reveal: bool) -> Shown {
        let zone = TimeZone::system();
        let time = |at: jiff::Timestamp| at.to_zoned_datetime(zone.clone()).strftime("%FT%T%:z").to_string();
        let secret = |text: &str| if reveal { text.to_owned() } else { masked(text) };
        Shown {
            number: case.number.to_string(),
            opened: time(case.opened),
            id: secret(case.id.reveal()),
            insurance: case.insurance.name(),
            month: case.month.to_string(),
            whose_error: Blame::name(case.blame),
            callback: secret(case.callback.reveal()),
            closed: case.closed.as_ref().map(|(at, _)| time(*at)),
            closed_by: case.closed.as_ref().map(|(_, by)| by.clone()),
            call: case.call.to_string(),
        }
    }
}

fn table(cases: &[Shown]) -> String {
    if cases.is_empty() {
        return "there are no cases\n".to_owned();
    }
    let mut text = format!(
        "{:<10}{:<27}{:<20}{:<14}{:<9}{:<13}{:<14}closed\n",
        "number", "opened", "ID number", "insurance", "month", "whose error", "call back"
    );
    for Shown { number, opened, id, insurance, month, whose_error, callback, closed, .. } in cases {
        let closed = closed.as_deref().unwrap_or("open");
        text.push_str(&format!(
            "{number:<10}{opened:<27}{id:<20}{insurance:<14}{month:<9}{whose_error:<13}{callback:<14}{closed}\n"
        ));
    }
    text
}

/// RFC 4180. No value holds a quote, a comma or an end of line but an operator's name.
fn csv(cases: &[Shown]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut text = String::from("number,opened,id,insurance,month,whose_error,callback,closed,closed_by,call\r\n");
    for case in cases {
        let Shown { number, opened, id, insurance, month, whose_error, callback, closed, closed_by, call } = case;
        let (closed, by) = (closed.as_deref().unwrap_or(""), closed_by.as_deref().map(quoted).unwrap_or_default());
        let row =
            format!("{number},{opened},{id},{insurance},{month},{whose_error},{callback},{closed},{by},{call}\r\n");
        text.push_str(&row);
    }
    text
}

fn print(text: &str) -> Result<bool, Wrong> {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(true)
}
