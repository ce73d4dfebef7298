//! Plays a test call: the real dialogue, the real texts and recordings' lengths, made-up records, virtual time.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::transcript::{Action, Deed, RecordsSay, RecordsState, TestCall};
use crate::dialogue::{Caller, Dialogue, Input, Output, Say, SayingId, Story, Taken};
use crate::facts::{CallId, Key, Moment, Query, Reply, Secret};
use crate::menu::Menu;
use crate::records::Records;
use crate::speech::{Prompts, SaidLine};

/// From one key to the next.
pub(crate) const BETWEEN_KEYS: Duration = Duration::from_millis(200);
/// From the beginning of speech to a key pressed at once.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(300);
/// From handing over to what becomes of it.
pub(crate) const TO_THE_OTHER_END: Duration = Duration::from_secs(3);
/// Events after which a call is given up: none that ends comes near.
const MOST_EVENTS: u32 = 200_000;

/// What simulated calls are made with.
#[derive(Clone)]
pub struct Scene {
    /// The menu.
    pub menu: Arc<Menu>,
    /// Texts and recordings.
    pub prompts: Arc<Prompts>,
}

/// What happened in a test call.
#[derive(Clone, Debug)]
pub struct Played {
    /// The transcript, in the form of the file.
    pub transcript: String,
    /// Each call's length for its caller.
    pub lengths: Vec<Duration>,
    /// What became of each call.
    pub stories: Vec<Story>,
    /// What was taken, in order, over all calls.
    pub taken: Vec<Taken>,
}

/// Plays a test call against fresh records.
pub fn play(scene: &Scene, call: &TestCall, records: &dyn Records) -> Played {
    let mut played = Played { transcript: head(call), lengths: Vec::new(), stories: Vec::new(), taken: Vec::new() };
    let mut actions: VecDeque<&Action> = call.actions.iter().collect();
    let mut clock = call.given.clock;
    let mut answers_left = match call.given.records {
        RecordsState::DownAfter(answers) => Some(answers),
        _ => None,
    };
    loop {
        let held = begins_with_records(&actions);
        let mut live = Live::new(scene, call, records, clock, answers_left, held);
        let next = live.run(&mut actions);
        answers_left = live.answers_left;
        played.transcript.push_str(&live.transcript);
        played.lengths.push(live.now.since(Moment::ZERO));
        played.stories.push(live.dialogue.story().clone());
        played.taken.append(&mut live.dialogue.take_notes());
        let Some((rest, action)) = next else { return played };
        let _ = write!(played.transcript, "\n{}{}\n\n", comments(action), action.line);
        let later = live.now.since(Moment::ZERO) + rest;
        clock =
            jiff::SignedDuration::try_from(later).ok().and_then(|later| clock.checked_add(later).ok()).unwrap_or(clock);
    }
}

/// Whether the test call says what the records answer next.
fn begins_with_records(actions: &VecDeque<&Action>) -> bool {
    actions.front().is_some_and(|action| matches!(action.what, Deed::Records(_)))
}

fn head(call: &TestCall) -> String {
    let mut head = call.head.join("\n");
    head.push_str(if head.is_empty() { "" } else { "\n\n" });
    head
}

fn comments(action: &Action) -> String {
    action.comments.iter().map(|comment| format!("{comment}\n")).collect()
}

/// A call that runs.
struct Live<'a> {
    scene: &'a Scene,
    records: &'a dyn Records,
    state: RecordsState,
    answers_left: Option<u32>,
    clock: DateTime,
    now: Moment,
    dialogue: Dialogue,
    speech: Option<Speech>,
    pending: Option<(Moment, Reply)>,
    /// The next question to the records waits for the test call to say what is answered.
    held: bool,
    /// The question that waits for that, and since when.
    asked: Option<(Moment, Query)>,
    /// Since when the other end is being dialled.
    transfer: Option<Moment>,
    transcript: String,
    events: u32,
    hung_up: bool,
}

/// What is being said.
struct Speech {
    id: SayingId,
    begun: Moment,
    ends: Moment,
    lines: Vec<SaidLine>,
}

impl<'a> Live<'a> {
    fn new(
        scene: &'a Scene,
        call: &TestCall,
        records: &'a dyn Records,
        clock: DateTime,
        answers_left: Option<u32>,
        held: bool,
    ) -> Live<'a> {
        let number = call.given.caller.clone().map(Secret::new);
        // Each call of a file has a clock of its own.
        let began = Offset::constant(8).to_timestamp(clock).map_or(0, Timestamp::as_nanosecond);
        let caller = Caller { number, call: CallId::new(began.to_be_bytes()), ..Caller::unknown(clock.date()) };
        let mut live = Live {
            scene,
            records,
            state: call.given.records,
            answers_left,
            clock,
            now: Moment::ZERO,
            dialogue: Dialogue::new(Arc::clone(&scene.menu), caller),
            speech: None,
            pending: None,
            held,
            asked: None,
            transfer: None,
            transcript: String::new(),
            events: 0,
            hung_up: false,
        };
        live.dialogue.note();
        live.give(Input::Answered);
        live
    }

    /// Runs the call to its end, or to the line that begins another.
    fn run(&mut self, actions: &mut VecDeque<&'a Action>) -> Option<(Duration, &'a Action)> {
        while let Some(action) = actions.pop_front() {
            if let Deed::NextCall(rest) = action.what {
                self.run_out();
                return Some((rest, action));
            }
            self.prepare(&action.what);
            if self.over() {
                // The call has ended before the caller could do this: the file is wrong, and the difference shows it.
                continue;
            }
            let _ = writeln!(self.transcript, "{}{}", comments(action), action.line);
            self.held = begins_with_records(actions);
            self.act(&action.what);
        }
        self.run_out();
        None
    }

    /// Lets time pass until the deed's moment.
    fn prepare(&mut self, deed: &Deed) {
        match deed {
            Deed::Press(_) | Deed::HangUp => self.until_asked(),
            Deed::PressAtOnce(_) => {
                while self.speech.is_none() && !self.dialogue.awaits_a_key() && !self.over() {
                    if !self.next_event(None) {
                        return;
                    }
                }
                if let Some(speech) = &self.speech {
                    let at = speech.begun + AT_ONCE;
                    self.until(at);
                }
            }
            Deed::Transfer(_) => {
                while self.transfer.is_none() && self.next_event(None) {}
                if let Some(begun) = self.transfer {
                    self.until(begun + TO_THE_OTHER_END);
                }
            }
            Deed::Records(_) => while self.asked.is_none() && self.next_event(None) {},
            Deed::Wait(_) | Deed::HangUpAtOnce | Deed::NextCall(_) => {}
        }
    }

    fn act(&mut self, deed: &Deed) {
        match deed {
            Deed::Press(keys) | Deed::PressAtOnce(keys) => self.press(keys),
            Deed::Wait(rest) => {
                let until = self.now + *rest;
                self.until(until);
                self.now = self.now.max(until);
            }
            Deed::HangUp | Deed::HangUpAtOnce => {
                self.cut();
                self.hung_up = true;
                self.give(Input::HungUp);
            }
            Deed::Transfer(outcome) => {
                self.transfer = None;
                self.give(Input::TransferDone(*outcome));
            }
            Deed::Records(say) => self.answer_as_told(*say),
            Deed::NextCall(_) => {}
        }
    }

    fn press(&mut self, keys: &[Key]) {
        for (place, key) in keys.iter().enumerate() {
            if place > 0 {
                let at = self.now + BETWEEN_KEYS;
                self.until(at);
                self.now = self.now.max(at);
            }
            self.give(Input::Key(*key));
        }
    }

    fn until_asked(&mut self) {
        while !self.dialogue.awaits_a_key() && self.next_event(None) {}
    }

    fn until(&mut self, at: Moment) {
        while self.next_event(Some(at)) {}
        if !self.over() {
            self.now = self.now.max(at);
        }
    }

    fn run_out(&mut self) {
        while self.next_event(None) {}
    }

    fn over(&self) -> bool {
        self.hung_up || self.dialogue.is_over()
    }

    /// Lets the next event happen, if there is one until then.
    fn next_event(&mut self, until: Option<Moment>) -> bool {
        self.events += 1;
        if self.over() || self.events > MOST_EVENTS {
            return false;
        }
        let said = self.speech.as_ref().map(|speech| speech.ends);
        let answered = self.pending.as_ref().map(|(at, _)| *at);
        let wake = self.dialogue.poll_timeout();
        let Some(first) = [said, answered, wake].into_iter().flatten().min() else { return false };
        if until.is_some_and(|until| first > until) {
            return false;
        }
        self.now = self.now.max(first);
        if answered == Some(first) {
            if let Some((_, reply)) = self.pending.take() {
                self.give(Input::LookedUp(Box::new(reply)));
            }
        } else if said == Some(first) {
            if let Some(speech) = self.speech.take() {
                self.write(&speech.lines, None);
                self.give(Input::SayingDone(speech.id));
            }
        } else {
            self.give(Input::Timeout);
        }
        true
    }

    fn give(&mut self, input: Input) {
        self.dialogue.handle(self.now, input);
        while let Some(output) = self.dialogue.poll_output() {
            match output {
                Output::Say(say) => self.begin(&say),
                Output::StopSaying => self.cut(),
                Output::LookUp(query) => self.look_up(query),
                Output::Transfer(to) => {
                    self.transfer = Some(self.now);
                    let _ = writeln!(self.transcript, "Hotline hands the call over to {to}");
                }
                Output::Entered(_) => {}
                Output::HangUp => {
                    self.cut();
                    self.transcript.push_str("Hotline hangs up\n");
                }
            }
        }
    }

    fn begin(&mut self, say: &Say) {
        self.cut();
        let said = self.scene.prompts.say(&say.lines, say.pace);
        let ends = self.now + said.length();
        self.speech = Some(Speech { id: say.id, begun: self.now, ends, lines: said.lines });
    }

    /// What was being said ends here.
    fn cut(&mut self) {
        if let Some(speech) = self.speech.take() {
            self.write(&speech.lines, Some(self.now.since(speech.begun)));
        }
    }

    /// Writes what was heard: all of it, or as much as was said in so long.
    fn write(&mut self, lines: &[SaidLine], heard: Option<Duration>) {
        let mut begins = Duration::ZERO;
        let language = self.dialogue.story().language;
        for line in lines {
            let cut = heard.is_some_and(|heard| heard < begins + line.length);
            if heard.is_some_and(|heard| heard <= begins) && !begins.is_zero() {
                break;
            }
            begins += line.length;
            let other = if line.language == language { String::new() } else { format!(", {}", line.language) };
            let short = if cut { ", cut short" } else { "" };
            let _ = writeln!(self.transcript, "Hotline ({}{other}{short}): {}", line.message, line.text);
        }
    }

    fn look_up(&mut self, query: Query) {
        if self.held {
            self.asked = Some((self.now, query));
            return;
        }
        let reply = match (self.state, &mut self.answers_left) {
            (RecordsState::Down, _) | (_, Some(0)) => return,
            (_, left) => {
                if let Some(left) = left {
                    *left -= 1;
                }
                self.records.answer(&query, self.wall_clock()).unwrap_or(Reply::Unavailable)
            }
        };
        let rest = match self.state {
            RecordsState::Slow(rest) => rest,
            _ => Duration::ZERO,
        };
        self.pending = Some((self.now + rest, reply));
    }

    /// The open question is answered as the test call says.
    fn answer_as_told(&mut self, say: RecordsSay) {
        let Some((begun, query)) = self.asked.take() else { return };
        let answer = match say {
            RecordsSay::After(rest) => {
                (begun + rest, self.records.answer(&query, self.wall_clock()).unwrap_or(Reply::Unavailable))
            }
            say => match say.reply() {
                Some(reply) => (self.now, reply),
                None => return,
            },
        };
        self.pending = Some(answer);
    }

    fn wall_clock(&self) -> Timestamp {
        let begun = Offset::constant(8).to_timestamp(self.clock).unwrap_or(Timestamp::UNIX_EPOCH);
        let passed = jiff::SignedDuration::try_from(self.now.since(Moment::ZERO)).unwrap_or_default();
        begun.checked_add(passed).unwrap_or(begun)
    }
}
