//! Whatever a caller, the records and the shell do, in any order: the call speaks, or waits with a timer running, or has
//! ended. Nothing panics, nothing grows without bound, and no silence is longer than the timers allow.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hotline::dialogue::{Caller, Dialogue, Input, MOST_STEPS_TOLD, Output, SayingId, Transferred};
use hotline::facts::{Balances, Fen, Insurance, Key, Moment, Month, Payment, Payments, PersonRef, Reply, Summary};
use hotline::menu::{Menu, parse};
use jiff::civil::date;
use proptest::prelude::*;

use crate::support::hotline::{in_tree, menu};

/// What may happen next.
#[derive(Clone, Debug)]
enum Happens {
    Answered,
    Key(u8),
    Keys(&'static str),
    SaidToTheEnd,
    SomethingElseSaid(u64),
    TimePasses(u64),
    TimerRunsOut,
    Answer(u8),
    HandedOver(Transferred),
    HungUp,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        1 => Just(Happens::Answered),
        8 => (0_u8..16).prop_map(Happens::Key),
        4 => prop_oneof![Just("119999198503150010#"), Just("10000001#"), Just("12"), Just("2025#"), Just("31")]
            .prop_map(Happens::Keys),
        8 => Just(Happens::SaidToTheEnd),
        1 => (0_u64..50).prop_map(Happens::SomethingElseSaid),
        4 => (0_u64..20_000_000).prop_map(Happens::TimePasses),
        6 => Just(Happens::TimerRunsOut),
        8 => (0_u8..8).prop_map(Happens::Answer),
        2 => prop_oneof![Just(Transferred::Busy), Just(Transferred::Unanswered), Just(Transferred::Refused), Just(Transferred::Answered)]
            .prop_map(Happens::HandedOver),
        1 => Just(Happens::HungUp),
    ]
}

fn reply(which: u8) -> Reply {
    let as_of = Month::new(2026, 9).unwrap();
    let payment =
        |at: i32| Payment { month: as_of.plus(-at), base: Fen(500_000), personal: Fen(40_000), employer: Fen(80_000) };
    match which {
        0..=2 => Reply::Matched(PersonRef(1)),
        3 => Reply::Unmatched,
        4 => Reply::Locked { minutes: 0 },
        5 => Reply::Balances(Balances { pension: Fen(i64::MAX), medical: Fen(-1), as_of }),
        6 => Reply::Summary(Summary { insurances: Vec::new(), as_of }),
        _ => Reply::Payments(Payments {
            insurance: Insurance::Pension,
            from: as_of.plus(-20),
            to: as_of,
            paid: vec![payment(9), payment(8), payment(2)],
            first_ever: Some(as_of.plus(-9)),
            as_of,
        }),
    }
}

/// The demo, but that its person is really called.
fn with_a_transfer() -> Arc<Menu> {
    let script = std::fs::read_to_string(in_tree("voice-menus/12333/menu.toml")).unwrap();
    let transfer = "[person]\ntransfer = \"person\"\nto = \"tel:12333\"\nrefused = \"hours\"\n\n[hours]\n";
    let script = script.replacen("[person]\n", transfer, 1);
    Arc::new(parse("menu.toml", &script).expect("a menu without faults").menu)
}

/// A shell that notes what is being said.
struct Shell {
    call: Dialogue,
    now: Moment,
    saying: Option<SayingId>,
    answered: bool,
    hung_up: bool,
}

impl Shell {
    fn give(&mut self, input: Input) {
        self.call.handle(self.now, input);
        let mut outputs = 0;
        while let Some(output) = self.call.poll_output() {
            outputs += 1;
            assert!(!self.hung_up, "nothing comes after the end");
            match output {
                Output::Say(say) => {
                    assert!(!say.lines.is_empty());
                    self.saying = Some(say.id);
                }
                Output::StopSaying => self.saying = None,
                Output::HangUp => self.hung_up = true,
                Output::LookUp(_) | Output::Transfer(_) | Output::Entered(_) => {}
            }
        }
        assert!(outputs < 200, "{outputs} outputs at once");
        self.look();
    }

    fn look(&self) {
        assert!(self.call.story().path.len() <= MOST_STEPS_TOLD);
        if self.call.is_over() {
            assert!(self.call.story().ending.is_some());
            assert_eq!(self.call.poll_timeout(), None);
        } else if self.answered {
            let silent = self.saying.is_none();
            let wake = self.call.poll_timeout();
            let rest = wake.map(|wake| wake.since(self.now));
            assert!(
                !silent || rest.is_some_and(|rest| rest <= Duration::from_secs(10)),
                "silent, and wakes in {rest:?}"
            );
        }
    }

    fn take(&mut self, happens: Happens) {
        match happens {
            Happens::Answered => {
                self.answered = true;
                self.give(Input::Answered);
            }
            Happens::Key(event) => self.give(Input::Key(Key::from_event(event).unwrap())),
            Happens::Keys(keys) => {
                for key in keys.chars() {
                    self.now = self.now + Duration::from_millis(200);
                    self.give(Input::Key(Key::from_char(key).unwrap()));
                }
            }
            Happens::SaidToTheEnd => {
                if let Some(id) = self.saying.take() {
                    self.now = self.now + Duration::from_secs(4);
                    self.give(Input::SayingDone(id));
                }
            }
            Happens::SomethingElseSaid(id) => {
                // A saying that has been replaced may still be reported; the current one is not touched.
                if self.saying != Some(SayingId(id)) {
                    self.give(Input::SayingDone(SayingId(id)));
                }
            }
            Happens::TimePasses(micros) => {
                let passed = self.now + Duration::from_micros(micros);
                let before = self.call.poll_timeout().map_or(passed, |wake| wake.min(passed));
                self.now = self.now.max(before);
                self.give(Input::Timeout);
            }
            Happens::TimerRunsOut => {
                if let Some(wake) = self.call.poll_timeout() {
                    self.now = self.now.max(wake);
                    self.give(Input::Timeout);
                }
            }
            Happens::Answer(which) => self.give(Input::LookedUp(Box::new(reply(which)))),
            Happens::HandedOver(outcome) => self.give(Input::TransferDone(outcome)),
            Happens::HungUp => self.give(Input::HungUp),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_inputs(sequence in proptest::collection::vec(happens(), 1..300), hands_over in any::<bool>()) {
        let caller = Caller::unknown(date(2026, 11, 20));
        static MENUS: OnceLock<[Arc<Menu>; 2]> = OnceLock::new();
        let menus = MENUS.get_or_init(|| [menu("12333"), with_a_transfer()]);
        let call = Dialogue::new(Arc::clone(&menus[usize::from(hands_over)]), caller);
        let mut shell = Shell { call, now: Moment::ZERO, saying: None, answered: false, hung_up: false };
        for happens in sequence {
            shell.take(happens);
        }
        // Left alone, the call comes to an end by itself.
        for _ in 0..2_000 {
            shell.take(Happens::SaidToTheEnd);
            shell.take(Happens::TimerRunsOut);
        }
        prop_assert!(!shell.answered || shell.call.is_over());
    }
}
