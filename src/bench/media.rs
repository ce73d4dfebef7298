//! Playing calls: how many at once before sound is late, and what they cost.
//!
//! ```text
//!   for each number of calls:  dial or hang up until there are so many → 3 s of rest → measure
//!   then: the bare loop, with as many sockets, on the same core, without a rest and at calls' pace
//! ```

use std::time::Duration;

use serde::Serialize;

use super::bare::{self, Bare, Paced};
use super::dialled::{Dialled, Side};
pub use super::maker::FarEnd;
use super::maker::{Aim, Maker, now, processor_time};
use super::spread::Quantiles;
use super::usage::Usage;
use crate::facts::Key;

/// Calls are clean where 99.9 % of packets are late by less, and none is lost.
pub const CLEAN: Duration = Duration::from_millis(5);
/// After a change, before measuring.
const REST: Duration = Duration::from_secs(3);
/// Until calls that were dialled are up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How near the limit is looked for, as a part of it.
const NEAR: f64 = 0.02;

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// Whom to dial.
    pub dialled: Dialled<'a>,
    /// Calls at once, one number after the other.
    pub calls: Vec<u32>,
    /// Look for the greatest number that is clean, after these.
    pub find: bool,
    /// So often a number is measured that is not clean, before it is taken for one that is not.
    pub tries: u32,
    /// How long each number is measured.
    pub time: Duration,
    /// Calls dialled a second.
    pub rate: u32,
    /// What the far ends send.
    pub far_end: FarEnd,
    /// Keys a second that begin the prompt anew, over all calls.
    pub keys: u32,
    /// Let calls wait for a key in silence in place of playing.
    pub waiting: bool,
    /// Measure the bare loop.
    pub bare: bool,
    /// Let it keep the pace of so many calls as well.
    pub bare_calls: Vec<u32>,
}

/// What one number of calls came to.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Calls that were asked for.
    pub asked: u32,
    /// Calls that were up.
    pub calls: usize,
    /// Of a core, by the dialled hotline; nothing if it is not ours.
    pub core: Option<f64>,
    /// Of a core and a call, in parts of a million.
    pub core_millionths_a_call: Option<f64>,
    /// How late packets were, in milliseconds.
    pub late_ms: Quantiles,
    /// Packets that came.
    pub packets: u64,
    /// Packets that did not.
    pub lost: i64,
    /// Calls of which nothing came.
    pub silent: u64,
    /// Calls that failed or ended by themselves since the step before, by what.
    pub failed: std::collections::BTreeMap<String, u64>,
    /// Resident memory of the hotline in KB.
    pub resident_kb: Option<u64>,
    /// What that is more than before the first call, a call, in KB.
    pub resident_kb_a_call: Option<f64>,
    /// What the kernel's memory (Slab) is more than before the first call, a call, in KB; the maker's part is in it.
    pub kernel_kb_a_call: Option<f64>,
    /// Keys that had their effect, and how long they took.
    pub keys: u64,
    /// From a key's first packet to the last packet of the sound that it stops, in milliseconds.
    pub stopped_ms: Quantiles,
    /// From a key's first packet to the first packet of the prompt that it starts, in milliseconds.
    pub started_ms: Quantiles,
    /// Of a core, by the maker.
    pub maker_core: f64,
    /// Of all cores together, kept by this machine's host.
    pub stolen_core: f64,
    /// Whether the maker was the limit, and why.
    pub limited_by_maker: Option<String>,
}

impl Step {
    /// Whether no packet was lost, and 99.9 % were late by less than 5 ms.
    pub fn is_clean(&self) -> bool {
        self.calls >= self.asked as usize
            && self.lost <= 0
            && self.failed.is_empty()
            && self.late_ms.p999 <= CLEAN.as_secs_f64() * 1000.0
    }
}

/// All that was measured.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Found {
    /// In the order they were run.
    pub steps: Vec<Step>,
    /// The bare loop, with as many sockets as the most calls.
    pub bare: Option<Bare>,
    /// The greatest number of calls that was clean.
    pub clean: Option<u32>,
    /// Warnings of the dialled hotline.
    pub complaints: String,
}

impl Found {
    /// Whether every number of calls was clean.
    pub fn all_clean(&self) -> bool {
        self.tried().iter().all(|(_, clean)| *clean)
    }

    fn tried(&self) -> Vec<(u32, bool)> {
        let clean = |calls| self.steps.iter().any(|step| step.asked == calls && step.is_clean());
        self.steps.iter().map(|step| (step.asked, clean(step.asked))).collect()
    }
}

/// What is told while it runs.
pub trait Told {
    /// What is being done, and how far it is (0 to 1).
    fn doing(&mut self, what: &str, part: f64);
    /// A number of calls has been measured.
    fn step(&mut self, step: &Step);
    /// The bare loop has kept a number of calls' pace.
    fn paced(&mut self, paced: &Paced);
}

/// Measures.
///
/// # Errors
/// What keeps it from running.
pub fn run(plan: &Plan<'_>, told: &mut dyn Told) -> Result<Found, String> {
    let side = plan.dialled.start()?;
    plan.dialled.pin_maker();
    let number = if plan.waiting { "400" } else { "200" };
    let uris = side.uris(number);
    let mut maker = Maker::new(&uris, plan.far_end).map_err(|error| error.to_string())?;
    let mut run = Run { plan, side: &side, maker: &mut maker, told, before: Base::default(), found: Found::default() };
    run.before = run.base();
    for calls in &plan.calls {
        run.tries(*calls).map_err(|error| error.to_string())?;
    }
    if plan.find {
        run.find().map_err(|error| error.to_string())?;
    }
    run.found.clean = greatest(&run.found.tried());
    run.maker.aim(Aim { calls: 0, rate: f64::from(plan.rate) * 4.0 });
    run.until(PATIENCE, "hanging up", |maker| maker.is_idle()).map_err(|error| error.to_string())?;
    let mut found = run.found;
    found.complaints = side.complaints();
    drop(side);
    if plan.bare {
        let most = found.steps.iter().map(|step| step.calls).max().unwrap_or(1);
        let course = bare::Course {
            sockets: most.max(1),
            paced: &plan.bare_calls,
            find: plan.find,
            tries: plan.tries,
            time: plan.time,
            cores: plan.dialled.cores.get(..1).unwrap_or_default(),
        };
        found.bare = Some(bare::measure(&mut maker, &course, told).map_err(|error| error.to_string())?);
    }
    Ok(found)
}

#[derive(Clone, Copy, Debug, Default)]
struct Base {
    cpu: Duration,
    resident: u64,
    kernel: u64,
    stolen: Duration,
}

struct Run<'a, 'b> {
    plan: &'a Plan<'a>,
    side: &'a Side,
    maker: &'a mut Maker,
    told: &'b mut dyn Told,
    /// Before the first call.
    before: Base,
    found: Found,
}

impl Run<'_, '_> {
    fn base(&self) -> Base {
        self.side.processes().into_iter().map(Usage::of).fold(Base::default(), |sum, usage| Base {
            cpu: sum.cpu + usage.cpu,
            resident: sum.resident + usage.resident,
            kernel: usage.kernel,
            stolen: usage.stolen,
        })
    }

    /// Turns the maker until `done` or the time has passed, and tells how far it is.
    fn until(&mut self, time: Duration, what: &str, mut done: impl FnMut(&Maker) -> bool) -> std::io::Result<bool> {
        let (began, told) = (now(), &mut self.told);
        let mut next = began;
        self.maker.run(time, |maker, now| {
            if now >= next {
                next = now + Duration::from_millis(200);
                told.doing(what, now.saturating_sub(began).as_secs_f64() / time.as_secs_f64());
            }
            done(maker)
        })
    }

    /// Measures a number of calls until it is clean, as often as it may be tried. Whether it was.
    fn tries(&mut self, calls: u32) -> std::io::Result<bool> {
        tries(self.plan.tries, || self.step(calls))
    }

    /// Measures a number of calls. Whether it was clean.
    fn step(&mut self, calls: u32) -> std::io::Result<bool> {
        let plan = self.plan;
        let again = self.maker.sent_again();
        self.maker.counts.failed.clear();
        self.maker.counts.hung_up_on = 0;
        let aimed = calls as usize;
        self.maker.aim(Aim { calls: aimed, rate: plan.rate.into() });
        let dialling = PATIENCE + Duration::from_secs(u64::from(calls) / u64::from(plan.rate.max(1)));
        self.until(dialling, &format!("{calls} calls: dialling"), |maker| maker.is_settled())?;
        if plan.waiting {
            self.until(Duration::from_secs(2), "a key in every call", |_| false)?;
            self.maker.press_first(now(), Key::Digit(1));
            self.until(REST + Duration::from_micros(u64::from(calls) * 500), "a key in every call", |_| false)?;
        }
        self.until(REST, &format!("{calls} calls: resting"), |_| false)?;
        let step = self.measure(calls, again)?;
        self.told.step(&step);
        let clean = step.is_clean();
        self.found.steps.push(step);
        Ok(clean)
    }

    fn measure(&mut self, asked: u32, again: u64) -> std::io::Result<Step> {
        let Plan { time, keys, .. } = *self.plan;
        let (before, spent, began, dropped) = (self.base(), processor_time(), now(), self.maker.dropped());
        self.maker.streams.measure(began);
        let (mut pressed, mut next, told) = (0_u64, began, &mut self.told);
        self.maker.run(time, |maker, now| {
            let gone = now.saturating_sub(began).as_secs_f64();
            let due = (gone * f64::from(keys)) as u64;
            (pressed..due).for_each(|_| maker.press(now, Key::Star));
            pressed = due;
            if now >= next {
                next = now + Duration::from_millis(200);
                told.doing(&format!("{asked} calls: measuring"), gone / time.as_secs_f64());
            }
            false
        })?;
        let took = now().saturating_sub(began).as_secs_f64();
        let (then, maker_core) = (self.base(), (processor_time().saturating_sub(spent)).as_secs_f64() / took);
        let heard = self.maker.streams.measured();
        let calls = self.maker.up();
        let ours = self.plan.dialled.at.is_none();
        let core = ours.then(|| then.cpu.saturating_sub(before.cpu).as_secs_f64() / took);
        let a_call = |now: u64, at_first: u64| ours.then(|| now.saturating_sub(at_first) as f64 / calls.max(1) as f64);
        Ok(Step {
            asked,
            calls,
            core,
            core_millionths_a_call: core.map(|core| core * 1e6 / calls.max(1) as f64),
            late_ms: heard.late,
            packets: heard.packets,
            lost: heard.lost,
            silent: heard.silent,
            failed: self.failed(),
            resident_kb: ours.then_some(then.resident),
            resident_kb_a_call: a_call(then.resident, self.before.resident),
            kernel_kb_a_call: a_call(then.kernel, self.before.kernel),
            keys: heard.keys,
            stopped_ms: heard.stopped,
            started_ms: heard.restarted,
            maker_core,
            stolen_core: then.stolen.saturating_sub(before.stolen).as_secs_f64() / took,
            limited_by_maker: limit(self.maker.dropped() - dropped, maker_core, self.maker.sent_again() - again),
        })
    }

    /// A call that plays or waits is not over by itself.
    fn failed(&self) -> std::collections::BTreeMap<String, u64> {
        let counts = &self.maker.counts;
        let ended = (counts.hung_up_on > 0).then(|| ("hung up on by the hotline".to_owned(), counts.hung_up_on));
        counts.failed.clone().into_iter().chain(ended).collect()
    }

    fn find(&mut self) -> std::io::Result<()> {
        let mut tried = self.found.tried();
        find(&mut tried, |calls| self.tries(calls))
    }
}

/// Tries until it is clean, so often at most: a moment in which the machine stood still is not to decide.
pub(super) fn tries<E>(most: u32, mut step: impl FnMut() -> Result<bool, E>) -> Result<bool, E> {
    for _ in 1..most {
        if step()? {
            return Ok(true);
        }
    }
    step()
}

/// The greatest number that was clean.
pub(super) fn greatest(tried: &[(u32, bool)]) -> Option<u32> {
    tried.iter().filter(|(_, clean)| *clean).map(|(calls, _)| *calls).max()
}

/// Goes up by halves from the greatest clean number until one is not, then halves the distance. Tells what was tried.
pub(super) fn find<E>(tried: &mut Vec<(u32, bool)>, mut step: impl FnMut(u32) -> Result<bool, E>) -> Result<(), E> {
    loop {
        let low = greatest(tried).unwrap_or(0);
        let high = tried.iter().filter(|(calls, clean)| !clean && *calls > low).map(|(calls, _)| *calls).min();
        let next = match high {
            None => (low * 3 / 2).max(500),
            Some(high) if f64::from(high - low) <= f64::from(high) * NEAR => return Ok(()),
            Some(high) => low.midpoint(high),
        };
        tried.push((next, step(next)?));
    }
}

pub(super) fn limit(dropped: u64, core: f64, again: u64) -> Option<String> {
    if dropped > 0 {
        return Some(format!("{dropped} packets found the maker's sockets full"));
    }
    (core > 0.9).then(|| format!("the maker's core was full ({again} requests sent again)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_clean_at_its_third_try_is_clean_and_tried_no_more() {
        for (most, clean, tried) in [(1, false, 1), (2, false, 2), (3, true, 3), (9, true, 3)] {
            let mut count = 0;
            let found = tries(most, || {
                count += 1;
                Ok::<_, ()>(count == 3)
            });
            assert_eq!((found, count), (Ok(clean), tried));
        }
    }
}
