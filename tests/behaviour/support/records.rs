//! Call records as a hotline writes them.

use hotline::dialogue::Story;
use hotline::facts::{CallId, KeyCounts};
use hotline::records::CallRecord;
use jiff::Timestamp;

/// A call to 12333 that was answered at once and went like this; whose, over which trunk and by which version is not told.
pub fn record_of(story: Story, started: Timestamp, ended: Timestamp) -> CallRecord {
    CallRecord {
        call: CallId::new(rand::random()),
        started,
        answered: Some(started),
        ended,
        called: "12333".into(),
        caller: None,
        menu: "12333".into(),
        story,
        person: None,
        trunk: None,
        version: None,
        sip_call_id: None,
        keys: KeyCounts::default(),
        rtp_lost: None,
        rtp_jitter_us: None,
    }
}
