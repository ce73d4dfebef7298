//! One call out: INVITE, sound and keys both ways, BYE.

use std::any::Any;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::ear::Ear;
use super::keyboard::{Keyboard, Pressed};
use super::script::{Script, Step};
use super::speaker::Speaker;
use crate::audio::{ClipStore, Codec, Playlist};
use crate::facts::{Key, Moment};
use crate::media::{Actions, Conductor, EngineConfig, EventType, Leg, MediaEngine, MediaEvent, MediaParams};
use crate::rtp::KeyPlan;
use crate::sip::sdp::{self, Local, Negotiated};
use crate::sip::{Agent, AgentConfig, CallEvent, DialingEvent, EndCause};

/// Silence of the far end after which a script goes on.
const SILENT_FOR: Duration = Duration::from_millis(1000);
/// The longest a script waits for the far end to speak and fall silent.
const LONGEST_SILENCE: Duration = Duration::from_secs(120);
/// The longest recording of a call: an hour.
const LONGEST_RECORDING: usize = 8000 * 3600;
/// How often a script looks whether its step is done.
const LOOK: Duration = Duration::from_millis(50);

/// What to dial and how.
pub struct Call<'a> {
    /// As in `sip:12333@127.0.0.1:5060`.
    pub target: &'a str,
    /// The number to call from.
    pub from: &'a str,
    /// Who holds the keypad: a script, or the keyboard.
    pub script: Option<Script>,
    /// Recordings to recognize.
    pub clips: Option<&'a ClipStore>,
    /// The loudspeaker.
    pub speaker: Speaker,
    /// Only this law is offered, if one is named.
    pub codec: Option<Codec>,
}

/// How a call ended.
#[derive(Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// The far end hung up.
    FarEnd,
    /// This end hung up.
    HungUp,
    /// The far end did not take it: status and words.
    Refused(u16, String),
}

/// Why a call could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PhoneFault {
    /// The SIP agent does not start.
    #[error(transparent)]
    Agent(#[from] crate::sip::agent::StartFault),
    /// The target cannot be dialled.
    #[error(transparent)]
    Dial(#[from] crate::sip::agent::DialFault),
    /// No sockets for sound.
    #[error(transparent)]
    Media(#[from] crate::media::MediaError),
    /// The far end's answer has nothing that can be played here.
    #[error("the far end answers with sound that cannot be played here: PCMA and PCMU can")]
    NoCommonMedia,
    /// The terminal or a file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Something from the call's media worker.
enum Heard {
    Sound(Vec<u8>),
    KeysSent,
    Far(MediaEvent),
}

/// The phone's side of the sound: what is heard is handed on, what is keyed is sent.
struct PhoneConductor {
    heard: mpsc::Sender<Heard>,
}

impl Conductor for PhoneConductor {
    fn start(&mut self, _: Moment, out: &mut Actions) {
        // A packet of silence opens the way through NAT, and lets the far end latch.
        let mut silence = Playlist::default();
        silence.push_pause(Duration::from_millis(40));
        out.play(silence);
    }

    fn key(&mut self, _: Moment, _: Key, _: &mut Actions) {}

    fn played(&mut self, _: Moment, _: &mut Actions) {}

    fn heard(&mut self, _: Moment, payload: &[u8]) {
        // Full only if this program stands still: then sound is lost, as on a bad line.
        let _ = self.heard.try_send(Heard::Sound(payload.to_vec()));
    }

    fn keys_sent(&mut self, _: Moment, _: &mut Actions) {
        let _ = self.heard.try_send(Heard::KeysSent);
    }

    fn timeout(&mut self, _: Moment, _: &mut Actions) {}

    fn message(&mut self, _: Moment, message: Box<dyn Any + Send>, out: &mut Actions) {
        if let Ok(keys) = message.downcast::<KeyPlan>() {
            out.send_keys(*keys);
        }
    }

    fn hung_up(&mut self, _: Moment) {}

    fn wake_at(&self) -> Option<Moment> {
        None
    }
}

/// Dials, and stays until the call has ended. What is recognized goes to `transcript`; what was heard comes back with
/// how the call ended, as 8 kHz samples.
///
/// # Errors
/// [`PhoneFault`]: there was no call then.
pub async fn dial(call: Call<'_>, transcript: &mut dyn Write) -> Result<(CallEnd, Vec<i16>), PhoneFault> {
    let (sender, _incoming) = mpsc::channel(1);
    let (agent, addresses) =
        Agent::start(AgentConfig::new(vec![SocketAddr::new(own_address(call.target), 0)]), sender).await?;
    let here = addresses.first().copied().unwrap_or(SocketAddr::new(own_address(call.target), 0));
    let mut engine = EngineConfig::on(here.ip());
    engine.workers = 1;
    let engine = MediaEngine::start(engine)?;
    let leg = engine.reserve()?;
    let mut local = Local::new(here.ip(), leg.address().port(), 1);
    if let Some(codec) = call.codec {
        local.codecs = vec![codec];
    }
    let from = format!("sip:{}@{here}", call.from);
    let mut dialing = agent.dial(call.target, &from, sdp::offer(&local)).await?;
    while let Some(event) = dialing.next_event().await {
        match event {
            DialingEvent::Ringing { .. } => writeln!(transcript, "(it rings)")?,
            DialingEvent::Refused { status, reason } => return Ok((CallEnd::Refused(status, reason), Vec::new())),
            DialingEvent::Answered { call: running, answer } => {
                let agreed = sdp::accept_answer(&local, &answer.unwrap_or_default());
                let Ok(agreed) = agreed else {
                    running.hang_up();
                    return Err(PhoneFault::NoCommonMedia);
                };
                return talk(call, running, leg, &agreed, transcript).await;
            }
        }
    }
    Ok((CallEnd::Refused(408, "no answer".into()), Vec::new()))
}

async fn talk(
    call: Call<'_>,
    mut running: crate::sip::Call,
    mut leg: Leg,
    agreed: &Negotiated,
    transcript: &mut dyn Write,
) -> Result<(CallEnd, Vec<i16>), PhoneFault> {
    let (sender, mut heard) = mpsc::channel(4096);
    let tell = sender.clone();
    let on_event = move |event| {
        let _ = tell.try_send(Heard::Far(event));
    };
    leg.begin(params(agreed), Box::new(PhoneConductor { heard: sender }), on_event)?;
    let mut keyboard = if call.script.is_none() { Some(Keyboard::open()?) } else { None };
    let mut hands = Hands { steps: call.script.unwrap_or_default().into(), begun: now(), keying: false, spoke: None };
    let scripted = keyboard.is_none();
    let mut ear = call.clips.map(|clips| Ear::new(clips, agreed.codec));
    let mut recorded = Vec::new();
    let mut look = tokio::time::interval(LOOK);
    let end = loop {
        tokio::select! {
            event = running.next_event() => match event {
                Some(CallEvent::Ended(EndCause::HungUp)) => break CallEnd::HungUp,
                Some(CallEvent::Ended(_)) | None => break CallEnd::FarEnd,
                Some(CallEvent::Reoffer(reoffer)) => reoffer.refuse(crate::sip::Refusal::NotAcceptable),
                Some(_) => {}
            },
            Some(event) = heard.recv() => match event {
                Heard::Sound(payload) => {
                    if !payload.iter().all(|byte| *byte == agreed.codec.silence()) {
                        hands.spoke = Some(now());
                    }
                    let samples = payload.iter().map(|byte| agreed.codec.decode(*byte));
                    if recorded.len() < LONGEST_RECORDING {
                        recorded.extend(samples.clone());
                    }
                    call.speaker.play(samples);
                    if let Some(ear) = &mut ear {
                        print(transcript, &ear.hear(&payload))?;
                    }
                }
                Heard::KeysSent => {
                    hands.keying = false;
                    hands.begun = now();
                    hands.spoke = None;
                }
                Heard::Far(MediaEvent::TimedOut) => running.hang_up(),
                Heard::Far(_) => {}
            },
            Some(pressed) = pressed(&mut keyboard) => match pressed {
                Pressed::HangUp => running.hang_up(),
                Pressed::Key(key) => press(&leg, &[key], &mut ear, transcript)?,
            },
            _ = look.tick(), if scripted => {
                if let Some(keys) = hands.next() {
                    press(&leg, &keys, &mut ear, transcript)?;
                }
            }
        }
    };
    if let Some(ear) = &mut ear {
        print(transcript, &ear.pause())?;
    }
    writeln!(transcript)?;
    Ok((end, recorded))
}

/// The next key of the keyboard; never, where there is none.
async fn pressed(keyboard: &mut Option<Keyboard>) -> Option<Pressed> {
    match keyboard {
        Some(keyboard) => keyboard.pressed.recv().await,
        None => std::future::pending().await,
    }
}

fn print(transcript: &mut dyn Write, text: &str) -> std::io::Result<()> {
    if !text.is_empty() {
        // A terminal in raw mode wants both.
        write!(transcript, "{}", text.replace('\n', "\r\n  hotline: "))?;
        transcript.flush()?;
    }
    Ok(())
}

fn press(leg: &Leg, keys: &[Key], ear: &mut Option<Ear>, transcript: &mut dyn Write) -> Result<(), PhoneFault> {
    if let Some(ear) = ear {
        print(transcript, &ear.pause())?;
    }
    // What is keyed may be an identity number: a transcript shows how many keys, not which, but for single ones.
    match keys {
        [key] => write!(transcript, "\r\n  caller:  {key}")?,
        keys => write!(transcript, "\r\n  caller:  {} keys", keys.len())?,
    }
    transcript.flush()?;
    let text: String = keys.iter().map(|key| key.symbol()).collect();
    let plan = KeyPlan::parse(&text).map_err(|_| std::io::Error::other("these keys cannot be sent"))?;
    Ok(leg.send(Box::new(plan))?)
}

/// The script's hands.
struct Hands {
    steps: std::collections::VecDeque<Step>,
    /// When the present step began.
    begun: Instant,
    /// Keys are being sent.
    keying: bool,
    /// When the far end was last heard to speak, since the last keys.
    spoke: Option<Instant>,
}

impl Hands {
    /// The keys to press now, if the next step is to press some.
    fn next(&mut self) -> Option<Vec<Key>> {
        if self.keying {
            return None;
        }
        let waited = now().duration_since(self.begun);
        let done = match self.steps.front()? {
            Step::Wait(rest) => waited >= *rest,
            Step::Silence => {
                self.spoke.is_some_and(|spoke| now().duration_since(spoke) >= SILENT_FOR) || waited >= LONGEST_SILENCE
            }
            Step::Press(_) => true,
        };
        if !done {
            return None;
        }
        self.begun = now();
        match self.steps.pop_front()? {
            Step::Press(keys) => {
                self.keying = true;
                Some(keys)
            }
            Step::Wait(_) | Step::Silence => None,
        }
    }
}

fn params(agreed: &Negotiated) -> MediaParams {
    let events = agreed.telephone_event.iter();
    MediaParams {
        remote: agreed.remote,
        remote_rtcp: agreed.rtcp,
        codec: agreed.codec,
        payload_type: agreed.payload_type,
        events: events.map(|&(payload_type, clock_rate)| EventType { payload_type, clock_rate }).collect(),
        ptime: agreed.ptime,
        send: agreed.direction.may_send(),
    }
}

/// The address of this machine that the target is reached from.
fn own_address(target: &str) -> IpAddr {
    let host = target.rsplit('@').next().unwrap_or(target).trim_start_matches("sip:");
    let host = host.split([';', '>', '?']).next().unwrap_or(host);
    let with_port = if host.contains(':') { host.to_owned() } else { format!("{host}:5060") };
    let probe = || {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
        // Nothing is sent: connecting only asks for the way.
        socket.connect(with_port).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    probe().unwrap_or(IpAddr::from([127, 0, 0, 1]))
}

#[allow(clippy::disallowed_methods, reason = "the phone lives in this machine's time")]
fn now() -> Instant {
    Instant::now()
}
