//! `hotline replay`: real calls through a changed menu. Call records hold the steps of a call and nothing of its keys; the keys
//! are found again in the menu that the call was made to, and pressed in the changed one.
//!
//! ```text
//!   hotline.db: 1204 calls of 12333 on 87 ways
//!   1151 end as they did
//!   38 would end elsewhere:
//!     21 calls  welcome > language > mandarin > notice > main > goodbye, hotline-hung-up
//!               now … > main > topics, caller-hung-up
//!   15 could not be followed through the menu before: was it another one?
//! ```

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::progress::Progress;
use super::test::{DemoRecords, load};
use super::{Wrong, exit_code};
use crate::dialogue::{Ending, Story};
use crate::proof::Former;
use crate::records::{EndedCalls, ReadError, ended_calls};
use crate::simulate::{Scene, TestCall, play};

/// So many ways are told of.
const MOST_TOLD: usize = 20;
/// So many steps at the end of a way.
const MOST_STEPS: usize = 4;

/// Lets the calls of the call records go through a changed menu, and tells which would end elsewhere.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  git show HEAD:voice-menus/12333/menu.toml > before.toml\n  hotline replay --database hotline.db --before \
                  before.toml voice-menus/12333\n\nCall records hold steps and no keys: what a caller keyed is found again by the \
                  menu before. Keyed numbers\nare those of made-up people. Nothing is written to the database.\n\nExits with 0 if \
                  every call ends as it did, with 1 if one would not, with 2 on wrong use."
)]
pub struct Replay {
    /// The folder of the changed hotline: a menu.toml
    hotline: PathBuf,
    /// The menu that the calls were made to: a script, or a folder with a menu.toml
    #[arg(long, value_name = "PATH")]
    before: PathBuf,
    /// The database with the call records
    #[arg(long, value_name = "FILE", default_value = "hotline.db")]
    database: PathBuf,
    /// Write the calls that would end elsewhere into this folder, as they would go now
    #[arg(long, value_name = "DIR")]
    calls: Option<PathBuf>,
    /// The folder of the prompts; otherwise the folder `prompts` beside the script or above it
    #[arg(long, value_name = "DIR")]
    prompts: Option<PathBuf>,
}

/// What became of the calls.
#[derive(Default)]
struct Outcome {
    calls: u64,
    ways: usize,
    same: u64,
    lost: u64,
    elsewhere: Vec<Elsewhere>,
}

/// Calls that would end elsewhere.
struct Elsewhere {
    was: EndedCalls,
    now: String,
    call: TestCall,
}

impl Replay {
    /// Plays, prints, and counts.
    pub fn run(&self) -> ExitCode {
        exit_code("replay", self.replay())
    }

    fn replay(&self) -> Result<bool, Wrong> {
        let (now, now_scene) = load(&self.hotline, self.prompts.as_deref())?;
        let prompts = self.prompts.clone().or_else(|| super::check::prompts_folder(&self.hotline.join("menu.toml")));
        let (before, before_scene) = load(&self.before, prompts.as_deref())?;
        let calls = ended_calls(&self.database, &now.menu.name).map_err(|error| match error {
            ReadError::Open(error) => Wrong::Use(error.to_string()),
            ReadError::Database(_) => Wrong::Failed(error.to_string()),
        })?;
        let former = Former::of(&before, &before_scene);
        let (mut outcome, mut people) = (Outcome::default(), DemoRecords::default());
        let (progress, all) = (Progress::default(), calls.len());
        for (done, call) in calls.into_iter().enumerate() {
            progress.tell("replaying ways through the menu", done, all);
            outcome.take(call, &former, [&before_scene, &now_scene], &mut people);
        }
        progress.end();
        let mut out = io::stdout().lock();
        outcome.tell(&self.database, &now.menu.name, &mut out)?;
        if let Some(folder) = &self.calls {
            fs::create_dir_all(folder)?;
            for (place, elsewhere) in outcome.elsewhere.iter().enumerate() {
                fs::write(folder.join(format!("elsewhere-{}.call", place + 1)), &elsewhere.call.text)?;
            }
        }
        Ok(outcome.elsewhere.is_empty())
    }
}

impl Outcome {
    fn take(&mut self, was: EndedCalls, former: &Former<'_>, scenes: [&Scene; 2], people: &mut DemoRecords) {
        let [before, now] = scenes;
        self.calls += was.calls;
        self.ways += 1;
        let by_itself = [Ending::HotlineHungUp, Ending::Transferred].map(Ending::name).contains(&was.ending.as_str());
        let Some(mut call) = former.call_along(&was.path, by_itself) else {
            self.lost += was.calls;
            return;
        };
        let then = play(before, &call, &people.on(&call));
        if then.stories.first().is_none_or(|story| !same_path(story, &was.path)) {
            self.lost += was.calls;
            return;
        }
        let played = play(now, &call, &people.on(&call));
        if end(&then.stories) == end(&played.stories) {
            self.same += was.calls;
            return;
        }
        call.head.push(format!("# It went {}, {}.", was.path.join(" > "), was.ending));
        call.text = play(now, &call, &people.on(&call)).transcript;
        let path: Vec<&str> = played.stories.first().map(|story| names(story)).unwrap_or_default();
        let now = format!("{}, {}", tail(&path), end(&played.stories).1);
        self.elsewhere.push(Elsewhere { was, now, call });
    }

    fn tell(&self, database: &Path, menu: &str, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: {} calls of {menu} on {} ways", database.display(), self.calls, self.ways)?;
        writeln!(out, "{} end as they did", self.same)?;
        let elsewhere: u64 = self.elsewhere.iter().map(|elsewhere| elsewhere.was.calls).sum();
        writeln!(out, "{elsewhere} would end elsewhere{}", if elsewhere > 0 { ":" } else { "" })?;
        for Elsewhere { was, now, .. } in self.elsewhere.iter().take(MOST_TOLD) {
            let path: Vec<&str> = was.path.iter().map(String::as_str).collect();
            writeln!(out, "  {:>6} calls  {}, {}", was.calls, tail(&path), was.ending)?;
            writeln!(out, "           now  {now}")?;
        }
        if self.elsewhere.len() > MOST_TOLD {
            writeln!(out, "  and {} ways more; --calls DIR writes them all", self.elsewhere.len() - MOST_TOLD)?;
        }
        if self.lost > 0 {
            writeln!(out, "{} could not be followed through the menu before: was it another one?", self.lost)?;
        }
        Ok(())
    }
}

fn names(story: &Story) -> Vec<&str> {
    story.path.iter().map(|step| &**step).collect()
}

fn same_path(story: &Story, path: &[String]) -> bool {
    story.path.iter().map(|step| &**step).eq(path.iter().map(String::as_str))
}

/// Where a call ends: its last step, how, and with what for its caller.
fn end(stories: &[Story]) -> (Option<Arc<str>>, &'static str, &'static str) {
    let story = stories.first();
    let ending = story.and_then(|story| story.ending).map_or("", Ending::name);
    (story.and_then(|story| story.path.last().cloned()), ending, story.map_or("", |story| story.outcome.name()))
}

/// The last steps of a way.
fn tail(path: &[&str]) -> String {
    let left_out = path.len().saturating_sub(MOST_STEPS);
    let shown: Vec<&str> = path.iter().skip(left_out).copied().collect();
    format!("{}{}", if left_out > 0 { "… > " } else { "" }, shown.join(" > "))
}
