//! Hotline: a telephone hotline engine.
//!
//! A caller dials, recorded prompts play, the caller keys an ID number and a social security number, is verified against
//! the records, and hears balance and payment history read back. One [`dialogue::Dialogue`] carries every call, whatever
//! shell it runs in.
//!
//! Read the rooms from the top; each uses only those below it.
//!
//! ```text
//!   cli        the commands, a file each
//!   bench      load makers and measurements
//!   node       a running hotline: configuration, start, drain, call records
//!   proof      every call of a menu, walked in virtual time: what is proven, refuted, untested
//!   telephony  phone  simulate        shells: SIP + RTP; this terminal; virtual time. Never one another.
//!   records    the insured and their payments, behind a trait
//!   import     menus of FreeSWITCH and Asterisk, as menus of ours: text in, text out
//!   drawing    a menu as a picture, with what happened in it
//!   dialogue   one call as a state machine: Input in, Output out; no I/O, no clock
//!   menu       the voice-menu language: parse, check, compile
//!   speech     message + values + language -> clips
//!   media      every call's sound and keys, on threads of its own
//!   sip  rtp   user agent, offer/answer; packets, telephone-event
//!   audio      samples, G.711, WAV, the clip store
//!   facts      keys, money, months, identity numbers, secrets, what records answer
//! ```

#![deny(clippy::print_stdout, reason = "a reader who has gone is no mistake of the program: write, and heed the error")]

pub mod audio;
pub mod bench;
pub mod cli;
pub mod dialogue;
pub mod drawing;
pub mod facts;
pub mod import;
pub mod media;
pub mod menu;
pub mod node;
pub mod phone;
pub mod proof;
pub mod records;
pub mod rtp;
pub mod simulate;
pub mod sip;
pub mod speech;
pub mod telephony;
