//! `hotline doctor`: what this machine and its network give to a configuration.
//!
//! ```text
//!   ok     port            udp 0.0.0.0:5060 is free
//!   note   nat             udp 0.0.0.0:5060: Contact and SDP will say 10.0.0.5 towards the Internet, which is private
//!                          mend: if callers come from elsewhere: sip.advertised = …
//!   0 wrong, 0 warnings, 1 notes
//! ```

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Wrong, exit_code};
use crate::node::doctor::{Verdict, examine};

/// Tells what this machine and its network give to a configuration: ports, addresses, certificates, trunks, clock, limits,
/// disks; and how to mend what they do not give.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  hotline doctor --config hotline.toml\n\nExits with 0 if nothing is wrong, with 1 if \
                        something is, with 2 on wrong use. Notes and warnings are nothing wrong. Trunks are asked by OPTIONS and REGISTER, which \
                        takes up to four seconds; a registration is taken back. docs/doctor.md says what each line means."
)]
pub struct Doctor {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "hotline.toml")]
    config: PathBuf,
}

impl Doctor {
    /// Looks, and prints.
    pub fn run(&self) -> ExitCode {
        exit_code("doctor", self.look())
    }

    fn look(&self) -> Result<bool, Wrong> {
        let draft = super::draft(&self.config)?;
        if !draft.faults.is_empty() {
            return Err(Wrong::Faults(draft.faults));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let findings = runtime.block_on(examine(&draft));
        let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
        let (wrong, warnings, notes) = (count(Verdict::Wrong), count(Verdict::Warn), count(Verdict::Note));
        let mut out = std::io::stdout().lock();
        for finding in &findings {
            writeln!(out, "{finding}")?;
        }
        writeln!(out, "{wrong} wrong, {warnings} warnings, {notes} notes")?;
        Ok(wrong == 0)
    }
}
