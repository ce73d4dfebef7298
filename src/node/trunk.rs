//! `[trunks.NAME]`: those who bring calls, or to whom this hotline registers so that they do.
//!
//! ```text
//!   [trunks.carrier]
//!   from = ["203.0.113.0/24"]              calls from there are its calls
//!   [trunks.carrier.register]              this hotline registers there, so that calls come
//!   [trunks.carrier.ping]                  and asks whether it is alive
//! ```

mod ping;
mod register;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::draft::Wrong;
use crate::sip::agent::registrar_host;
use crate::sip::door::sources::Whence;

pub use ping::Ping;
pub use register::Register;

/// A key, what is wrong with it, and how to mend it.
type Mistake = (&'static str, &'static str, &'static str);

/// One trunk. Its name is its table's: letters, digits, `-` and `_`, at most 32.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Trunk {
    // How calls are known to be its own, and how many there may be.
    /// The addresses, networks and hosts that its calls come from.
    pub from: Vec<Whence>,
    /// The user that each of its INVITEs must prove to be, instead of `from` or beside it.
    pub user: Option<String>,
    /// The file whose first line is that user's password.
    pub password_file: Option<PathBuf>,
    /// Its calls at once.
    pub calls: Option<usize>,
    /// Its calls a second, and as many in a burst.
    pub rate: Option<u32>,
    // How it is registered with.
    /// Registering with it.
    pub register: Option<Register>,

    // How it is asked whether it is alive.
    /// Asking whether it is alive.
    pub ping: Option<Ping>,
}

impl Trunk {
    /// Where its calls come from: where nothing is said of that, from where it is registered with.
    pub(super) fn sources(&self) -> Vec<Whence> {
        let registrar = self.register.as_ref().filter(|_| self.from.is_empty() && self.user.is_none());
        let implied = registrar.and_then(|register| registrar_host(&register.registrar).parse().ok());
        implied.map_or_else(|| self.from.clone(), |implied| vec![implied])
    }

    /// What is wrong with how it is registered with and asked.
    pub(super) fn wrongs(&self, name: &str) -> Vec<Wrong> {
        let at = |part: &str, (key, words, hint): Mistake| {
            let table = format!("trunks.{name}.{part}");
            let message = format!("{table}: {}", format!("{key} {words}").trim_start());
            Wrong::at(table, key, message, hint)
        };
        let of_register = self.register.iter().flat_map(Register::mistakes).map(|mistake| at("register", mistake));
        let whom = self.ping.as_ref().filter(|ping| ping.to.is_none() && self.register.is_none());
        let nobody =
            whom.map(|_| ("to", "is missing, and there is no registrar", "as in to = \"sip:carrier.example\""));
        let of_ping = self.ping.iter().flat_map(Ping::mistakes).chain(nobody).map(|mistake| at("ping", mistake));
        of_register.chain(of_ping).collect()
    }

    /// Who is asked whether it is alive: as the configuration has it, or else with whom it is registered.
    pub(super) fn asked(&self) -> Option<&str> {
        let registrar = self.register.as_ref().map(|register| register.registrar.as_str());
        self.ping.as_ref().and_then(|ping| ping.to.as_deref()).or(registrar)
    }

    /// Makes its paths relative to a folder.
    pub(super) fn resolve(&mut self, folder: &Path) {
        let of_register = self.register.as_mut().and_then(|register| register.password_file.as_mut());
        for file in [self.password_file.as_mut(), of_register].into_iter().flatten() {
            *file = folder.join(&*file);
        }
    }
}
