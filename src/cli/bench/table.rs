//! The figures as lines for people.

#[cfg(target_os = "linux")]
pub(super) use linux::*;

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::fmt::Write;

    use crate::bench::{bare, media, setup};

    pub(in super::super) const MEDIA: &str =
        "calls   core %   late, ms: median    99 %  99.9 %    most   lost   MB resident   KB a call   maker's core %";

    pub(in super::super) const SETUP: &str = "asked/s   ended/s   failed   again   answered, ms: median    99 %  99.9 %     most   core %   MB resident   maker's core %";

    fn percent(core: Option<f64>) -> String {
        core.map_or_else(|| "-".into(), |core| format!("{:.1}", core * 100.0))
    }

    fn named(failed: &BTreeMap<String, u64>) -> String {
        failed.iter().map(|(why, count)| format!("{count} of {why}")).collect::<Vec<_>>().join(", ")
    }

    pub(in super::super) fn media_row(step: &media::Step) -> String {
        let media::Step { calls, late_ms: late, lost, .. } = step;
        let memory = step.resident_kb.map_or_else(|| "-".into(), |kb| format!("{:.1}", kb as f64 / 1024.0));
        let a_call = step.resident_kb_a_call.map_or_else(|| "-".into(), |kb| format!("{kb:.1}"));
        let mut row = format!(
            "{calls:5} {:>8} {:19.2} {:7.2} {:7.2} {:7.1} {lost:6} {memory:>13} {a_call:>11} {:16.1}",
            percent(step.core),
            late.p50,
            late.p99,
            late.p999,
            late.most,
            step.maker_core * 100.0
        );
        if *calls < step.asked as usize {
            let _ = write!(row, "\n        of {} asked for", step.asked);
        }
        if !step.failed.is_empty() {
            let _ = write!(row, "\n        failed: {}", named(&step.failed));
        }
        if step.silent > 0 {
            let _ = write!(row, "\n        {} calls said nothing", step.silent);
        }
        if step.keys > 0 {
            let (stopped, started) = (step.stopped_ms, step.started_ms);
            let _ = write!(
                row,
                "\n        {} keys: sound stopped after {:.1} ms (99.9 %: {:.1}), the next prompt began after {:.1} ms (99.9 %: {:.1})",
                step.keys, stopped.p50, stopped.p999, started.p50, started.p999
            );
        }
        if let Some(why) = &step.limited_by_maker {
            let _ = write!(row, "\n        limited by the maker: {why}");
        }
        if step.stolen_core > 0.02 {
            let _ =
                write!(row, "\n        this machine's host kept {:.0} % of a core from it", step.stolen_core * 100.0);
        }
        row
    }

    pub(in super::super) fn paced_row(paced: &bare::Paced) -> String {
        let bare::Paced { calls, late_ms: late, lost, .. } = paced;
        let mut row = format!(
            "{calls:5} {:>8} {:19.2} {:7.2} {:7.2} {:7.1} {lost:6}     the bare loop at their pace {:22.1}",
            percent(Some(paced.core)),
            late.p50,
            late.p99,
            late.p999,
            late.most,
            paced.maker_core * 100.0
        );
        if let Some(why) = &paced.limited_by_maker {
            let _ = write!(row, "\n        limited by the maker: {why}");
        }
        row
    }

    pub(in super::super) fn media_end(found: &media::Found) -> String {
        let mut end = String::new();
        if let Some(bare) = &found.bare {
            let _ = writeln!(
                end,
                "the bare loop through {} sockets: {:.0} packets a second of processor time, as many as of {:.0} calls",
                bare.sockets, bare.packets_a_second, bare.calls
            );
        }
        if let Some(clean) = found.clean {
            let _ = write!(end, "clean (99.9 % late by less than 5 ms, none lost) up to {clean} calls");
            if let Some(bare) = &found.bare {
                let _ = write!(end, ": {:.2} of the bare loop without a rest", f64::from(clean) / bare.calls);
            }
            if let Some(paced) = found.bare.as_ref().and_then(|bare| bare.clean) {
                let part = f64::from(clean) / f64::from(paced);
                let _ = write!(end, ", {part:.2} of the {paced} calls whose pace it keeps as clean");
            }
            end.push('\n');
        }
        if !found.complaints.is_empty() {
            let _ = writeln!(end, "the hotline complained:\n{}", first_lines(&found.complaints));
        }
        end
    }

    pub(in super::super) fn setup_row(step: &setup::Step) -> String {
        let failed: u64 = step.failed.values().sum();
        let answered = step.answered_ms;
        let memory: Vec<_> = step.resident_kb.iter().map(|kb| format!("{:.1}", *kb as f64 / 1024.0)).collect();
        let last = memory.last().cloned().unwrap_or_else(|| "-".into());
        let mut row = format!(
            "{:7} {:9.1} {failed:8} {:7} {:23.2} {:7.2} {:7.2} {:8.1} {:>8} {last:>13} {:16.1}",
            step.asked,
            step.calls_a_second,
            step.sent_again,
            answered.p50,
            answered.p99,
            answered.p999,
            answered.most,
            percent(step.core),
            step.maker_core * 100.0
        );
        if failed > 0 {
            let _ = write!(row, "\n        failed: {}", named(&step.failed));
        }
        if let Some(why) = &step.limited_by_maker {
            let _ = write!(row, "\n        limited by the maker: {why}");
        }
        let _ = write!(row, "\n        MB resident by tenths of the time: {}", memory.join(" "));
        row
    }

    /// What fits a screen.
    pub(in super::super) fn first_lines(text: &str) -> String {
        let lines: Vec<_> = text.lines().collect();
        let shown = lines.iter().take(10).map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n");
        if lines.len() > 10 { format!("{shown}\n  and {} lines more", lines.len() - 10) } else { shown }
    }
}
