//! `hotline test`: plays the test calls beside a menu script, in virtual time.
//!
//! ```text
//!   same  balance-in-mandarin      83.2 s
//!   ...
//!   27 calls of 38.1 minutes in 0.021 s: 1286 calls a second, 109000 times as fast as they last
//!   27 passed, 0 failed
//! ```

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;

use super::check::prompts_folder;
use super::{Wrong, exit_code, load_menu};
use crate::audio::ClipStore;
use crate::facts::Month;
use crate::records::MemoryRecords;
use crate::records::demo::{DemoOptions, default_as_of, without_sql};
use crate::simulate::{Report, Scene, Suite, TestCall, Verdict, run};
use crate::speech::{Catalogue, Prompts};

/// Plays the test calls (`calls/*.call`) beside a menu script and compares what is heard.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hotline test voice-menus/12333\n  hotline test voice-menus/12333 --only balance\n  hotline \
                  test voice-menus/12333 --bless     (rewrites each call's file from what happened; read the difference)\n\n\
                  Exits with 0 if every call went as written, with 1 if one did not, with 2 on wrong use."
)]
pub struct Test {
    /// The folder of a hotline: a menu.toml and its calls
    hotline: PathBuf,
    /// Play only calls whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Rewrite the files of calls that went otherwise
    #[arg(long)]
    bless: bool,
    /// The folder of the prompts; otherwise the folder `prompts` beside the script or above it
    #[arg(long, value_name = "DIR")]
    prompts: Option<PathBuf>,
}

impl Test {
    /// Plays, prints, and counts.
    pub fn run(&self) -> ExitCode {
        exit_code("test", self.play())
    }

    fn play(&self) -> Result<bool, Wrong> {
        let scene = scene(&self.hotline, self.prompts.as_deref())?;
        let suite = Suite::load(&self.hotline).map_err(|error| {
            Wrong::Use(format!("there are no calls in {}: {error}", self.hotline.join("calls").display()))
        })?;
        let chosen = |call: &TestCall| self.only.as_ref().is_none_or(|only| call.name.contains(only.as_str()));
        let mut records = DemoRecords::default();
        let (mut passed, mut failed, mut length, mut calls) = (0_u32, 0_u32, Duration::ZERO, 0_usize);
        let mut taken = Duration::ZERO;
        let mut out = io::stdout().lock();
        for (file, call) in suite.calls.iter().filter(|(_, call)| chosen(call)) {
            let records = records.on(call);
            let begun = now();
            let report = run(&scene, file, call, &records, self.bless)?;
            taken += begun.elapsed();
            length += report.length();
            calls += report.played.lengths.len();
            show(&report, &mut out)?;
            match report.verdict {
                Verdict::Different(_) => failed += 1,
                Verdict::Same | Verdict::Blessed => passed += 1,
            }
        }
        let faulty = suite.faults.len();
        if faulty > 0 {
            super::check::write_faults(&suite.faults, super::check::Format::Text, false, &mut out)?;
        }
        failed += u32::try_from(faulty).unwrap_or(u32::MAX);
        let seconds = taken.as_secs_f64().max(1e-9);
        let rate = f64::from(u32::try_from(calls).unwrap_or(u32::MAX)) / seconds;
        writeln!(
            out,
            "\n{calls} calls of {:.1} minutes in {seconds:.3} s: {rate:.0} calls a second, {:.0} times as fast as they last",
            length.as_secs_f64() / 60.0,
            length.as_secs_f64() / seconds
        )?;
        writeln!(out, "{passed} passed, {failed} failed")?;
        Ok(failed == 0)
    }
}

fn show(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let seconds = report.length().as_secs_f64();
    let name = &report.name;
    match &report.verdict {
        Verdict::Same => writeln!(out, "same     {name:48} {seconds:7.1} s"),
        Verdict::Blessed => writeln!(out, "blessed  {name:48} {seconds:7.1} s"),
        Verdict::Different(difference) => {
            writeln!(out, "OTHER    {name:48} {seconds:7.1} s\n{difference}")
        }
    }
}

/// The menu and the prompts of a hotline, for simulated calls.
pub(crate) fn scene(hotline: &Path, prompts: Option<&Path>) -> Result<Scene, Wrong> {
    let menu = load_menu(hotline)?.menu;
    let folder = prompts
        .map(Path::to_owned)
        .or_else(|| prompts_folder(&hotline.join("menu.toml")))
        .ok_or_else(|| Wrong::Use(format!("there is no folder `prompts` beside {} or above it", hotline.display())))?;
    let catalogue = Catalogue::from_dir(&folder).map_err(Wrong::Faults)?;
    let clips = ClipStore::load(&folder).map_err(|faults| Wrong::faults_of(&folder, faults))?;
    Ok(Scene { menu: Arc::new(menu), prompts: Arc::new(Prompts::new(catalogue, clips)) })
}

/// The made-up people as of the month that a call's clock asks for; made once a month.
#[derive(Default)]
pub(crate) struct DemoRecords {
    people: HashMap<Month, MemoryRecords>,
}

impl DemoRecords {
    /// Fresh records for a test call.
    pub(crate) fn on(&mut self, call: &TestCall) -> MemoryRecords {
        let as_of = default_as_of(call.given.clock.date());
        self.people.entry(as_of).or_insert_with(|| without_sql(DemoOptions::named_only(as_of))).fresh()
    }
}

#[allow(clippy::disallowed_methods, reason = "the rate of simulated calls is told in seconds of this machine")]
fn now() -> Instant {
    Instant::now()
}
