//! Whom a load maker dials, and on which cores each side runs.

use std::path::Path;

use super::server::{Server, Start, pin};

/// Whom to dial, and on which cores.
#[derive(Clone, Debug)]
pub struct Dialled<'a> {
    /// A SIP URI; nothing: a hotline of our own is started.
    pub at: Option<&'a str>,
    /// The folder of the menus for measuring (200, 300, 400).
    pub menus: &'a Path,
    /// Texts and recordings.
    pub prompts: &'a Path,
    /// The binary to start; otherwise this one.
    pub binary: Option<&'a Path>,
    /// The hotline's cores, a media worker each; none: all of the machine's.
    pub cores: Vec<usize>,
    /// The maker's core.
    pub maker_core: Option<usize>,
    /// Hotlines to start: one can have no more calls than half the files a process may have open.
    pub processes: usize,
}

impl Dialled<'_> {
    /// The maker's thread runs on its core from now on.
    pub(super) fn pin_maker(&self) {
        pin(self.maker_core.as_slice());
    }

    /// Starts what is to be dialled, if it is ours to start.
    pub(super) fn start(&self) -> Result<Side, String> {
        let uri = self.at.map(str::to_owned);
        if uri.is_some() {
            return Ok(Side { uri, servers: Vec::new() });
        }
        let processes = self.processes.clamp(1, 8);
        // The system's own ports (32768–60999 on Linux) are the maker's and the bare loop's.
        let ports = 1024 + 2..32_768;
        let share = (ports.end - ports.start) / processes as u16;
        let start = |index: usize| {
            let first_port = ports.start + share * index as u16;
            Server::start(&Start {
                menus: self.menus,
                prompts: self.prompts,
                binary: self.binary,
                cores: &self.cores,
                first_port,
                last_port: first_port + share - 1,
            })
        };
        Ok(Side { uri, servers: (0..processes).map(start).collect::<Result<_, _>>()? })
    }
}

/// What is dialled.
pub(super) struct Side {
    uri: Option<String>,
    servers: Vec<Server>,
}

impl Side {
    /// The URIs to dial: one of each process.
    pub(super) fn uris(&self, number: &str) -> Vec<String> {
        match &self.uri {
            Some(uri) => vec![uri.clone()],
            None => self.servers.iter().map(|server| server.uri(number)).collect(),
        }
    }

    pub(super) fn processes(&self) -> Vec<u32> {
        self.servers.iter().map(Server::process).collect()
    }

    /// What our hotlines complained of.
    pub(super) fn complaints(&self) -> String {
        self.servers.iter().map(Server::log).collect()
    }
}
