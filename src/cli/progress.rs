//! How far long work has come: a bar on a terminal, a line at the beginning elsewhere.

use std::cell::OnceCell;
use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// Work that is done piece by piece.
#[derive(Default)]
pub(crate) struct Progress {
    bar: OnceCell<ProgressBar>,
}

impl Progress {
    /// So much of it is done.
    pub(crate) fn tell(&self, what: &str, done: usize, total: usize) {
        let bar = self.bar.get_or_init(|| {
            if !std::io::stderr().is_terminal() {
                eprintln!("{what}: {total}");
                return ProgressBar::hidden();
            }
            let bar = ProgressBar::new(u64::try_from(total).unwrap_or(0));
            if let Ok(style) = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len}") {
                bar.set_style(style);
            }
            bar.set_message(what.to_owned());
            bar
        });
        bar.set_position(u64::try_from(done).unwrap_or(0));
    }

    /// It is done: the bar goes.
    pub(crate) fn end(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}
