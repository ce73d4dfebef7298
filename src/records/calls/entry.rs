//! One call as it is kept: who called is masked and hashed, whose record it was is hashed, what was keyed is a count.

use serde::{Deserialize, Serialize};

use super::{CallRecord, name, utc};
use crate::dialogue::{Ending, Story};
use crate::facts::{CallerNumber, KeySource, hex};
use crate::records::keyed::{Kind, Pepper};

/// Bytes of a path at most.
const MOST_PATH: usize = 4_096;

/// A row of the call record. Hashes are hexadecimal digits, times UTC as in `2026-11-25T04:22:00.123Z`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEntry {
    /// The call's name, as in traces and the audit log: 32 hexadecimal digits.
    pub call_id: String,
    /// When it began to ring.
    pub started: String,
    /// When it was answered; nothing if it never was.
    pub answered: Option<String>,
    /// When it ended.
    pub ended: String,
    /// From answered to ended; 0 if it never was.
    pub duration_ms: i64,
    /// The number dialled.
    pub called: String,
    /// The caller's number, all but its last two symbols `*`.
    pub caller_masked: Option<String>,
    /// Its keyed hash.
    pub caller_hash: Option<String>,
    /// The menu's name.
    pub menu: String,
    /// The steps' names, joined by ` > `.
    pub path: String,
    /// Steps left out at the path's end.
    pub path_cut: u32,
    /// When the steps were come to: milliseconds since it was answered, as many as the path has names.
    pub path_ms: Option<String>,
    /// The best thing that happened to the caller.
    pub outcome: String,
    /// How it ended; nothing if it was broken off.
    pub ending: Option<String>,
    /// BCP 47.
    pub language: String,
    /// The keyed hash of the verified person.
    pub person_hash: Option<String>,
    /// How many keys, never which.
    pub keys: u32,
    /// The keyed hash of the SIP Call-ID.
    pub sip_call_hash: Option<String>,
    /// Packets from the caller that did not come.
    pub rtp_lost: Option<u32>,
    /// RFC 3550 interarrival jitter at the call's end, in microseconds.
    pub rtp_jitter_us: Option<u32>,
    /// Keys by RTP's telephone-events.
    pub keys_rfc4733: Option<u32>,
    /// Keys by SIP INFO.
    pub keys_info: Option<u32>,
    /// Keys as tones in the sound.
    pub keys_in_band: Option<u32>,
    /// Of all these, those that came by another way too.
    pub keys_twice: Option<u32>,
    /// The trunk that brought it.
    pub trunk: Option<String>,
    /// The version of menus and prompts that served it.
    pub version: Option<String>,
    /// From answered until a person was asked for.
    pub person_asked_ms: Option<u64>,
    /// From answered until a person answered.
    pub person_answered_ms: Option<u64>,
    /// Whether the same caller had called within 24 hours before.
    pub repeated: bool,
}

impl CallEntry {
    /// What is kept of a call, but for whether it is a repeated one.
    pub(super) fn of(record: &CallRecord, pepper: &Pepper) -> CallEntry {
        let story = &record.story;
        let answered = record.answered.unwrap_or(record.ended);
        let (path, path_cut) = path(story);
        let caller = record.caller.as_ref().map(CallerNumber::reveal).filter(|caller| !caller.is_empty());
        let hash = |kind, value: &[u8]| hex(&pepper.hash(kind, value).0);
        let keys_by = |source| record.answered.map(|_| record.keys.of(source));
        let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        CallEntry {
            call_id: record.call.to_string(),
            started: utc(record.started),
            answered: record.answered.map(utc),
            ended: utc(record.ended),
            duration_ms: record.ended.as_millisecond().saturating_sub(answered.as_millisecond()).max(0),
            called: name(&record.called),
            caller_masked: caller.map(|caller| masked(caller)),
            caller_hash: caller.map(|caller| hash(Kind::Caller, caller.as_bytes())),
            menu: name(&record.menu),
            path_ms: record.answered.map(|_| path_ms(story, path_cut)),
            path,
            path_cut,
            outcome: story.outcome.name().to_owned(),
            ending: story.ending.map(|ending| Ending::name(ending).to_owned()),
            language: story.language.tag().to_owned(),
            person_hash: record.person.map(|person| hash(Kind::Person, &person.0.to_be_bytes())),
            keys: story.keys,
            sip_call_hash: record.sip_call_id.as_ref().map(|id| hash(Kind::SipCall, id.as_bytes())),
            rtp_lost: record.rtp_lost,
            rtp_jitter_us: record.rtp_jitter_us,
            keys_rfc4733: keys_by(KeySource::Rfc4733),
            keys_info: keys_by(KeySource::Info),
            keys_in_band: keys_by(KeySource::InBand),
            keys_twice: record.answered.map(|_| record.keys.twice),
            trunk: record.trunk.as_deref().map(name),
            version: record.version.as_deref().map(name),
            person_asked_ms: story.person_asked.map(millis),
            person_answered_ms: story.person_answered.map(millis),
            repeated: false,
        }
    }

    /// The step that the call was in at its end, where the whole path is known.
    pub fn last_step(&self) -> Option<&str> {
        let last = self.path.rsplit(" > ").next().filter(|step| !step.is_empty());
        last.filter(|_| self.path_cut == 0)
    }
}

/// The steps' names, as many as fit whole, and how many do not.
fn path(story: &Story) -> (String, u32) {
    let mut path = String::new();
    let mut fitting = 0;
    for step in &story.path {
        let joint = if path.is_empty() { "" } else { " > " };
        if path.len() + joint.len() + step.len() > MOST_PATH {
            break;
        }
        path.push_str(joint);
        path.push_str(step);
        fitting += 1;
    }
    let left_out = u32::try_from(story.path.len() - fitting).unwrap_or(u32::MAX);
    (path, left_out.saturating_add(story.path_cut))
}

/// When the steps of the path were come to, for as many as it has.
fn path_ms(story: &Story, cut: u32) -> String {
    let left_out = cut.saturating_sub(story.path_cut) as usize;
    let times = story.entered.iter().take(story.path.len().saturating_sub(left_out));
    times.map(|time| time.as_millis().to_string()).collect::<Vec<_>>().join(" ")
}

/// `*********78`: the last two symbols of five or more, none of fewer. At most 32 symbols.
pub(crate) fn masked(number: &str) -> String {
    let length = number.chars().take(32).count();
    let shown = if length >= 5 { 2 } else { 0 };
    let symbols = number.chars().take(32).enumerate();
    symbols.map(|(place, symbol)| if place + shown >= length { symbol } else { '*' }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::facts::Language;

    #[test]
    fn numbers_are_masked_but_for_two() {
        for (number, expected) in [
            ("13912345678", "*********78"),
            ("+8613912345678", "************78"),
            ("12345", "***45"),
            ("1001", "****"),
            ("", ""),
            ("号码一二三四", "****三四"),
        ] {
            assert_eq!(masked(number), expected);
        }
        assert_eq!(masked(&"7".repeat(100)).len(), 32);
    }

    #[test]
    fn a_long_path_is_cut_between_steps() {
        let step: Arc<str> = "s".repeat(97).into();
        let mut story = Story {
            path: vec![step; 60],
            entered: (0..60).map(Duration::from_secs).collect(),
            path_cut: 5,
            ..Story::of(Language::En)
        };
        let (text, cut) = path(&story);
        assert_eq!(path_ms(&story, cut).split(' ').count(), text.split(" > ").count());
        assert_eq!((text.len(), cut), (3_997, 25));
        assert!(text.ends_with('s'));
        story.path = vec!["x".repeat(5_000).into(), "main".into()];
        assert_eq!(path(&story), (String::new(), 7));
    }
}
