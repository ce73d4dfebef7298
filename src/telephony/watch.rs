//! Who is told of every call, so that calls can be counted. What is told holds nothing of a caller.

use std::sync::Arc;

use super::failure::Failure;
use crate::dialogue::{Ending, Outcome};
use crate::facts::{CallId, KeyCounts};
use crate::media::MediaStats;

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It has come in.
    Ringing,
    /// Its answer has been acknowledged; sound goes.
    Running,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Stage; 2] = [Stage::Ringing, Stage::Running];

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Ringing => "ringing",
            Stage::Running => "running",
        }
    }
}

/// What became of a call that is over.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallReport {
    /// Its name, as in its record, its trace and the audit log.
    pub call: Option<CallId>,
    /// What came of it for the caller; nothing where it was refused.
    pub outcome: Option<Outcome>,
    /// How it ended; nothing where it was refused.
    pub ending: Option<Ending>,
    /// Entries that the hotline had to call wrong.
    pub wrong_entries: u32,
    /// Why it was refused or cut off, if it was.
    pub failure: Option<Failure>,
    /// By which way its keys came.
    pub keys: KeyCounts,
    /// What became of its packets; nothing where there were none.
    pub media: Option<MediaStats>,
}

/// Told of calls; `trunk` is the name of the one that brought it. Must not block.
pub trait CallWatch: Send + Sync {
    /// A call goes from one stage to the next: from none as it comes in, to none as it is over.
    fn moves(&self, _trunk: Option<&Arc<str>>, _from: Option<Stage>, _to: Option<Stage>) {}
    /// A call is over, or refused.
    fn ended(&self, _trunk: Option<&Arc<str>>, _report: &CallReport) {}
}

/// Nobody.
impl CallWatch for () {}

/// The stage of one call. Dropped, the call is over.
pub(super) struct Progress {
    watch: Arc<dyn CallWatch>,
    /// Who looks at the calls of one version.
    version: Arc<dyn CallWatch>,
    trunk: Option<Arc<str>>,
    stage: Stage,
}

impl Progress {
    /// A call comes in.
    pub(super) fn begin(watch: &Arc<dyn CallWatch>, version: Arc<dyn CallWatch>, trunk: Option<&Arc<str>>) -> Progress {
        watch.moves(trunk, None, Some(Stage::Ringing));
        version.moves(trunk, None, Some(Stage::Ringing));
        Progress { watch: Arc::clone(watch), version, trunk: trunk.cloned(), stage: Stage::Ringing }
    }

    pub(super) fn runs(&mut self) {
        for watch in [&self.watch, &self.version] {
            watch.moves(self.trunk.as_ref(), Some(self.stage), Some(Stage::Running));
        }
        self.stage = Stage::Running;
    }

    pub(super) fn ended(&self, report: &CallReport) {
        for watch in [&self.watch, &self.version] {
            watch.ended(self.trunk.as_ref(), report);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        for watch in [&self.watch, &self.version] {
            watch.moves(self.trunk.as_ref(), Some(self.stage), None);
        }
    }
}
