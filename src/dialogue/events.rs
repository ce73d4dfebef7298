//! What goes into a dialogue and what comes out of it.

use std::sync::Arc;
use std::time::Duration;

use crate::facts::{Key, Language, Query, Reply};
use crate::speech::{Line, Pace};

/// Something happened. A shell gives it to [`super::Dialogue::handle`] with the time it happened at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The call is up; the caller can hear.
    Answered,
    /// The caller pressed a key.
    Key(Key),
    /// What [`Output::Say`] asked for has been played to its end. One whose id is not the current one is ignored.
    SayingDone(SayingId),
    /// The moment that [`super::Dialogue::poll_timeout`] named has come.
    Timeout,
    /// The records have answered the last [`Output::LookUp`]. A late answer is ignored.
    LookedUp(Box<Reply>),
    /// What has become of the last [`Output::Transfer`]. A late one is ignored.
    TransferDone(Transferred),
    /// The caller has hung up, or the network has.
    HungUp,
}

/// Names one [`Output::Say`] of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SayingId(pub u64);

/// Something to do. A shell takes it from [`super::Dialogue::poll_output`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Say this now; whatever is being said ends.
    Say(Say),
    /// Be silent at once.
    StopSaying,
    /// Ask the records. One question is open at a time.
    LookUp(Query),
    /// Hand the call over to this `sip:`, `sips:` or `tel:` URI, and tell what becomes of it. One is under way at a time.
    Transfer(Arc<str>),
    /// The caller has come to a step (its name).
    Entered(Arc<str>),
    /// End the call. The last output there is.
    HangUp,
}

/// One thing to say without a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Say {
    /// Its name, for [`Input::SayingDone`].
    pub id: SayingId,
    /// At this pace.
    pub pace: Pace,
    /// These lines, in order, each in its language. Never empty.
    pub lines: Vec<(Language, Line)>,
}

/// What became of handing a call over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transferred {
    /// The other end has answered: the call is theirs.
    Answered,
    /// The other end is busy.
    Busy,
    /// Nobody answered in time.
    Unanswered,
    /// The caller's side or the other end will not or cannot.
    Refused,
}

/// What became of a call, for its record. Grows to a bound: a path of at most 256 steps, the first ones kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// The names of the steps, in order.
    pub path: Vec<Arc<str>>,
    /// When each of them was come to, since the call was answered.
    pub entered: Vec<Duration>,
    /// Steps that came after the 256th.
    pub path_cut: u32,
    /// The best thing that happened to the caller.
    pub outcome: Outcome,
    /// The language the call was in at its end.
    pub language: Language,
    /// How it ended; nothing while it runs.
    pub ending: Option<Ending>,
    /// Keys the caller pressed, as a count.
    pub keys: u32,
    /// Entries that were called wrong: no such choice, too short, no such date.
    pub wrong_entries: u32,
    /// When the caller first asked for a person, since the call was answered: `0` was pressed, or the menu handed over.
    pub person_asked: Option<Duration>,
    /// When a person answered, since the call was answered.
    pub person_answered: Option<Duration>,
}

impl Story {
    /// Of a call that has not begun.
    pub fn of(language: Language) -> Story {
        let (path, entered) = (Vec::new(), Vec::new());
        Story {
            path,
            entered,
            path_cut: 0,
            outcome: Outcome::Nothing,
            language,
            ending: None,
            keys: 0,
            wrong_entries: 0,
            person_asked: None,
            person_answered: None,
        }
    }
}

/// The best thing that happened to the caller, from worst to best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Nothing was chosen.
    #[default]
    Nothing,
    /// Numbers were keyed that did not match.
    NotVerified,
    /// Refused because of too many failures.
    Locked,
    /// The records did not answer.
    RecordsDown,
    /// Verified, but no result heard to its end.
    Verified,
    /// A result was heard to its end.
    Served,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Outcome; 6] = [
        Outcome::Nothing,
        Outcome::NotVerified,
        Outcome::Locked,
        Outcome::RecordsDown,
        Outcome::Verified,
        Outcome::Served,
    ];

    /// Its name in call records and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Nothing => "nothing",
            Outcome::NotVerified => "not-verified",
            Outcome::Locked => "locked",
            Outcome::RecordsDown => "records-down",
            Outcome::Verified => "verified",
            Outcome::Served => "served",
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The hotline said goodbye.
    HotlineHungUp,
    /// The caller hung up.
    CallerHungUp,
    /// It had lasted as long as a call may.
    LimitReached,
    /// It was handed over to another telephone.
    Transferred,
    /// The caller's side was gone without a word: nobody refreshed the session (RFC 4028).
    SessionExpired,
    /// The caller's side was gone without a word: neither RTP nor RTCP came any more.
    MediaTimedOut,
    /// The hotline could not go on.
    Failed,
}

impl Ending {
    /// Its name in call records.
    pub const fn name(self) -> &'static str {
        match self {
            Ending::HotlineHungUp => "hotline-hung-up",
            Ending::CallerHungUp => "caller-hung-up",
            Ending::LimitReached => "limit-reached",
            Ending::Transferred => "transferred",
            Ending::SessionExpired => "session-expired",
            Ending::MediaTimedOut => "media-timed-out",
            Ending::Failed => "failed",
        }
    }
}

/// What was wrong with an entry; each has a message of its own, an attribute of the question or of `common`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mistake {
    /// No such choice.
    NoMatch,
    /// Fewer keys than the field needs.
    TooShort,
    /// More keys than the field takes.
    TooLong,
    /// No area begins like this identity number.
    BadArea,
    /// The birth date in the identity number is none.
    BadDate,
    /// The identity number's check symbol is another.
    BadCheck,
    /// There are no records of that year or month.
    OutOfRange,
    /// The password is not the one that was keyed before.
    Unlike,
}

impl Mistake {
    /// The attribute that says so.
    pub const fn attribute(self) -> &'static str {
        match self {
            Mistake::NoMatch => "no-match",
            Mistake::TooShort => "too-short",
            Mistake::TooLong => "too-long",
            Mistake::BadArea => "bad-area",
            Mistake::BadDate => "bad-date",
            Mistake::BadCheck => "bad-check",
            Mistake::OutOfRange => "out-of-range",
            Mistake::Unlike => "unlike",
        }
    }
}
