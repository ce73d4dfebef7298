//! `hotline check`: every mistake in a menu script and its messages, before callers hear it.
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
//! ```

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use miette::{GraphicalReportHandler, GraphicalTheme, Severity};

use crate::audio::ClipStore;
use crate::facts::Fault;
use crate::menu::{self, Compiled};
use crate::node::read_script;
use crate::speech::Catalogue;

/// Reports every mistake in menu scripts and in the messages they use.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hotline check voice-menus/12333\n  hotline check --format json voice-menus/12333/menu.toml\n  \
                  hotline check --schema > docs/menu.schema.json\n\nExits with 0 if there is no error, with 1 if there is \
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
    /// Print the JSON Schema of the language, for editors, and check nothing
    #[arg(long, conflicts_with_all = ["paths", "prompts"])]
    schema: bool,
}

/// How faults are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A picture of each place, for people
    #[default]
    Text,
    /// One JSON object a line: file, line, column, severity, message, hint
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
        /// The path as it was given.
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
        let mut out = io::stdout().lock();
        let done = if self.schema {
            writeln!(out, "{:#}", menu::schema()).map(|()| ExitCode::SUCCESS)
        } else {
            match self.faults() {
                Err(wrong) => writeln!(io::stderr(), "hotline check: {wrong}").map(|()| ExitCode::from(2)),
                Ok(faults) => {
                    let code = ExitCode::from(u8::from(faults.iter().any(Fault::is_error)));
                    write_faults(&faults, self.format, io::stdout().is_terminal(), &mut out).map(|()| code)
                }
            }
        };
        // Nobody reads on, as with `hotline check | head`: no fault of the script's.
        done.unwrap_or(ExitCode::FAILURE)
    }

    /// Every fault of every script, in the order of the paths.
    ///
    /// # Errors
    /// A path without a script. Nothing is checked then.
    pub fn faults(&self) -> Result<Vec<Fault>, WrongUse> {
        let here = [PathBuf::from(".")];
        let paths = if self.paths.is_empty() { &here[..] } else { &self.paths };
        let mut scripts = Vec::new();
        for path in paths {
            let script = if path.is_dir() { path.join("menu.toml") } else { path.clone() };
            if !script.is_file() {
                return Err(WrongUse::NoScript { path: path.display().to_string() });
            }
            scripts.push(script);
        }
        if let Some(folder) = self.prompts.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(WrongUse::NoPrompts { path: folder.display().to_string() });
        }
        Ok(scripts.iter().flat_map(|script| check_script(script, self.prompts.as_deref())).collect())
    }
}

/// Every fault of one script and of the messages it uses; warnings too. `prompts` if the folder is not to be searched.
pub fn check_script(script: &Path, prompts: Option<&Path>) -> Vec<Fault> {
    let file = script.display().to_string();
    let text = match read_script(script) {
        Ok(text) => text,
        Err(fault) => return vec![fault],
    };
    let compiled = match menu::parse(&file, &text) {
        Ok(compiled) => compiled,
        Err(faults) => return faults,
    };
    let mut faults = compiled.warnings.clone();
    match prompts.map(Path::to_owned).or_else(|| prompts_folder(script)) {
        Some(prompts) => faults.extend(check_against_prompts(&compiled, &prompts)),
        None => faults.push(Fault {
            severity: Severity::Warning,
            ..Fault::of_file(
                &file,
                "there is no folder `prompts` beside the script or above it: no message was checked",
            )
            .hint("name it with --prompts")
        }),
    }
    faults
}

/// The folder `prompts` beside a script, or in the nearest folder above it.
pub fn prompts_folder(script: &Path) -> Option<PathBuf> {
    let script = script.canonicalize().ok()?;
    script.ancestors().skip(1).map(|folder| folder.join("prompts")).find(|prompts| prompts.is_dir())
}

/// Messages that the menu needs and the prompts lack, in any of its languages; messages that name a value their step
/// does not give; recordings that cannot be played. Texts without a recording are warned of: they are synthesized.
fn check_against_prompts(compiled: &Compiled, prompts: &Path) -> Vec<Fault> {
    let catalogue = match Catalogue::from_dir(prompts) {
        Ok(catalogue) => catalogue,
        Err(faults) => return faults,
    };
    let mut faults = menu::check_messages(compiled, &catalogue);
    let clips = match ClipStore::load(prompts) {
        Ok(clips) => clips,
        Err(found) => {
            faults.extend(found.iter().map(|fault| Fault::of_file(&prompts.display().to_string(), fault.to_string())));
            return faults;
        }
    };
    let wanted = menu::wanted_clips(&compiled.menu, &catalogue);
    let missing = wanted.iter().filter(|clip| clips.find(clip.language, &clip.text, clip.form).is_none()).count();
    if missing > 0 {
        let message = format!("{missing} texts have no recording: they will be synthesized before the first call");
        let hint = format!("`hotline prompts missing {}` lists them", compiled.file);
        faults.push(Fault { severity: Severity::Warning, ..Fault::of_file(&compiled.file, message) }.hint(hint));
    }
    faults.dedup();
    faults
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

/// The fault with a picture of its place.
fn draw(fault: &Fault, coloured: bool, out: &mut dyn Write) -> io::Result<()> {
    let theme = if coloured { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_context_lines(1).with_width(120);
    let mut drawn = String::new();
    handler.render_report(&mut drawn, fault).map_err(io::Error::other)?;
    for line in drawn.lines() {
        writeln!(out, "{}", line.trim_end())?;
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
