//! `hotline import`: the menu of another system as a menu script.
//!
//! ```text
//!   hotline import ivr.conf.xml --output voice-menus/imported
//!   voice-menus/imported: 9 steps, 2 things not carried
//! ```

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::check::{Format, write_faults};
use super::{Wrong, exit_code};
use crate::facts::Language;
use crate::import::{Imported, LONGEST_FILE, Origin, Source, import};

/// Writes the menu of FreeSWITCH or Asterisk as a menu script with its texts, and tells what could not be carried.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hotline import ivr.conf.xml --output imported\n  hotline import extensions.conf --start \
                  main-menu --language zh-CN --output imported\n  hotline check imported\n\nWrites menu.toml and \
                  prompts/<language>/*.ftl; docs/import.md tells what becomes of what. Exits with 0 if all was carried, \
                  with 1 if something was not, with 2 on wrong use."
)]
pub struct Import {
    /// FreeSWITCH's XML with `menu` elements, or Asterisk's extensions.conf
    file: PathBuf,
    /// The folder to write into; it must not have a menu.toml yet
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// Whose file it is [default: XML is FreeSWITCH's, anything else Asterisk's]
    #[arg(long, value_enum)]
    from: Option<From>,
    /// The menu or context that calls begin in [default: the first that no other leads to]
    #[arg(long, value_name = "NAME")]
    start: Option<String>,
    /// The language of the sounds, zh-CN or en
    #[arg(long, value_name = "TAG", default_value = "en")]
    language: String,
    /// How what is not carried is shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum From {
    /// `menu` elements
    Freeswitch,
    /// extensions.conf
    Asterisk,
}

impl Import {
    /// Imports, and tells what is left; 0 with nothing left, 1 with something, 2 on wrong use.
    pub fn run(&self) -> ExitCode {
        exit_code("import", self.import())
    }

    fn import(&self) -> Result<bool, Wrong> {
        let language = Language::from_tag(&self.language).ok_or_else(|| {
            let known: Vec<&str> = Language::ALL.iter().map(|language| language.tag()).collect();
            Wrong::Use(format!("Hotline does not speak {}: --language is one of {}", self.language, known.join(", ")))
        })?;
        let script = self.output.join("menu.toml");
        if script.exists() {
            let message = format!("there is a {} already: name another folder with --output", script.display());
            return Err(Wrong::Use(message));
        }
        let text = read(&self.file)?;
        let file = self.file.display().to_string();
        let origin = match self.from {
            Some(From::Freeswitch) => Origin::FreeSwitch,
            Some(From::Asterisk) => Origin::Asterisk,
            None => Origin::of(&text),
        };
        let source = Source { file: &file, text: &text, origin, start: self.start.as_deref(), language };
        let imported = import(&source).map_err(|fault| {
            let hint = fault.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            Wrong::Use(format!("{file}: {}{hint}", fault.message))
        })?;
        self.write(&imported, language)?;
        // Nobody reads on: what is written is written.
        let _ = self.tell(&imported);
        Ok(imported.left.is_empty())
    }

    fn write(&self, imported: &Imported, language: Language) -> Result<(), Wrong> {
        let prompts = self.output.join("prompts").join(language.tag());
        fs::create_dir_all(&prompts)
            .map_err(|error| Wrong::Use(format!("cannot make {}: {error}", prompts.display())))?;
        let files = [
            (prompts.join("menu.ftl"), &imported.texts),
            (prompts.join("common.ftl"), &imported.common),
            // The script last: where it stands the rest does.
            (self.output.join("menu.toml"), &imported.menu),
        ];
        for (file, text) in files {
            let new = fs::File::create_new(&file).and_then(|mut new| new.write_all(text.as_bytes()));
            new.map_err(|error| Wrong::Use(format!("cannot write {}: {error}", file.display())))?;
        }
        Ok(())
    }

    fn tell(&self, imported: &Imported) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if !imported.left.is_empty() {
            write_faults(&imported.left, self.format, io::stdout().is_terminal(), &mut out)?;
        }
        if self.format == Format::Json {
            return Ok(());
        }
        let (steps, left) = (imported.steps, imported.left.len());
        writeln!(out, "{}: {steps} steps, {left} things not carried", self.output.display())
    }
}

/// The file's text, no more of it than is imported.
fn read(file: &Path) -> Result<String, Wrong> {
    let wrong = |what: String| Wrong::Use(format!("{}: {what}", file.display()));
    let length = fs::metadata(file).map_err(|error| wrong(error.to_string()))?.len();
    if length > LONGEST_FILE as u64 {
        return Err(wrong(format!("a file to import has at most {LONGEST_FILE} bytes; this one has {length}")));
    }
    let bytes = fs::read(file).map_err(|error| wrong(error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| wrong("it is no text in UTF-8".to_owned()))
}
