//! What a phone without hands presses: `s 1 w5 119999198503150010# s 9`.
//!
//! | step | meaning |
//! |---|---|
//! | `w5`, `w0.5` | waits so many seconds |
//! | `s` | waits until the far end has spoken and been silent for a second |
//! | `12#` | presses these keys |

use std::time::Duration;

use crate::facts::Key;

/// The most steps of a script.
const MOST_STEPS: usize = 1000;
/// The most keys of one step.
const MOST_KEYS: usize = 128;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Waits.
    Wait(Duration),
    /// Waits for the far end to fall silent.
    Silence,
    /// Presses keys.
    Press(Vec<Key>),
}

/// Steps in order.
pub type Script = Vec<Step>;

/// A step that means nothing. Keys may be secret: only its place is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("step {place} means nothing: a step is keys (0-9 * # A-D), w and seconds, or s to wait for silence")]
pub struct ScriptFault {
    /// Which, from 1.
    pub place: usize,
}

/// Reads a script.
///
/// # Errors
/// The first step that means nothing, or the 1001st.
pub fn parse(text: &str) -> Result<Script, ScriptFault> {
    let steps = text.split_whitespace().enumerate();
    steps
        .map(|(place, word)| {
            let fault = ScriptFault { place: place + 1 };
            if place >= MOST_STEPS { Err(fault) } else { step(word).ok_or(fault) }
        })
        .collect()
}

fn step(word: &str) -> Option<Step> {
    if word == "s" {
        return Some(Step::Silence);
    }
    if let Some(seconds) = word.strip_prefix('w') {
        let (whole, part) = seconds.split_once('.').unwrap_or((seconds, "0"));
        let (whole, tenths): (u64, u64) = (whole.parse().ok()?, part.parse().ok().filter(|_| part.len() == 1)?);
        return (whole <= 3600).then(|| Step::Wait(Duration::from_millis(whole * 1000 + tenths * 100)));
    }
    let keys: Option<Vec<Key>> = word.chars().map(Key::from_char).collect();
    keys.filter(|keys| keys.len() <= MOST_KEYS).map(Step::Press)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_steps_between_spaces() {
        let expected = vec![
            Step::Silence,
            Step::Press(vec![Key::Digit(1)]),
            Step::Wait(Duration::from_millis(2500)),
            Step::Press(vec![Key::Star, Key::Hash]),
        ];
        assert_eq!(parse(" s 1 w2.5 *# "), Ok(expected));
        assert_eq!(parse("1 x"), Err(ScriptFault { place: 2 }));
        assert_eq!(parse("w"), Err(ScriptFault { place: 1 }));
    }
}
