//! Timers, tries, barge-in and keys typed ahead as other systems got them wrong: one question, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use hotline::dialogue::{Caller, Dialogue, Input, Output, SayingId};
use hotline::facts::{Key, Moment};
use hotline::menu::parse;

/// A welcome, a number of 4 to 16 digits, a choice. `rules` are the question's.
fn script(rules: &str) -> String {
    format!(
        "[hotline]\nname = \"1\"\nstart = \"welcome\"\nlanguages = [\"en\"]\n\n\
         [defaults]\nperson = \"person\"\nfirst-key = \"3s\"\nbetween-keys = \"2s\"\nafter-last = \"1s\"\n\n\
         [welcome]\nsay = \"welcome\"\nthen = \"number\"\n\n\
         [number]\nask = \"number\"\nfield = {{ digits = {{ min = 4, max = 16 }} }}\nstore = \"number\"\nthen = \"choice\"\n{rules}\n\n\
         [choice]\nmenu = \"choice\"\n1 = \"one\"\n2 = \"two\"\n{rules}\n\n\
         [one]\nsay = \"one\"\nthen = \"choice\"\n\n[two]\nsay = \"two\"\nthen = \"choice\"\n\n\
         [person]\nhang-up = \"goodbye\"\n"
    )
}

/// A caller in a call, and what happens to them: `@step` for one they come to, the name of a message for what is said.
struct Call {
    dialogue: Dialogue,
    now: Moment,
    saying: Option<SayingId>,
    happened: Vec<String>,
}

impl Call {
    /// Answered; the welcome is being said.
    fn of(rules: &str) -> Call {
        let menu = parse("menu.toml", &script(rules)).unwrap_or_else(|faults| panic!("{faults:?}")).menu;
        let caller = Caller::unknown(jiff::civil::date(2026, 11, 5));
        let dialogue = Dialogue::new(Arc::new(menu), caller);
        let mut call = Call { dialogue, now: Moment::ZERO, saying: None, happened: Vec::new() };
        call.give(Input::Answered);
        call
    }

    /// At the number, its prompt said to the end.
    fn asked(rules: &str) -> Call {
        let mut call = Call::of(rules);
        call.hear().hear();
        call.happened.clear();
        call
    }

    fn give(&mut self, input: Input) -> &mut Call {
        self.dialogue.handle(self.now, input);
        while let Some(output) = self.dialogue.poll_output() {
            match output {
                Output::Say(say) => {
                    self.saying = Some(say.id);
                    self.happened.extend(say.lines.iter().map(|(_, line)| line.message.to_string()));
                }
                Output::StopSaying => {
                    self.saying = None;
                    self.happened.push("silence".to_owned());
                }
                Output::Entered(step) => self.happened.push(format!("@{step}")),
                Output::HangUp => self.happened.push("hung up".to_owned()),
                Output::LookUp(_) | Output::Transfer(_) => unreachable!(),
            }
        }
        self
    }

    /// What is being said is said to its end.
    fn hear(&mut self) -> &mut Call {
        let id = self.saying.take().expect("something is being said");
        self.now = self.now + Duration::from_secs(60);
        self.give(Input::SayingDone(id))
    }

    /// Keys, each after so long a pause.
    fn key(&mut self, pause: u64, keys: &str) -> &mut Call {
        for key in keys.chars() {
            self.wait(pause);
            self.give(Input::Key(Key::from_char(key).unwrap()));
        }
        self
    }

    /// Waits so many milliseconds; timers run out as they do.
    fn wait(&mut self, milliseconds: u64) -> &mut Call {
        let until = self.now + Duration::from_millis(milliseconds);
        while let Some(wake) = self.dialogue.poll_timeout().filter(|wake| *wake <= until) {
            self.now = wake.max(self.now);
            self.give(Input::Timeout);
        }
        self.now = until;
        self
    }

    /// What has happened since this was last asked.
    fn told(&mut self) -> String {
        std::mem::take(&mut self.happened).join(" ")
    }
}

#[test]
fn a_number_ends_by_the_pause_after_it() {
    // T01 jambonz-feature-server#250: as digits, not as a time-out.
    assert_eq!(Call::asked("").key(0, "1234").wait(1999).told(), "");
    assert_eq!(Call::asked("").key(0, "1234").wait(2000).told(), "@choice choice");
    // T16 asterisk PR#1511: or by #, though more digits could follow.
    assert_eq!(Call::asked("").key(0, "1234#").told(), "@choice choice");
}

#[test]
fn typing_slowly_is_never_cut_off() {
    // T02 jambonz-feature-server#534, T04 jambonz-feature-server#1306: the wait for the first key is over with it.
    let mut call = Call::asked("");
    assert_eq!(call.wait(2999).key(0, "1").key(1999, "23456789").told(), "");
    assert_eq!(call.wait(2000).told(), "@choice choice");
}

#[test]
fn the_wait_for_the_first_key_begins_when_the_prompt_has_ended() {
    // T03 jambonz-feature-server#597
    let mut call = Call::of("");
    call.hear().told();
    assert_eq!(call.wait(59_000).told(), "", "the prompt is being said");
    assert_eq!(call.hear().wait(2999).told(), "");
    assert_eq!(call.wait(1).told(), "number.no-input number");
}

#[test]
fn too_few_digits_are_no_match_and_no_answer() {
    // T05 jambonz-feature-server#1337
    assert_eq!(Call::asked("").key(0, "123").wait(1999).told(), "");
    assert!(Call::asked("").key(0, "123").wait(2000).told().starts_with("number.too-short"));
    assert!(Call::asked("").key(0, "123#").told().starts_with("number.too-short"));
}

#[test]
fn silences_and_wrong_entries_have_their_own_counts() {
    // T07 fusionpbx#515
    let rules = "no-input-tries = 1\nno-match-tries = 3\ntries = 9\n";
    let mut silent = Call::asked(rules);
    assert!(silent.wait(3000).told().contains("@person"));
    let mut wrong = Call::asked(rules);
    for _ in 0..2 {
        assert!(!wrong.key(0, "1#").told().contains("@person"));
    }
    assert!(wrong.key(0, "1#").told().contains("@person"));
    // T08 fusionpbx#1402: also where no key confirms them.
    let mut unconfirmed = Call::asked(rules);
    for _ in 0..2 {
        assert!(!unconfirmed.key(0, "1").wait(2000).told().contains("@person"));
    }
    assert!(unconfirmed.key(0, "1").wait(2000).told().contains("@person"));
}

#[test]
fn a_choice_does_what_was_chosen_each_time() {
    // T09 fusionpbx#1432
    let mut call = Call::asked("");
    call.key(0, "1234#").told();
    assert_eq!(call.key(0, "1").told(), "silence @one one");
    call.hear().told();
    assert_eq!(call.key(0, "2").told(), "silence @two two");
    call.hear().told();
    assert_eq!(call.key(0, "1").told(), "silence @one one");
    call.hear().hear().told();
    let mut wrong = 0;
    while !call.told().contains("@person") {
        wrong += 1;
        call.key(1100, "7");
        assert!(wrong < 9, "endless");
    }
}

#[test]
fn a_timer_is_as_long_as_it_says() {
    // T10 asterisk#1401: no whole seconds of any clock.
    let mut call = Call::asked("first-key = \"1s\"\n");
    assert_eq!(call.dialogue.poll_timeout(), Some(call.now + Duration::from_secs(1)));
    assert_eq!(call.wait(999).told(), "");
    assert_ne!(call.wait(1).told(), "");
}

#[test]
fn a_caller_who_hangs_up_among_keys_is_gone() {
    // T11 asterisk#281
    let mut call = Call::asked("");
    assert_eq!(call.key(0, "12").give(Input::HungUp).key(0, "34#").wait(100_000).told(), "");
    assert!(call.dialogue.is_over() && call.dialogue.poll_timeout().is_none());
}

#[test]
fn what_follows_the_end_of_a_number_is_for_the_next_question() {
    // T17 of Asterisk's tests/apps/read: 1234#56 is 1234, and the rest is not lost.
    assert_eq!(Call::asked("").key(0, "1234#2").told(), "@choice choice silence @two two");
    let mut ahead = Call::of("");
    ahead.hear().told();
    assert!(ahead.key(0, "1234#2").told().ends_with("@two two"));
}

#[test]
fn without_barge_in_a_key_does_not_cut_the_prompt() {
    // B01 jambonz-feature-server#382, B06 of Asterisk's tests/apps/say_interrupt
    let mut call = Call::of("barge-in = false\n");
    call.hear().told();
    assert_eq!(call.key(0, "1234#").told(), "", "nothing is cut");
    // B03 jambonz-feature-server#805: they are kept, or dropped, as the question says.
    assert_eq!(call.hear().told(), "@choice choice");
    let mut call = Call::of("barge-in = false\ntype-ahead = false\n");
    call.hear().told();
    assert_eq!(call.key(0, "1234#").hear().told(), "");
    let mut call = Call::of("");
    call.hear().told();
    assert_eq!(call.key(0, "1").told(), "silence", "with it a key cuts");
}

#[test]
fn a_key_pressed_while_something_is_played_answers_the_question_after_it() {
    // B04 jambonz-feature-server#683, B05 AWS re:Post: neither lost, nor an empty answer.
    let mut call = Call::of("");
    call.told();
    assert_eq!(call.key(0, "1").told(), "silence @number");
    assert_eq!(call.key(100, "234#").told(), "@choice choice");
}
