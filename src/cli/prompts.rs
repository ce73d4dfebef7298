//! `hotline prompts`: what has to be recorded, what is, what is no longer said; and recordings taken in.
//!
//! ```text
//!   hotline prompts missing voice-menus/12333
//!   zh-CN  welcome.wav     您好，欢迎致电一二三三三，人力资源和社会保障服务热线
//!   zh-CN  numbers/五-ending.wav  五
//!   2 of 612 texts have no recording
//! ```

mod import;
mod list;
mod play;
mod record;
mod script;
mod synthesize;
mod taking;
mod texts;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{Wrong, exit_code};

/// Looks after texts and recordings.
#[derive(Debug, Args)]
pub struct Prompts {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the texts that a menu needs and that nobody has recorded
    #[command(after_help = "Example:\n  hotline prompts missing voice-menus/12333\n\nExits with 0 if nothing is \
                            missing, with 1 if something is, with 2 on wrong use.")]
    Missing(list::Missing),
    /// Lists the recordings: file, length, day, voice, form, text
    #[command(
        after_help = "Examples:\n  hotline prompts list\n  hotline prompts list --language en --json\n\nExits with \
                            0, with 1 if a list is faulty, with 2 on wrong use."
    )]
    List(list::List),
    /// Lists the recordings whose text changed after they were made, or that no menu says any more
    #[command(
        after_help = "Example:\n  hotline prompts stale voice-menus/12333 voice-menus/bench/*\n\nName every menu \
                            that uses the prompts. Exits with 0 if nothing is stale, with 1 if something is, with 2 on \
                            wrong use."
    )]
    Stale(list::Stale),
    /// Writes what a speaker should read: a page to print, and a table, for each language
    #[command(
        after_help = "Examples:\n  hotline prompts script voice-menus/12333\n  hotline prompts script voice-menus/12333 \
                            --language en --all --output to-read\n\nWrites script-zh-CN.html and script-zh-CN.csv of the \
                            texts that have no recording or were changed after it. The files are to be named as it says, \
                            for `hotline prompts import`. Exits with 0, with 1 if it cannot be written, with 2 on wrong use."
    )]
    Script(script::Script),
    /// Takes in what a speaker recorded: converted, trimmed, levelled, and written into recordings.toml
    #[command(
        after_help = "Example:\n  hotline prompts import --menu voice-menus/12333 --language en --voice \"Li Wei\" \
                            sent/*.flac\n\nAll files are taken or none. Warns of clipping, of noise, of lengths that \
                            do not fit the text. Exits with 0 if all were taken, with 1 if a file cannot be, with 2 on \
                            wrong use."
    )]
    Import(import::Import),
    /// Records texts at this machine's microphone: shows each, counts down, records, plays it back, keeps or repeats
    #[command(
        after_help = "Examples:\n  hotline prompts record voice-menus/12333 --language en --voice \"Li Wei\"\n  hotline \
                            prompts record voice-menus/12333 --language en --voice \"Li Wei\" --only welcome\n\nKeys: \
                            Enter begins and ends; then k keeps, r repeats, p plays it again; s leaves a text, q ends. \
                            What is kept is in its place at once, as by `hotline prompts import`. Exits with 0 if every \
                            text was recorded, with 1 if not or without a sound card, with 2 on wrong use."
    )]
    Record(record::Record),
    /// Makes what nobody has recorded by a synthesizer: a command of this machine, or a server
    #[command(after_help = "Examples:\n  hotline prompts synthesize voice-menus/12333\n  hotline prompts synthesize \
                            voice-menus/12333 --language en --command 'piper --model {voice}.onnx --output_file -' --voice \
                            en_US-amy-medium\n  HOTLINE_SPEECH_KEY=$(cat key) hotline prompts synthesize voice-menus/12333 \
                            --language zh-CN --url http://127.0.0.1:8880/v1/audio/speech --model kokoro --voice \
                            zf_xiaobei\n\nWhat is synthesized is taken in as by `hotline prompts import`, and said to be \
                            in recordings.toml. A text is asked for once: sounds are kept in --cache. Exits with 0 if every \
                            text has a recording, with 1 if one could not be made, with 2 on wrong use.")]
    Synthesize(synthesize::Synthesize),
    /// Plays a message as a caller hears it, with example values, or writes it as a WAV file
    #[command(
        after_help = "Examples:\n  hotline prompts play welcome --menu voice-menus/12333\n  hotline prompts play balance \
                            --menu voice-menus/12333 --language en --value pension=1234.05 --to balance.wav\n\nExits with \
                            0, with 1 without a sound card or if a text has no sound, with 2 on wrong use."
    )]
    Play(play::Play),
}

impl Prompts {
    /// Runs the subcommand.
    pub fn run(&self) -> ExitCode {
        match &self.command {
            Command::Missing(missing) => exit_code("prompts missing", missing.run()),
            Command::List(list) => exit_code("prompts list", list.run()),
            Command::Stale(stale) => exit_code("prompts stale", stale.run()),
            Command::Script(script) => exit_code("prompts script", script.run()),
            Command::Import(import) => exit_code("prompts import", import.run()),
            Command::Record(record) => exit_code("prompts record", record.run()),
            Command::Synthesize(synthesize) => exit_code("prompts synthesize", synthesize.run()),
            Command::Play(play) => exit_code("prompts play", play.run()),
        }
    }
}
