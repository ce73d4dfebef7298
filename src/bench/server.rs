//! A hotline of our own to dial: this binary's `serve`, as a process of its own, on the cores that are meant for it.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use rustix::process::{Signal, kill_process};

use crate::facts::Month;
use crate::records::demo::{self, DemoOptions};

/// A running `hotline serve`. Dropping it ends it.
pub(super) struct Server {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

/// What it is started with.
#[derive(Clone, Debug)]
pub(super) struct Start<'a> {
    /// The folder of the menus to be measured: 200, 300, 400.
    pub(super) menus: &'a Path,
    pub(super) prompts: &'a Path,
    /// The binary; otherwise this one.
    pub(super) binary: Option<&'a Path>,
    /// Cores it may run on; none: all.
    pub(super) cores: &'a [usize],
    pub(super) first_port: u16,
    pub(super) last_port: u16,
}

impl Server {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// What keeps it from starting, with what it said.
    pub(super) fn start(start: &Start<'_>) -> Result<Server, String> {
        let fault = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
        let folder = tempfile::tempdir().map_err(|error| fault("a folder for the measured hotline", &error))?;
        let port = free_port().map_err(|error| fault("a port for the measured hotline", &error))?;
        let config = config(start, port)?;
        let file = folder.path().join("hotline.toml");
        std::fs::write(&file, config).map_err(|error| fault("its configuration", &error))?;
        let as_of = Month::new(2026, 9).ok_or("its records: no such month")?;
        let database = folder.path().join("hotline.db");
        demo::write(&database, DemoOptions::named_only(as_of), false, || ())
            .map_err(|error| fault("its records", &error))?;
        let binary = match start.binary {
            Some(binary) => binary.to_owned(),
            None => std::env::current_exe().map_err(|error| fault("this binary", &error))?,
        };
        let log = folder.path().join("log");
        let said = std::fs::File::create(&log).map_err(|error| fault("its log", &error))?;
        let mut command = Command::new(binary);
        command.args(["serve", "--config"]).arg(&file).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(said);
        if std::env::var_os("HOTLINE_LOG").is_none() {
            command.env("HOTLINE_LOG", "warn");
        }
        let child = on_cores(start.cores, || command.spawn()).map_err(|error| fault("the measured hotline", &error))?;
        let mut server = Server { child, port, folder };
        server.wait_until_it_listens().ok_or_else(|| {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            format!("the measured hotline does not start:\n{said}")
        })?;
        Ok(server)
    }

    fn wait_until_it_listens(&mut self) -> Option<()> {
        let mut out = BufReader::new(self.child.stdout.take()?);
        let mut line = String::new();
        while out.read_line(&mut line).ok()? > 0 {
            if line.starts_with("listening") {
                // What it prints further is read so that it can print.
                std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
                return Some(());
            }
            line.clear();
        }
        None
    }

    /// The SIP URI of one of its numbers.
    pub(super) fn uri(&self, number: &str) -> String {
        format!("sip:{number}@127.0.0.1:{}", self.port)
    }

    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    /// What it logged so far.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = kill_process(process, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// Runs something while this thread is on these cores, whose children inherit them.
pub(super) fn on_cores<T>(cores: &[usize], run: impl FnOnce() -> T) -> T {
    let this = Pid::from_raw(0);
    let before = sched_getaffinity(this);
    pin(cores);
    let result = run();
    if let (false, Ok(before)) = (cores.is_empty(), before) {
        let _ = sched_setaffinity(this, &before);
    }
    result
}

/// This thread runs on these cores from now on. A core that is not there changes nothing.
pub(super) fn pin(cores: &[usize]) {
    let mut set = CpuSet::new();
    let all = cores.iter().try_for_each(|core| set.set(*core));
    if !cores.is_empty()
        && let Err(error) = all.and_then(|()| sched_setaffinity(Pid::from_raw(0), &set))
    {
        eprintln!("cores {cores:?} cannot be had: {error}");
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn config(start: &Start<'_>, port: u16) -> Result<String, String> {
    let absolute = |path: &Path| -> Result<PathBuf, String> {
        path.canonicalize()
            .map_err(|error| format!("{}: {error}; run this in the project's folder, or name it", path.display()))
    };
    let (menus, prompts) = (absolute(start.menus)?, absolute(start.prompts)?);
    let workers = start.cores.len();
    let mut config = format!(
        "[sip]\nlisten = [\"127.0.0.1:{port}\"]\ncalls = 100000\ndrain = \"1s\"\n\
         [media]\nports = [{}, {}]\nworkers = {workers}\nkeys = [\"rfc4733\", \"info\"]\n[records]\ndatabase = \"hotline.db\"\n\
         [prompts]\nfolder = {prompts:?}\n[numbers]\n",
        start.first_port, start.last_port
    );
    for number in ["200", "300", "400"] {
        let _ = writeln!(config, "\"{number}\" = {:?}", menus.join(number));
    }
    Ok(config)
}
