//! A command of this machine: text in on its standard input, sound out on its standard output.

use std::io::{Read, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::{LARGEST_OUTPUT, MOST_SAID, SynthesisFault};

/// How long a command may take to end after its output is complete.
const PATIENCE: Duration = Duration::from_secs(2);

/// A command that speaks. No shell reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The program, by name or path.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl Program {
    /// espeak-ng with one of its voices.
    pub fn espeak(voice: &str) -> Program {
        let arguments = ["-v", voice, "--stdin", "--stdout"].map(str::to_owned).to_vec();
        Program { program: "espeak-ng".into(), arguments }
    }

    /// What it is and how it is called.
    pub(super) fn settings(&self) -> Vec<String> {
        std::iter::once(self.program.clone()).chain(self.arguments.iter().cloned()).collect()
    }

    /// What the command writes, given a text; it is killed at the deadline.
    pub(super) fn say(&self, text: &str, deadline: Duration) -> Result<Vec<u8>, SynthesisFault> {
        let program = || self.program.clone();
        let not_run = |error| SynthesisFault::NotRun { program: program(), error };
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(not_run)?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let text = text.to_owned();
        // These threads end with the pipes they hold, which a grandchild of the command may keep open after it: so nobody
        // waits for them beyond the deadline.
        std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(text.as_bytes())));
        let errors = read_in_background(stderr, MOST_SAID);
        let output = read_in_background(stdout, LARGEST_OUTPUT).recv_timeout(deadline);
        let ended_well = end(&mut child, output.is_ok());
        match output {
            Err(_) => Err(SynthesisFault::TooSlow { program: program(), deadline }),
            Ok(_) if !ended_well => {
                let said = errors.recv_timeout(PATIENCE).unwrap_or_default();
                Err(SynthesisFault::Failed {
                    program: program(),
                    said: String::from_utf8_lossy(&said).trim().to_owned(),
                })
            }
            Ok(output) => Ok(output),
        }
    }
}

/// Whether a command whose output is complete ends well and soon; one that is late, or lingers, is killed.
fn end(child: &mut Child, complete: bool) -> bool {
    let looks = if complete { 200 } else { 0 };
    for _ in 0..looks {
        if let Ok(Some(status)) = child.try_wait() {
            return status.success();
        }
        std::thread::park_timeout(PATIENCE / 200);
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

fn read_in_background(source: Option<impl Read + Send + 'static>, most: u64) -> mpsc::Receiver<Vec<u8>> {
    let (done, finished) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(source) = source {
            let _ = source.take(most).read_to_end(&mut bytes);
        }
        let _ = done.send(bytes);
    });
    finished
}
