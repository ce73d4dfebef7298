//! A person records texts, one after the other: what is shown, heard and kept, as a state machine. Time, keys and sound come
//! in as arguments; [`super::record`] carries it to a terminal and a sound card.
//!
//! ```text
//!              Enter                  Enter, or 3 minutes        fit to be played
//!   text shown ─────> 3 … 2 … 1 ───> listening ───────────────> played back ──k, Enter──> kept; next text
//!     ↑   ↑  └──s──> next text          │ not fit: why              │ p: again
//!     │   └─────────────────────────────┘                           │
//!     └────────────────────────────── r ────────────────────────────┘        q, Escape, Ctrl-C: the end, anywhere
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::audio::{Fitted, Sound, duration_of, fit};
use crate::facts::{Form, Moment};

/// The longest that is recorded in one go.
pub const LONGEST_TAKE: Duration = Duration::from_secs(180);
/// How often it is shown how loud it is.
const LEVEL_EVERY: Duration = Duration::from_millis(100);

/// A text to be read.
#[derive(Clone, Debug)]
pub struct Cue {
    /// What.
    pub text: Arc<str>,
    /// How.
    pub form: Form,
    /// The file it becomes.
    pub file: String,
    /// What the file says so far, where that is another text.
    pub was: Option<Arc<str>>,
    /// How long it may be expected to last; nothing, where any length will do.
    pub expected: Option<Duration>,
}

/// What the person presses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// Enter or the space bar: begins, ends, keeps.
    Go,
    /// `k`.
    Keep,
    /// `r`.
    Again,
    /// `p`.
    Play,
    /// `s`.
    Skip,
    /// `q`, Escape or Ctrl-C.
    Quit,
}

/// What is to be done.
#[derive(Debug)]
pub enum Act {
    /// A line is shown.
    Show(String),
    /// How long it has been recording, and the loudest sample since the last time: 1.0 is full scale.
    Level(Duration, f32),
    /// The microphone's sound is wanted from now on.
    Listen,
    /// It is not wanted any more.
    Ignore,
    /// A take is played back.
    Play(Vec<i16>),
    /// It is not to be played on.
    Hush,
    /// This text, by its place, has this recording.
    Keep(usize, Fitted),
    /// It is over.
    End,
}

enum State {
    /// The text is shown.
    Shown,
    /// Counting down to this moment.
    Counting {
        until: Moment,
        said: u64,
    },
    /// Since this moment.
    Listening {
        since: Moment,
        told: Moment,
        peak: f32,
        heard: Vec<f32>,
    },
    /// A take is judged.
    Judging(Fitted),
    Over,
}

/// A session in front of a microphone.
pub struct Studio {
    cues: Vec<Cue>,
    at: usize,
    state: State,
    rate: u32,
    countdown: Duration,
    acts: VecDeque<Act>,
}

impl Studio {
    /// A session for these texts. `rate`: the microphone's samples a second.
    pub fn new(cues: Vec<Cue>, rate: u32, countdown: Duration) -> Studio {
        let mut studio = Studio { cues, at: 0, state: State::Shown, rate, countdown, acts: VecDeque::new() };
        studio.show();
        studio
    }

    /// The next thing to do.
    pub fn poll_act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// A key.
    pub fn press(&mut self, now: Moment, press: Press) {
        let state = std::mem::replace(&mut self.state, State::Over);
        self.state = match (state, press) {
            (State::Over, _) => State::Over,
            (state, Press::Quit) => {
                self.leave(&state);
                self.acts.push_back(Act::End);
                State::Over
            }
            (State::Shown, Press::Go | Press::Again) => self.count(now),
            (State::Shown, Press::Skip) => return self.next(),
            (State::Listening { heard, .. }, Press::Go) => self.take(heard),
            (state @ (State::Listening { .. } | State::Counting { .. }), Press::Again) => {
                self.leave(&state);
                self.count(now)
            }
            (State::Judging(fitted), Press::Go | Press::Keep) => {
                self.acts.extend([Act::Hush, Act::Keep(self.at, fitted)]);
                return self.next();
            }
            (state @ State::Judging(_), Press::Again) => {
                self.leave(&state);
                self.count(now)
            }
            (State::Judging(fitted), Press::Play) => {
                self.acts.push_back(Act::Play(fitted.samples.clone()));
                State::Judging(fitted)
            }
            (state, Press::Skip) => {
                self.leave(&state);
                return self.next();
            }
            (state, _) => state,
        };
    }

    /// The microphone's sound.
    pub fn hear(&mut self, now: Moment, sound: &[f32]) {
        let State::Listening { told, peak, heard, since } = &mut self.state else { return };
        let most = usize::try_from(LONGEST_TAKE.as_secs() * u64::from(self.rate)).unwrap_or(usize::MAX);
        heard.extend(sound.iter().take(most.saturating_sub(heard.len())));
        *peak = sound.iter().fold(*peak, |peak, sample| peak.max(sample.abs()));
        if now.since(*told) >= LEVEL_EVERY {
            self.acts.push_back(Act::Level(now.since(*since), *peak));
            (*told, *peak) = (now, 0.0);
        }
        if heard.len() >= most {
            let heard = std::mem::take(heard);
            self.state = self.take(heard);
        }
    }

    /// Time passes: to be told some times a second.
    pub fn pass(&mut self, now: Moment) {
        let State::Counting { until, said } = self.state else { return };
        if now >= until {
            self.acts.extend([Act::Listen, Act::Show("speak now; Enter when you are done".into())]);
            self.state = State::Listening { since: now, told: now, peak: 0.0, heard: Vec::new() };
        } else {
            let left = until.since(now).as_millis().div_ceil(1000);
            let left = u64::try_from(left).unwrap_or(said);
            if left < said {
                self.acts.push_back(Act::Show(format!("{left} …")));
                self.state = State::Counting { until, said: left };
            }
        }
    }

    fn show(&mut self) {
        let Some(cue) = self.cues.get(self.at) else {
            self.state = State::Over;
            self.acts.push_back(Act::End);
            return;
        };
        let mut lines = vec![format!("\n{} of {}  {}", self.at + 1, self.cues.len(), cue.file)];
        lines.extend(cue.was.iter().map(|was| format!("  was: {was}")));
        lines.push(format!("\n    {}\n", cue.text));
        lines.extend(match cue.form {
            Form::Plain => None,
            Form::Inside => Some("  more follows it: the voice stays up".to_owned()),
            Form::Ending => Some("  it ends a number: the voice falls".to_owned()),
        });
        lines.push("Enter records, s leaves it, q ends".into());
        self.acts.push_back(Act::Show(lines.join("\n")));
        self.state = State::Shown;
    }

    fn next(&mut self) {
        self.at += 1;
        self.show();
    }

    fn count(&mut self, now: Moment) -> State {
        let seconds = self.countdown.as_secs();
        if seconds > 0 {
            self.acts.push_back(Act::Show(format!("{seconds} …")));
        }
        State::Counting { until: now + self.countdown, said: seconds }
    }

    /// What was heard is fitted and played back, or told to be unfit.
    fn take(&mut self, heard: Vec<f32>) -> State {
        self.acts.push_back(Act::Ignore);
        let expected = self.cues.get(self.at).and_then(|cue| cue.expected);
        match fit(&Sound { samples: heard, rate: self.rate }, expected) {
            Ok(fitted) => {
                let seconds = duration_of(fitted.samples.len()).as_secs_f64();
                self.acts.push_back(Act::Show(format!("{seconds:.1} s")));
                let doubts = fitted.doubts.iter().map(|doubt| Act::Show(format!("  {doubt}")));
                self.acts.extend(doubts);
                self.acts.push_back(Act::Play(fitted.samples.clone()));
                self.acts.push_back(Act::Show("k keeps it, r repeats, p plays it again, s leaves it".into()));
                State::Judging(fitted)
            }
            Err(fault) => {
                self.acts.push_back(Act::Show(format!("  {fault}\nEnter records it again, s leaves it, q ends")));
                State::Shown
            }
        }
    }

    /// What goes on in a state that is left ends.
    fn leave(&mut self, state: &State) {
        match state {
            State::Listening { .. } => self.acts.push_back(Act::Ignore),
            State::Judging(_) => self.acts.push_back(Act::Hush),
            State::Shown | State::Counting { .. } | State::Over => {}
        }
    }
}
