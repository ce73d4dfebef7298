//! One call out: INVITE, sound and keys both ways, BYE.

use std::any::Any;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;

use super::ear::Ear;
use super::hands::{Deed, Hands};
use super::script::Script;
use super::speaker::Speaker;
use super::transcript::Transcript;
use crate::audio::{ClipStore, Codec, Decoder, MOST_DECODED, Playlist};
use crate::facts::{Key, Moment, Secret};
use crate::media::{Actions, Conductor, EngineConfig, Leg, MediaEngine, MediaEvent};
use crate::rtp::{Due, KeyPlan};
use crate::sip::agent::Reoffer;
use crate::sip::sdp::{self, Local, Negotiated, Srtp};
use crate::sip::{Agent, AgentConfig, CallEvent, DialingEvent, EndCause, Listen, Names, Transport};

/// The longest recording of a call, in samples: an hour.
pub(super) const LONGEST_RECORDING: usize = 8000 * 3600;
/// The most samples of silence in place of lost ones: a second.
const MOST_MISSED: usize = 8000;
/// A sample no louder than this is silence: the zero of either law.
const SILENCE: u16 = 8;

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
    /// Only this codec is offered, if one is named.
    pub codec: Option<Codec>,
    /// Authorities that a far end's certificate must come from; `None`: those that the machine trusts.
    pub tls_ca: Option<&'a Path>,
    /// Whether sound and keys are to be encrypted: only SRTP is offered then.
    pub srtp: bool,
}

impl<'a> Call<'a> {
    /// A call to a target, for whoever holds the keyboard: silent, nothing recognized, whatever codec, in clear.
    pub fn to(target: &'a str) -> Call<'a> {
        Call {
            target,
            from: "13900000001",
            script: None,
            clips: None,
            speaker: Speaker::off(),
            codec: None,
            srtp: false,
            tls_ca: None,
        }
    }
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
    #[error("the far end answers with sound that cannot be played here: {} can", Codec::ALL.map(Codec::name).join(", "))]
    NoCommonMedia,
    /// The terminal or a file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Something from the call's media worker.
enum Heard {
    Sound(Vec<u8>),
    /// So many ticks of it never came.
    Lost(u32),
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

    fn listens(&self) -> bool {
        true
    }

    fn heard(&mut self, _: Moment, due: &Due<'_>) {
        let heard = match *due {
            Due::Packet(payload) => Heard::Sound(payload.to_vec()),
            Due::Lost { ticks } => Heard::Lost(ticks),
            // A hotline that says nothing sends nothing; nor is that written to a recording.
            Due::Pause { .. } | Due::Restart => return,
        };
        // Full only if this program stands still: then sound is lost, as on a bad line.
        let _ = self.heard.try_send(heard);
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

/// Dials, and stays until the call has ended. Ctrl-C and SIGTERM hang up. What is recognized goes to `transcript`; what was heard comes back with
/// how the call ended, as 8 kHz samples.
///
/// # Errors
/// [`PhoneFault`]: there was no call then.
pub async fn dial(call: Call<'_>, transcript: &mut dyn Write) -> Result<(CallEnd, Vec<i16>), PhoneFault> {
    let (sender, _incoming) = mpsc::channel(1);
    let address = Names::default().own_address_towards(call.target).await.unwrap_or(Ipv4Addr::LOCALHOST.into());
    // What the far end asks for later may come on a connection of its own.
    let listen = [Transport::Udp, Transport::Tcp].map(|transport| Listen { transport, address: (address, 0).into() });
    let mut config = AgentConfig::new(listen.to_vec());
    config.tls.authorities = call.tls_ca.map(Path::to_owned);
    let (agent, addresses) = Agent::start(config, sender).await?;
    let here = addresses.first().map_or((address, 0).into(), |listen| listen.address);
    let mut engine = EngineConfig::on(address);
    engine.workers = 1;
    // A telephone sends sound all the time: without it nobody beyond a NAT would know where it is.
    engine.keep_alive = Duration::from_millis(20);
    let engine = MediaEngine::start(engine)?;
    let leg = engine.reserve()?;
    let mut local = Local::new(address, leg.address().port(), 1);
    local.codecs = call.codec.map_or(vec![Codec::Pcma, Codec::Pcmu], |codec| vec![codec]);
    local.srtp =
        call.srtp.then(|| Srtp { required: true, keys: [Secret::new(rand::random()), Secret::new(rand::random())] });
    let from = format!("sip:{}@{here}", call.from);
    let mut hands = Hands::new(call.script.clone())?;
    let mut dialing = agent.dial(call.target, &from, sdp::offer(&local)).await?;
    let mut given_up = false;
    loop {
        let event = tokio::select! {
            event = dialing.next_event() => event,
            () = hands.hang_up() => {
                // Who insists does not wait for the far end's word.
                if std::mem::replace(&mut given_up, true) {
                    return Ok((CallEnd::HungUp, Vec::new()));
                }
                dialing.cancel();
                continue;
            }
        };
        match event {
            _ if given_up && !matches!(event, Some(DialingEvent::Ringing { .. })) => {
                return Ok((CallEnd::HungUp, Vec::new()));
            }
            None => return Ok((CallEnd::Refused(408, "no answer".into()), Vec::new())),
            Some(DialingEvent::Ringing { .. }) => {
                Transcript::new(transcript, hands.on_keyboard()).remark("(it rings)")?;
            }
            Some(DialingEvent::Refused { status, reason }) => {
                return Ok((CallEnd::Refused(status, reason), Vec::new()));
            }
            Some(DialingEvent::Answered { call: running, answer }) => {
                let agreed = sdp::accept_answer(&local, &answer.unwrap_or_default());
                let Ok(agreed) = agreed else {
                    running.hang_up();
                    return Err(PhoneFault::NoCommonMedia);
                };
                local.codecs = vec![agreed.codec];
                hands.answered();
                return talk(call, hands, running, leg, local, &agreed, transcript).await;
            }
        }
    }
}

async fn talk(
    call: Call<'_>,
    mut hands: Hands,
    mut running: crate::sip::Call,
    mut leg: Leg,
    mut local: Local,
    agreed: &Negotiated,
    transcript: &mut dyn Write,
) -> Result<(CallEnd, Vec<i16>), PhoneFault> {
    let (sender, mut heard) = mpsc::channel(4096);
    let tell = sender.clone();
    let on_event = move |event| {
        let _ = tell.try_send(Heard::Far(event));
    };
    leg.begin(agreed.into(), Box::new(PhoneConductor { heard: sender }), on_event)?;
    let mut hung_up = false;
    let mut receiver = Receiver {
        codec: agreed.codec,
        decoder: Decoder::new(agreed.codec),
        // Recordings are recognized byte for byte, which a codec that they are transcoded to does not keep.
        ear: call.clips.filter(|_| !agreed.codec.is_transcoded()).map(|clips| Ear::new(clips, agreed.codec.law())),
        speaker: call.speaker,
        transcript: Transcript::new(transcript, hands.on_keyboard()),
        recorded: Vec::new(),
    };
    let end = loop {
        tokio::select! {
            event = running.next_event() => match event {
                Some(CallEvent::Ended(EndCause::HungUp)) => break CallEnd::HungUp,
                Some(CallEvent::Ended(_)) | None => break CallEnd::FarEnd,
                Some(CallEvent::Reoffer(asked)) => reoffered(asked, &mut local, &leg)?,
                Some(_) => {}
            },
            Some(event) = heard.recv() => match event {
                Heard::Sound(payload) => if receiver.hear(&payload)? { hands.spoken_to() },
                Heard::Lost(ticks) => receiver.miss(ticks)?,
                Heard::KeysSent => hands.keys_sent(),
                Heard::Far(MediaEvent::TimedOut) => running.hang_up(),
                Heard::Far(_) => {}
            },
            deed = hands.next() => match deed {
                // Who insists does not wait for the far end's word.
                Deed::HangUp if std::mem::replace(&mut hung_up, true) => break CallEnd::HungUp,
                Deed::HangUp => running.hang_up(),
                Deed::Press(keys) => {
                    receiver.pause()?;
                    receiver.transcript.pressed(&keys)?;
                    press(&leg, &keys)?;
                }
            },
        }
    };
    receiver.pause()?;
    receiver.transcript.end()?;
    Ok((end, receiver.recorded))
}

/// The far end changes the stream, or only keeps the call: the codec stays the one that is being heard.
fn reoffered(asked: Reoffer, local: &mut Local, leg: &Leg) -> Result<(), PhoneFault> {
    *local = local.next();
    let Some(offer) = &asked.offer else {
        asked.accept(sdp::offer(local));
        return Ok(());
    };
    match sdp::answer(offer, local) {
        Ok((answer, agreed)) => {
            leg.update((&agreed).into())?;
            asked.accept(answer);
        }
        Err(fault) => asked.refuse(fault.into()),
    }
    Ok(())
}

/// What is held to the ear.
struct Receiver<'a> {
    codec: Codec,
    decoder: Decoder,
    ear: Option<Ear>,
    speaker: Speaker,
    transcript: Transcript<'a>,
    recorded: Vec<i16>,
}

impl Receiver<'_> {
    /// Takes a packet's sound; whether anything but silence is in it.
    fn hear(&mut self, payload: &[u8]) -> std::io::Result<bool> {
        let mut samples = [0; MOST_DECODED];
        let length = self.decoder.decode(payload, &mut samples);
        let samples = samples.into_iter().take(length);
        if self.recorded.len() < LONGEST_RECORDING {
            self.recorded.extend(samples.clone());
        }
        self.speaker.play(samples.clone());
        if let Some(ear) = &mut self.ear {
            self.transcript.heard(&ear.hear(payload))?;
        }
        Ok(samples.into_iter().any(|sample| sample.unsigned_abs() > SILENCE))
    }

    /// Silence in place of what never came, so that what is around it stays apart.
    fn miss(&mut self, ticks: u32) -> std::io::Result<()> {
        let samples = u64::from(ticks) * 8000 / u64::from(self.codec.clock_rate().max(1));
        let length = usize::try_from(samples).unwrap_or(MOST_MISSED).min(MOST_MISSED);
        if self.recorded.len() < LONGEST_RECORDING {
            self.recorded.extend(std::iter::repeat_n(0, length));
        }
        self.speaker.play(std::iter::repeat_n(0, length));
        match &mut self.ear {
            Some(ear) => self.transcript.heard(&ear.hear(&vec![self.codec.law().silence(); length])),
            None => Ok(()),
        }
    }

    /// What was being said has stopped.
    fn pause(&mut self) -> std::io::Result<()> {
        match &mut self.ear {
            Some(ear) => self.transcript.heard(&ear.pause()),
            None => Ok(()),
        }
    }
}

fn press(leg: &Leg, keys: &[Key]) -> Result<(), PhoneFault> {
    let text: String = keys.iter().map(|key| key.symbol()).collect();
    let plan = KeyPlan::parse(&text).map_err(|_| std::io::Error::other("these keys cannot be sent"))?;
    Ok(leg.send(Box::new(plan))?)
}
