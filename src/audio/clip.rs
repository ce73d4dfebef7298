//! A piece of recorded sound, as it goes out on the wire.

use std::sync::Arc;
use std::time::Duration;

use super::{Law, duration_of};

/// A clip, encoded once in both laws and shared by every call that plays it.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip {
    alaw: Arc<[u8]>,
    ulaw: Arc<[u8]>,
}

impl Clip {
    /// Encodes 8 kHz samples.
    pub fn from_samples(samples: &[i16]) -> Clip {
        Clip { alaw: Law::A.encode_all(samples).into(), ulaw: Law::Mu.encode_all(samples).into() }
    }

    /// The whole clip in one law: a byte a sample.
    pub fn bytes(&self, law: Law) -> &[u8] {
        self.sound(law)
    }

    /// The same, to be held.
    pub(super) fn sound(&self, law: Law) -> &Arc<[u8]> {
        match law {
            Law::A => &self.alaw,
            Law::Mu => &self.ulaw,
        }
    }

    /// Samples.
    pub fn len(&self) -> usize {
        self.alaw.len()
    }

    /// Whether there is nothing to hear.
    pub fn is_empty(&self) -> bool {
        self.alaw.is_empty()
    }

    /// How long it sounds.
    pub fn duration(&self) -> Duration {
        duration_of(self.len())
    }
}

/// A row of clip lengths can tell the digits they say, so `Debug` shows none.
impl std::fmt::Debug for Clip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clip(·)")
    }
}
