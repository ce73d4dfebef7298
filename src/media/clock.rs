//! The one place of this room that asks a clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::facts::Moment;

/// Seconds from NTP's beginning (1900) to Unix's (1970).
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// A time line that begins when it is made. Copies share it.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

#[allow(clippy::disallowed_methods, reason = "sockets are paced by the real clock")]
impl Clock {
    /// A time line that begins now.
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// Now.
    pub fn now(&self) -> Moment {
        Moment::from_micros(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Now by the wall clock: time since 1970.
    pub(super) fn unix() -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    /// The same in NTP's 32.32 form.
    pub(super) fn ntp() -> u64 {
        let unix = Clock::unix();
        let fraction = (u64::from(unix.subsec_nanos()) << 32) / 1_000_000_000;
        (unix.as_secs().wrapping_add(NTP_TO_UNIX) << 32) | fraction
    }
}
