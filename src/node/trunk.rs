//! `[trunks.NAME]`: those who bring calls, or to whom this hotline registers so that they do.
//!
//! ```text
//!   [trunks.carrier]
//!   from = ["203.0.113.0/24"]              calls from there are its calls
//!   [trunks.carrier.register]              this hotline registers there, so that calls come
//!   [trunks.carrier.ping]                  and asks whether it is alive
//! ```

use std::path::PathBuf;

use serde::Deserialize;

use crate::sip::door::sources::Whence;

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

    // How it is asked whether it is alive.
}
