//! What is marked on a picture: whatever its maker counted, step by step.

use std::collections::HashMap;
use std::sync::Arc;

/// What is marked on a menu. Without any, it is drawn plain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// What the marks tell, and of when: stands above the picture.
    pub caption: String,
    /// By the step's name. A step without one is drawn pale.
    pub steps: HashMap<Arc<str>, Mark>,
}

/// What is marked on a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The length of its bar, in percent of the longest: how much happened there.
    pub share: u8,
    /// What happened, in a few words.
    pub text: String,
    /// What should not have: at most two lines below it, in red.
    pub alarm: Option<String>,
}

impl Marks {
    /// Whether anything is marked.
    pub fn is_empty(&self) -> bool {
        self.caption.is_empty() && self.steps.is_empty()
    }
}
