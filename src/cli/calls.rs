//! `hotline calls`: what calls came to, from their records.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;

use super::{Wrong, exit_code, span, today};
use crate::records::{CallPlace, CallsError, Service, ServiceCounts};

/// `hotline calls`.
#[derive(Debug, Args)]
pub struct Calls {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Counts what callers came to, day by day: accepted, self-service complete, asked for a person, abandoned by step …
    #[command(after_help = "Examples:\n  hotline calls report --config hotline.toml\n  \
        hotline calls report --from 2026-11-01 --to 2026-11-30 --format csv > november.csv\n  \
        hotline calls report --from 2026-11-25 --by step --format csv\n\n\
        What is counted by which event: docs/calls.md. Days are this machine's. The records are only read, a hotline may write \
        to them meanwhile. Exits with 0; with 1 if they cannot be read, with 2 on wrong use.")]
    Report(Report),
}

#[derive(Debug, Args)]
struct Report {
    /// The configuration that says where call records are kept
    #[arg(long, value_name = "FILE", default_value = "hotline.toml")]
    config: PathBuf,
    /// Read them from this records database in place of that
    #[arg(long, value_name = "FILE", conflicts_with = "json_lines")]
    database: Option<PathBuf>,
    /// Read them from this folder of JSON lines in place of that
    #[arg(long, value_name = "DIR")]
    json_lines: Option<PathBuf>,
    /// From this day on [default: the day before --to]
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<Date>,
    /// To this day, which is included [default: today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    to: Option<Date>,
    /// What a row of CSV is of
    #[arg(long, value_enum, default_value_t = By::Day)]
    by: By,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// A day, with all that is counted
    Day,
    /// A step that calls were abandoned in
    Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for people
    Text,
    /// Comma-separated values, the first line names them
    Csv,
    /// One object
    Json,
}

impl Calls {
    /// Runs it.
    pub fn run(&self) -> ExitCode {
        let Command::Report(report) = &self.command;
        exit_code("calls", report.run())
    }
}

/// The counts of some days, and of all of them together.
struct Counted {
    from: Date,
    to: Date,
    days: BTreeMap<Date, ServiceCounts>,
    all: ServiceCounts,
}

impl Report {
    fn run(&self) -> Result<bool, Wrong> {
        let counted = self.count()?;
        let out = &mut io::stdout().lock();
        match (self.format, self.by) {
            (Format::Text, _) => counted.text(out),
            (Format::Json, _) => writeln!(out, "{:#}", counted.json()),
            (Format::Csv, By::Day) => counted.days_csv(out),
            (Format::Csv, By::Step) => counted.steps_csv(out),
        }?;
        Ok(true)
    }

    fn place(&self) -> Result<CallPlace, Wrong> {
        match (&self.database, &self.json_lines) {
            (Some(database), _) => Ok(CallPlace::Sqlite(database.clone())),
            (None, Some(folder)) => Ok(CallPlace::JsonLines(folder.clone())),
            (None, None) => {
                let place = super::draft(&self.config)?.config.call_place();
                place.map_err(|fault| Wrong::Faults(vec![fault]))
            }
        }
    }

    fn count(&self) -> Result<Counted, Wrong> {
        let to = self.to.unwrap_or_else(today);
        let from = self.from.unwrap_or_else(|| to.yesterday().unwrap_or(to));
        let [since, until] = span(Some(from), Some(to))?;
        let mut counted = Counted { from, to, days: BTreeMap::new(), all: ServiceCounts::default() };
        let zone = TimeZone::system();
        self.place()?.read(since, until, &mut |call| {
            let began = call.started.parse::<Timestamp>().unwrap_or_default();
            counted.days.entry(zone.to_datetime(began).date()).or_default().count(&call);
            counted.all.count(&call);
        })?;
        Ok(counted)
    }
}

impl From<CallsError> for Wrong {
    fn from(error: CallsError) -> Wrong {
        Wrong::Failed(error.to_string())
    }
}

impl Counted {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "calls that began from {} to {}\n", self.from, self.to)?;
        write!(out, "{:<12}", "day")?;
        for service in Service::ALL {
            write!(out, "  {}", service.name())?;
        }
        writeln!(out)?;
        let rows = self.days.iter().map(|(day, counts)| (day.to_string(), counts));
        for (day, counts) in rows.chain([("all".to_owned(), &self.all)]) {
            write!(out, "{day:<12}")?;
            for service in Service::ALL {
                write!(out, "  {:>width$}", counts.of(service), width = service.name().len())?;
            }
            writeln!(out)?;
        }
        write!(out, "{:<12}", "of accepted")?;
        for service in Service::ALL {
            let share = share(self.all.of(service), self.all.of(Service::Accepted));
            write!(out, "  {share:>width$}", width = service.name().len())?;
        }
        let asked = self.all.of(Service::PersonAsked);
        writeln!(
            out,
            "\n\nof those who asked for a person, {} were answered within 15 s",
            share(self.all.of(Service::PersonWithin15s), asked)
        )?;
        if self.all.of(Service::Abandoned) > 0 {
            writeln!(out, "\nabandoned in")?;
        }
        for (menu, step, calls) in self.steps() {
            writeln!(out, "{calls:>8}  {menu}, step {step}")?;
        }
        Ok(())
    }

    /// Steps that calls were abandoned in, the most frequent first.
    fn steps(&self) -> Vec<(&str, &str, u64)> {
        let mut steps: Vec<_> = self.all.abandoned().collect();
        steps.sort_by_key(|(menu, step, calls)| (std::cmp::Reverse(*calls), *menu, *step));
        steps
    }

    fn json(&self) -> serde_json::Value {
        let counts = |counts: &ServiceCounts| {
            let named = Service::ALL.map(|service| (service.name().to_owned(), counts.of(service).into()));
            serde_json::Map::from_iter(named)
        };
        let day = |(day, of_day): (&Date, &ServiceCounts)| {
            let mut row = counts(of_day);
            row.insert("day".into(), day.to_string().into());
            row
        };
        let step = |(menu, step, calls): (&str, &str, u64)| json!({"menu": menu, "step": step, "calls": calls});
        json!({
            "from": self.from.to_string(),
            "to": self.to.to_string(),
            "all": counts(&self.all),
            "days": self.days.iter().map(day).collect::<Vec<_>>(),
            "abandoned": self.steps().into_iter().map(step).collect::<Vec<_>>(),
        })
    }

    fn days_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = csv::Writer::from_writer(out);
        table.write_record(std::iter::once("day").chain(Service::ALL.map(Service::name)))?;
        for (day, counts) in &self.days {
            let counts = Service::ALL.map(|service| counts.of(service).to_string());
            table.write_record(std::iter::once(day.to_string()).chain(counts))?;
        }
        table.flush()
    }

    fn steps_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = csv::Writer::from_writer(out);
        table.write_record(["menu", "step", "abandoned"])?;
        for (menu, step, calls) in self.steps() {
            table.write_record([menu, step, &calls.to_string()])?;
        }
        table.flush()
    }
}

/// `37.5 %`, in whole tenths; a dash of nothing.
fn share(part: u64, whole: u64) -> String {
    let Some(tenths) = (part.saturating_mul(1_000).saturating_add(whole / 2)).checked_div(whole) else {
        return "–".into();
    };
    format!("{}.{} %", tenths / 10, tenths % 10)
}
