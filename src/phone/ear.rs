//! Recognizes recordings in what is heard: the sound of a hotline is its recordings, byte for byte, so a machine that has
//! the same recordings can tell which were played.
//!
//! ```text
//!   heard:   ....silence....[ 您的养老保险个人账户余额为 ][十万][两千]...silence...
//!   anchors:                ^ 32 bytes that begin a clip's sound, looked up; then the whole clip is compared
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use crate::audio::{Clip, ClipStore, Law};

/// Bytes that a clip is looked up by.
const ANCHOR: usize = 32;
/// Sound that is kept unrecognized, at most: two minutes.
const MOST_KEPT: usize = 8000 * 120;
/// So much silence between two recordings begins a new line.
const NEW_LINE: usize = 8000 * 35 / 100;

type Anchor = [u8; ANCHOR];
/// A clip, its text, and where in it its anchor is.
type Known = (Arc<Clip>, Arc<str>, usize);

/// Listens for recordings.
pub struct Ear {
    law: Law,
    /// By the first sound of a clip: the clip, its text, and where in it that sound is.
    known: HashMap<Anchor, Vec<Known>>,
    heard: Vec<u8>,
    /// Up to here everything has been looked at.
    looked: usize,
    since_last: usize,
}

impl Ear {
    /// An ear that knows the recordings of a store.
    pub fn new(clips: &ClipStore, law: Law) -> Ear {
        let mut known: HashMap<Anchor, Vec<Known>> = HashMap::new();
        for (_, text, clip) in clips.iter() {
            if let Some((at, anchor)) = anchor_of(clip.bytes(law)) {
                known.entry(anchor).or_default().push((Arc::clone(clip), Arc::clone(text), at));
            }
        }
        // Of clips that begin alike the longest is meant if it fits.
        known.values_mut().for_each(|clips| clips.sort_by_key(|(clip, ..)| std::cmp::Reverse(clip.len())));
        Ear { law, known, heard: Vec::new(), looked: 0, since_last: NEW_LINE }
    }

    /// Takes a packet's payload; gives what has been recognized, with a line break before what follows a silence.
    pub fn hear(&mut self, payload: &[u8]) -> String {
        self.heard.extend_from_slice(payload);
        if self.heard.len() > MOST_KEPT {
            let forgotten = self.heard.len() - MOST_KEPT / 2;
            self.heard.drain(..forgotten);
            self.looked = self.looked.saturating_sub(forgotten);
        }
        self.look(false)
    }

    /// What was being said has stopped, or the call has ended.
    pub fn pause(&mut self) -> String {
        let found = self.look(true);
        self.heard.clear();
        self.looked = 0;
        self.since_last = NEW_LINE;
        found
    }

    fn look(&mut self, stopped: bool) -> String {
        let mut text = String::new();
        while let Some(anchor) = self.heard.get(self.looked..).and_then(<[u8]>::first_chunk::<ANCHOR>) {
            match self.found(anchor, stopped) {
                Found::Nothing => {
                    self.looked += 1;
                    self.since_last += 1;
                }
                Found::NotYet => break,
                Found::Clip { said, length, cut } => {
                    text.push_str(if self.since_last >= NEW_LINE { "\n" } else { " " });
                    text.push_str(&said);
                    text.push_str(if cut { " —" } else { "" });
                    self.looked += length;
                    self.since_last = 0;
                }
            }
        }
        let passed = self.looked.saturating_sub(8000);
        self.heard.drain(..passed);
        self.looked -= passed;
        text
    }

    fn found(&self, anchor: &Anchor, stopped: bool) -> Found {
        let Some(clips) = self.known.get(anchor) else { return Found::Nothing };
        for (clip, text, at) in clips {
            let Some(rest) = clip.bytes(self.law).get(*at..) else { continue };
            let heard = self.heard.get(self.looked..).unwrap_or_default();
            let both = rest.len().min(heard.len());
            if heard.get(..both) != rest.get(..both) {
                continue;
            }
            if both == rest.len() {
                return Found::Clip { said: Arc::clone(text), length: both, cut: false };
            }
            if !stopped {
                return Found::NotYet;
            }
            return Found::Clip { said: Arc::clone(text), length: both, cut: true };
        }
        Found::Nothing
    }
}

enum Found {
    Nothing,
    /// It begins like a recording, and more has to be heard.
    NotYet,
    Clip {
        said: Arc<str>,
        length: usize,
        cut: bool,
    },
}

/// The first bytes of a clip that are no silence, and where they are.
fn anchor_of(bytes: &[u8]) -> Option<(usize, Anchor)> {
    let first = bytes.first()?;
    let at =
        bytes.windows(ANCHOR).position(|window| window.iter().filter(|byte| *byte != first).count() > ANCHOR / 2)?;
    Some((at, *bytes.get(at..)?.first_chunk::<ANCHOR>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Form, Language};

    fn clip(tone: f64, samples: usize) -> Clip {
        let samples: Vec<i16> =
            (0..samples).map(|at| (8000.0 * (at as f64 * tone).sin() * (at as f64 * 0.0007).cos()) as i16).collect();
        Clip::from_samples(&samples)
    }

    #[test]
    fn recordings_are_recognized_wherever_they_begin() {
        let mut store = ClipStore::empty();
        for (text, tone, length) in [("one", 0.31, 3000), ("two", 0.47, 5000)] {
            store.insert(Language::En, text.into(), Form::Plain, clip(tone, length));
        }
        let mut ear = Ear::new(&store, Law::A);
        let silence = vec![Law::A.silence(); 4001];
        let sound: Vec<u8> = [
            &silence[..77],
            clip(0.47, 5000).bytes(Law::A),
            clip(0.31, 3000).bytes(Law::A),
            &silence,
            &clip(0.47, 5000).bytes(Law::A)[..2000],
        ]
        .concat();
        let mut heard: String = sound.chunks(160).map(|packet| ear.hear(packet)).collect();
        heard.push_str(&ear.pause());
        assert_eq!(heard, "\ntwo one\ntwo —");
    }
}
