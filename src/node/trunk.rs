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

use crate::sip::agent::registrar_host;
use crate::sip::door::sources::Whence;

pub use ping::Ping;
pub use register::Register;

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

    /// What is wrong with how it is registered with and asked, and how to mend it.
    pub(super) fn fault(&self, name: &str) -> Option<(String, &'static str)> {
        let at = |place: &str, fault: Option<(String, &'static str)>| {
            fault.map(|(words, hint)| (format!("trunks.{name}.{place}: {words}"), hint))
        };
        let whom = self.ping.as_ref().filter(|ping| ping.to.is_none() && self.register.is_none());
        let nobody =
            whom.map(|_| ("to is missing, and there is no registrar".into(), "as in to = \"sip:carrier.example\""));
        at("register", self.register.as_ref().and_then(Register::fault))
            .or_else(|| at("ping", self.ping.as_ref().and_then(Ping::fault)))
            .or_else(|| at("ping", nobody))
    }

    /// Makes its paths relative to a folder.
    pub(super) fn resolve(&mut self, folder: &Path) {
        let of_register = self.register.as_mut().and_then(|register| register.password_file.as_mut());
        for file in [self.password_file.as_mut(), of_register].into_iter().flatten() {
            *file = folder.join(&*file);
        }
    }
}
