//! `hotline check`: every mistake in a menu script and its messages, before callers hear it, and what holds of every call
//! that can be made to it.
//!
//! ```text
//!   × there is no step `topcis`
//!     ╭─[voice-menus/12333/menu.toml:23:5]
//!  23 │ 1 = "topcis"
//!     ·     ────────
//!     ╰────
//!   help: did you mean `topics`?
//!
//!   1 errors, 0 warnings
//!
//!   voice-menus/12333/menu.toml:
//!     walked 35751 states of a call over 95213 ways between them: all there are
//!     ...
//! ```

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use miette::{GraphicalReportHandler, GraphicalTheme, Severity};

use super::time_of_day;
use super::watch::{files_below, whenever};
use crate::audio::ClipStore;
use crate::facts::Fault;
use crate::menu::{self, Compiled};
use crate::node::read_script;
use crate::proof;
use crate::simulate::Scene;
use crate::speech::{Catalogue, Prompts};

/// Reports every mistake in menu scripts and in the messages they use, and walks every call that can be made.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hotline check voice-menus/12333\n  hotline check --format json voice-menus/12333/menu.toml\n  \
                  hotline check --calls /tmp/shown voice-menus/12333    (calls that show what is wrong, for `hotline test --calls`)\n  hotline \
                  check --watch voice-menus/12333\n  hotline check --schema > docs/menu.schema.json\n\nAfter the faults it says what was walked and what holds; docs/proof.md tells how. Exits with 0 if there is no error, with 1 if there is \
                  one, with 2 on wrong use."
)]
pub struct Check {
    /// Scripts, or folders with a menu.toml [default: this folder]
    paths: Vec<PathBuf>,
    /// The folder of the prompts; otherwise the folder `prompts` beside the script or above it
    #[arg(long, value_name = "DIR")]
    prompts: Option<PathBuf>,
    /// How faults are shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write the calls that show faults into this folder, a file each
    #[arg(long, value_name = "DIR")]
    calls: Option<PathBuf>,
    /// Check again whenever a script, a text or a recording changes, until interrupted
    #[arg(long)]
    watch: bool,
    /// Print the JSON Schema of the language, for editors, and check nothing
    #[arg(long, conflicts_with_all = ["paths", "prompts", "watch"])]
    schema: bool,
}

/// How faults are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A picture of each place, for people
    #[default]
    Text,
    /// One JSON object a line: file, line, column, severity, message, hint, and the call that shows it
    Json,
    /// Workflow commands, which GitHub shows beside the line
    Github,
}

/// A command line that cannot be followed: exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum WrongUse {
    /// There is no script at a path.
    #[error("there is no script at {path}: name a menu script, or a folder with a menu.toml in it")]
    NoScript {
        /// Where it should be.
        path: String,
    },
    /// There is no folder for `--prompts`.
    #[error("there is no folder {path} for --prompts")]
    NoPrompts {
        /// The path as it was given.
        path: String,
    },
}

impl Check {
    /// Checks and prints to standard output; 0 without an error, 1 with one, 2 on wrong use.
    pub fn run(&self) -> ExitCode {
        if !self.watch {
            // Nobody reads on, as with `hotline check | head`: no fault of the script's.
            return self.once(&mut io::stdout().lock()).unwrap_or(ExitCode::FAILURE);
        }
        let (mut first, mut code) = (true, ExitCode::FAILURE);
        whenever(
            || self.files(),
            || {
                let mut out = io::stdout().lock();
                let round = self.once(&mut out).and_then(|done| {
                    code = done;
                    // Which faults belong together, and that it is being waited.
                    match self.format {
                        Format::Json => writeln!(out, "{{\"checked\":\"{}\"}}", time_of_day()),
                        _ => writeln!(out, "\n{}  checked; waiting for a change\n", time_of_day()),
                    }
                });
                let wrong_use = std::mem::take(&mut first) && code == ExitCode::from(2);
                round.and_then(|()| out.flush()).is_ok() && !wrong_use
            },
        );
        code
    }

    fn once(&self, out: &mut dyn Write) -> io::Result<ExitCode> {
        if self.schema {
            return writeln!(out, "{:#}", menu::schema()).map(|()| ExitCode::SUCCESS);
        }
        let Checked { faults, proven } = match self.check() {
            Err(wrong) => return writeln!(io::stderr(), "hotline check: {wrong}").map(|()| ExitCode::from(2)),
            Ok(checked) => checked,
        };
        if let Some(folder) = &self.calls {
            write_calls(&faults, folder)?;
        }
        write_faults(&faults, self.format, io::stdout().is_terminal(), out)?;
        let lines = proven.iter().filter(|_| self.format == Format::Text);
        lines.enumerate().try_for_each(|(place, line)| {
            let apart = if place == 0 { "\n" } else { "" };
            writeln!(out, "{apart}{line}")
        })?;
        Ok(ExitCode::from(u8::from(faults.iter().any(Fault::is_error))))
    }

    /// What is checked, but for recordings that no list names.
    fn files(&self) -> Vec<PathBuf> {
        let scripts = self.scripts();
        let folders = scripts.iter().filter_map(|script| self.prompts.clone().or_else(|| prompts_folder(script)));
        let folders: std::collections::BTreeSet<PathBuf> = folders.collect();
        let prompts = folders.iter().flat_map(|folder| files_below(folder, &["ftl", "toml", "wav"]));
        scripts.iter().cloned().chain(prompts).collect()
    }

    fn scripts(&self) -> Vec<PathBuf> {
        let here = [PathBuf::from(".")];
        let paths = if self.paths.is_empty() { &here[..] } else { &self.paths };
        paths.iter().map(|path| if path.is_dir() { path.join("menu.toml") } else { path.clone() }).collect()
    }

    /// Every fault of every script, in the order of the paths.
    ///
    /// # Errors
    /// A path without a script. Nothing is checked then.
    pub fn faults(&self) -> Result<Vec<Fault>, WrongUse> {
        self.check().map(|checked| checked.faults)
    }

    /// Every fault of every script, in the order of the paths, and what holds of each.
    ///
    /// # Errors
    /// A path without a script. Nothing is checked then.
    pub fn check(&self) -> Result<Checked, WrongUse> {
        let scripts = self.scripts();
        if let Some(script) = scripts.iter().find(|script| !script.is_file()) {
            return Err(WrongUse::NoScript { path: script.display().to_string() });
        }
        if let Some(folder) = self.prompts.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(WrongUse::NoPrompts { path: folder.display().to_string() });
        }
        let mut all = Checked::default();
        for script in &scripts {
            let Checked { mut faults, proven } = check_whole(script, self.prompts.as_deref());
            all.faults.append(&mut faults);
            let title = (!proven.is_empty()).then(|| format!("{}:", script.display()));
            all.proven.extend(title.into_iter().chain(proven.iter().map(|line| format!("  {line}"))));
        }
        Ok(all)
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Checked {
    /// Everything that is wrong, and warnings.
    pub faults: Vec<Fault>,
    /// What was walked and what holds, a line each. Empty where it could not be walked.
    pub proven: Vec<String>,
}

/// Every fault of one script and of the messages it uses; warnings too. `prompts` if the folder is not to be searched.
pub fn check_script(script: &Path, prompts: Option<&Path>) -> Vec<Fault> {
    check_whole(script, prompts).faults
}

/// As [`check_script`], with what holds of the script's calls.
pub fn check_whole(script: &Path, prompts: Option<&Path>) -> Checked {
    let file = script.display().to_string();
    let text = match read_script(script) {
        Ok(text) => text,
        Err(fault) => return Checked { faults: vec![fault], proven: Vec::new() },
    };
    let (compiled, mut faults) = menu::parse_as_far(&file, &text);
    let broken = !faults.is_empty();
    let Some(compiled) = compiled else { return Checked { faults, proven: Vec::new() } };
    let folder = prompts.map(Path::to_owned).or_else(|| prompts_folder(script));
    if broken {
        if let Some((scene, _)) = folder.and_then(|folder| scene(&compiled, &folder).ok()) {
            proof::show_by_calls(&compiled, &scene, &mut faults);
        }
        return Checked { faults, proven: Vec::new() };
    }
    faults.extend(compiled.warnings.iter().cloned());
    let Some(folder) = folder else {
        let message =
            "there is no folder `prompts` beside the script or above it: no message was checked, no call walked";
        let fault = Fault { severity: Severity::Warning, ..Fault::of_file(&file, message) };
        faults.push(fault.hint("name it with --prompts"));
        return Checked { faults, proven: Vec::new() };
    };
    match scene(&compiled, &folder) {
        Err(found) => {
            faults.extend(found);
            Checked { faults, proven: Vec::new() }
        }
        Ok((scene, found)) => {
            faults.extend(found);
            let proof = proof::prove(&compiled, &scene);
            faults.extend(proof.faults);
            Checked { faults, proven: proof.summary }
        }
    }
}

/// Writes the calls that show faults, a file each.
fn write_calls(faults: &[Fault], folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for example in faults.iter().filter_map(|fault| fault.example.as_ref()) {
        std::fs::write(folder.join(format!("{}.call", example.name)), &*example.text)?;
    }
    Ok(())
}

/// The folder `prompts` beside a script, or in the nearest folder above it: named from this folder, if the script is.
pub fn prompts_folder(script: &Path) -> Option<PathBuf> {
    let whole = script.canonicalize().ok()?;
    let prompts = whole.ancestors().skip(1).map(|folder| folder.join("prompts")).find(|prompts| prompts.is_dir())?;
    let here = std::env::current_dir().ok().filter(|_| script.is_relative());
    Some(here.and_then(|here| from(&here, &prompts)).unwrap_or(prompts))
}

/// How a path is named from a folder: `prompts`, `../prompts`.
fn from(folder: &Path, path: &Path) -> Option<PathBuf> {
    folder.ancestors().enumerate().find_map(|(up, above)| {
        let rest = path.strip_prefix(above).ok()?;
        Some(std::iter::repeat_n(Path::new(".."), up).chain([rest]).collect())
    })
}

/// The texts and recordings of a menu, and what is wrong with them: messages that the menu needs and the prompts lack, in any
/// of its languages; messages that name a value their step does not give. Texts without a recording are warned of: they
/// are synthesized.
///
/// # Errors
/// Texts that cannot be read; recordings that cannot be played.
fn scene(compiled: &Compiled, prompts: &Path) -> Result<(Scene, Vec<Fault>), Vec<Fault>> {
    let catalogue = Catalogue::from_dir(prompts)?;
    let mut faults = menu::check_messages(compiled, &catalogue);
    let clips = match ClipStore::load(prompts) {
        Ok(clips) => clips,
        Err(found) => {
            faults.extend(found.iter().map(|fault| Fault::of_file(&prompts.display().to_string(), fault.to_string())));
            return Err(faults);
        }
    };
    faults.extend(menu::check_clips(compiled, &catalogue, |clip| {
        clips.find(clip.language, &clip.text, clip.form).is_some()
    }));
    faults.dedup();
    let scene = Scene { menu: Arc::new(compiled.menu.clone()), prompts: Arc::new(Prompts::new(catalogue, clips)) };
    Ok((scene, faults))
}

/// Shows faults, and how many there are of each severity at the end (but for JSON, which is one object a fault).
///
/// # Errors
/// Those of `out`.
pub fn write_faults(faults: &[Fault], format: Format, coloured: bool, out: &mut dyn Write) -> io::Result<()> {
    let errors = faults.iter().filter(|fault| fault.is_error()).count();
    for fault in faults {
        match format {
            Format::Text => draw(fault, coloured, out)?,
            Format::Json => {
                let (line, column) = fault.line_column();
                let severity = severity(fault);
                let object = serde_json::json!({
                    "file": fault.file, "line": line, "column": column,
                    "severity": severity, "message": fault.message, "hint": fault.hint,
                    "call": fault.example.as_ref().map(|example| &*example.text),
                });
                writeln!(out, "{object}")?;
            }
            Format::Github => {
                let (line, column) = fault.line_column();
                let hint = fault.hint.iter().map(|hint| format!("\n{hint}"));
                let message: String = std::iter::once(fault.message.clone()).chain(hint).collect();
                let (file, message) = (escape(&fault.file).replace(',', "%2C").replace(':', "%3A"), escape(&message));
                writeln!(out, "::{} file={file},line={line},col={column}::{message}", severity(fault))?;
            }
        }
    }
    if format == Format::Json {
        return Ok(());
    }
    writeln!(out, "{errors} errors, {} warnings", faults.len() - errors)
}

/// So many lines of a call that shows a fault are shown.
const MOST_LINES: usize = 24;
/// So many symbols of such a line.
const LONGEST_LINE: usize = 160;

/// The fault with a picture of its place.
fn draw(fault: &Fault, coloured: bool, out: &mut dyn Write) -> io::Result<()> {
    let theme = if coloured { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_context_lines(1).with_width(120);
    let mut drawn = String::new();
    handler.render_report(&mut drawn, fault).map_err(io::Error::other)?;
    for line in drawn.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    if let Some(example) = &fault.example {
        writeln!(out, "  call: {}.call", example.name)?;
        let lines: Vec<&str> = example.text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        // What matters is at the end: there the call is where it should not be.
        let left_out = lines.len().saturating_sub(MOST_LINES);
        if left_out > 0 {
            writeln!(out, "    … {left_out} lines before; --calls DIR writes the whole call")?;
        }
        for line in lines.iter().skip(left_out) {
            let shown: String = line.chars().take(LONGEST_LINE).collect();
            let rest = if shown.len() < line.len() { " …" } else { "" };
            writeln!(out, "    {shown}{rest}")?;
        }
    }
    writeln!(out)
}

fn severity(fault: &Fault) -> &'static str {
    if fault.is_error() { "error" } else { "warning" }
}

/// As GitHub reads it.
fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}
