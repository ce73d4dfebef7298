//! What a call does, and what it may ask for.

use std::any::Any;

use crate::audio::Playlist;
use crate::facts::{Key, Moment};
use crate::rtp::{Due, KeyPlan};

/// Drives one call. Runs inside the call's worker: every method must return within microseconds, and never block.
///
/// Requests go into `out` and are carried out as soon as the method returns. A conductor that panics loses its call and
/// no other.
pub trait Conductor: Send {
    /// The call is up. Called once, first.
    fn start(&mut self, now: Moment, out: &mut Actions);

    /// The far end pressed a key, by whatever source: called once, as soon as the first of them tells of it.
    fn key(&mut self, now: Moment, key: Key, out: &mut Actions);

    /// The last of the [`Action::Play`] has been sent and heard. Another Play follows it without a gap. Not called for one
    /// that was stopped or replaced.
    fn played(&mut self, now: Moment, out: &mut Actions);

    /// Whether [`Conductor::heard`] is to be called. A conductor that listens only for keys leaves this as it is.
    fn listens(&self) -> bool {
        false
    }

    /// Sound from the far end, in the order it was sent in: a packet's payload, in the codec that was agreed on, which
    /// [`crate::audio::Decoder`] reads; or what never came.
    fn heard(&mut self, now: Moment, due: &Due<'_>) {
        let _ = (now, due);
    }

    /// All keys of the [`Action::SendKeys`] have been sent.
    fn keys_sent(&mut self, now: Moment, out: &mut Actions) {
        let _ = (now, out);
    }

    /// The moment of [`Conductor::wake_at`] has come.
    fn timeout(&mut self, now: Moment, out: &mut Actions);

    /// Someone sent a message through the call's [`super::Mailbox`].
    fn message(&mut self, now: Moment, message: Box<dyn Any + Send>, out: &mut Actions);

    /// The call has been ended by someone else: the far end, a time-out, a shutdown. The last call of all; not made after
    /// the conductor's own [`Action::HangUp`].
    fn hung_up(&mut self, now: Moment);

    /// When to call [`Conductor::timeout`]: asked after every other method. To the millisecond; at most one time-out a
    /// millisecond.
    fn wake_at(&self) -> Option<Moment>;
}

/// A request of a conductor.
#[derive(Debug)]
pub enum Action {
    /// Play this in place of what is playing. It begins within 20 ms.
    Play(Playlist),
    /// Be silent: not one more packet of sound is sent.
    Stop,
    /// Send these keys as telephone-events, after those being sent. What plays goes on in their gaps. Where no
    /// telephone-event type of the codec's clock was agreed on, none is sent, and they count as sent.
    SendKeys(KeyPlan),
    /// End the call: nothing more is sent, and [`super::MediaEvent::HangUp`] tells the call's owner.
    HangUp,
}

/// What a conductor has asked for, in order.
#[derive(Debug, Default)]
pub struct Actions(Vec<Action>);

impl Actions {
    /// Nothing asked for.
    pub fn new() -> Actions {
        Actions::default()
    }

    /// Asks for [`Action::Play`].
    pub fn play(&mut self, playlist: Playlist) {
        self.0.push(Action::Play(playlist));
    }

    /// Asks for [`Action::Stop`].
    pub fn stop(&mut self) {
        self.0.push(Action::Stop);
    }

    /// Asks for [`Action::SendKeys`].
    pub fn send_keys(&mut self, plan: KeyPlan) {
        self.0.push(Action::SendKeys(plan));
    }

    /// Asks for [`Action::HangUp`].
    pub fn hang_up(&mut self) {
        self.0.push(Action::HangUp);
    }

    /// Takes all that was asked for, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Action> + '_ {
        self.0.drain(..)
    }
}
