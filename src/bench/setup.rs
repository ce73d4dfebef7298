//! Calls set up and ended: how many a second.

use std::time::Duration;

use serde::Serialize;

use super::dialled::Dialled;
use super::maker::{Aim, FarEnd, Maker, now, processor_time};
use super::spread::Quantiles;
use super::usage::Usage;

/// Looks at the memory.
const SAMPLES: f64 = 10.0;

/// What is to be tried.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// Whom to dial.
    pub dialled: Dialled<'a>,
    /// Calls a second, one after the other.
    pub rates: Vec<u32>,
    /// How long each.
    pub time: Duration,
}

/// What one rate came to.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Calls a second that were asked for.
    pub asked: u32,
    /// Calls that were set up and ended, a second.
    pub calls_a_second: f64,
    /// Calls that were dialled.
    pub dialled: u64,
    /// Calls that failed, by what.
    pub failed: std::collections::BTreeMap<String, u64>,
    /// Requests sent again since no answer came in half a second.
    pub sent_again: u64,
    /// From INVITE to 200, in milliseconds.
    pub answered_ms: Quantiles,
    /// Of a core, by the dialled hotline; nothing if it is not ours.
    pub core: Option<f64>,
    /// Its resident memory in KB, at the beginning and after each tenth of the time.
    pub resident_kb: Vec<u64>,
    /// Of a core, by the maker.
    pub maker_core: f64,
    /// Whether the maker was the limit, and why.
    pub limited_by_maker: Option<String>,
}

/// All that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// In the order they were run.
    pub steps: Vec<Step>,
    /// Warnings of the dialled hotline.
    pub complaints: String,
}

/// Runs each rate; `told` gets each step as it is done, `turned` how far the run is (0 to 1).
///
/// # Errors
/// What keeps it from running.
pub fn run(plan: &Plan<'_>, mut turned: impl FnMut(f64), mut told: impl FnMut(&Step)) -> Result<Found, String> {
    let side = plan.dialled.start()?;
    let (uris, processes) = (side.uris("300"), side.processes());
    plan.dialled.pin_maker();
    let whole = plan.time.as_secs_f64() * plan.rates.len() as f64;
    let mut steps = Vec::new();
    for (done, rate) in plan.rates.iter().enumerate() {
        let mut maker = Maker::new(&uris, FarEnd::Silent).map_err(|error| error.to_string())?;
        let before = done as f64 * plan.time.as_secs_f64();
        let step = one(&mut maker, &processes, *rate, plan.time, |gone| turned((before + gone) / whole))
            .map_err(|error| error.to_string())?;
        told(&step);
        steps.push(step);
    }
    Ok(Found { steps, complaints: side.complaints() })
}

fn one(
    maker: &mut Maker,
    processes: &[u32],
    rate: u32,
    time: Duration,
    mut turned: impl FnMut(f64),
) -> std::io::Result<Step> {
    let usage = || -> Vec<Usage> { processes.iter().copied().map(Usage::of).collect() };
    let (mut resident_kb, mut next) = (Vec::new(), 0.0);
    let (began, used, spent) = (now(), usage(), processor_time());
    maker.aim(Aim { calls: usize::MAX, rate: rate.into() });
    maker.run(time, |_, now| {
        let gone = now.saturating_sub(began).as_secs_f64();
        if gone >= next {
            next += time.as_secs_f64() / SAMPLES;
            resident_kb.push(usage().iter().map(|usage| usage.resident).sum());
            turned(gone);
        }
        false
    })?;
    let took = now().saturating_sub(began).as_secs_f64();
    let (ended, used_then, spent) = (maker.counts.ended, usage(), processor_time().saturating_sub(spent));
    maker.aim(Aim { calls: 0, rate: rate.into() });
    // Those under way come to their end.
    maker.run(Duration::from_secs(40), |maker, _| maker.is_idle())?;
    let cpu = |all: &[Usage]| all.iter().map(|usage| usage.cpu).sum::<Duration>();
    let core = cpu(&used_then).saturating_sub(cpu(&used)).as_secs_f64() / took;
    let maker_core = spent.as_secs_f64() / took;
    let dropped = maker.dropped();
    let limited_by_maker = if dropped > 0 {
        Some(format!("{dropped} datagrams found the maker's sockets full"))
    } else if maker_core > 0.9 {
        Some("the maker's core was full".to_owned())
    } else if (maker.counts.dialled as f64) < 0.98 * f64::from(rate) * took {
        Some("the maker did not come to dial as many".to_owned())
    } else {
        None
    };
    Ok(Step {
        asked: rate,
        calls_a_second: ended as f64 / took,
        dialled: maker.counts.dialled,
        failed: maker.counts.failed.clone(),
        sent_again: maker.sent_again(),
        answered_ms: maker.counts.answering.quantiles(),
        core: (!processes.is_empty()).then_some(core),
        resident_kb,
        maker_core,
        limited_by_maker,
    })
}
