//! What calls are served by, one whole version at a time.
//!
//! ```text
//!   INVITE ── Versions::choose ──> Served { version, watch } ── kept by the call until it is over
//!                   ^
//!                   └── swapped meanwhile: the next call gets another
//! ```

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::srtp::SrtpPolicy;
use super::watch::CallWatch;
use crate::facts::KeySource;
use crate::menu::Menu;
use crate::speech::Prompts;

/// Menus, prompts, and what else may change while calls run. A call keeps the one it began with; the last call that has
/// one lets go of it.
pub struct Version {
    /// Its name in call records; nothing where there is only one.
    pub digest: Option<Arc<str>>,
    /// Which hotline answers at which number.
    pub numbers: HashMap<String, Arc<Menu>>,
    /// The hotline that answers at every other number, if one does.
    pub any: Option<Arc<Menu>>,
    /// Texts and recordings.
    pub prompts: Arc<Prompts>,
    /// The addresses for sound, at most one of each family; a call without one uses the address it came in by.
    pub media_addresses: Vec<IpAddr>,
    /// When calls are encrypted.
    pub srtp: SrtpPolicy,
    /// The ways that keys are taken by.
    pub keys: Vec<KeySource>,
    /// How long a call rings before it is answered; zero: at once, and without 180, which could only come late.
    pub ring: Duration,
}

/// The version of one call, and who wants to know of it beside [`super::Exchange::watch`].
pub struct Served {
    /// What it is served by.
    pub version: Arc<Version>,
    /// Who is told how it ended.
    pub watch: Arc<dyn CallWatch>,
}

/// Says which version a call is served by. Must not block.
pub trait Versions: Send + Sync {
    /// The version of the call that comes now.
    fn choose(&self) -> Served;
}

/// One for ever.
impl Versions for Arc<Version> {
    fn choose(&self) -> Served {
        Served { version: Arc::clone(self), watch: Arc::new(()) }
    }
}
