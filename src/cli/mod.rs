//! The commands, a file each.

pub mod check;
pub mod records;

use std::process::ExitCode;

/// Runs the command of this process's arguments.
pub fn run() -> ExitCode {
    ExitCode::SUCCESS
}
