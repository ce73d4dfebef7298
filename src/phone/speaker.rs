//! The loudspeaker of this machine, where there is one.

#[cfg(feature = "sound-card")]
use std::collections::VecDeque;
#[cfg(feature = "sound-card")]
use std::sync::{Arc, Mutex, PoisonError};

/// Plays 8 kHz sound; silent where there is no sound card.
pub struct Speaker {
    #[cfg(feature = "sound-card")]
    playing: Option<(cpal::Stream, Arc<Mutex<VecDeque<i16>>>)>,
}

/// The most sound waiting to be played: two seconds. What comes beyond it is dropped.
#[cfg(feature = "sound-card")]
const MOST_WAITING: usize = 16_000;

impl Speaker {
    /// A speaker that is off.
    pub fn off() -> Speaker {
        Speaker {
            #[cfg(feature = "sound-card")]
            playing: None,
        }
    }

    /// The machine's default output, or silence.
    #[cfg(feature = "sound-card")]
    pub fn open() -> Speaker {
        use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
        // Without a sound card the library below writes its complaints into the transcript; here nobody reads them.
        #[cfg(target_os = "linux")]
        let _ = alsa::Output::local_error_handler();
        let waiting: Arc<Mutex<VecDeque<i16>>> = Arc::default();
        let open = || {
            let device = cpal::default_host().default_output_device()?;
            let config: cpal::StreamConfig = device.default_output_config().ok()?.into();
            let channels = usize::from(config.channels.max(1));
            // Each sample is held for as many frames as the card's rate asks for.
            let rate = u64::from(config.sample_rate.max(1));
            let source = Arc::clone(&waiting);
            let (mut frame, mut held) = (0_u64, 0_i16);
            let play = move |out: &mut [f32], _: &cpal::OutputCallbackInfo| {
                let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
                for sample in out.chunks_mut(channels) {
                    if frame * 8000 / rate != (frame + 1) * 8000 / rate {
                        held = source.pop_front().unwrap_or(0);
                    }
                    frame = (frame + 1) % rate;
                    sample.fill(f32::from(held) / 32768.0);
                }
            };
            let stream = device.build_output_stream(config, play, |_| {}, None).ok()?;
            stream.play().ok()?;
            Some(stream)
        };
        Speaker { playing: open().map(|stream| (stream, waiting)) }
    }

    /// The machine's default output, or silence: this build has no sound card.
    #[cfg(not(feature = "sound-card"))]
    pub fn open() -> Speaker {
        Speaker::off()
    }

    /// Plays samples after those that wait.
    pub fn play(&self, samples: impl Iterator<Item = i16>) {
        #[cfg(feature = "sound-card")]
        if let Some((_, waiting)) = &self.playing {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let room = MOST_WAITING.saturating_sub(waiting.len());
            waiting.extend(samples.take(room));
        }
        #[cfg(not(feature = "sound-card"))]
        drop(samples);
    }
}
