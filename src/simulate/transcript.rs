//! The text of a test call: parsed into what is given and what the caller does, and written back from what happened.
//!
//! | line | meaning |
//! |---|---|
//! | `# …` | a comment; kept |
//! | `Given clock 2026-11-20 09:30` | the hotline's clock when the call begins |
//! | `Given caller 13900000001` | the caller's number; without it the number is withheld |
//! | `Given records demo` | the made-up people; `down`: no answer comes; `slow 3s`: each takes so long; `down after 1`: the first one answers |
//! | `Caller presses 110105…#` | once the hotline waits for a key: keys 200 ms apart |
//! | `Caller presses 2 at once` | 300 ms after the hotline has begun to speak next, or now if it speaks |
//! | `Caller waits 12s` | does nothing for so long |
//! | `Caller hangs up` | once the hotline waits for a key |
//! | `Caller hangs up at once` | now |
//! | `Records answer locked` | what the records answer to the question that is open: `matched`, `initial` (a password to be changed), `unmatched`, `locked`, `weak run` (or `equal-digits`, `birthday`, `part-of-id`), `too-many` (cases), `unavailable`, `nothing`, or what they would, `after 3s`; not theirs to say without this line |
//! | `Transfer busy` | what becomes of handing the call over: `answered`, `busy`, `unanswered`, `refused` |
//! | `Next call after 31m` | the same records and locks, another call so much later |
//! | `Hotline …` | what was heard |

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::{Date, DateTime, date};

use crate::dialogue::Transferred;
use crate::facts::{Fault, Key, PersonRef, Reply, Weakness, parse_duration};

/// Minutes that are left of a lock which a test call says there is.
const LOCKED_MINUTES: u32 = 30;
/// The largest file read, in bytes.
const LARGEST: usize = 256 * 1024;
/// The most actions of a file.
const MOST_ACTIONS: usize = 2_000;

/// A test call as its file has it.
#[derive(Clone, Debug)]
pub struct TestCall {
    /// The file's name without its folder and ending.
    pub name: String,
    /// Comment lines at the top, and the `Given` lines, as they were written.
    pub head: Vec<String>,
    /// What is given.
    pub given: Given,
    /// What the caller does, in order.
    pub actions: Vec<Action>,
    /// The whole text, for the comparison.
    pub text: String,
}

/// What holds when a call begins.
#[derive(Clone, Debug)]
pub struct Given {
    /// The hotline's clock.
    pub clock: DateTime,
    /// The caller's number, if it is not withheld.
    pub caller: Option<String>,
    /// How the records do.
    pub records: RecordsState,
}

impl Default for Given {
    fn default() -> Given {
        Given { clock: DEFAULT_DAY.at(9, 30, 0, 0), caller: None, records: RecordsState::Demo }
    }
}

const DEFAULT_DAY: Date = date(2026, 11, 20);

/// How the records do in a test call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordsState {
    /// They answer at once.
    Demo,
    /// They never answer.
    Down,
    /// Each answer takes so long.
    Slow(Duration),
    /// So many answers come, then none.
    DownAfter(u32),
}

/// One line of what the caller does, with the comments before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// What.
    pub what: Deed,
    /// The line as it was written.
    pub line: String,
    /// Comment lines that stood before it.
    pub comments: Vec<String>,
}

/// What a caller does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Presses keys once the hotline waits.
    Press(Vec<Key>),
    /// Presses keys while the hotline speaks.
    PressAtOnce(Vec<Key>),
    /// Does nothing for so long.
    Wait(Duration),
    /// Hangs up once the hotline waits.
    HangUp,
    /// Hangs up now.
    HangUpAtOnce,
    /// Not the caller's: three seconds after the hotline began to hand the call over, this becomes of it.
    Transfer(Transferred),
    /// Not the caller's: this is answered to the question that is open, in place of what the records hold.
    Records(RecordsSay),
    /// This call is over (or is hung up); another begins so much later.
    NextCall(Duration),
}

/// What the records answer where a test call says it for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordsSay {
    /// The numbers are one person's: the first of the made-up people's.
    Matched,
    /// So they are, and the password is the one that person was given.
    Initial,
    /// They are not.
    Unmatched,
    /// A new password is too easy to guess.
    Weak(Weakness),
    /// There were too many failures; half an hour is left.
    Locked,
    /// There were too many cases.
    TooMany,
    /// They cannot answer.
    Unavailable,
    /// Nothing: no answer comes.
    Nothing,
    /// What they hold, after so long.
    After(Duration),
}

impl RecordsSay {
    const WORDS: [(&'static str, RecordsSay); 11] = [
        ("matched", RecordsSay::Matched),
        ("initial", RecordsSay::Initial),
        ("weak equal-digits", RecordsSay::Weak(Weakness::EqualDigits)),
        ("weak run", RecordsSay::Weak(Weakness::Run)),
        ("weak birthday", RecordsSay::Weak(Weakness::Birthday)),
        ("weak part-of-id", RecordsSay::Weak(Weakness::PartOfId)),
        ("unmatched", RecordsSay::Unmatched),
        ("locked", RecordsSay::Locked),
        ("too-many", RecordsSay::TooMany),
        ("unavailable", RecordsSay::Unavailable),
        ("nothing", RecordsSay::Nothing),
    ];

    /// The reply that it stands for; nothing for none, and for what the records hold.
    pub(crate) fn reply(self) -> Option<Reply> {
        match self {
            RecordsSay::Matched => Some(Reply::Matched(PersonRef(1))),
            RecordsSay::Initial => Some(Reply::InitialPassword(PersonRef(1))),
            RecordsSay::Unmatched => Some(Reply::Unmatched),
            RecordsSay::Weak(weakness) => Some(Reply::PasswordWeak(weakness)),
            RecordsSay::Locked => Some(Reply::Locked { minutes: LOCKED_MINUTES }),
            RecordsSay::TooMany => Some(Reply::TooManyCases),
            RecordsSay::Unavailable => Some(Reply::Unavailable),
            RecordsSay::Nothing | RecordsSay::After(_) => None,
        }
    }

    fn read(text: &str) -> Option<RecordsSay> {
        let word = RecordsSay::WORDS.iter().find(|(word, _)| *word == text).map(|(_, say)| *say);
        word.or_else(|| text.strip_prefix("after ").and_then(parse_duration).map(RecordsSay::After))
    }
}

impl Deed {
    /// The line that a test call says it with.
    pub fn line(&self) -> String {
        let keyed = |keys: &[Key]| keys.iter().map(|key| key.symbol()).collect::<String>();
        match self {
            Deed::Press(keys) => format!("Caller presses {}", keyed(keys)),
            Deed::PressAtOnce(keys) => format!("Caller presses {} at once", keyed(keys)),
            Deed::Wait(rest) => format!("Caller waits {}", written(*rest)),
            Deed::HangUp => "Caller hangs up".into(),
            Deed::HangUpAtOnce => "Caller hangs up at once".into(),
            Deed::Transfer(Transferred::Answered) => "Transfer answered".into(),
            Deed::Transfer(Transferred::Busy) => "Transfer busy".into(),
            Deed::Transfer(Transferred::Unanswered) => "Transfer unanswered".into(),
            Deed::Transfer(Transferred::Refused) => "Transfer refused".into(),
            Deed::Records(RecordsSay::After(rest)) => format!("Records answer after {}", written(*rest)),
            Deed::Records(say) => {
                let word = RecordsSay::WORDS.iter().find(|(_, other)| other == say);
                format!("Records answer {}", word.map_or("", |(word, _)| word))
            }
            Deed::NextCall(rest) => format!("Next call after {}", written(*rest)),
        }
    }
}

fn written(rest: Duration) -> String {
    let millis = rest.as_millis();
    if millis.is_multiple_of(1000) { format!("{}s", millis / 1000) } else { format!("{millis}ms") }
}

/// Reads a test call.
///
/// # Errors
/// Every line that means nothing, with what could have been meant.
pub fn parse(file: &str, name: &str, text: &str) -> Result<TestCall, Vec<Fault>> {
    let mut reader = Reader { faults: Vec::new(), file, source: Arc::from(text) };
    let mut call = TestCall {
        name: name.to_owned(),
        head: Vec::new(),
        given: Given::default(),
        actions: Vec::new(),
        text: text.to_owned(),
    };
    if text.len() > LARGEST {
        reader.fault(0..0, "the file is larger than 256 KiB", "split it into several calls");
        return Err(reader.faults);
    }
    let mut comments = Vec::new();
    let mut at = 0;
    for raw in text.split_inclusive('\n') {
        let place = at..at + raw.trim_end().len();
        at += raw.len();
        let line = raw.trim_end();
        if line.is_empty() || line.starts_with("Hotline") || line.starts_with("  ") {
            continue;
        }
        if line.starts_with('#') {
            if call.actions.is_empty() && !call.head.iter().any(|line| line.starts_with("Given")) {
                call.head.push(line.to_owned());
            } else {
                comments.push(line.to_owned());
            }
        } else if let Some(given) = line.strip_prefix("Given ") {
            reader.given(given, place, &mut call.given);
            call.head.push(line.to_owned());
        } else if let Some(what) = reader.deed(line, place) {
            call.actions.push(Action { what, line: line.to_owned(), comments: std::mem::take(&mut comments) });
        }
    }
    if call.actions.len() > MOST_ACTIONS {
        reader.fault(0..0, "the call has more than 2,000 actions", "split it into several calls");
    }
    if reader.faults.is_empty() { Ok(call) } else { Err(reader.faults) }
}

struct Reader<'a> {
    faults: Vec<Fault>,
    file: &'a str,
    source: Arc<str>,
}

impl Reader<'_> {
    fn fault(&mut self, place: std::ops::Range<usize>, message: &str, hint: &str) {
        self.faults.push(Fault::error(self.file, &self.source, place, message).hint(hint));
    }

    fn given(&mut self, line: &str, place: std::ops::Range<usize>, given: &mut Given) {
        let (what, value) = line.split_once(' ').unwrap_or((line, ""));
        let value = value.trim();
        match what {
            "clock" => match value.replace(' ', "T").parse() {
                Ok(clock) => given.clock = clock,
                Err(_) => {
                    self.fault(place, "this is no date and time", "write it as in `Given clock 2026-11-20 09:30`")
                }
            },
            "caller" if (1..=32).contains(&value.len()) => given.caller = Some(value.to_owned()),
            "caller" => self.fault(place, "a caller's number has 1 to 32 symbols", "as in `Given caller 13900000001`"),
            "records" => match records_state(value) {
                Some(state) => given.records = state,
                None => self.fault(
                    place,
                    "records are in no such state",
                    "`Given records demo`, `down`, `slow 3s` or `down after 1`",
                ),
            },
            _ => self.fault(place, "nothing of this name can be given", "`clock`, `caller` and `records` can"),
        }
    }

    fn deed(&mut self, line: &str, place: std::ops::Range<usize>) -> Option<Deed> {
        let deed = match line {
            "Caller hangs up" => Some(Deed::HangUp),
            "Caller hangs up at once" => Some(Deed::HangUpAtOnce),
            "Transfer answered" => Some(Deed::Transfer(Transferred::Answered)),
            "Transfer busy" => Some(Deed::Transfer(Transferred::Busy)),
            "Transfer unanswered" => Some(Deed::Transfer(Transferred::Unanswered)),
            "Transfer refused" => Some(Deed::Transfer(Transferred::Refused)),
            _ => None,
        }
        .or_else(|| line.strip_prefix("Caller presses ").and_then(press))
        .or_else(|| line.strip_prefix("Caller waits ").and_then(parse_duration).map(Deed::Wait))
        .or_else(|| line.strip_prefix("Records answer ").and_then(RecordsSay::read).map(Deed::Records))
        .or_else(|| line.strip_prefix("Next call after ").and_then(parse_duration).map(Deed::NextCall));
        if deed.is_none() {
            self.fault(
                place,
                "this line means nothing in a test call",
                "a line is `Caller presses 12#`, `Caller presses 2 at once`, `Caller waits 12s`, `Caller hangs up`, \
                 `Transfer answered` (or busy, unanswered, refused), `Records answer locked` (or matched, unmatched, \
                 unavailable, nothing, after 3s), `Next call after 31m`, `Given …`, `Hotline …` or a comment after `#`",
            );
        }
        deed
    }
}

fn press(text: &str) -> Option<Deed> {
    let (keys, at_once) = match text.strip_suffix(" at once") {
        Some(keys) => (keys, true),
        None => (text, false),
    };
    let keys: Option<Vec<Key>> = keys.chars().filter(|symbol| *symbol != ' ').map(Key::from_char).collect();
    let keys = keys.filter(|keys| (1..=128).contains(&keys.len()))?;
    Some(if at_once { Deed::PressAtOnce(keys) } else { Deed::Press(keys) })
}

fn records_state(value: &str) -> Option<RecordsState> {
    match value {
        "demo" => Some(RecordsState::Demo),
        "down" => Some(RecordsState::Down),
        _ => value
            .strip_prefix("slow ")
            .and_then(parse_duration)
            .map(RecordsState::Slow)
            .or_else(|| value.strip_prefix("down after ")?.trim().parse().ok().map(RecordsState::DownAfter)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_read_line_by_line() {
        let text = "# Why\nGiven records slow 3s\nGiven clock 2026-01-02 03:04\n\nHotline (a): b\n# then\nCaller presses 1 2* at once\nCaller waits 12s\nNext call after 31m\nCaller hangs up\n";
        let call = parse("a.call", "a", text).expect("a call");
        assert_eq!(call.given.records, RecordsState::Slow(Duration::from_secs(3)));
        assert_eq!(call.given.clock, date(2026, 1, 2).at(3, 4, 0, 0));
        let deeds: Vec<_> = call.actions.iter().map(|action| action.what.clone()).collect();
        assert_eq!(
            deeds,
            [
                Deed::PressAtOnce(vec![Key::Digit(1), Key::Digit(2), Key::Star]),
                Deed::Wait(Duration::from_secs(12)),
                Deed::NextCall(Duration::from_secs(31 * 60)),
                Deed::HangUp,
            ]
        );
        assert_eq!(call.actions[0].comments, ["# then"]);
        assert_eq!(call.head, ["# Why", "Given records slow 3s", "Given clock 2026-01-02 03:04"]);
    }

    #[test]
    fn every_deed_is_read_back_from_its_line() {
        let rest = Duration::from_millis(1_500);
        let keys = vec![Key::Digit(1), Key::Star, Key::Hash];
        let mut deeds = vec![
            Deed::Press(keys.clone()),
            Deed::PressAtOnce(keys),
            Deed::Wait(rest),
            Deed::HangUp,
            Deed::HangUpAtOnce,
            Deed::Records(RecordsSay::After(rest)),
            Deed::NextCall(Duration::from_secs(60)),
        ];
        deeds.extend(RecordsSay::WORDS.map(|(_, say)| Deed::Records(say)));
        use Transferred::{Answered, Busy, Refused, Unanswered};
        deeds.extend([Answered, Busy, Unanswered, Refused].map(Deed::Transfer));
        for deed in deeds {
            let call = parse("a.call", "a", &deed.line()).expect("a call");
            assert_eq!(call.actions[0].what, deed, "{}", deed.line());
        }
    }

    #[test]
    fn every_line_that_means_nothing_is_reported() {
        let faults = parse("a.call", "a", "Caller sings\nGiven x\nCaller presses\nCaller waits 3 weeks\n").unwrap_err();
        assert_eq!(faults.len(), 4);
    }
}
