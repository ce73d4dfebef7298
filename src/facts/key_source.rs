//! By which way a pressed key comes from a telephone.

use serde::Deserialize;

/// A way that keys come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeySource {
    /// RTP packets of telephone-events (RFC 4733, before it RFC 2833).
    Rfc4733,
    /// SIP INFO requests, `application/dtmf-relay` and `application/dtmf`.
    Info,
    /// Tones in the sound (ITU-T Q.23).
    InBand,
}

impl KeySource {
    /// Every way, the most trustworthy first.
    pub const ALL: [KeySource; 3] = [KeySource::Rfc4733, KeySource::Info, KeySource::InBand];

    /// Its name in the configuration, in call records and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            KeySource::Rfc4733 => "rfc4733",
            KeySource::Info => "info",
            KeySource::InBand => "in-band",
        }
    }
}

/// How many keys of a call came by which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyCounts {
    counts: [u32; 3],
    /// Presses of these that came by more than one way.
    pub twice: u32,
}

impl KeyCounts {
    /// Keys that came by this way, and by no other before.
    pub fn of(&self, source: KeySource) -> u32 {
        self.counts.get(source as usize).copied().unwrap_or_default()
    }

    /// One more.
    pub fn add(&mut self, source: KeySource) {
        if let Some(count) = self.counts.get_mut(source as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// All keys.
    pub fn all(&self) -> u32 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}
