//! What is written beside the sound: who said what, in lines.
//!
//! ```text
//!   (it rings)
//!     hotline: 请输入您的公民身份号码，以井号键结束。 —          cut short by a key
//!     caller:  1
//!     caller:  19 keys                                      an entry: how many, not which
//! ```

use std::io::{Result, Write};

use crate::facts::Key;

/// Writes a call's transcript.
pub(super) struct Transcript<'a> {
    out: &'a mut dyn Write,
    line_break: &'static str,
    /// The last line is of single keys: another one joins it.
    keying: bool,
}

impl<'a> Transcript<'a> {
    /// A transcript. In a terminal in raw mode a line ends with a carriage return as well.
    pub(super) fn new(out: &'a mut dyn Write, raw: bool) -> Transcript<'a> {
        Transcript { out, line_break: if raw { "\r\n" } else { "\n" }, keying: false }
    }

    /// A remark on a line of its own.
    pub(super) fn remark(&mut self, text: &str) -> Result<()> {
        write!(self.out, "{text}{}", self.line_break)?;
        self.out.flush()
    }

    /// The hotline says this, each line of it on a line of its own; what stands before the first line break goes on
    /// with the line before.
    pub(super) fn heard(&mut self, text: &str) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.keying = false;
        let speaker = format!("{}  hotline: ", self.line_break);
        write!(self.out, "{}", text.replace('\n', &speaker))?;
        self.out.flush()
    }

    /// The caller presses these keys. Several at once may be an identity number: how many is told, not which.
    pub(super) fn pressed(&mut self, keys: &[Key]) -> Result<()> {
        match keys {
            [key] if self.keying => write!(self.out, "{key}")?,
            [key] => write!(self.out, "{}  caller:  {key}", self.line_break)?,
            keys => write!(self.out, "{}  caller:  {} keys", self.line_break, keys.len())?,
        }
        self.keying = keys.len() == 1;
        self.out.flush()
    }

    /// The call has ended.
    pub(super) fn end(&mut self) -> Result<()> {
        write!(self.out, "{}", self.line_break)?;
        self.out.flush()
    }
}
