//! `hotline bench verify`: whether the time of a verification tells why it failed.

use std::io::{self, Write as _};

use clap::Args;

use super::{Common, Progress};
use crate::bench::verification::{Measurement, Timed, Told, verification};
use crate::cli::Wrong;
use crate::cli::records::Place;
use crate::records::Database;

/// Below this probability two distributions are called different.
const TOLD_APART: f64 = 0.01;

/// `hotline bench verify`.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Questions of each kind
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    count: u32,
    /// Those with a query password, each of which takes an Argon2id hash [default: as many]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    passwords: Option<u32>,
    /// Time the work that the records do, in place of the answer that a call is given
    #[arg(long)]
    work: bool,
    /// Add the times to this file, and count those that stand in it: a measurement in parts
    #[arg(long, value_name = "FILE")]
    times: Option<std::path::PathBuf>,
    /// Ask these records of made-up people, who are given passwords and have failures counted against them
    #[arg(long, value_name = "DATABASE", conflicts_with = "folder")]
    database: Option<Database>,
    /// The folder on whose disk the database is made; otherwise the system's for temporary files
    #[arg(long, value_name = "DIR")]
    folder: Option<std::path::PathBuf>,
    /// Write the figures there as JSON; - is standard output, in place of the table
    #[arg(long, value_name = "FILE")]
    json: Option<std::path::PathBuf>,
}

impl Verify {
    pub(super) fn run(&self) -> Result<bool, Wrong> {
        let folder = match &self.folder {
            Some(folder) => tempfile::tempdir_in(folder),
            None => tempfile::tempdir(),
        }?;
        let source = match &self.database {
            Some(database) => Some(Place { database: Some(database.clone()), key_file: None, config: None }.source()?),
            None => None,
        };
        let bar = Progress::new("verifications");
        let (count, passwords) = (self.count as usize, self.passwords.unwrap_or(self.count) as usize);
        let (folder, times) = (folder.path(), self.times.as_deref());
        let timed = if self.work { Timed::Work } else { Timed::Answer };
        let measurement = Measurement { source, folder, count, passwords, timed, times };
        let told = verification(&measurement, |part| bar.at(part)).map_err(Wrong::Failed)?;
        bar.end();
        let common = Common { seconds: 1, json: self.json.clone() };
        if common.prints() {
            write!(io::stdout(), "{}", table(&told))?;
        }
        common.write(&told)?;
        Ok(told.iter().all(|told| told.ks_p.is_none_or(|p| p >= TOLD_APART)))
    }
}

fn table(told: &[Told]) -> String {
    let mut text = format!(
        "{:<31}{:<29}{:>7}{:>11}{:>11}{:>8}{:>8}{:>8}\n",
        "asked by", "wrong", "count", "median µs", "95 % µs", "D", "p (KS)", "p (MW)"
    );
    for Told { asked_by, wrong, count, median_us, p95_us, ks, ks_p, mann_whitney_p } in told {
        let shown = |value: &Option<f64>| value.map_or_else(String::new, |value| format!("{value:.4}"));
        let (ks, ks_p, mw) = (shown(ks), shown(ks_p), shown(mann_whitney_p));
        text.push_str(&format!(
            "{asked_by:<31}{wrong:<29}{count:>7}{median_us:>11.1}{p95_us:>11.1}{ks:>8}{ks_p:>8}{mw:>8}\n"
        ));
    }
    text
}
