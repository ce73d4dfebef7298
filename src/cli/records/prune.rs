//! `hotline records prune`: what is older than it may be goes now, as it would in a running hotline within an hour.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::cli::{Wrong, operator};
use crate::records::audit::{self, Act, Who};
use crate::records::retention::Gone;

#[derive(Debug, Args)]
pub(super) struct Prune {
    /// The configuration that says what is kept where, and for how long
    #[arg(long, value_name = "FILE", default_value = "hotline.toml")]
    config: PathBuf,
    /// Use this records database in place of the configuration's
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
}

impl Prune {
    #[allow(clippy::disallowed_methods, reason = "a command's clock: what is too old")]
    pub(super) fn run(&self) -> Result<bool, Wrong> {
        let draft = crate::cli::draft(&self.config)?;
        if !draft.faults.is_empty() {
            return Err(Wrong::Faults(draft.faults));
        }
        let mut config = draft.config;
        if let Some(database) = &self.database {
            config.records.database = database.clone().into();
        }
        let now = Timestamp::now();
        let gone = config.prune(now).map_err(|fault| Wrong::Faults(vec![fault]))?;
        let (mut well, mut told, out) = (true, Vec::new(), &mut io::stdout().lock());
        for Gone { what, days, gone } in &gone {
            let kept = days.map_or_else(|| "whose time was over".to_owned(), |days| format!("older than {days} days"));
            match gone {
                Ok(count) => {
                    writeln!(out, "{count} {what} {kept} were removed")?;
                    told.push(format!("{count} {what}"));
                }
                Err(error) => {
                    eprintln!("hotline records: {what} cannot be removed: {error}");
                    well = false;
                }
            }
        }
        let who = Who::Operator(operator());
        let act = Act { at: now, who, what: "records prune".into(), subject: None, outcome: told.join(", ") };
        let seal = config.seal().map_err(|fault| Wrong::Faults(vec![fault]))?;
        audit::record_with(config.records.file(), &seal, &act)?;
        Ok(well)
    }
}
