//! The commands, a file each.
//!
//! Exit codes mean the same everywhere: 0 all is well, 1 faults were found, 2 the command was used wrongly.

pub mod audit;
pub mod bench;
pub mod call;
pub mod calls;
pub mod cases;
pub mod check;
mod coverage;
pub mod doctor;
pub mod graph;
pub mod import;
mod progress;
pub mod prompts;
pub mod records;
pub mod reload;
pub mod replay;
pub mod serve;
pub mod test;
mod watch;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::facts::Fault;
use crate::menu::{self, Compiled};
use crate::node::{Draft, log_to};

/// A telephone hotline engine: callers key their numbers, are verified, and hear their records.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  hotline records demo --database hotline-data/demo.db\n  hotline serve --config \
                  hotline.toml\n  hotline call sip:12333@127.0.0.1:5060\n  hotline check voice-menus/12333\n  hotline \
                  test voice-menus/12333"
)]
struct Hotline {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell who has been at whose record, and whether the log of it is whole
    Audit(audit::Audit),
    /// Measure how much this machine can carry
    Bench(bench::Bench),
    /// Dial a hotline from this terminal
    Call(call::Call),
    /// Tell what calls came to
    Calls(calls::Calls),
    /// Show, export and close what callers have said is wrong with their records
    Cases(cases::Cases),
    /// Report every mistake in menu scripts and their messages
    Check(check::Check),
    /// Tell what this machine and its network give to a configuration
    Doctor(doctor::Doctor),
    /// Draw a menu script as a picture
    Graph(graph::Graph),
    /// Write the menu of another system as a menu script
    Import(import::Import),
    /// See how a version stands that some calls are given first, or end that
    Canary(reload::Canary),
    /// Say what callers would hear and reach otherwise in another version
    Diff(reload::Diff),
    /// Look after texts and recordings
    Prompts(prompts::Prompts),
    /// Make records to call about, remove what is too old, and release who is locked out
    Records(records::Records),
    /// Let the calls of the call records go through a changed menu
    Replay(replay::Replay),
    /// Have a running hotline read its menus and prompts anew, without losing a call
    Reload(reload::Reload),
    /// Have a running hotline serve an earlier version again
    Rollback(reload::Rollback),
    /// Answer calls over SIP and RTP
    Serve(serve::Serve),
    /// Play the test calls beside a menu script
    Test(test::Test),
    /// List the versions of menus and prompts that are kept
    Versions(reload::Versions),
}

/// Runs the command of this process's arguments.
pub fn run() -> ExitCode {
    match Hotline::parse().command {
        Command::Audit(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Call(command) => command.run(),
        Command::Calls(command) => command.run(),
        Command::Cases(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Doctor(command) => command.run(),
        Command::Graph(command) => command.run(),
        Command::Import(command) => command.run(),
        Command::Canary(command) => command.run(),
        Command::Diff(command) => command.run(),
        Command::Prompts(command) => command.run(),
        Command::Records(command) => command.run(),
        Command::Replay(command) => command.run(),
        Command::Reload(command) => command.run(),
        Command::Rollback(command) => command.run(),
        Command::Serve(command) => command.run(),
        Command::Test(command) => command.run(),
        Command::Versions(command) => command.run(),
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub enum Wrong {
    /// The command line asks for what is not there: exit code 2.
    Use(String),
    /// Edited files are wrong: exit code 1.
    Faults(Vec<Fault>),
    /// The machine does not play along: exit code 1.
    Failed(String),
}

impl Wrong {
    /// Faults of a folder that have no text to show.
    pub fn faults_of<E: std::fmt::Display>(folder: &Path, faults: Vec<E>) -> Wrong {
        let folder = folder.display().to_string();
        Wrong::Faults(faults.into_iter().map(|fault| Fault::of_file(&folder, fault.to_string())).collect())
    }
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Wrong {
        Wrong::Failed(error.to_string())
    }
}

/// Prints what went wrong; 0 for well, 1 for faults found, 2 for wrong use.
pub(crate) fn exit_code(command: &str, result: Result<bool, Wrong>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Wrong::Use(message)) => {
            eprintln!("hotline {command}: {message}");
            ExitCode::from(2)
        }
        Err(Wrong::Failed(message)) => {
            eprintln!("hotline {command}: {message}");
            ExitCode::FAILURE
        }
        Err(Wrong::Faults(faults)) => {
            let coloured = io::stderr().is_terminal();
            // Nobody reads: nothing more to say.
            let _ = check::write_faults(&faults, check::Format::Text, coloured, &mut io::stderr().lock());
            ExitCode::FAILURE
        }
    }
}

/// Reads a configuration as far as it can be read.
pub(crate) fn draft(file: &Path) -> Result<Draft, Wrong> {
    if !file.is_file() {
        let message = format!("there is no configuration {}: name one with --config", file.display());
        return Err(Wrong::Use(message));
    }
    Ok(Draft::load(file))
}

/// Reads and compiles a menu script, or the `menu.toml` of a folder.
pub(crate) fn load_menu(path: &Path) -> Result<Compiled, Wrong> {
    let script = if path.is_dir() { path.join("menu.toml") } else { path.to_owned() };
    let file = script.display().to_string();
    let text = std::fs::read_to_string(&script).map_err(|error| Wrong::Use(format!("{file}: {error}")))?;
    menu::parse(&file, &text).map_err(Wrong::Faults)
}

/// Logs to standard error what HOTLINE_LOG asks for.
pub(crate) fn start_log() {
    let asked = std::env::var("HOTLINE_LOG").unwrap_or_else(|_| "info".into());
    let log = log_to(&asked, io::stderr, io::stderr().is_terminal());
    // A second start in one process, as in tests, keeps the first.
    let _ = tracing::subscriber::set_global_default(log);
}

/// From the beginning of a day to the end of another, where they are named, by this machine's clock.
pub(crate) fn span(from: Option<Date>, to: Option<Date>) -> Result<[Option<Timestamp>; 2], Wrong> {
    let begin = |day: Date| TimeZone::system().to_timestamp(day.to_datetime(Time::midnight()));
    let wrong = |day: Date| Wrong::Use(format!("{day} is no day that anything can be of"));
    let from = from.map(|day| begin(day).map_err(|_| wrong(day))).transpose()?;
    let to = to.map(|day| day.tomorrow().and_then(begin).map_err(|_| wrong(day))).transpose()?;
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(Wrong::Use("--to is before --from".into()));
    }
    Ok([from, to])
}

/// This user's name, for what is kept of operators' acts.
pub(crate) fn operator() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    user.unwrap_or_else(|| "unknown".to_owned())
}

/// This machine's day.
#[allow(clippy::disallowed_methods, reason = "a command lives on this machine's day")]
pub(crate) fn today() -> jiff::civil::Date {
    jiff::ZonedDateTime::now().date()
}

/// This machine's time of day, to the second.
#[allow(clippy::disallowed_methods, reason = "who waits for a change wants to know when it was")]
pub(crate) fn time_of_day() -> String {
    jiff::ZonedDateTime::now().strftime("%H:%M:%S").to_string()
}
