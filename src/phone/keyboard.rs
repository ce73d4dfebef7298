//! The terminal's keyboard as a telephone's keypad.

use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, poll, read};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use tokio::sync::mpsc;

use crate::facts::Key;

/// What is pressed on the keyboard.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pressed {
    /// A key of the telephone.
    Key(Key),
    /// `h`, Escape or Ctrl-C: hang up.
    HangUp,
}

/// The keyboard in raw mode; dropped, the terminal is as it was.
pub(super) struct Keyboard {
    pub(super) pressed: mpsc::Receiver<Pressed>,
}

impl Keyboard {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// There is no terminal.
    pub(super) fn open() -> std::io::Result<Keyboard> {
        enable_raw_mode()?;
        let (sender, pressed) = mpsc::channel(64);
        std::thread::Builder::new().name("keyboard".into()).spawn(move || {
            while !sender.is_closed() {
                // A quarter of a second, so that the thread ends soon after the call.
                if !poll(Duration::from_millis(250)).unwrap_or(false) {
                    continue;
                }
                let Ok(Event::Key(event)) = read() else { continue };
                if event.kind != KeyEventKind::Press {
                    continue;
                }
                let pressed = match event.code {
                    KeyCode::Char('c') if event.modifiers.contains(KeyModifiers::CONTROL) => Some(Pressed::HangUp),
                    KeyCode::Char('h') | KeyCode::Esc => Some(Pressed::HangUp),
                    KeyCode::Char(symbol) => Key::from_char(symbol).map(Pressed::Key),
                    _ => None,
                };
                if let Some(pressed) = pressed {
                    // Full only if the call does not listen: then the key is lost, as on a telephone.
                    let _ = sender.try_send(pressed);
                }
            }
        })?;
        Ok(Keyboard { pressed })
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        let _ = disable_raw_mode();
    }
}
