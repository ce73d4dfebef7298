//! The program itself, started as an operator starts it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use hotline::facts::Month;
use hotline::records::demo::{self, DemoOptions};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::hotline::in_tree;

/// A `hotline serve` that answers, in a folder with its configuration and made-up records.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub folder: TempDir,
    printed: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts the hotlines of some folders under `voice-menus/`, each at a number, with a level of logging.
    pub async fn start(numbers: &[(&str, &str)], log: &str) -> Server {
        Server::launch(hotline(), SIP, numbers, log).await
    }

    /// The same by a command of its own, whose configuration has this under `[sip]`, and after it what other tables it wants.
    pub async fn launch(program: Command, sip: &str, numbers: &[(&str, &str)], log: &str) -> Server {
        Server::launch_in(tempfile::tempdir().expect("a folder"), program, sip, numbers, log).await
    }

    /// The same in a folder where the keys of the records may lie already. A hotline may lie elsewhere, by its whole path.
    pub async fn launch_in(
        folder: TempDir,
        mut program: Command,
        sip: &str,
        numbers: &[(&str, &str)],
        log: &str,
    ) -> Server {
        let database = folder.path().join("hotline.db");
        let as_of = Month::new(2026, 9).expect("a month");
        demo::write(&database, DemoOptions::named_only(as_of), false, || ()).expect("made-up people");
        let config = folder.path().join("hotline.toml");
        std::fs::write(&config, configuration(sip, numbers)).expect("a configuration");
        let mut child = program
            .args(["serve", "--config"])
            .arg(&config)
            .env("HOTLINE_LOG", log)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        let printed = Arc::<Mutex<String>>::default();
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let out = keep(child.stdout.take().expect("its output"), Arc::clone(&printed), Some(tell));
        let err = keep(child.stderr.take().expect("its log"), Arc::clone(&printed), None);
        let address = loop {
            let line = told.recv().await;
            let line = line.unwrap_or_else(|| panic!("it does not listen: {}", printed.lock().unwrap()));
            if let Some(address) = line.strip_prefix("listening on udp ") {
                break address.parse().expect("an address");
            }
        };
        Server { child, address, folder, printed, readers: vec![out, err] }
    }

    /// Its records.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("hotline.db")
    }

    /// Tells it to end, as a service manager does.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs");
        let kill =
            std::process::Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status().expect("kill");
        assert!(kill.success());
    }

    /// Everything it printed, once it has ended, and how it ended.
    pub async fn ended(&mut self) -> (ExitStatus, String) {
        let status = self.child.wait().await.expect("an end");
        for reader in self.readers.drain(..) {
            reader.await.expect("all that was printed");
        }
        (status, self.printed.lock().unwrap().clone())
    }

    /// Waits until a line is printed that contains this.
    pub async fn prints(&self, wanted: &str) {
        let look = async {
            while !self.printed.lock().unwrap().contains(wanted) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(super::media::DEADLINE, look)
            .await
            .unwrap_or_else(|_| panic!("{wanted} is never printed"));
    }
}

impl Server {
    /// What follows this in the first line that has it, once it is printed.
    pub async fn printed_after(&self, words: &str) -> String {
        self.prints(words).await;
        let printed = self.printed.lock().unwrap();
        printed.lines().find_map(|line| Some(line.split_once(words)?.1.to_owned())).expect("it was there")
    }
}

/// The program, which ends with the test.
pub fn hotline() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
    command.current_dir(in_tree("")).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs the program to its end: its exit code and everything it printed.
pub async fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = hotline().args(arguments).output().await.expect("the program");
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).expect("text"))
}

/// One socket on the loopback.
pub const SIP: &str = "listen = [\"127.0.0.1:0\"]\nretry-after = \"7s\"\n[media]\nworkers = 1";

fn configuration(sip: &str, numbers: &[(&str, &str)]) -> String {
    let quoted = |path: &Path| format!("\"{}\"", path.display());
    let numbers: String = numbers
        .iter()
        .map(|(number, menu)| format!("\"{number}\" = {}\n", quoted(&in_tree("voice-menus").join(menu))))
        .collect();
    format!(
        "[sip]\n{sip}\n[records]\ndatabase = \"hotline.db\"\n\
         [prompts]\nfolder = {}\ncache = {}\n[numbers]\n{numbers}",
        quoted(&in_tree("prompts")),
        quoted(&in_tree("target/synthesized")),
    )
}

fn keep(
    from: impl AsyncRead + Unpin + Send + 'static,
    printed: Arc<Mutex<String>>,
    tell: Option<tokio::sync::mpsc::UnboundedSender<String>>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut lines = BufReader::new(from).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            printed.lock().unwrap().push_str(&format!("{line}\n"));
            if let Some(tell) = &tell {
                let _ = tell.send(line);
            }
        }
    })
}
