//! A dialogue inside its media worker: outputs become actions, events become inputs.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::trace::{LookUps, LookedUp};
use crate::dialogue::{Dialogue, Input, Output, SayingId, Story, Transferred};
use crate::facts::{CallId, Key, Moment, PersonRef, Query, Reply};
use crate::media::{Actions, Conductor, Mailbox, MediaEvent, MediaStats};
use crate::records::RecordsPool;
use crate::speech::Prompts;

/// What became of a call, left by its conductor for the call's record.
pub(super) type Ended = Arc<Mutex<Option<(Story, Option<PersonRef>)>>>;

/// Takes what the conductor has left.
pub(super) fn take(ended: &Ended) -> Option<(Story, Option<PersonRef>)> {
    ended.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// What a call's task is told by its media and its dialogue. Small: a channel keeps 32 places from its beginning.
pub(super) enum Told {
    /// The dialogue wants the call to be given to somebody else.
    Transfer(Arc<str>),
    /// See [`MediaEvent`].
    HangUp,
    TimedOut,
    Ended(Box<MediaStats>),
}

impl From<MediaEvent> for Told {
    fn from(event: MediaEvent) -> Told {
        match event {
            MediaEvent::HangUp => Told::HangUp,
            MediaEvent::TimedOut => Told::TimedOut,
            MediaEvent::Ended(stats) => Told::Ended(Box::new(stats)),
        }
    }
}

/// Drives one caller's call.
pub(super) struct CallerConductor {
    call: CallId,
    dialogue: Dialogue,
    prompts: Arc<Prompts>,
    records: Arc<RecordsPool>,
    /// Where it is noted what the records were asked, if anybody follows the call.
    look_ups: Option<LookUps>,
    mailbox: Mailbox,
    /// How long a look-up may take; the dialogue gives up by itself, this spares the database what nobody waits for.
    deadline: Duration,
    saying: Option<SayingId>,
    /// Steps that the call has come to.
    steps: usize,
    /// To the call's task, which holds its dialog.
    transfers: mpsc::Sender<Told>,
    ended: Ended,
}

impl CallerConductor {
    #[allow(clippy::too_many_arguments, reason = "what a call is made of, each once")]
    pub(super) fn new(
        call: CallId,
        dialogue: Dialogue,
        prompts: Arc<Prompts>,
        records: Arc<RecordsPool>,
        look_ups: Option<LookUps>,
        mailbox: Mailbox,
        deadline: Duration,
        transfers: mpsc::Sender<Told>,
        ended: Ended,
    ) -> CallerConductor {
        CallerConductor {
            call,
            dialogue,
            prompts,
            records,
            look_ups,
            mailbox,
            deadline,
            saying: None,
            steps: 0,
            transfers,
            ended,
        }
    }

    fn give(&mut self, now: Moment, input: Input, out: &mut Actions) {
        self.dialogue.handle(now, input);
        while let Some(output) = self.dialogue.poll_output() {
            match output {
                Output::Say(say) => {
                    let said = self.prompts.say(&say.lines, say.pace);
                    if said.missing > 0 {
                        tracing::warn!(texts = said.missing, "texts without a recording were left silent");
                    }
                    self.saying = Some(say.id);
                    out.play(said.playlist);
                }
                Output::StopSaying => {
                    self.saying = None;
                    out.stop();
                }
                Output::LookUp(query) => self.look_up(query),
                // One is under way at a time, so there is room; if not, the dialogue's own patience ends it.
                Output::Transfer(to) => drop(self.transfers.try_send(Told::Transfer(to))),
                Output::Entered(step) => {
                    self.steps = self.steps.saturating_add(1);
                    tracing::debug!(call = %self.call, %step, "step");
                }
                Output::HangUp => {
                    self.leave_story();
                    out.hang_up();
                }
            }
        }
    }

    #[allow(clippy::disallowed_methods, reason = "the shell's clock: records count lock-outs in the time of the day")]
    fn look_up(&self, query: Query) {
        let mailbox = self.mailbox.clone();
        let (asked, expires) = (Timestamp::now(), Instant::now() + self.deadline);
        let step = self.steps.saturating_sub(1);
        let noted = self.look_ups.clone().map(|look_ups| (look_ups, query.name()));
        self.records.ask(self.call, query, asked, expires, move |reply| {
            if let Some((look_ups, what)) = noted {
                let outcome = reply.name();
                look_ups.add(LookedUp { step, what, asked, answered: Timestamp::now(), outcome });
            }
            // The call may have ended meanwhile: then nobody waits.
            let _ = mailbox.send(Box::new(reply));
        });
    }

    fn leave_story(&self) {
        let story = (self.dialogue.story().clone(), self.dialogue.verified());
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(story);
    }
}

impl Conductor for CallerConductor {
    fn start(&mut self, now: Moment, out: &mut Actions) {
        self.give(now, Input::Answered, out);
    }

    fn key(&mut self, now: Moment, key: Key, out: &mut Actions) {
        self.give(now, Input::Key(key), out);
    }

    fn played(&mut self, now: Moment, out: &mut Actions) {
        if let Some(id) = self.saying.take() {
            self.give(now, Input::SayingDone(id), out);
        }
    }

    fn timeout(&mut self, now: Moment, out: &mut Actions) {
        self.give(now, Input::Timeout, out);
    }

    fn message(&mut self, now: Moment, message: Box<dyn Any + Send>, out: &mut Actions) {
        match message.downcast::<Reply>() {
            Ok(reply) => self.give(now, Input::LookedUp(reply), out),
            Err(message) => {
                if let Ok(end) = message.downcast::<Transferred>() {
                    self.give(now, Input::TransferDone(*end), out);
                }
            }
        }
    }

    fn hung_up(&mut self, now: Moment) {
        self.dialogue.handle(now, Input::HungUp);
        self.leave_story();
    }

    fn wake_at(&self) -> Option<Moment> {
        self.dialogue.poll_timeout()
    }
}
