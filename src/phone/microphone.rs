//! The microphone of this machine, where there is one.

/// Where sound comes from: this machine's microphone, or a test's samples.
pub trait Microphone {
    /// Samples a second.
    fn rate(&self) -> u32;
    /// Adds what was heard since the last time, one channel, 1.0 full scale. What was heard before the first time is gone.
    ///
    /// # Errors
    /// It was unplugged, or broke.
    fn hear(&mut self, into: &mut Vec<f32>) -> std::io::Result<()>;
}

/// There is no microphone that can be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "this machine has no microphone that can be used ({0}): plug one in and choose it as the default, or record on another machine and take the files in with `hotline prompts import`"
)]
pub struct NoMicrophone(String);

#[cfg(feature = "sound-card")]
pub use card::SoundCard;

#[cfg(not(feature = "sound-card"))]
pub use none::SoundCard;

#[cfg(feature = "sound-card")]
mod card {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex, PoisonError};

    use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
    use cpal::{Device, FromSample, InputCallbackInfo, SampleFormat, SizedSample, Stream, StreamConfig};

    use super::{Microphone, NoMicrophone};

    /// The most that waits to be taken, in samples: ten seconds at 48 kHz. What comes beyond it is dropped.
    const MOST_WAITING: usize = 480_000;

    /// The machine's default input.
    pub struct SoundCard {
        /// Heard as long as it is held.
        _stream: Stream,
        rate: u32,
        heard: Arc<Heard>,
    }

    #[derive(Default)]
    struct Heard {
        samples: Mutex<Vec<f32>>,
        broken: AtomicBool,
    }

    impl SoundCard {
        /// Listens from now on.
        ///
        /// # Errors
        /// There is none.
        pub fn open() -> Result<SoundCard, NoMicrophone> {
            crate::phone::quiet();
            let none = |why: &dyn std::fmt::Display| NoMicrophone(why.to_string());
            let device = cpal::default_host().default_input_device().ok_or_else(|| none(&"there is no sound card"))?;
            let chosen = device.default_input_config().map_err(|error| none(&error))?;
            let format = chosen.sample_format();
            let config: StreamConfig = chosen.into();
            let (rate, heard) = (config.sample_rate, Arc::<Heard>::default());
            let stream = match format {
                SampleFormat::F32 => listen::<f32>(&device, config, &heard),
                SampleFormat::I16 => listen::<i16>(&device, config, &heard),
                SampleFormat::I32 => listen::<i32>(&device, config, &heard),
                SampleFormat::U16 => listen::<u16>(&device, config, &heard),
                SampleFormat::U8 => listen::<u8>(&device, config, &heard),
                other => return Err(none(&format!("its samples are {other}"))),
            };
            let stream = stream.map_err(|error| none(&error))?;
            stream.play().map_err(|error| none(&error))?;
            Ok(SoundCard { _stream: stream, rate, heard })
        }
    }

    fn listen<S>(device: &Device, config: StreamConfig, heard: &Arc<Heard>) -> Result<Stream, cpal::Error>
    where
        S: SizedSample,
        f32: FromSample<S>,
    {
        let channels = usize::from(config.channels.max(1));
        let (into, broken) = (Arc::clone(heard), Arc::clone(heard));
        let take = move |sound: &[S], _: &InputCallbackInfo| {
            let mut samples = into.samples.lock().unwrap_or_else(PoisonError::into_inner);
            let room = MOST_WAITING.saturating_sub(samples.len());
            let mixed = sound.chunks_exact(channels).map(|frame| {
                frame.iter().map(|sample| cpal::Sample::to_sample::<f32>(*sample)).sum::<f32>() / channels as f32
            });
            samples.extend(mixed.take(room));
        };
        let fail = move |_| broken.broken.store(true, Ordering::Relaxed);
        device.build_input_stream(config, take, fail, None)
    }

    impl Microphone for SoundCard {
        fn rate(&self) -> u32 {
            self.rate
        }

        fn hear(&mut self, into: &mut Vec<f32>) -> std::io::Result<()> {
            if self.heard.broken.load(Ordering::Relaxed) {
                return Err(std::io::Error::other("the microphone gives no sound any more: is it still plugged in?"));
            }
            into.append(&mut self.heard.samples.lock().unwrap_or_else(PoisonError::into_inner));
            Ok(())
        }
    }
}

#[cfg(not(feature = "sound-card"))]
mod none {
    use super::{Microphone, NoMicrophone};

    /// No input: this build has no sound card, so there never is one.
    pub enum SoundCard {}

    impl SoundCard {
        /// There is none.
        ///
        /// # Errors
        /// Always.
        pub fn open() -> Result<SoundCard, NoMicrophone> {
            Err(NoMicrophone("this build has none".into()))
        }
    }

    impl Microphone for SoundCard {
        fn rate(&self) -> u32 {
            match *self {}
        }

        fn hear(&mut self, _: &mut Vec<f32>) -> std::io::Result<()> {
            match *self {}
        }
    }
}
