//! What calls came to for their callers, counted the same way for the metrics page and for a report.
//!
//! | counted | by this event |
//! |---|---|
//! | accepted | the call was answered: the 200 was acknowledged, its menu began |
//! | self-service complete | a result of the caller's own records was heard to its end (a topic is no result) |
//! | asked for a person | `0` was pressed where it leads to a person, or the menu handed the call over; once a call |
//! | person answered | whom it was handed over to answered |
//! | person within 15 s | they answered within 15 s of the asking (GB/T 33358-2016) |
//! | abandoned | the caller hung up, or was gone without a word, with no result heard and nobody spoken to |
//! | repeated | the same caller, by the keyed hash of the number, had begun a call within 24 hours before |

use std::collections::BTreeMap;

use super::CallEntry;

/// How soon a person is to answer, in milliseconds.
const SOON_MS: u64 = 15_000;

/// One thing that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// The menu began.
    Accepted,
    /// A result was heard to its end.
    SelfServiceComplete,
    /// A person was asked for.
    PersonAsked,
    /// A person answered.
    PersonAnswered,
    /// A person answered within 15 s of the asking.
    PersonWithin15s,
    /// The caller went with nothing.
    Abandoned,
    /// The caller had called within 24 hours before.
    Repeated,
}

impl Service {
    /// Everything that is counted, in the order of a report.
    pub const ALL: [Service; 7] = [
        Service::Accepted,
        Service::SelfServiceComplete,
        Service::PersonAsked,
        Service::PersonAnswered,
        Service::PersonWithin15s,
        Service::Abandoned,
        Service::Repeated,
    ];

    /// Its name in metrics and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Service::Accepted => "accepted",
            Service::SelfServiceComplete => "self-service-complete",
            Service::PersonAsked => "person-asked",
            Service::PersonAnswered => "person-answered",
            Service::PersonWithin15s => "person-within-15s",
            Service::Abandoned => "abandoned",
            Service::Repeated => "repeated",
        }
    }

    /// Whether a call counts.
    pub fn is(self, call: &CallEntry) -> bool {
        let accepted = call.answered.is_some();
        let served = call.outcome == "served";
        match self {
            Service::Accepted => accepted,
            Service::SelfServiceComplete => served,
            Service::PersonAsked => call.person_asked_ms.is_some(),
            Service::PersonAnswered => call.person_answered_ms.is_some(),
            Service::PersonWithin15s => {
                let waited = call.person_answered_ms.zip(call.person_asked_ms);
                waited.is_some_and(|(answered, asked)| answered.saturating_sub(asked) <= SOON_MS)
            }
            Service::Abandoned => {
                let gone = ["caller-hung-up", "media-timed-out", "session-expired"];
                accepted && !served && call.ending.as_ref().is_some_and(|ending| gone.contains(&ending.as_str()))
            }
            Service::Repeated => accepted && call.repeated,
        }
    }
}

/// Counts of calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceCounts {
    counts: [u64; Service::ALL.len()],
    /// Abandoned calls by menu and step.
    abandoned: BTreeMap<(String, String), u64>,
}

/// Steps that abandoned calls are counted by at most; those of further ones are counted as [`OTHER`].
const MOST_STEPS: usize = 1_000;

/// The step of those beyond, and of calls whose path is too long to be known.
pub const OTHER: &str = "other";

impl ServiceCounts {
    /// Counts a call.
    pub fn count(&mut self, call: &CallEntry) {
        for (count, service) in self.counts.iter_mut().zip(Service::ALL) {
            *count += u64::from(service.is(call));
        }
        if Service::Abandoned.is(call) {
            let key = (call.menu.clone(), call.last_step().unwrap_or(OTHER).to_owned());
            let known = self.abandoned.len() < MOST_STEPS || self.abandoned.contains_key(&key);
            *self.abandoned.entry(if known { key } else { (OTHER.into(), OTHER.into()) }).or_default() += 1;
        }
    }

    /// How many there were.
    pub fn of(&self, service: Service) -> u64 {
        let counted = Service::ALL.iter().zip(self.counts).find(|(of, _)| **of == service);
        counted.map_or(0, |(_, count)| count)
    }

    /// Abandoned calls by menu and the step they ended in.
    pub fn abandoned(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.abandoned.iter().map(|((menu, step), count)| (menu.as_str(), step.as_str(), *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(outcome: &str, ending: &str, path: &str) -> CallEntry {
        CallEntry {
            answered: Some("2026-11-25T04:22:00.123Z".into()),
            outcome: outcome.into(),
            ending: Some(ending.into()),
            menu: "12333".into(),
            path: path.into(),
            ..CallEntry::default()
        }
    }

    fn counted(call: &CallEntry) -> Vec<&'static str> {
        Service::ALL.into_iter().filter(|service| service.is(call)).map(Service::name).collect()
    }

    #[test]
    fn a_call_counts_for_what_its_caller_came_to() {
        let heard = call("served", "caller-hung-up", "welcome > balance");
        assert_eq!(counted(&heard), ["accepted", "self-service-complete"]);
        let topic = call("nothing", "caller-hung-up", "welcome > topic-fees > topics");
        assert_eq!(counted(&topic), ["accepted", "abandoned"]);
        let unanswered = CallEntry { answered: None, ..call("nothing", "caller-hung-up", "") };
        assert_eq!(counted(&unanswered), [""; 0]);
        let asked =
            CallEntry { person_asked_ms: Some(9_000), ..call("nothing", "hotline-hung-up", "welcome > person") };
        assert_eq!(counted(&asked), ["accepted", "person-asked"]);
        for (answered, within) in [(24_000, true), (24_001, false)] {
            let spoken =
                CallEntry { person_answered_ms: Some(answered), ending: Some("transferred".into()), ..asked.clone() };
            assert_eq!(counted(&spoken).contains(&"person-within-15s"), within, "{answered}");
        }
        assert_eq!(counted(&CallEntry { repeated: true, ..heard }).last(), Some(&"repeated"));
    }

    #[test]
    fn abandoned_calls_are_counted_by_step_within_a_bound() {
        let mut counts = ServiceCounts::default();
        for number in 0..2_000 {
            counts.count(&call("nothing", "caller-hung-up", &format!("welcome > step-{number}")));
        }
        counts.count(&CallEntry { path_cut: 3, ..call("nothing", "caller-hung-up", "welcome") });
        assert_eq!(counts.of(Service::Abandoned), 2_001);
        assert_eq!(counts.abandoned().count(), MOST_STEPS + 1);
        assert_eq!(counts.abandoned().map(|(_, _, calls)| calls).sum::<u64>(), 2_001);
    }
}
