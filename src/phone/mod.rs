//! A telephone in a terminal: the shell for people and scripts that dial without a telephone.
//!
//! ```text
//!   keyboard, script ──> keys ──RFC 4733──>           far end
//!   loudspeaker (cpal), WAV file, transcript <──RTP── (a hotline, or any SIP telephone)
//! ```
//!
//! or, without a line at all: keyboard, script ──> the dialogue in this process ──> loudspeaker, WAV file, transcript
//! ([`call_locally`]).
//!
//! Or it is a recording studio: a person reads texts into the microphone, one after the other ([`Studio`]).
//!
//! Recordings that this machine has too are recognized in the sound, byte for byte, so that a call made without ears has
//! a transcript ([`Ear`]).

mod dialling;
mod ear;
mod hands;
mod keyboard;
mod local;
mod microphone;
mod recording;
mod script;
mod speaker;
mod studio;
mod transcript;

pub use dialling::{Call, CallEnd, PhoneFault, dial};
pub use ear::Ear;
pub use local::{LocalCall, call_locally};
pub use microphone::{Microphone, NoMicrophone, SoundCard};
pub use recording::{Desk, Equipment, Presses, record};
pub use script::{Script, ScriptFault, Step, parse as parse_script};
pub use speaker::{Loudspeaker, Speaker};
pub use studio::{Act, Cue, LONGEST_TAKE, Press, Studio};

/// Without a sound card the library below writes its complaints into the transcript; here nobody reads them.
#[cfg(feature = "sound-card")]
fn quiet() {
    #[cfg(target_os = "linux")]
    let _ = alsa::Output::local_error_handler();
}
