//! `hotline records import`: a month of records out of two tables.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::place::Place;
use super::tell_left_over;
use crate::cli::{Wrong, today};
use crate::facts::Month;
use crate::records::import::{self, ImportError, ImportOptions, ImportReport, Outcome, RowFault, Step};
use crate::records::{Difference, Source};

/// Imports a month.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The table of the insured
    #[arg(long, value_name = "FILE.csv")]
    people: PathBuf,
    /// The table of their payments
    #[arg(long, value_name = "FILE.csv")]
    payments: PathBuf,
    /// The month that both are true as of
    #[arg(long, value_name = "YYYY-MM")]
    as_of: Month,
    #[command(flatten)]
    place: Place,
    /// How the files are encoded; GB18030 is GBK too
    #[arg(long, value_enum, default_value_t = Encoding::Auto)]
    encoding: Encoding,
    /// Leave faulty rows out and load the others
    #[arg(long)]
    skip_faulty: bool,
    /// Only check the rows: nothing is loaded
    #[arg(long, conflicts_with = "skip_faulty")]
    check: bool,
    /// Load a month that is earlier than the one that is there, or in which more than a tenth of the people are gone
    #[arg(long)]
    force: bool,
    /// So many faulty rows are shown; all are counted
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    show: u64,
    /// Write all faulty rows there, as a table: file, line, column, reason
    #[arg(long, value_name = "FILE.csv")]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Encoding {
    /// UTF-8 if a file begins so, else GB18030
    Auto,
    #[value(name = "utf-8")]
    Utf8,
    Gb18030,
}

impl Import {
    pub(super) fn run(&self) -> Result<bool, Wrong> {
        let database = self.place.source()?;
        let mut faults = Faults::new(self.show, self.report.as_deref())?;
        let mut bar = Steps::new();
        let (begun, shown) = (now(), bar.bar.clone());
        let imported = {
            let mut tell = |fault: &RowFault| faults.tell(fault, &shown);
            let mut progress = |step, done, of| bar.at(step, done, of);
            import::import(&database, &self.options(), &mut tell, &mut progress)
        };
        bar.bar.finish_and_clear();
        faults.end()?;
        let report = imported.map_err(|error| match error {
            ImportError::Table(_) | ImportError::Earlier { .. } | ImportError::Service => Wrong::Use(error.to_string()),
            error => Wrong::Failed(error.to_string()),
        })?;
        // Nobody reads: nothing more to say.
        let _ = io::stdout().write_all(told(&database, self.as_of, &report, begun.elapsed()).as_bytes());
        tell_left_over("import", report.left_over.as_deref());
        Ok(report.outcome != Outcome::Refused)
    }

    fn options(&self) -> ImportOptions {
        ImportOptions {
            people: self.people.clone(),
            payments: self.payments.clone(),
            as_of: self.as_of,
            today: today(),
            encoding: match self.encoding {
                Encoding::Auto => None,
                Encoding::Utf8 => Some(import::Encoding::Utf8),
                Encoding::Gb18030 => Some(import::Encoding::Gb18030),
            },
            skip_faulty: self.skip_faulty,
            check: self.check,
            force: self.force,
        }
    }
}

/// What came of it, in a few lines.
fn told(database: &Source, as_of: Month, report: &ImportReport, took: Duration) -> String {
    let ImportReport { people_rows, payment_rows, faulty, difference, passwords, .. } = report;
    let rows = people_rows + payment_rows;
    let read =
        format!("{people_rows} rows of people and {payment_rows} of payments were read, {faulty} of them faulty");
    let rate = rows as f64 / took.as_secs_f64().max(1e-3);
    let speed = format!("{:.1} s, {rate:.0} rows a second", took.as_secs_f64());
    let what = match report.outcome {
        Outcome::Loaded => {
            let Difference { people, payments, new, changed, gone } = difference;
            let given = match passwords {
                0 => String::new(),
                many => format!("\n{many} initial passwords are given"),
            };
            format!(
                "{database}: {people} people with {payments} payments, true as of {as_of}: {new} new, {changed} changed, \
                 {gone} gone{given}"
            )
        }
        Outcome::Unchanged => format!("{database}: true as of {as_of}, and nothing has changed"),
        Outcome::Checked => "nothing was loaded, as asked".to_owned(),
        Outcome::Refused => "nothing was loaded: mend the rows, or leave them out with --skip-faulty".to_owned(),
    };
    format!("{read} ({speed})\n{what}\n")
}

/// Faulty rows: shown, counted, written down.
struct Faults {
    show: u64,
    counted: BTreeMap<(Option<&'static str>, String), u64>,
    told: u64,
    report: Option<csv::Writer<std::fs::File>>,
}

/// Kinds of faults that are counted apart.
const MOST_KINDS: usize = 64;

impl Faults {
    fn new(show: u64, report: Option<&Path>) -> Result<Faults, Wrong> {
        let wrong = |path: &Path, error: csv::Error| Wrong::Failed(format!("{}: {error}", path.display()));
        let report = report
            .map(|path| -> Result<_, Wrong> {
                let mut writer = csv::Writer::from_path(path).map_err(|error| wrong(path, error))?;
                writer.write_record(["file", "line", "column", "reason"]).map_err(|error| wrong(path, error))?;
                Ok(writer)
            })
            .transpose()?;
        Ok(Faults { show, counted: BTreeMap::new(), told: 0, report })
    }

    fn tell(&mut self, fault: &RowFault, bar: &ProgressBar) -> io::Result<()> {
        let RowFault { file, line, column, reason } = fault;
        if self.told < self.show {
            let column = column.map(|column| format!(" {column}:")).unwrap_or_default();
            bar.suspend(|| eprintln!("{file}:{line}:{column} {reason}"));
        }
        self.told += 1;
        // Reasons that name another line are one kind.
        let kind = reason.chars().map(|symbol| if symbol.is_ascii_digit() { '#' } else { symbol }).collect::<String>();
        let kind = if reason.contains(" line ") { kind } else { reason.to_string() };
        if self.counted.len() < MOST_KINDS || self.counted.contains_key(&(*column, kind.clone())) {
            *self.counted.entry((*column, kind)).or_default() += 1;
        }
        if let Some(report) = &mut self.report {
            report.write_record([file.as_str(), &line.to_string(), column.unwrap_or_default(), reason])?;
        }
        Ok(())
    }

    /// The counts, where there were more than were shown.
    fn end(self) -> Result<(), Wrong> {
        if self.told > self.show {
            eprintln!("{} faulty rows are not shown. All of them, by kind:", self.told - self.show);
            for ((column, reason), count) in &self.counted {
                let column = column.map(|column| format!("{column}: ")).unwrap_or_default();
                eprintln!("{count:>10}  {column}{reason}");
            }
        }
        match self.report {
            Some(mut report) => Ok(report.flush()?),
            None => Ok(()),
        }
    }
}

/// The bar on a terminal; a line a step elsewhere.
struct Steps {
    bar: ProgressBar,
    step: Option<Step>,
}

impl Steps {
    fn new() -> Steps {
        let bar = if io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:40} {percent} %, {eta} left") {
            bar.set_style(style);
        }
        Steps { bar, step: None }
    }

    fn at(&mut self, step: Step, done: u64, of: u64) {
        if self.step != Some(step) {
            self.step = Some(step);
            let what = match step {
                Step::People => "reading people",
                Step::Payments => "reading payments",
                Step::Loading => "putting them together",
                Step::Passwords => "hashing initial passwords",
            };
            self.bar.reset_eta();
            self.bar.set_message(what);
            if self.bar.is_hidden() {
                eprintln!("{what}");
            }
        }
        self.bar.set_length(of);
        self.bar.set_position(done);
    }
}

#[allow(clippy::disallowed_methods, reason = "a command tells how long it took")]
fn now() -> Instant {
    Instant::now()
}
