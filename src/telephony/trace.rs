//! What a call was, told once as it ends, for those who follow single calls. Nothing of its caller is in it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::failure::Failure;
use crate::dialogue::Story;
use crate::facts::CallId;
use crate::media::MediaStats;

/// Look-ups of a call that are told; further ones are not.
const MOST_LOOK_UPS: usize = 64;

/// A call from its INVITE to its end.
#[derive(Clone, Debug)]
pub struct CallTrace {
    /// Its name.
    pub call: CallId,
    /// When its INVITE came.
    pub started: Timestamp,
    /// When its answer was acknowledged; nothing if it never was.
    pub answered: Option<Timestamp>,
    /// When it was over.
    pub ended: Timestamp,
    /// The name of the trunk that brought it.
    pub trunk: Option<Arc<str>>,
    /// The menu's name; nothing where it was refused before.
    pub menu: Option<String>,
    /// The dialogue's own account; nothing where it was refused before.
    pub story: Option<Story>,
    /// Why it was refused or cut off.
    pub failure: Option<Failure>,
    /// Its packets.
    pub media: Option<MediaStats>,
    /// What the records were asked, in order.
    pub look_ups: Vec<LookedUp>,
}

/// One question to the records.
#[derive(Clone, Copy, Debug)]
pub struct LookedUp {
    /// In which step: its place in the call's path.
    pub step: usize,
    /// What was asked.
    pub what: &'static str,
    /// When.
    pub asked: Timestamp,
    /// When the answer came.
    pub answered: Timestamp,
    /// What it was, without anything that is in it.
    pub outcome: &'static str,
}

/// Who is told of whole calls. Must not block.
pub trait CallTraces: Send + Sync {
    /// A call is over.
    fn ended(&self, trace: CallTrace);
}

/// The look-ups of a call under way.
#[derive(Clone, Debug, Default)]
pub(super) struct LookUps(Arc<Mutex<Vec<LookedUp>>>);

impl LookUps {
    pub(super) fn add(&self, look_up: LookedUp) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < MOST_LOOK_UPS {
            told.push(look_up);
        }
    }

    pub(super) fn take(&self) -> Vec<LookedUp> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl CallTrace {
    /// The steps with the times from and to which the call was in them.
    pub fn steps(&self) -> Vec<(Arc<str>, Timestamp, Timestamp)> {
        let (Some(answered), Some(story)) = (self.answered, &self.story) else { return Vec::new() };
        let at = |after: Duration| answered.checked_add(after).unwrap_or(self.ended).min(self.ended);
        let entered: Vec<Timestamp> = story.entered.iter().map(|after| at(*after)).collect();
        let left = entered.iter().skip(1).copied().chain([self.ended]);
        let steps = story.path.iter().zip(&entered).zip(left);
        steps.map(|((step, entered), left)| (Arc::clone(step), *entered, left.max(*entered))).collect()
    }
}
