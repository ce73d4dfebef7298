//! A call without a line: the dialogue runs in this process, its text beside its sound.
//!
//! ```text
//!   20 ms:  |  keys due --> Dialogue <-- timer due, reply of the records
//!           |                  | Say: clips
//!           |  160 samples --> loudspeaker, recording;   a line of text when its sound begins
//! ```
//!
//! Sound passes through A-law as on a line, so that what is heard and recorded here is what a telephone would get.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::dialling::{CallEnd, LONGEST_RECORDING, PhoneFault};
use super::hands::{Deed, Hands, now};
use super::script::Script;
use super::speaker::Speaker;
use super::transcript::Transcript;
use crate::audio::{Law, Playlist, samples_in};
use crate::dialogue::{Caller, Dialogue, Input, Output, Say, SayingId, Transferred};
use crate::facts::{CallId, Moment, Query, Reply};
use crate::menu::Menu;
use crate::records::RecordsPool;
use crate::speech::{Prompts, SaidLine};

/// One beat of sound.
const TICK: Duration = Duration::from_millis(20);
/// From one key of an entry to the next, in ticks: as keys are sent on a line.
const KEY_TICKS: u32 = 8;
/// Keys that wait to be pressed, at most; further ones are lost.
const MOST_KEYS: usize = 256;

/// What to call in this process, and how.
pub struct LocalCall {
    /// The hotline.
    pub menu: Arc<Menu>,
    /// Its texts and recordings.
    pub prompts: Arc<Prompts>,
    /// Its records.
    pub records: RecordsPool,
    /// Who calls, and on which day.
    pub caller: Caller,
    /// Who holds the keypad: a script, or the keyboard.
    pub script: Option<Script>,
    /// The loudspeaker.
    pub speaker: Speaker,
}

/// Calls, and stays until the call has ended. Each line goes to `transcript` as it begins to sound; what was heard comes
/// back with how the call ended, as 8 kHz samples.
///
/// # Errors
/// There is no terminal, or nothing can be written to it.
pub async fn call_locally(call: LocalCall, transcript: &mut dyn Write) -> Result<(CallEnd, Vec<i16>), PhoneFault> {
    let mut hands = Hands::new(call.script)?;
    let (sender, mut replies) = mpsc::channel(4);
    let mut line = Line {
        call: call.caller.call,
        deadline: call.menu.look_up_deadline,
        dialogue: Dialogue::new(call.menu, call.caller),
        prompts: call.prompts,
        records: call.records,
        replies: sender,
        begun: now(),
        saying: None,
        transcript: Transcript::new(transcript, hands.on_keyboard()),
        transferring: false,
        hung_up: false,
    };
    let mut keys = VecDeque::new();
    let mut ticks_to_key = 0_u32;
    let mut heard = Vec::new();
    let mut tick = tokio::time::interval(TICK);
    line.give(Input::Answered);
    while !line.dialogue.is_over() {
        tokio::select! {
            _ = tick.tick() => {
                ticks_to_key = ticks_to_key.saturating_sub(1);
                if ticks_to_key == 0 && let Some(key) = keys.pop_front() {
                    line.give(Input::Key(key));
                    ticks_to_key = KEY_TICKS;
                    if keys.is_empty() {
                        hands.keys_sent();
                    }
                }
                let sound = line.tick()?;
                if line.saying.is_some() {
                    hands.spoken_to();
                }
                if heard.len() < LONGEST_RECORDING {
                    heard.extend_from_slice(&sound);
                }
                call.speaker.play(sound.into_iter());
            }
            Some(reply) = replies.recv() => line.give(Input::LookedUp(reply)),
            deed = hands.next() => match deed {
                Deed::Press(pressed) => {
                    line.cut()?;
                    line.transcript.pressed(&pressed)?;
                    keys.extend(pressed.into_iter().take(MOST_KEYS.saturating_sub(keys.len())));
                }
                Deed::HangUp => {
                    line.cut()?;
                    line.hung_up = true;
                    line.give(Input::HungUp);
                }
            },
        }
    }
    line.transcript.end()?;
    Ok((if line.hung_up { CallEnd::HungUp } else { CallEnd::FarEnd }, heard))
}

/// The line that is none: the dialogue and what it is saying.
struct Line<'a> {
    dialogue: Dialogue,
    prompts: Arc<Prompts>,
    call: CallId,
    records: RecordsPool,
    deadline: Duration,
    replies: mpsc::Sender<Box<Reply>>,
    begun: Instant,
    saying: Option<Saying>,
    transcript: Transcript<'a>,
    /// The dialogue hands the call over.
    transferring: bool,
    hung_up: bool,
}

/// What is being said.
struct Saying {
    id: SayingId,
    playlist: Playlist,
    /// Samples that have sounded.
    played: usize,
    /// Lines that have not begun, each with the sample it begins at.
    lines: VecDeque<(usize, SaidLine)>,
    /// The sample at which the line last begun ends.
    line_ends: usize,
}

impl Saying {
    fn new(id: SayingId, playlist: Playlist, lines: Vec<SaidLine>) -> Saying {
        let mut begins = 0_usize;
        let lines = lines.into_iter().map(|line| {
            let at = begins;
            begins = begins.saturating_add(samples_in(line.length));
            (at, line)
        });
        let lines = lines.collect();
        Saying { id, playlist, played: 0, lines, line_ends: 0 }
    }
}

impl Line<'_> {
    /// Lets 20 ms pass: their sound.
    fn tick(&mut self) -> Result<Vec<i16>, PhoneFault> {
        let now = self.now();
        if self.dialogue.poll_timeout().is_some_and(|wake| wake <= now) {
            self.give(Input::Timeout);
        }
        let mut packet = [Law::A.silence(); 160];
        if let Some(saying) = &mut self.saying {
            while let Some((_, line)) = saying.lines.pop_front_if(|(begins, _)| *begins <= saying.played) {
                self.transcript.heard(&format!("\n{}", line.text))?;
                saying.line_ends = saying.played.saturating_add(samples_in(line.length));
            }
            saying.played = saying.played.saturating_add(saying.playlist.fill(Law::A, &mut packet));
            if saying.playlist.is_done() {
                let id = saying.id;
                self.saying = None;
                self.give(Input::SayingDone(id));
                // Nobody else is in this process: the caller hears what a refused transfer leads to.
                if std::mem::take(&mut self.transferring) {
                    self.give(Input::TransferDone(Transferred::Refused));
                }
            }
        }
        Ok(packet.iter().map(|sample| Law::A.decode(*sample)).collect())
    }

    fn give(&mut self, input: Input) {
        self.dialogue.handle(self.now(), input);
        while let Some(output) = self.dialogue.poll_output() {
            match output {
                Output::Say(say) => self.say(&say),
                Output::StopSaying | Output::HangUp => self.saying = None,
                Output::LookUp(query) => self.look_up(query),
                Output::Transfer(_) => self.transferring = true,
                Output::Entered(_) => {}
            }
        }
    }

    fn say(&mut self, say: &Say) {
        let said = self.prompts.say(&say.lines, say.pace);
        self.saying = Some(Saying::new(say.id, said.playlist, said.lines));
    }

    /// Marks the line that is sounding as broken off.
    fn cut(&mut self) -> Result<(), PhoneFault> {
        if let Some(saying) = &mut self.saying
            && saying.played < saying.line_ends
        {
            saying.line_ends = 0;
            self.transcript.heard(" —")?;
        }
        Ok(())
    }

    #[allow(clippy::disallowed_methods, reason = "the shell's clock: records count lock-outs in the time of the day")]
    fn look_up(&self, query: Query) {
        let replies = self.replies.clone();
        let expires = now() + self.deadline;
        self.records.ask(self.call, query, Timestamp::now(), expires, move |reply| {
            // One question is open at a time, so there is room; the call may have ended meanwhile.
            let _ = replies.try_send(Box::new(reply));
        });
    }

    fn now(&self) -> Moment {
        Moment::ZERO + now().duration_since(self.begun)
    }
}
