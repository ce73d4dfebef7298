//! The terminal's keyboard as a telephone's keypad.

use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, poll, read};
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

/// The terminal in raw mode; dropped, it is as it was.
pub(super) struct Raw(());

impl Raw {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// There is no terminal.
    pub(super) fn begin() -> std::io::Result<Raw> {
        enable_raw_mode()?;
        Ok(Raw(()))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = disable_raw_mode();
    }
}

/// The key that is pressed within so much time, if one is.
///
/// # Errors
/// The terminal is gone.
pub(super) fn key_within(time: Duration) -> std::io::Result<Option<KeyEvent>> {
    if !poll(time)? {
        return Ok(None);
    }
    Ok(match read()? {
        Event::Key(event) if event.kind == KeyEventKind::Press => Some(event),
        _ => None,
    })
}

/// Whether a key says that it is enough: Escape or Ctrl-C.
pub(super) fn ends(event: &KeyEvent) -> bool {
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    event.code == KeyCode::Esc || control && event.code == KeyCode::Char('c')
}

/// The keyboard as a keypad.
pub(super) struct Keyboard {
    pub(super) pressed: mpsc::Receiver<Pressed>,
    _raw: Raw,
}

impl Keyboard {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// There is no terminal.
    pub(super) fn open() -> std::io::Result<Keyboard> {
        let raw = Raw::begin()?;
        let (sender, pressed) = mpsc::channel(64);
        std::thread::Builder::new().name("keyboard".into()).spawn(move || {
            while !sender.is_closed() {
                // A quarter of a second, so that the thread ends soon after the call.
                let Ok(Some(event)) = key_within(Duration::from_millis(250)) else { continue };
                let pressed = match event.code {
                    _ if ends(&event) => Some(Pressed::HangUp),
                    KeyCode::Char('h') => Some(Pressed::HangUp),
                    KeyCode::Char(symbol) => Key::from_char(symbol).map(Pressed::Key),
                    _ => None,
                };
                if let Some(pressed) = pressed {
                    // Full only if the call does not listen: then the key is lost, as on a telephone.
                    let _ = sender.try_send(pressed);
                }
            }
        })?;
        Ok(Keyboard { pressed, _raw: raw })
    }
}
