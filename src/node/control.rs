//! The socket that a running hotline is told to reload by: a connection, a line of JSON ([`Order`]), a line back ([`Answer`]).
//!
//! It lies beside the database, for its owner alone (mode 0600). At most 8 connections are served at once; a line has 16 KiB,
//! and 10 s to come.

use std::fs::Permissions;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as PlainStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::versions::{Answer, Order, Workshop};

/// Connections at once.
const MOST_CONNECTIONS: usize = 8;
/// Octets of an order.
const LONGEST_ORDER: u64 = 16 << 10;
/// Octets of an answer: faults with their files.
const LONGEST_ANSWER: u64 = 64 << 20;
/// How long an order may take to come, and an answer to go.
const PATIENCE: Duration = Duration::from_secs(10);

/// Listens until it is dropped; then its socket is gone.
pub(super) struct Control {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Control {
    /// Listens.
    ///
    /// # Errors
    /// The socket cannot be made, or another hotline has it.
    pub(super) fn start(path: &Path, workshop: &Arc<Workshop>) -> io::Result<Control> {
        // A file that is something else was named by mistake, and is not to be lost.
        if std::fs::symlink_metadata(path).is_ok_and(|about| !about.file_type().is_socket()) {
            return Err(io::Error::other("there is a file there that is no socket"));
        }
        match PlainStream::connect(path) {
            Ok(_) => return Err(io::Error::other("another hotline listens there")),
            // Left by one that was killed.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
            Err(_) => {}
        }
        // Made under another name, so that nobody else can reach it before its mode is set.
        let unfinished = path.with_extension(format!("{}.part", std::process::id()));
        let _ = std::fs::remove_file(&unfinished);
        let listener = UnixListener::bind(&unfinished)?;
        std::fs::set_permissions(&unfinished, Permissions::from_mode(0o600))?;
        std::fs::rename(&unfinished, path)?;
        let task = tokio::spawn(serve(listener, Arc::clone(workshop)));
        Ok(Control { path: path.to_owned(), task })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn serve(listener: UnixListener, workshop: Arc<Workshop>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of files: others end before long.
            tokio::task::yield_now().await;
            continue;
        };
        let workshop = Arc::clone(&workshop);
        tokio::spawn(async move {
            if let Err(error) = answer(stream, workshop).await {
                tracing::debug!(%error, "the control socket");
            }
            drop(place);
        });
    }
}

async fn answer(stream: UnixStream, workshop: Arc<Workshop>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = tokio::io::BufReader::new(read.take(LONGEST_ORDER));
    tokio::time::timeout(PATIENCE, read.read_line(&mut line)).await??;
    let answer = match serde_json::from_str::<Order>(&line) {
        Ok(order) => tokio::task::spawn_blocking(move || workshop.carry_out(&order)).await.map_err(io::Error::other)?,
        Err(error) => Answer { said: vec![format!("this is no order: {error}")], ..Answer::default() },
    };
    let mut octets = serde_json::to_vec(&answer)?;
    octets.push(b'\n');
    tokio::time::timeout(PATIENCE, write.write_all(&octets)).await??;
    Ok(())
}

/// Asks the hotline that listens at a socket, and waits for what it says.
///
/// # Errors
/// None listens there, or it is gone before it has answered.
pub fn order(socket: &Path, order: &Order) -> io::Result<Answer> {
    let mut stream = PlainStream::connect(socket)?;
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream.take(LONGEST_ANSWER)).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}
