//! `hotline call`: a telephone in the terminal.

use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{Wrong, exit_code};
use crate::audio::{ClipStore, Codec, SAMPLE_RATE};
use crate::phone::{self, Call as Dialled, CallEnd, Speaker, parse_script};

/// The script of the demo: the balance of the made-up person `ordinary`, in Mandarin.
const DEMO: &str = "s 1 s 2 s 119999198503150010# s 10000001# s 1 s 9";

/// Dials a hotline, or any SIP telephone, from this terminal: your keyboard is the keypad, the loudspeaker plays what is
/// heard.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hotline call sip:12333@127.0.0.1:5060\n  hotline call sip:12333@127.0.0.1:5060 --keys 's 1 s \
                  2 w5 11'\n  hotline call sip:12333@127.0.0.1:5060 --script demo --record heard.wav\n\nKeys: 0-9 * # A-D \
                  are the telephone's; h, Escape or Ctrl-C hangs up. Of a script, w5 waits five seconds and s waits until \
                  the far end has spoken and fallen silent. Exits with 0 when the far end hangs up, with 1 when it \
                  refuses the call or this end hangs up, with 2 on wrong use."
)]
pub struct Call {
    /// What to dial
    #[arg(default_value = "sip:12333@127.0.0.1:5060")]
    target: String,
    /// Press these keys in place of the keyboard's
    #[arg(long, value_name = "SCRIPT")]
    keys: Option<String>,
    /// A script that is known by name
    #[arg(long, value_name = "NAME", value_parser = ["demo"], conflicts_with = "keys")]
    script: Option<String>,
    /// Keep what was heard
    #[arg(long, value_name = "FILE.wav")]
    record: Option<PathBuf>,
    /// The number to call from
    #[arg(long, value_name = "NUMBER", default_value = "13900000001")]
    from: String,
    /// Recordings to recognize in what is heard
    #[arg(long, value_name = "DIR", default_value = "prompts")]
    prompts: PathBuf,
    /// Offer only this codec
    #[arg(long, value_parser = ["PCMA", "PCMU"])]
    codec: Option<String>,
    /// Play nothing
    #[arg(long)]
    quiet: bool,
}

impl Call {
    /// Dials and stays until the end.
    pub fn run(&self) -> ExitCode {
        exit_code("call", self.dial())
    }

    fn dial(&self) -> Result<bool, Wrong> {
        let script = match (&self.keys, &self.script) {
            (Some(keys), _) => Some(keys.as_str()),
            (None, Some(_)) => Some(DEMO),
            (None, None) => None,
        };
        let script = script.map(parse_script).transpose().map_err(|fault| Wrong::Use(fault.to_string()))?;
        if script.is_none() && !(std::io::stdin().is_terminal() && stdout().is_terminal()) {
            return Err(Wrong::Use("there is no keyboard here: give --keys or --script".into()));
        }
        let clips = self.prompts.is_dir().then(|| ClipStore::load(&self.prompts));
        let clips = clips.transpose().map_err(|faults| Wrong::faults_of(&self.prompts, faults))?;
        let call = Dialled {
            target: &self.target,
            from: &self.from,
            script,
            clips: clips.as_ref(),
            speaker: if self.quiet { Speaker::off() } else { Speaker::open() },
            codec: self.codec.as_deref().map(|name| if name == "PCMU" { Codec::Pcmu } else { Codec::Pcma }),
        };
        println!("dialling {}", self.target);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let dialled = runtime.block_on(phone::dial(call, &mut stdout()));
        let (end, heard) = dialled.map_err(|fault| Wrong::Failed(fault.to_string()))?;
        if let Some(file) = &self.record {
            write_wav(file, &heard).map_err(|error| Wrong::Failed(format!("{}: {error}", file.display())))?;
            let seconds = heard.len() as f64 / f64::from(SAMPLE_RATE);
            println!("{}: {seconds:.1} s of sound", file.display());
        }
        match &end {
            CallEnd::FarEnd => println!("the far end has hung up"),
            CallEnd::HungUp => println!("hung up"),
            CallEnd::Refused(status, reason) => println!("not taken: {status} {reason}"),
        }
        Ok(end == CallEnd::FarEnd)
    }
}

fn write_wav(file: &Path, samples: &[i16]) -> Result<(), hound::Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(file, spec)?;
    for sample in samples {
        writer.write_sample(*sample)?;
    }
    writer.finalize()
}
