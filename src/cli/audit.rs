//! `hotline audit`: who has been at whose record, and whether the log of it is whole.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;

use super::{Wrong, exit_code, span};
use crate::records::audit::{self, AuditError, AuditLine, Head, Verified, Wanted};

/// `hotline audit`.
#[derive(Debug, Args)]
pub struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes each line's hash anew, and tells the first line that is not as it was written
    #[command(after_help = "Examples:\n  hotline audit verify --database hotline-data/demo.db\n  \
        hotline audit verify --head 1204:5f0c…\n\n\
        Exits with 0 if the log is whole, with 1 if it is not, with 2 on wrong use. A log whose end was cut off is whole in \
        itself: the head beside the database tells of that, and a head that was kept elsewhere tells also where both were \
        changed. A running hotline writes its head into its log every hour.")]
    Verify(Verify),
    /// Lists accesses to people's records, and operators' acts upon them
    #[command(after_help = "Examples:\n  hotline audit list --from 2026-11-01 --to 2026-11-30\n  \
        hotline audit list --who operator:lin --format csv\n  \
        hotline audit list --subject person:0b7a… --format json\n\n\
        A person stands in it as a keyed hash, the same one as in the call records of this database.")]
    List(List),
}

#[derive(Debug, Args)]
struct Verify {
    /// The records database
    #[arg(long, value_name = "FILE", default_value = "hotline.db")]
    database: PathBuf,
    /// A head that was kept elsewhere, as this command and the hotline's log tell it
    #[arg(long, value_name = "LINE:HASH")]
    head: Option<Head>,
}

#[derive(Debug, Args)]
struct List {
    /// The records database
    #[arg(long, value_name = "FILE", default_value = "hotline.db")]
    database: PathBuf,
    /// From this day on
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<Date>,
    /// To this day, which is included
    #[arg(long, value_name = "YYYY-MM-DD")]
    to: Option<Date>,
    /// By whom alone: call:ID, operator:NAME or hotline
    #[arg(long, value_name = "WHO")]
    who: Option<String>,
    /// To whose record alone, as a line tells it
    #[arg(long, value_name = "KIND:HASH")]
    subject: Option<String>,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Columns for people
    Text,
    /// Comma-separated values, the first line names them
    Csv,
    /// An object a line
    Json,
}

impl Audit {
    /// Runs it.
    pub fn run(&self) -> ExitCode {
        exit_code(
            "audit",
            match &self.command {
                Command::Verify(verify) => verify.run(),
                Command::List(list) => list.run(),
            },
        )
    }
}

impl Verify {
    fn run(&self) -> Result<bool, Wrong> {
        let mut out = io::stdout().lock();
        match audit::verify(&self.database, self.head)? {
            Ok(Verified { lines, head, compared }) => {
                let beside = if compared {
                    "as the head beside the database says"
                } else {
                    "there is no head beside the database"
                };
                writeln!(out, "the audit log is whole: {lines} lines, {beside}\nhead {head}")?;
                Ok(true)
            }
            Err(fault) => {
                writeln!(out, "the audit log of {} is not whole: {fault}", self.database.display())?;
                Ok(false)
            }
        }
    }
}

impl List {
    fn run(&self) -> Result<bool, Wrong> {
        let [from, to] = span(self.from, self.to)?;
        let wanted = Wanted { from, to, who: self.who.clone(), subject: self.subject.clone() };
        let mut out = io::stdout().lock();
        let mut written = Ok(());
        let mut table = csv::Writer::from_writer(Vec::new());
        audit::list(&self.database, &wanted, |line| {
            written = match self.format {
                Format::Text => text(&line, &mut out),
                Format::Json => {
                    serde_json::to_writer(&mut out, &line).map_err(io::Error::from).and_then(|()| writeln!(out))
                }
                Format::Csv => table.serialize(&line).map_err(io::Error::other).and_then(|()| {
                    let lines = std::mem::replace(&mut table, without_heading())
                        .into_inner()
                        .map_err(|error| error.into_error())?;
                    out.write_all(&lines)
                }),
            };
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        match written {
            // Nobody reads on.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(true),
            written => Ok(written.map(|()| true)?),
        }
    }
}

fn without_heading() -> csv::Writer<Vec<u8>> {
    csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new())
}

fn text(line: &AuditLine, out: &mut impl Write) -> io::Result<()> {
    let AuditLine { line, at, who, what, subject, outcome, .. } = line;
    writeln!(out, "{line:>8}  {at}  {who:<37}  {what:<20}  {outcome:<24}  {}", subject.as_deref().unwrap_or("-"))
}

impl From<AuditError> for Wrong {
    fn from(error: AuditError) -> Wrong {
        Wrong::Failed(error.to_string())
    }
}
