//! Who holds the keypad: a script, or a person at the keyboard.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::keyboard::{Keyboard, Pressed};
use super::script::{Script, Step};
use crate::facts::Key;

/// Silence of the far end after which a script goes on.
const SILENT_FOR: Duration = Duration::from_millis(1000);
/// The longest a script waits for the far end to speak and fall silent.
const LONGEST_SILENCE: Duration = Duration::from_secs(120);
/// How often a script looks whether its step is done.
const LOOK: Duration = Duration::from_millis(50);

/// What the hands do.
pub(super) enum Deed {
    /// Press these keys, one after the other.
    Press(Vec<Key>),
    /// Hang up.
    HangUp,
}

/// Hands on a keypad.
pub(super) struct Hands {
    who: Who,
    /// Ctrl-C, and what a service manager sends: to hang up.
    told: [Signal; 2],
}

/// Whose hands.
enum Who {
    /// A script's.
    Scripted(Scripted),
    /// A person's.
    Person(Keyboard),
}

impl Hands {
    /// The script's hands; without one, those of the person at the keyboard.
    ///
    /// # Errors
    /// There is no terminal.
    pub(super) fn new(script: Option<Script>) -> std::io::Result<Hands> {
        let who = match script {
            Some(script) => Who::Scripted(Scripted::new(script)),
            None => Keyboard::open().map(Who::Person)?,
        };
        Ok(Hands { who, told: [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?] })
    }

    /// Whether the terminal is in raw mode now.
    pub(super) fn on_keyboard(&self) -> bool {
        matches!(self.who, Who::Person(_))
    }

    /// The far end has answered: a script begins.
    pub(super) fn answered(&mut self) {
        if let Who::Scripted(scripted) = &mut self.who {
            scripted.begun = now();
        }
    }

    /// Returns when it is hung up before anybody answered. May be dropped and called again.
    pub(super) async fn hang_up(&mut self) {
        let [interrupt, terminate] = &mut self.told;
        let by_key = async {
            match &mut self.who {
                Who::Person(keyboard) => {
                    while !matches!(keyboard.pressed.recv().await, Some(Pressed::HangUp) | None) {}
                }
                Who::Scripted(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = by_key => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }

    /// The next deed; never, when a script is at its end. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Deed {
        let [interrupt, terminate] = &mut self.told;
        tokio::select! {
            deed = self.who.next() => deed,
            _ = interrupt.recv() => Deed::HangUp,
            _ = terminate.recv() => Deed::HangUp,
        }
    }

    /// The far end is heard to speak.
    pub(super) fn spoken_to(&mut self) {
        if let Who::Scripted(scripted) = &mut self.who {
            scripted.spoke = Some(now());
        }
    }

    /// The keys of the last deed have all gone out.
    pub(super) fn keys_sent(&mut self) {
        if let Who::Scripted(scripted) = &mut self.who {
            scripted.keying = false;
            scripted.begun = now();
            scripted.spoke = None;
        }
    }
}

impl Who {
    async fn next(&mut self) -> Deed {
        match self {
            Who::Scripted(scripted) => scripted.next().await,
            Who::Person(keyboard) => match keyboard.pressed.recv().await {
                Some(Pressed::Key(key)) => Deed::Press(vec![key]),
                Some(Pressed::HangUp) => Deed::HangUp,
                None => std::future::pending().await,
            },
        }
    }
}

/// A script's hands.
pub(super) struct Scripted {
    steps: VecDeque<Step>,
    /// When the present step began.
    begun: Instant,
    /// Keys are being sent.
    keying: bool,
    /// When the far end was last heard to speak, since the last keys.
    spoke: Option<Instant>,
    look: tokio::time::Interval,
}

impl Scripted {
    fn new(script: Script) -> Scripted {
        let look = tokio::time::interval(LOOK);
        Scripted { steps: script.into(), begun: now(), keying: false, spoke: None, look }
    }

    async fn next(&mut self) -> Deed {
        loop {
            self.look.tick().await;
            if !self.is_done() {
                continue;
            }
            self.begun = now();
            if let Some(Step::Press(keys)) = self.steps.pop_front() {
                self.keying = true;
                return Deed::Press(keys);
            }
        }
    }

    fn is_done(&self) -> bool {
        let waited = now().duration_since(self.begun);
        match self.steps.front() {
            _ if self.keying => false,
            None => false,
            Some(Step::Wait(rest)) => waited >= *rest,
            Some(Step::Silence) => {
                self.spoke.is_some_and(|spoke| now().duration_since(spoke) >= SILENT_FOR) || waited >= LONGEST_SILENCE
            }
            Some(Step::Press(_)) => true,
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the phone lives in this machine's time")]
pub(super) fn now() -> Instant {
    Instant::now()
}
