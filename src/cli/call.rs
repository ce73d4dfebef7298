//! `hotline call`: a telephone in the terminal.

use std::io::{IsTerminal, Write as _, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use jiff::civil::Date;

use super::records::Place;
use super::{Wrong, exit_code, today};
use crate::audio::{ClipStore, Codec, SAMPLE_RATE};
use crate::dialogue::Caller;
use crate::facts::{CallId, Secret};
use crate::phone::{self, Call as Dialled, CallEnd, LocalCall, Script, Speaker, parse_script};
use crate::records::audit::{self, Act, Audit};
use crate::records::demo::{DemoOptions, default_as_of, without_sql};
use crate::records::{Database, LockPolicy, PoolOptions, Records, RecordsPool, Seal, Source};

/// The script of the demo: the balance of the made-up person `ordinary`, in Mandarin.
const DEMO: &str = "s 1 s 2 s 119999198503150010# s 10000001# s 1 s 9";

/// Dials a hotline, or any SIP telephone, from this terminal: your keyboard is the keypad, the loudspeaker plays what is
/// heard.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hotline call sip:12333@127.0.0.1:5060\n  hotline call sip:12333@127.0.0.1:5060 --keys 's 1 s \
                  2 w5 11'\n  hotline call sip:12333@127.0.0.1:5060 --script demo --record heard.wav\n  hotline call \
                  sips:12333@hotline.example.org --tls-ca our-authority.pem\n  hotline call \
                  --local                      (no line: the demo hotline runs in this process)\n  hotline call --local \
                  --menu my-menu --prompts my-prompts --database records.db\n\nKeys: 0-9 * # A-D are the telephone's; h, \
                  Escape or Ctrl-C hangs up. Of a script, w5 waits five seconds and s waits until the far end has spoken \
                  and fallen silent. Exits with 0 when the far end hangs up, with 1 when it refuses the call or this end \
                  hangs up, with 2 on wrong use."
)]
pub struct Call {
    /// What to dial
    #[arg(default_value = "sip:12333@127.0.0.1:5060", conflicts_with = "local")]
    target: String,
    /// Run the hotline in this process, and show what it says beside the sound
    #[arg(long, conflicts_with_all = ["codec", "srtp", "tls_ca"])]
    local: bool,
    /// The hotline to run: a folder with a menu.toml
    #[arg(long, value_name = "DIR", default_value = "voice-menus/12333", requires = "local")]
    menu: PathBuf,
    /// The records it looks up [default: made-up ones, in memory]
    #[arg(long, value_name = "DATABASE", requires = "local")]
    database: Option<Database>,
    /// The file of the keys that they are sealed by [default: the database's name with .key after it, if there is one]
    #[arg(long, value_name = "FILE", requires = "database")]
    key_file: Option<PathBuf>,
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
    /// Recordings to recognize in what is heard; with --local, to speak with
    #[arg(long, value_name = "DIR", default_value = "prompts")]
    prompts: PathBuf,
    /// Offer only this codec; recordings are recognized in PCMA and PCMU alone
    #[arg(long, value_parser = Codec::ALL.map(Codec::name))]
    codec: Option<String>,
    /// Encrypt sound and keys (SRTP, its keys in the SDP): refused where that is not spoken
    #[arg(long)]
    srtp: bool,
    /// Authorities to accept the far end's certificate from, where it is dialled over TLS [default: the machine's]
    #[arg(long, value_name = "FILE.pem")]
    tls_ca: Option<PathBuf>,
    /// Play nothing
    #[arg(long)]
    quiet: bool,
}

impl Call {
    /// Calls and stays until the end.
    pub fn run(&self) -> ExitCode {
        exit_code("call", self.call())
    }

    fn call(&self) -> Result<bool, Wrong> {
        let script = match (&self.keys, &self.script) {
            (Some(keys), _) => Some(keys.as_str()),
            (None, Some(_)) => Some(DEMO),
            (None, None) => None,
        };
        let script = script.map(parse_script).transpose().map_err(|fault| Wrong::Use(fault.to_string()))?;
        if script.is_none() && !(std::io::stdin().is_terminal() && stdout().is_terminal()) {
            return Err(Wrong::Use("there is no keyboard here: give --keys or --script".into()));
        }
        let (end, heard) = if self.local { self.locally(script)? } else { self.dial(script)? };
        if let Some(file) = &self.record {
            write_wav(file, &heard).map_err(|error| Wrong::Failed(format!("{}: {error}", file.display())))?;
            let seconds = heard.len() as f64 / f64::from(SAMPLE_RATE);
            writeln!(stdout(), "{}: {seconds:.1} s of sound", file.display())?;
        }
        match &end {
            CallEnd::FarEnd => writeln!(stdout(), "the far end has hung up"),
            CallEnd::HungUp => writeln!(stdout(), "hung up"),
            CallEnd::Refused(status, reason) => writeln!(stdout(), "not taken: {status} {reason}"),
        }?;
        Ok(end == CallEnd::FarEnd)
    }

    fn dial(&self, script: Option<Script>) -> Result<(CallEnd, Vec<i16>), Wrong> {
        let clips = self.prompts.is_dir().then(|| ClipStore::load(&self.prompts));
        let clips = clips.transpose().map_err(|faults| Wrong::faults_of(&self.prompts, faults))?;
        let call = Dialled {
            target: &self.target,
            from: &self.from,
            script,
            clips: clips.as_ref(),
            speaker: self.speaker(),
            codec: self.codec.as_deref().and_then(|name| Codec::ALL.into_iter().find(|codec| codec.name() == name)),
            srtp: self.srtp,
            tls_ca: self.tls_ca.as_deref(),
        };
        writeln!(stdout(), "dialling {}", self.target)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let dialled = runtime.block_on(phone::dial(call, &mut stdout()));
        dialled.map_err(|fault| Wrong::Failed(fault.to_string()))
    }

    fn locally(&self, script: Option<Script>) -> Result<(CallEnd, Vec<i16>), Wrong> {
        let scene = super::test::scene(&self.menu, Some(&self.prompts))?;
        let today = today();
        let records = self.records(today)?;
        let call = LocalCall {
            menu: scene.menu,
            prompts: scene.prompts,
            records,
            caller: Caller {
                number: Some(Secret::new(self.from.clone())),
                call: CallId::new(rand::random()),
                ..Caller::unknown(today)
            },
            script,
            speaker: self.speaker(),
        };
        writeln!(stdout(), "calling {} in this process", self.menu.display())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let called = runtime.block_on(phone::call_locally(call, &mut stdout()));
        called.map_err(|fault| Wrong::Failed(fault.to_string()))
    }

    /// Those of the database, each access audited; made-up ones without it.
    fn records(&self, today: Date) -> Result<RecordsPool, Wrong> {
        let Some(database) = &self.database else {
            let records: Arc<dyn Records> = Arc::new(without_sql(DemoOptions::as_of(default_as_of(today))));
            return Ok(RecordsPool::start(&records, PoolOptions::default())?);
        };
        let place = Place { database: Some(database.clone()), key_file: self.key_file.clone(), config: None };
        let source = place.source()?;
        let records = source.open(LockPolicy::default()).map_err(|error| Wrong::Failed(error.to_string()))?;
        // The audit log of a file is in it. That of a hotline over a server is in the hotline's own file: here is none.
        let Source::Sqlite(database, seal) = source else {
            return Ok(RecordsPool::start(&records, PoolOptions::default())?);
        };
        let audit = Arc::new(AuditedAtOnce { database, seal });
        Ok(RecordsPool::audited(&records, PoolOptions::default(), audit)?)
    }

    fn speaker(&self) -> Speaker {
        if self.quiet { Speaker::off() } else { Speaker::open() }
    }
}

/// An audit log without a hotline: each line is written before the answer is heard.
struct AuditedAtOnce {
    database: PathBuf,
    seal: Seal,
}

impl Audit for AuditedAtOnce {
    fn tell(&self, act: Act) {
        if let Err(error) = audit::record_with(&self.database, &self.seal, &act) {
            eprintln!("hotline call: {error}");
        }
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
