//! `hotline test`: plays the test calls beside a menu script, in virtual time, and tells what of the menu none has taken.
//!
//! ```text
//!   same  balance-in-mandarin      83.2 s
//!   ...
//!   27 calls of 38.1 minutes in 0.021 s: 1286 calls a second, 109000 times as fast as they last
//!   27 passed, 0 failed
//!
//!   taken: 41 of 41 steps, 129 of 182 keys, 40 of 63 outcomes
//!     not in `account`: key *, silence, gave up
//! ```

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use quick_junit::{NonSuccessKind, Report as JunitReport, TestCase, TestCaseStatus, TestSuite};

use super::check::prompts_folder;
use super::coverage::{Coverage, tell};
use super::{Wrong, exit_code, load_menu};
use crate::audio::ClipStore;
use crate::dialogue::Taken;
use crate::facts::Month;
use crate::menu::Compiled;
use crate::records::MemoryRecords;
use crate::records::demo::{DemoOptions, default_as_of, without_sql};
use crate::simulate::{Report, Scene, Suite, TestCall, Verdict, run};
use crate::speech::{Catalogue, Prompts};

/// Plays the test calls (`calls/*.call`) beside a menu script, compares what is heard, and tells which steps, keys and
/// outcomes no call has taken.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hotline test voice-menus/12333\n  hotline test voice-menus/12333 --only balance\n  hotline \
                  test voice-menus/12333 --bless     (rewrites each call's file from what happened; read the difference)\n  hotline test \
                  voice-menus/12333 --fill      (writes calls for what none has taken into calls/; read them)\n  hotline test \
                  voice-menus/12333 --calls /tmp/shown --junit report.xml\n\n\
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
    /// Play the calls of this folder in place of those in calls/
    #[arg(long, value_name = "DIR")]
    calls: Option<PathBuf>,
    /// Write calls for what none has taken into this folder [default: the folder of the calls]
    #[arg(long, value_name = "DIR", num_args = 0..=1, conflicts_with = "only")]
    fill: Option<Option<PathBuf>>,
    /// Write a report as JUnit's XML, which CI reads
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
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
        let (compiled, scene) = load(&self.hotline, self.prompts.as_deref())?;
        let folder = self.calls.clone().unwrap_or_else(|| self.hotline.join("calls"));
        let suite = suite(&folder)?;
        let mut out = io::stdout().lock();
        let tally = self.play_all(&scene, &suite, &mut out)?;
        if !suite.faults.is_empty() {
            super::check::write_faults(&suite.faults, super::check::Format::Text, false, &mut out)?;
        }
        tally.write(suite.faults.len(), &mut out)?;
        let coverage = self.only.is_none().then(|| Coverage::of(&compiled, &scene, &tally.taken));
        if let Some(coverage) = &coverage {
            tell(coverage, &mut out)?;
            if let Some(into) = &self.fill {
                fill(coverage, into.as_deref().unwrap_or(&folder), &mut out)?;
            } else if !coverage.untaken.is_empty() {
                writeln!(out, "  `hotline test {} --fill` writes calls for these", self.hotline.display())?;
            }
        }
        if let Some(file) = &self.junit {
            write_junit(&compiled.menu.name, &tally, &suite, coverage.as_ref(), file)?;
        }
        Ok(tally.failed == 0 && suite.faults.is_empty())
    }

    fn play_all(&self, scene: &Scene, suite: &Suite, out: &mut dyn Write) -> Result<Tally, Wrong> {
        let chosen = |call: &TestCall| self.only.as_ref().is_none_or(|only| call.name.contains(only.as_str()));
        let mut records = DemoRecords::default();
        let mut tally = Tally::default();
        for (file, call) in suite.calls.iter().filter(|(_, call)| chosen(call)) {
            let records = records.on(call);
            let begun = now();
            let report = run(scene, file, call, &records, self.bless)?;
            let took = begun.elapsed();
            show(&report, out)?;
            tally.count(report, took);
        }
        Ok(tally)
    }
}

/// How the calls went.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    calls: usize,
    length: Duration,
    took: Duration,
    taken: BTreeSet<Taken>,
    reports: Vec<(Report, Duration)>,
}

impl Tally {
    fn count(&mut self, mut report: Report, took: Duration) {
        match report.verdict {
            Verdict::Different(_) => self.failed += 1,
            Verdict::Same | Verdict::Blessed => self.passed += 1,
        }
        self.calls += report.played.lengths.len();
        self.length += report.length();
        self.took += took;
        self.taken.extend(std::mem::take(&mut report.played.taken));
        self.reports.push((report, took));
    }

    fn write(&self, faulty: usize, out: &mut dyn Write) -> io::Result<()> {
        let seconds = self.took.as_secs_f64().max(1e-9);
        let calls = self.calls;
        let rate = f64::from(u32::try_from(calls).unwrap_or(u32::MAX)) / seconds;
        writeln!(
            out,
            "\n{calls} calls of {:.1} minutes in {seconds:.3} s: {rate:.0} calls a second, {:.0} times as fast as they last",
            self.length.as_secs_f64() / 60.0,
            self.length.as_secs_f64() / seconds
        )?;
        writeln!(out, "{} passed, {} failed", self.passed, self.failed + faulty)
    }
}

/// Writes calls for what none has taken. A file that is there already is left alone.
fn fill(coverage: &Coverage<'_>, into: &Path, out: &mut dyn Write) -> Result<(), Wrong> {
    fs::create_dir_all(into)?;
    let mut written = 0_u32;
    for filling in coverage.takable.calls_for(&coverage.untaken) {
        let free = std::iter::once(String::new()).chain((2..100).map(|number| format!("-{number}")));
        let mut files = free.map(|number| into.join(format!("{}{number}.call", filling.call.name)));
        let Some(file) = files.find(|file| !file.exists()) else { continue };
        fs::write(&file, &filling.call.text)?;
        writeln!(out, "  written {}", file.display())?;
        written += 1;
    }
    writeln!(out, "  {written} calls written: read each, give it a name of its own, and keep it")?;
    Ok(())
}

/// The report that CI systems read: a suite of test cases, what was taken as its properties.
fn write_junit(
    name: &str,
    tally: &Tally,
    suite: &Suite,
    coverage: Option<&Coverage<'_>>,
    file: &Path,
) -> Result<(), Wrong> {
    let mut cases = TestSuite::new(format!("hotline {name}"));
    for (report, took) in &tally.reports {
        let status = match &report.verdict {
            Verdict::Same | Verdict::Blessed => TestCaseStatus::success(),
            Verdict::Different(difference) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message("the call went otherwise").set_description(difference.as_str());
                status
            }
        };
        let mut case = TestCase::new(report.name.as_str(), status);
        case.set_classname(name).set_time(*took);
        cases.add_test_case(case);
    }
    for fault in &suite.faults {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        let (line, _) = fault.line_column();
        status.set_message(format!("{}:{line}: {}", fault.file, fault.message));
        let mut case = TestCase::new(fault.file.as_str(), status);
        case.set_classname(name);
        cases.add_test_case(case);
    }
    if let Some(coverage) = coverage {
        for (sort, taken, all) in coverage.counts() {
            cases.add_property((format!("{}-taken", sort.plural()).as_str(), format!("{taken} of {all}").as_str()));
        }
        for (step, things) in coverage.by_step() {
            things.iter().for_each(|what| {
                cases.add_property(("untaken", format!("{step}: {what}").as_str()));
            });
        }
    }
    let mut report = JunitReport::new("hotline test");
    report.set_time(tally.took).add_test_suite(cases);
    let text = report.to_string().map_err(|error| Wrong::Failed(error.to_string()))?;
    fs::write(file, text).map_err(|error| Wrong::Failed(format!("{}: {error}", file.display())))
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

/// The calls of a folder.
pub(super) fn suite(folder: &Path) -> Result<Suite, Wrong> {
    Suite::load_folder(folder)
        .map_err(|error| Wrong::Use(format!("there are no calls in {}: {error}", folder.display())))
}

/// The menu and the prompts of a hotline, for simulated calls.
pub(crate) fn scene(hotline: &Path, prompts: Option<&Path>) -> Result<Scene, Wrong> {
    load(hotline, prompts).map(|(_, scene)| scene)
}

/// The same, with the places of its steps.
pub(super) fn load(hotline: &Path, prompts: Option<&Path>) -> Result<(Compiled, Scene), Wrong> {
    let compiled = load_menu(hotline)?;
    let folder = prompts
        .map(Path::to_owned)
        .or_else(|| prompts_folder(&hotline.join("menu.toml")))
        .ok_or_else(|| Wrong::Use(format!("there is no folder `prompts` beside {} or above it", hotline.display())))?;
    let catalogue = Catalogue::from_dir(&folder).map_err(Wrong::Faults)?;
    let clips = ClipStore::load(&folder).map_err(|faults| Wrong::faults_of(&folder, faults))?;
    let scene = Scene { menu: Arc::new(compiled.menu.clone()), prompts: Arc::new(Prompts::new(catalogue, clips)) };
    Ok((compiled, scene))
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
