//! `hotline bench`: how much this machine can carry, and what a call costs.
//!
//! ```text
//!   calls  core %  late ms: median   99 %  99.9 %   most   lost  MB resident  KB a call  maker's core %
//!     500    4.1             0.08   0.31    0.52    1.1      0         41.0       17.9            9.3
//! ```

mod table;
mod verify;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::records::Place;
use super::test::{DemoRecords, scene};
use super::{Wrong, exit_code};
use crate::bench::inner;
use crate::records::Database;
use crate::simulate::Suite;

/// `hotline bench`.
#[derive(Debug, Args)]
pub struct Bench {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Playing calls: lateness, loss, processor and memory against their number
    #[cfg(target_os = "linux")]
    #[command(
        after_help = "Examples:\n  hotline bench media --calls 500,1000,2000 --find --plot limit.svg\n  hotline bench \
                            media --calls 2000 --far-end sound\n  hotline bench media --calls 200 --at \
                            sip:200@192.0.2.7\n\nWithout --at a hotline of this binary is started on --cores and dialled from \
                            --maker-core. Exits with 0 if every number of calls was clean, with 1 if one was not, with 2 on \
                            wrong use."
    )]
    Media(network::Media),
    /// Calls set up and ended a second
    #[cfg(target_os = "linux")]
    #[command(
        after_help = "Examples:\n  hotline bench setup --rate 1000,2000,3000\n  hotline bench setup --rate 3000 \
                            --seconds 300 --json setup.json\n\nThe number dialled must answer and hang up by itself. Exits with \
                            0 if no call failed, with 1 if one did, with 2 on wrong use."
    )]
    Setup(network::Setup),
    /// Calls a core that can be listened to for tones
    #[command(after_help = "Example:\n  hotline bench keys --seconds 5")]
    Keys(Keys),
    /// Whole simulated calls a second
    #[command(after_help = "Example:\n  hotline bench simulate voice-menus/12333")]
    Simulate(Simulate),
    /// Look-ups and call records a second
    #[command(
        after_help = "Examples:\n  hotline bench store --people 50000\n  hotline bench store --database hotline.db --rate 500\n\n\
        With --database people of records that are there are looked up, and no call records are written."
    )]
    Store(Store),
    /// Whether the time that a verification takes tells why it failed
    #[command(after_help = "Examples:\n  hotline bench verify --count 10000 --passwords 2000\n  \
        hotline bench verify --work --database postgres://hotline@127.0.0.1/trial\n\n\
        Exits with 0 if no kind of wrong answer can be told from another by its time (Kolmogorov-Smirnov, p of 0.01 or more), \
        with 1 if one can.")]
    Verify(verify::Verify),
}

#[derive(Debug, Args)]
struct Keys {
    /// The recordings that are listened to
    #[arg(long, value_name = "DIR", default_value = "prompts")]
    prompts: PathBuf,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Simulate {
    /// The folder of a hotline: a menu.toml and its calls
    hotline: PathBuf,
    /// The folder of the prompts; otherwise the folder `prompts` beside the script or above it
    #[arg(long, value_name = "DIR")]
    prompts: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Store {
    /// Made-up people in the database
    #[arg(long, value_name = "NUMBER", default_value_t = 500, value_parser = clap::value_parser!(u32).range(10..=50_000))]
    people: u32,
    /// Look-ups at once
    #[arg(long, value_name = "NUMBER", default_value_t = 2)]
    workers: u16,
    /// The folder on whose disk the database is made; otherwise the system's for temporary files
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Look people of this database up, in place of one that is made
    #[arg(long, value_name = "DATABASE", conflicts_with_all = ["people", "folder"])]
    database: Option<Database>,
    /// The file of its keys [default: its name with .key after it, if there is one]
    #[arg(long, value_name = "FILE", requires = "database")]
    key_file: Option<PathBuf>,
    /// So many look-ups a second, whether or not the ones before are answered [default: 32 at once]
    #[arg(long, value_name = "NUMBER", requires = "database", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    #[command(flatten)]
    common: Common,
}

/// What all of them take.
#[derive(Debug, Args)]
struct Common {
    /// How long each is measured
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Write the figures there as JSON; - is standard output, in place of the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Common {
    fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Whether the table is to be printed.
    fn prints(&self) -> bool {
        self.json.as_deref() != Some(Path::new("-"))
    }

    fn write(&self, figures: &impl Serialize) -> Result<(), Wrong> {
        let Some(file) = &self.json else { return Ok(()) };
        let mut text = serde_json::to_string_pretty(figures).map_err(|error| Wrong::Failed(error.to_string()))?;
        text.push('\n');
        if self.prints() {
            std::fs::write(file, text).map_err(|error| Wrong::Use(format!("{}: {error}", file.display())))
        } else {
            Ok(std::io::stdout().write_all(text.as_bytes())?)
        }
    }
}

impl Bench {
    /// Measures and prints.
    pub fn run(&self) -> ExitCode {
        exit_code("bench", self.measure())
    }

    fn measure(&self) -> Result<bool, Wrong> {
        match &self.command {
            #[cfg(target_os = "linux")]
            Command::Media(media) => media.run(),
            #[cfg(target_os = "linux")]
            Command::Setup(setup) => setup.run(),
            Command::Keys(keys) => keys.run(),
            Command::Simulate(simulate) => simulate.run(),
            Command::Store(store) => store.run(),
            Command::Verify(verify) => verify.run(),
        }
    }
}

impl Keys {
    fn run(&self) -> Result<bool, Wrong> {
        let bar = Progress::new("listening");
        let keys = inner::keys(&self.prompts, self.common.time(), |part| bar.at(part)).map_err(Wrong::Failed)?;
        bar.end();
        if self.common.prints() {
            writeln!(
                io::stdout(),
                "listened to for tones at once on one core: {:.0} calls whose callers speak, {:.0} silent ones",
                keys.speaking_calls,
                keys.silent_calls
            )?;
        }
        self.common.write(&keys)?;
        Ok(true)
    }
}

impl Simulate {
    fn run(&self) -> Result<bool, Wrong> {
        let scene = scene(&self.hotline, self.prompts.as_deref())?;
        let suite = Suite::load(&self.hotline).map_err(|error| {
            Wrong::Use(format!("there are no calls in {}: {error}", self.hotline.join("calls").display()))
        })?;
        let (bar, mut records) = (Progress::new("simulated calls"), DemoRecords::default());
        let time = self.common.time();
        let found = inner::simulate(&scene, &suite, time, |call| records.on(call), |part| bar.at(part));
        bar.end();
        if self.common.prints() {
            writeln!(
                io::stdout(),
                "{:.0} calls a second on one core: {} calls, {:.0} hours for their callers",
                found.calls_a_second,
                found.calls,
                found.hours
            )?;
        }
        self.common.write(&found)?;
        Ok(found.calls > 0)
    }
}

impl Store {
    fn run(&self) -> Result<bool, Wrong> {
        if self.database.is_some() { self.look_up() } else { self.made_up() }
    }

    fn look_up(&self) -> Result<bool, Wrong> {
        let place = Place { database: self.database.clone(), key_file: self.key_file.clone(), config: None };
        let source = place.source()?;
        let bar = Progress::new("look-ups");
        let (workers, time) = (usize::from(self.workers), self.common.time());
        let found = inner::existing(&source, workers, self.rate, time, |part| bar.at(part)).map_err(Wrong::Failed)?;
        bar.end();
        if self.common.prints() {
            let inner::LookedUp { look_ups_a_second, look_up_ms, unanswered } = &found;
            writeln!(
                io::stdout(),
                "{look_ups_a_second:.0} look-ups a second: median {:.3} ms, 99 % {:.3} ms, 99.9 % {:.3} ms, most {:.1} ms, \
                 {unanswered} unanswered",
                look_up_ms.p50,
                look_up_ms.p99,
                look_up_ms.p999,
                look_up_ms.most
            )?;
        }
        self.common.write(&found)?;
        Ok(found.unanswered == 0)
    }

    fn made_up(&self) -> Result<bool, Wrong> {
        let folder = match &self.folder {
            Some(folder) => tempfile::tempdir_in(folder),
            None => tempfile::tempdir(),
        }?;
        let bar = Progress::new("the records' database");
        let (workers, time) = (usize::from(self.workers), self.common.time());
        let found =
            inner::store(folder.path(), self.people, workers, time, |part| bar.at(part)).map_err(Wrong::Failed)?;
        bar.end();
        if self.common.prints() {
            writeln!(
                io::stdout(),
                "{} people: {:.0} look-ups a second (median {:.2} ms, 99.9 % {:.2} ms, {} unanswered); {:.0} call records a second, {} lost",
                found.people,
                found.look_ups_a_second,
                found.look_up_ms.p50,
                found.look_up_ms.p999,
                found.unanswered,
                found.rows_a_second,
                found.rows_lost
            )?;
        }
        self.common.write(&found)?;
        Ok(found.unanswered == 0)
    }
}

/// A bar on a terminal; elsewhere a line for each thing that is begun.
struct Progress(ProgressBar);

impl Progress {
    fn new(what: &str) -> Progress {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new(1000)
        } else {
            eprintln!("{what}");
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {msg}") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Progress(bar)
    }

    fn at(&self, part: f64) {
        self.0.set_position((part * 1000.0) as u64);
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}

#[cfg(target_os = "linux")]
mod network {
    //! Those that dial.

    use std::io::{self, Write as _};
    use std::path::PathBuf;

    use clap::{Args, ValueEnum};

    use super::{Common, Progress, table};
    use crate::bench::dialled::Dialled;
    use crate::bench::{bare, media, plot, setup};
    use crate::cli::Wrong;

    #[derive(Debug, Args)]
    pub(super) struct Side {
        /// Dial this in place of a hotline of our own, as in sip:200@192.0.2.7:5060
        #[arg(long, value_name = "URI")]
        at: Option<String>,
        /// Cores of the hotline that is started, a media worker each
        #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "0")]
        cores: Vec<usize>,
        /// The load maker's core
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        maker_core: usize,
        /// Hotlines to start: one has no more calls than half the files that a process may open (ulimit -n)
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        processes: usize,
        /// The folder of the menus for measuring
        #[arg(long, value_name = "DIR", default_value = "voice-menus/bench")]
        menus: PathBuf,
        /// The folder of their texts and recordings
        #[arg(long, value_name = "DIR", default_value = "prompts")]
        prompts: PathBuf,
        /// Start this hotline in place of this binary
        #[arg(long, value_name = "FILE")]
        binary: Option<PathBuf>,
    }

    impl Side {
        fn dialled(&self) -> Dialled<'_> {
            let there = std::thread::available_parallelism().map_or(1, usize::from);
            // On a machine with one core both sides share it.
            let known = |core: &usize| *core < there;
            Dialled {
                at: self.at.as_deref(),
                menus: &self.menus,
                prompts: &self.prompts,
                binary: self.binary.as_deref(),
                cores: self.cores.iter().copied().filter(known).collect(),
                maker_core: Some(self.maker_core).filter(known),
                processes: self.processes,
            }
        }
    }

    #[derive(Clone, Copy, Debug, ValueEnum)]
    enum FarEnd {
        /// A packet every ten seconds
        Silent,
        /// 50 packets a second
        Sound,
    }

    #[derive(Debug, Args)]
    pub(super) struct Media {
        #[command(flatten)]
        side: Side,
        /// Calls at once, one number after the other
        #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "500,1000,2000")]
        calls: Vec<u32>,
        /// Look for the greatest number of calls of which 99.9 % of packets are late by less than 5 ms and none is lost
        #[arg(long)]
        find: bool,
        /// Measure a number that is not clean so often before it is taken for one that is not, a hotline's calls as the bare
        /// loop's: a machine that is shared stands still now and then
        #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=20))]
        tries: u32,
        /// Calls dialled a second
        #[arg(long, value_name = "NUMBER", default_value_t = 250)]
        rate: u32,
        /// What callers' telephones send
        #[arg(long, value_enum, default_value = "silent")]
        far_end: FarEnd,
        /// Press a key so many times a second, over all calls, that begins the prompt anew
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        keys: u32,
        /// Let calls wait in silence for a key in place of playing
        #[arg(long)]
        waiting: bool,
        /// Leave out the bare loop, which sends through as many sockets and does nothing else
        #[arg(long)]
        no_bare: bool,
        /// Let the bare loop keep the pace of so many calls, one number after the other, and judge it as calls are judged;
        /// --find looks for its greatest number too
        #[arg(long, value_name = "LIST", value_delimiter = ',', conflicts_with = "no_bare")]
        bare_calls: Vec<u32>,
        /// Draw processor, lateness and memory against the number of calls
        #[arg(long, value_name = "FILE.svg")]
        plot: Option<PathBuf>,
        #[command(flatten)]
        common: Common,
    }

    struct Shown<'a> {
        bar: &'a Progress,
        what: String,
        prints: bool,
    }

    impl media::Told for Shown<'_> {
        fn doing(&mut self, what: &str, part: f64) {
            if self.what != what {
                what.clone_into(&mut self.what);
                self.bar.0.set_message(what.to_owned());
                if self.bar.0.is_hidden() {
                    eprintln!("{what}");
                }
            }
            self.bar.at(part);
        }

        fn step(&mut self, step: &media::Step) {
            self.row(&table::media_row(step));
        }

        fn paced(&mut self, paced: &bare::Paced) {
            self.row(&table::paced_row(paced));
        }
    }

    impl Shown<'_> {
        fn row(&self, row: &str) {
            if self.prints {
                self.bar.0.suspend(|| {
                    // What was measured is told by the exit code all the same.
                    let _ = writeln!(io::stdout(), "{row}");
                });
            }
        }
    }

    impl Media {
        pub(super) fn run(&self) -> Result<bool, Wrong> {
            let plan = media::Plan {
                dialled: self.side.dialled(),
                calls: self.calls.clone(),
                find: self.find,
                tries: self.tries,
                time: self.common.time(),
                rate: self.rate.max(1),
                far_end: match self.far_end {
                    FarEnd::Silent => media::FarEnd::Silent,
                    FarEnd::Sound => media::FarEnd::Sound,
                },
                keys: self.keys,
                waiting: self.waiting,
                bare: !self.no_bare,
                bare_calls: self.bare_calls.clone(),
            };
            let bar = Progress::new("starting");
            if self.common.prints() {
                writeln!(io::stdout(), "{}", table::MEDIA)?;
            }
            let mut shown = Shown { bar: &bar, what: String::new(), prints: self.common.prints() };
            let found = media::run(&plan, &mut shown).map_err(Wrong::Failed)?;
            bar.end();
            if self.common.prints() {
                write!(io::stdout(), "{}", table::media_end(&found))?;
            }
            if let Some(file) = &self.plot {
                let title = "Playing calls, their lateness and their cost";
                let drawn = plot::draw(&found.steps, title).map_err(Wrong::Failed)?;
                std::fs::write(file, drawn).map_err(|error| Wrong::Use(format!("{}: {error}", file.display())))?;
            }
            self.common.write(&found)?;
            Ok(self.find || found.all_clean())
        }
    }

    #[derive(Debug, Args)]
    pub(super) struct Setup {
        #[command(flatten)]
        side: Side,
        /// Calls a second, one rate after the other
        #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "500,1000,2000,3000")]
        rate: Vec<u32>,
        #[command(flatten)]
        common: Common,
    }

    impl Setup {
        pub(super) fn run(&self) -> Result<bool, Wrong> {
            let plan = setup::Plan { dialled: self.side.dialled(), rates: self.rate.clone(), time: self.common.time() };
            let (bar, prints) = (Progress::new("calls set up and ended"), self.common.prints());
            if prints {
                writeln!(io::stdout(), "{}", table::SETUP)?;
            }
            let told = |step: &setup::Step| {
                if prints {
                    bar.0.suspend(|| {
                        let _ = writeln!(io::stdout(), "{}", table::setup_row(step));
                    });
                }
            };
            let found = setup::run(&plan, |part| bar.at(part), told).map_err(Wrong::Failed)?;
            bar.end();
            if prints && !found.complaints.is_empty() {
                writeln!(io::stdout(), "the hotline complained:\n{}", table::first_lines(&found.complaints))?;
            }
            self.common.write(&found)?;
            Ok(found.steps.iter().all(|step| step.failed.is_empty()))
        }
    }
}
