//! A [`Studio`] in a terminal: keys from the keyboard, sound from a microphone, what is shown on the screen.

use std::io::Write;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent};

use super::hands::now;
use super::keyboard::{Raw, ends, key_within};
use super::microphone::Microphone;
use super::speaker::Loudspeaker;
use super::studio::{Act, Press, Studio};
use crate::audio::Fitted;
use crate::facts::Moment;

/// How often the microphone is asked and time passes.
const LOOK: Duration = Duration::from_millis(20);
/// Symbols of the bar that shows how loud it is.
const BAR: usize = 30;
/// The quietest that the bar shows, in dB of full scale.
const QUIETEST: f32 = -60.0;

/// Who presses keys: a person at the keyboard, or a test.
pub trait Presses {
    /// What is pressed within so much time, if anything is.
    ///
    /// # Errors
    /// The keyboard is gone.
    fn within(&mut self, time: Duration) -> std::io::Result<Option<Press>>;
}

/// The terminal's keyboard, in raw mode as long as this is held.
pub struct Desk(Raw);

impl Desk {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// There is no terminal.
    pub fn open() -> std::io::Result<Desk> {
        Raw::begin().map(Desk)
    }
}

impl Presses for Desk {
    fn within(&mut self, time: Duration) -> std::io::Result<Option<Press>> {
        Ok(key_within(time)?.and_then(|event| press(&event)))
    }
}

fn press(event: &KeyEvent) -> Option<Press> {
    Some(match event.code {
        _ if ends(event) => Press::Quit,
        KeyCode::Enter | KeyCode::Char(' ') => Press::Go,
        KeyCode::Char('k') => Press::Keep,
        KeyCode::Char('r') => Press::Again,
        KeyCode::Char('p') => Press::Play,
        KeyCode::Char('s') => Press::Skip,
        KeyCode::Char('q') => Press::Quit,
        _ => return None,
    })
}

/// What a session is held with.
pub struct Equipment<'a> {
    /// Heard.
    pub microphone: &'a mut dyn Microphone,
    /// Played back by.
    pub loudspeaker: &'a mut dyn Loudspeaker,
    /// Pressed.
    pub keys: &'a mut dyn Presses,
    /// Shown on.
    pub screen: &'a mut dyn Write,
}

/// Holds a session until it is over. Each recording that is kept goes to `keep`, with its text's place, at once.
///
/// # Errors
/// The terminal or the microphone is gone; a recording cannot be kept.
pub fn record<E: From<std::io::Error>>(
    mut studio: Studio,
    with: Equipment<'_>,
    mut keep: impl FnMut(usize, Fitted) -> Result<(), E>,
) -> Result<(), E> {
    let Equipment { microphone, loudspeaker, keys, screen } = with;
    let begun = now();
    let (mut listening, mut sound, mut metered) = (false, Vec::new(), false);
    loop {
        while let Some(act) = studio.poll_act() {
            match act {
                Act::Show(text) => {
                    // After the bar, on a line of its own. In raw mode a line ends with a carriage return as well.
                    let apart = if std::mem::take(&mut metered) { "\r\n" } else { "" };
                    write!(screen, "{apart}{}\r\n", text.replace('\n', "\r\n"))?;
                }
                Act::Level(length, peak) => {
                    write!(screen, "\r{:5.1} s  {}", length.as_secs_f32(), bar(peak))?;
                    metered = true;
                }
                Act::Listen => {
                    // What came before is not wanted.
                    microphone.hear(&mut sound)?;
                    sound.clear();
                    listening = true;
                }
                Act::Ignore => listening = false,
                Act::Play(samples) => loudspeaker.begin(&samples),
                Act::Hush => loudspeaker.stop(),
                Act::Keep(place, fitted) => keep(place, fitted)?,
                Act::End => return Ok(()),
            }
            screen.flush()?;
        }
        let pressed = keys.within(LOOK)?;
        let at = Moment::ZERO + now().duration_since(begun);
        microphone.hear(&mut sound)?;
        if listening {
            studio.hear(at, &sound);
        }
        sound.clear();
        studio.pass(at);
        if let Some(pressed) = pressed {
            studio.press(at, pressed);
        }
    }
}

/// How loud it is, from -60 dB to full scale.
fn bar(peak: f32) -> String {
    let level = 20.0 * peak.max(1e-9).log10();
    let share = ((level - QUIETEST) / -QUIETEST).clamp(0.0, 1.0);
    let full = (share * BAR as f32).round() as usize;
    let too_loud = if peak >= 0.999 { " too loud" } else { "         " };
    format!("{}{}{too_loud}", "█".repeat(full), "·".repeat(BAR - full))
}
