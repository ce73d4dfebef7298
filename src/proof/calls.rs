//! From a way through the states to a test call: what the caller, the records and other telephones do on it, with waits where
//! a key is not pressed at the first opportunity. The call is played, so that its file is what `hotline test` plays again.

use std::time::Duration;

use super::shell::Act;
use super::walk::{Place, State, Walk};
use crate::dialogue::Doing;
use crate::facts::Fault;
use crate::records::Records;
use crate::simulate::{Action, Deed, Given, Played, RecordsSay, Scene, TestCall, play};

/// Waits are whole seconds where the moment that is waited for lasts for two or more, else tenths of them; in milliseconds.
const COARSE: u64 = 1000;
pub(super) const FINE: u64 = 100;

/// The deeds of a way that begins with the call.
pub(super) fn deeds(walk: &Walk, way: &[(Place, usize)]) -> Vec<Deed> {
    deeds_then(walk, way).0
}

/// The same, and what time must pass at the end for the last of it to happen.
pub(super) fn deeds_and_waits(walk: &Walk, way: &[(Place, usize)]) -> Vec<Deed> {
    let (mut deeds, left) = deeds_then(walk, way);
    deeds.extend(left.map(Deed::Wait));
    deeds
}

fn deeds_then(walk: &Walk, way: &[(Place, usize)]) -> (Vec<Deed>, Option<Duration>) {
    let mut deeds = Vec::new();
    let mut waited = Duration::ZERO;
    // Opportunities that were let pass since the last deed: a key awaited, a text begun.
    let (mut awaited, mut spoken) = (false, false);
    // Answers that were as usual since the last deed.
    let mut usual = 0;
    for (place, edge) in way {
        let (Some(state), Some(edge)) = (walk.states.get(*place), walk.edge((*place, *edge))) else { continue };
        let deed = match &edge.act {
            Act::Nothing => {
                waited += edge.takes;
                spoken |= state.speaks;
                awaited |= matches!(state.doing, Doing::Asking { .. }) && !state.speaks;
                continue;
            }
            Act::Records(None) => {
                waited += edge.takes;
                usual += 1;
                continue;
            }
            Act::Records(Some(say)) => {
                // Those before must be said as well, or this one would be taken for theirs.
                let before = std::iter::repeat_n(RecordsSay::After(Duration::ZERO), std::mem::take(&mut usual));
                deeds.extend(before.chain([*say]).map(Deed::Records));
                (waited, awaited, spoken) = (edge.takes, false, false);
                continue;
            }
            Act::Press(keys) => {
                if awaited {
                    deeds.push(Deed::Wait(round_up(waited, state)));
                }
                Deed::Press(keys.to_vec())
            }
            Act::AtOnce(key) => {
                if awaited || spoken {
                    deeds.push(Deed::Wait(round_up(waited, state)));
                }
                Deed::PressAtOnce(vec![*key])
            }
            Act::Transfer(outcome) => Deed::Transfer(*outcome),
        };
        deeds.push(deed);
        (waited, awaited, spoken, usual) = (Duration::ZERO, false, false, 0);
    }
    let left = (awaited || spoken).then(|| to_grain(waited, FINE));
    (deeds, left)
}

fn round_up(rest: Duration, until: &State) -> Duration {
    let lasts = until.edges.iter().find(|edge| edge.act == Act::Nothing).map_or(Duration::ZERO, |edge| edge.takes);
    let grain = if lasts >= Duration::from_secs(2) { COARSE } else { FINE };
    to_grain(rest, grain)
}

pub(super) fn to_grain(rest: Duration, grain: u64) -> Duration {
    let millis = u64::try_from(rest.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
    Duration::from_millis(millis.div_ceil(grain).saturating_mul(grain))
}

/// A test call of these deeds, under a comment.
pub(super) fn test_call(name: &str, why: &str, deeds: Vec<Deed>) -> TestCall {
    let action = |what: Deed| Action { line: what.line(), what, comments: Vec::new() };
    TestCall {
        name: name.into(),
        head: vec![format!("# {why}")],
        given: Given::default(),
        actions: deeds.into_iter().map(action).collect(),
        text: String::new(),
    }
}

/// Plays a call; its text is its transcript then.
pub(super) fn played(scene: &Scene, records: &dyn Records, mut call: TestCall) -> (TestCall, Played) {
    let played = play(scene, &call, records);
    call.text.clone_from(&played.transcript);
    (call, played)
}

/// A fault that a call shows.
pub(super) fn shown_by(fault: Fault, call: &TestCall) -> Fault {
    fault.example(&call.name, &call.text)
}
