//! One call without a worker's clock, poll and thread: each packet is sent when it is asked for, as fast as that. So what a
//! packet costs can be counted, which waiting for the next one would blur.

use arrayvec::ArrayVec;

use crate::facts::Moment;

use super::call::{Call, Room};
use super::engine::{EngineConfig, Leg};
use super::wheel::Wheel;
use super::{Actions, Conductor, MediaError, MediaParams};

/// A call whose time is that of its packets.
pub struct Unpaced {
    call: Call,
    pacing: Wheel,
    due: u64,
    room: Room,
    out: Actions,
}

impl Unpaced {
    /// Begins the call, as its worker would.
    ///
    /// # Errors
    /// The leg has begun already.
    pub fn begin(
        leg: Leg,
        config: &EngineConfig,
        params: MediaParams,
        conductor: Box<dyn Conductor>,
    ) -> Result<Unpaced, MediaError> {
        let (pair, reservation) = leg.into_reserved()?;
        let (now, mut out) = (Moment::ZERO, Actions::new());
        let mut call = Call::new(now, config, pair, reservation, params, conductor, Box::new(|_| ()));
        call.conduct(now, &mut out, |conductor, out| conductor.start(now, out));
        let mut pacing = Wheel::new(256, 1);
        pacing.set(0, 0);
        Ok(Unpaced { call, pacing, due: 0, room: Room::new(), out })
    }

    /// Sends the packet that is due next, and makes the one after it due. Whether there will be one.
    pub fn send_due(&mut self) -> bool {
        let taken: ArrayVec<_, 1> = self.pacing.take(self.due);
        let Some((call, due)) = taken.first().copied() else { return false };
        let now = Moment::from_micros(due * 1000);
        let Some(step) = self.call.tick(now, due, &mut self.room, &mut self.out).next else { return false };
        self.due = due + step;
        self.pacing.set(call, self.due);
        true
    }
}
