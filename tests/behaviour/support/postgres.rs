//! A PostgreSQL server of a test's own: Debian's, in a temporary folder, without the disk's certainty. It ends with the value,
//! also when the test panics, and with the test's thread when the test is killed.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hotline::records::{PostgresOptions, PostgresUrl};
use tempfile::TempDir;

/// The server.
pub struct PostgresServer {
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
    running: Option<Child>,
}

impl PostgresServer {
    /// Starts one that believes everybody on this machine.
    pub fn start() -> PostgresServer {
        PostgresServer::start_with(&[], |_| ())
    }

    /// Starts one with settings, as in `ssl=on`, after its folder was changed.
    pub fn start_with(settings: &[&str], change: impl FnOnce(&Path)) -> PostgresServer {
        let folder = tempfile::tempdir().unwrap();
        own(folder.path());
        let data = folder.path().join("data");
        let mut initdb = program("initdb");
        initdb.arg("-D").arg(&data).args(["-U", "hotline", "-A", "trust", "-E", "UTF8", "--no-locale"]);
        initdb.args(["--no-sync", "--no-instructions", "--wal-segsize=1"]).current_dir(folder.path());
        let made = initdb.output().expect("Debian's postgresql-15: tools/setup.sh installs it");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        change(&data);
        let port = super::ports::free_port();
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let mut server = PostgresServer { folder, port, settings, running: None };
        server.go_on();
        server
    }

    /// Starts it again, with what it held.
    pub fn go_on(&mut self) {
        let mut postgres = program("postgres");
        postgres.arg("-D").arg(self.folder.path().join("data")).arg("-p").arg(self.port.to_string());
        let socket = format!("unix_socket_directories={}", self.folder.path().display());
        let quick = ["fsync=off", "listen_addresses=127.0.0.1", "shared_buffers=8MB", "max_connections=40", &socket];
        for setting in quick.into_iter().chain(self.settings.iter().map(String::as_str)) {
            postgres.args(["-c", setting]);
        }
        let mut running = postgres.current_dir(self.folder.path()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(running.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut before = Vec::new();
        let ready = said.by_ref().any(|line| {
            let ready = line.contains("ready to accept connections");
            before.push(line);
            ready
        });
        assert!(ready, "{}", before.join("\n"));
        // Nobody reads on, and the server must not wait for that.
        std::thread::spawn(move || said.for_each(drop));
        self.running = Some(running);
    }

    /// Ends it at once, as a failure of its machine would.
    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let id = rustix::process::Pid::from_child(&running);
            let _ = rustix::process::kill_process(id, rustix::process::Signal::QUIT);
            let _ = running.wait();
        }
    }

    /// Kills the server's first process, and waits until those of the connections have seen it: no word is said to anybody.
    pub fn kill(&mut self) {
        let connections = self.processes();
        if let Some(mut running) = self.running.take() {
            running.kill().unwrap();
            let _ = running.wait();
        }
        let begun = std::time::Instant::now();
        while connections.iter().any(|id| Path::new(&format!("/proc/{}", id.as_raw_nonzero())).exists()) {
            assert!(begun.elapsed() < Duration::from_secs(60), "the server's processes end without it");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Holds it where it is: what is asked is taken, and not answered.
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { rustix::process::Signal::STOP } else { rustix::process::Signal::CONT };
        // The server's processes, each connection's among them.
        for id in self.processes() {
            let _ = rustix::process::kill_process(id, signal);
        }
    }

    fn processes(&self) -> Vec<rustix::process::Pid> {
        let server = rustix::process::Pid::from_child(self.running.as_ref().expect("it runs"));
        let children = format!("/proc/{0}/task/{0}/children", server.as_raw_nonzero());
        let children = std::fs::read_to_string(children).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|id| id.parse().ok());
        children.filter_map(rustix::process::Pid::from_raw).chain([server]).collect()
    }

    /// Its address, without a password.
    pub fn url(&self) -> String {
        format!("postgres://hotline@127.0.0.1:{}/postgres", self.port)
    }

    /// How to reach it.
    pub fn options(&self) -> PostgresOptions {
        let options = PostgresOptions::of(PostgresUrl::of(&self.url()).unwrap());
        // On a machine that is busy with other tests nothing else is to fail by it.
        PostgresOptions { deadline: Duration::from_secs(20), ..options }
    }

    /// Where its data lies.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Does something as the database's owner.
    pub fn sql(&self, statements: &str) -> String {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statements, &self.url()]);
        let done = psql.output().expect("psql");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Does something in a transaction that lasts as long as the value.
    pub fn hold(&self, statements: &str) -> Held {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", &self.url()]);
        let mut psql = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql");
        let input = psql.stdin.as_mut().unwrap();
        writeln!(input, "BEGIN; {statements}; SELECT 'held';").unwrap();
        let mut said = BufReader::new(psql.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(said.any(|line| line == "held"), "{statements}");
        Held(psql)
    }
}

/// A transaction that is not ended.
pub struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if self.running.is_some() {
            self.freeze(false);
        }
        self.stop();
    }
}

/// One of the server's programs. It refuses to run as root: there it runs as the user that Debian made for it.
fn program(name: &str) -> Command {
    let folder = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = folder.map(|version| version.path().join("bin")).collect();
    folders.sort();
    let program = folders.pop().unwrap_or_default().join(name);
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command.arg("--pdeathsig=QUIT").arg(program).env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::null());
    // A key that is pressed for the tests is none for the server.
    command.process_group(0);
    command
}

/// Gives a file or folder to the server's user.
pub fn own(path: &Path) {
    if is_root() {
        let given = Command::new("chown").arg("-R").arg("postgres:postgres").arg(path).status().unwrap();
        assert!(given.success());
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
