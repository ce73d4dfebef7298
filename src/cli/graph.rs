//! `hotline graph`: a menu as a picture, with the calls of a day marked on it.
//!
//! ```text
//!   hotline graph voice-menus/12333 > menu.svg
//!   hotline graph voice-menus/12333 --traffic hotline-data/demo.db --output menu.svg --watch
//!   menu.svg: 37 steps, 812 calls on 2026-11-25
//! ```

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::check::prompts_folder;
use super::coverage::Coverage;
use super::watch::{files_below, whenever};
use super::{Wrong, exit_code, load_menu, today};
use crate::drawing::{Mark, Marks, draw};
use crate::facts::Language;
use crate::menu::Menu;
use crate::records::{StepTraffic, Traffic, traffic};
use crate::speech::Catalogue;

/// Draws a menu script as a picture (SVG): its steps, what callers hear, where keys lead, what happened there.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hotline graph voice-menus/12333 > menu.svg\n  hotline graph voice-menus/12333 --language en \
                  --output menu.svg --watch\n  hotline graph voice-menus/12333 --traffic hotline-data/demo.db --day \
                  2026-11-25 --output menu.svg\n  hotline graph voice-menus/12333 --coverage --output menu.svg\n\nExits with 0 if it was drawn, with 1 if the menu has faults or cannot be \
                  drawn, with 2 on wrong use."
)]
pub struct Graph {
    /// A menu script, or a folder with a menu.toml
    hotline: PathBuf,
    /// The file to write; otherwise the picture goes to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The language of the texts, as in zh-CN or en [default: the menu's first]
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// Mark the calls of a day, from this records database: calls a step, mean seconds, where callers hang up
    #[arg(long, value_name = "DATABASE")]
    traffic: Option<PathBuf>,
    /// The day whose calls are marked [default: yesterday]
    #[arg(long, value_name = "YYYY-MM-DD", requires = "traffic")]
    day: Option<Date>,
    /// Mark what the test calls beside the script take of each step, and what they do not
    #[arg(long, conflicts_with = "traffic")]
    coverage: bool,
    /// Test calls of this folder in place of those in calls/
    #[arg(long, value_name = "DIR", requires = "coverage")]
    calls: Option<PathBuf>,
    /// Draw again whenever the script, the prompts or the calls change, until interrupted
    #[arg(long, requires = "output")]
    watch: bool,
    /// The folder of the prompts; otherwise the folder `prompts` beside the script or above it
    #[arg(long, value_name = "DIR")]
    prompts: Option<PathBuf>,
}

impl Graph {
    /// Draws, once or again and again.
    pub fn run(&self) -> ExitCode {
        if !self.watch {
            return exit_code("graph", self.draw().map(|()| true));
        }
        let (mut first, mut code) = (true, ExitCode::SUCCESS);
        whenever(
            || self.files(),
            || {
                let first = std::mem::take(&mut first);
                // What is wrong is told, and mended in the next moment perhaps.
                let drawn = self.draw().map(|()| true);
                let goes_on = !(first && matches!(drawn, Err(Wrong::Use(_))));
                code = exit_code("graph", drawn);
                goes_on
            },
        );
        code
    }

    fn draw(&self) -> Result<(), Wrong> {
        let menu = load_menu(&self.hotline)?.menu;
        let language = self.language_of(&menu)?;
        let folder = self.prompts_folder().ok_or_else(|| {
            let place = self.hotline.display();
            Wrong::Use(format!("there is no folder `prompts` beside {place} or above it: name it with --prompts"))
        })?;
        let catalogue = Catalogue::from_dir(&folder).map_err(Wrong::Faults)?;
        let marks = match &self.traffic {
            Some(database) => marks(&self.traffic_of(&menu, database)?, self.day()),
            None if self.coverage => self.coverage()?,
            None => Marks::default(),
        };
        let picture = draw(&menu, &catalogue, language, &marks).map_err(|fault| Wrong::Failed(fault.to_string()))?;
        let Some(output) = &self.output else {
            return Ok(io::stdout().lock().write_all(picture.as_bytes())?);
        };
        let failed = |error: io::Error| Wrong::Use(format!("cannot write {}: {error}", output.display()));
        // Whoever shows the file never sees half of it.
        let mut part = output.as_os_str().to_owned();
        part.push(".part");
        fs::write(&part, picture).map_err(failed)?;
        fs::rename(&part, output).map_err(failed)?;
        let what = if marks.caption.is_empty() { String::new() } else { format!(", {}", marks.caption) };
        Ok(writeln!(io::stdout(), "{}: {} steps{what}", output.display(), menu.steps.len())?)
    }

    fn coverage(&self) -> Result<Marks, Wrong> {
        let (compiled, scene) = super::test::load(&self.hotline, self.prompts.as_deref())?;
        Ok(Coverage::by_calls(&compiled, &scene, &self.calls_folder())?.marks())
    }

    fn calls_folder(&self) -> PathBuf {
        let beside = || self.script().parent().unwrap_or(Path::new(".")).join("calls");
        self.calls.clone().unwrap_or_else(beside)
    }

    fn language_of(&self, menu: &Menu) -> Result<Language, Wrong> {
        let spoken: Vec<&str> = menu.languages.iter().map(|language| language.tag()).collect();
        let asked = self.language.as_deref().or(spoken.first().copied()).unwrap_or_default();
        let found = menu.languages.iter().find(|language| language.tag() == asked).copied();
        found.ok_or_else(|| {
            Wrong::Use(format!("the menu {} does not speak {asked}: it speaks {}", menu.name, spoken.join(" and ")))
        })
    }

    fn script(&self) -> PathBuf {
        if self.hotline.is_dir() { self.hotline.join("menu.toml") } else { self.hotline.clone() }
    }

    fn prompts_folder(&self) -> Option<PathBuf> {
        self.prompts.clone().or_else(|| prompts_folder(&self.script()))
    }

    fn day(&self) -> Date {
        self.day.unwrap_or_else(|| today().yesterday().unwrap_or(Date::MIN))
    }

    fn traffic_of(&self, menu: &Menu, database: &Path) -> Result<Traffic, Wrong> {
        let begin = |day: Date| TimeZone::system().to_timestamp(day.to_datetime(Time::midnight()));
        let next = self.day().tomorrow().and_then(begin);
        let (since, until) = begin(self.day())
            .and_then(|since| Ok((since, next?)))
            .map_err(|_| Wrong::Use(format!("{} is no day that calls can be of", self.day())))?;
        traffic(database, menu, since, until).map_err(|fault| Wrong::Use(fault.to_string()))
    }

    /// What the picture is made of.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = vec![self.script()];
        files.extend(self.prompts_folder().iter().flat_map(|prompts| files_below(prompts, &["ftl"])));
        if self.coverage {
            files.extend(files_below(&self.calls_folder(), &["call"]));
        }
        if let Some(database) = &self.traffic {
            let mut log = database.as_os_str().to_owned();
            log.push("-wal");
            files.extend([database.clone(), log.into()]);
        }
        files
    }
}

/// A day's traffic, as it is marked.
fn marks(traffic: &Traffic, day: Date) -> Marks {
    let came = traffic.steps.iter().filter(|(_, step)| step.calls > 0);
    let steps = came.map(|(name, step)| (name.clone(), mark(step, traffic.calls))).collect();
    Marks { caption: format!("{} on {day}", calls(traffic.calls)), steps }
}

fn mark(step: &StepTraffic, all: u64) -> Mark {
    let share = |part: u64, whole: u64| u8::try_from(part.saturating_mul(100) / whole.max(1)).unwrap_or(100);
    let mean = step.mean_tenths().map(|mean| format!(" · {}.{} s", mean / 10, mean % 10)).unwrap_or_default();
    let alarm =
        (step.hung_up > 0).then(|| format!("{} hung up here, {} %", step.hung_up, share(step.hung_up, step.calls)));
    Mark { share: share(step.calls, all), text: format!("{}{mean}", calls(step.calls)), alarm }
}

fn calls(count: u64) -> String {
    if count == 1 { "1 call".to_owned() } else { format!("{count} calls") }
}
