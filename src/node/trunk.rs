//! `[trunks.NAME]`: those who bring calls, or to whom this hotline registers so that they do.
//!
//! ```text
//!   [trunks.carrier]
//!   from = ["203.0.113.0/24"]              calls from there are its calls
//!   [trunks.carrier.register]              this hotline registers there, so that calls come
//!   [trunks.carrier.ping]                  and asks whether it is alive
//! ```

use serde::Deserialize;

/// One trunk. Its name is its table's: letters, digits, `-` and `_`, at most 32.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Trunk {
    // How calls are known to be its own, and how many there may be.

    // How it is registered with.

    // How it is asked whether it is alive.
}
