//! From typed tables to a menu: names become places, defaults are filled in, and what no type can say is checked.

mod identity;
mod names;

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use super::compiled::{About, Choice, Field, Kind, Limits, Menu, MessageId, PagingKeys, Period, Rules, Step, StepId};
use super::faults::Faults;
use super::graph::{Graph, Node};
use super::live::live;
use super::read::{Body, Chosen, Script, ScriptStep};
use super::scalar::{At, Goal, LanguageTag, LastWords, MessageName, PersonRoute, StepName, shorten};
use super::script::{self, Ask, DigitCount, Hotline, ReadBack, Records, Say, Transfer};
use super::slots::{Content, Slots};
use crate::facts::{Key, Language};

/// Where a step stands in its script, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub name: Range<usize>,
    /// Its message's name, if it has a message.
    pub message: Option<Range<usize>>,
}

/// Compiles what was read. Nothing, if so much is missing that there is no menu; other errors are in `faults`.
pub(super) fn compile(script: &Script, faults: &mut Faults) -> Option<(Menu, Vec<Place>)> {
    let mut compiler = Compiler::of(script, faults);
    let steps: Vec<(Option<Kind>, Node)> = script.steps.iter().map(|step| compiler.step(step)).collect();
    let hotline = script.hotline.as_ref();
    let start = hotline.and_then(|hotline| compiler.hotline(hotline, &script.hotline_span));
    compiler.defaults(script);
    let slots = compiler.slots.names.clone();
    let (kinds, nodes): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
    let noticed = hotline.is_none_or(|hotline| hotline.notice_said_before);
    Graph { nodes, start, noticed }.check(faults);
    let (hotline, start, limits) = (hotline?, start?, script.limits.as_ref()?);
    let mut compiled = Vec::new();
    for (step, kind) in script.steps.iter().zip(kinds) {
        compiled.push(Step { name: Arc::clone(&step.name), kind: kind? });
    }
    let live = live(&compiled, slots.len());
    let menu = Menu {
        name: hotline.name.0.clone(),
        start,
        languages: hotline.languages.value.iter().map(|language| language.value.0).collect(),
        steps: compiled,
        slots,
        call_limit: hotline.call_limit.0,
        look_up_deadline: hotline.look_up_deadline.0,
        look_up_patience: hotline.look_up_patience.value.0,
        limits: Limits {
            person_within: limits.person_within.0,
            silent_within: limits.silent_within.0,
            wrong_within: limits.wrong_within.0,
            menu_prompt: limits.menu_prompt.0,
            ask_prompt: limits.ask_prompt.0,
            message: limits.message.0,
            correction: limits.correction.0,
            item: limits.item.0,
        },
        live,
    };
    Some((menu, script.steps.iter().map(place).collect()))
}

fn place(step: &ScriptStep) -> Place {
    let message = match &step.body {
        Some(Body::Say(say)) => Some(&say.say),
        Some(Body::Menu(menu, ..)) => Some(&menu.menu),
        Some(Body::Ask(ask, _)) => Some(&ask.ask),
        Some(Body::ReadBack(read)) => Some(&read.read_back),
        Some(Body::Dispute(dispute)) => Some(&dispute.dispute),
        Some(Body::Transfer(transfer)) => Some(&transfer.transfer),
        _ => None,
    };
    let last_words = match &step.body {
        Some(Body::HangUp(end)) if matches!(end.hang_up.value, LastWords::Message(_)) => Some(end.hang_up.span.clone()),
        _ => None,
    };
    Place { name: step.span.clone(), message: message.map(|message| message.span.clone()).or(last_words) }
}

struct Compiler<'s, 'f> {
    faults: &'f mut Faults,
    steps: HashMap<&'s str, StepId>,
    languages: Option<Vec<Language>>,
    slots: Slots,
    /// What `[defaults]` says of `0`.
    person: Option<&'s At<PersonRoute>>,
    /// Steps that are written, but could not be read.
    lost: &'s BTreeSet<String>,
    /// That nothing says where `0` leads is said once.
    person_missing: bool,
}

impl<'s, 'f> Compiler<'s, 'f> {
    fn of(script: &'s Script, faults: &'f mut Faults) -> Compiler<'s, 'f> {
        let steps = script.steps.iter().enumerate().map(|(place, step)| (&*step.name, StepId(place))).collect();
        let languages =
            script.hotline.as_ref().map(|hotline| hotline.languages.value.iter().map(|tag| tag.value.0).collect());
        let mut compiler = Compiler {
            faults,
            steps,
            languages,
            slots: Slots::default(),
            person: script.person.as_ref(),
            lost: &script.lost,
            person_missing: false,
        };
        for step in &script.steps {
            compiler.collect_slot(step);
        }
        compiler
    }

    /// Slots are read before and after the steps that store them, so they are collected first.
    fn collect_slot(&mut self, step: &'s ScriptStep) {
        match &step.body {
            Some(Body::Ask(ask, _)) => {
                if matches!(ask.field.value, script::Field::PasswordAgain(_)) && ask.store.is_none() {
                    return;
                }
                let content = Content::of(&ask.field.value);
                let (name, span) = match &ask.store {
                    Some(slot) => (&*slot.value.0, &slot.span),
                    None => (&*step.name, &step.span),
                };
                let before = self.slots.by_name.get(name).and_then(|slot| self.slots.contents.get(slot.0).copied());
                match before {
                    None => drop(self.slots.add(name, content)),
                    Some(before) if !before.is_like(content) => {
                        let what = format!("the slot `{}` already holds what {} stores", shorten(name), before.name());
                        self.faults.error(span, what, format!("give what {} stores another slot", content.name()));
                    }
                    Some(_) => self.slots.meet(name, content),
                }
            }
            Some(_) => {}
            None => self.slots.open = true,
        }
    }

    /// Checks `[hotline]`; where calls begin.
    fn hotline(&mut self, hotline: &Hotline, header: &Range<usize>) -> Option<StepId> {
        let languages = &hotline.languages;
        if languages.value.is_empty() {
            self.faults.error(
                &languages.span,
                "a hotline speaks at least one language",
                "as in languages = [\"zh-CN\", \"en\"]",
            );
        }
        let mut seen = Vec::new();
        for language in &languages.value {
            if seen.contains(&language.value.0) {
                self.faults.error(
                    &language.span,
                    format!("`{}` is there twice", language.value.0),
                    "write each language once",
                );
            }
            seen.push(language.value.0);
        }
        let patience = &hotline.look_up_patience;
        if patience.value.0 >= hotline.look_up_deadline.0 {
            let span = if patience.span.is_empty() { header } else { &patience.span };
            let what = "`look-up-patience` is not shorter than `look-up-deadline`: `common.one-moment` is never heard";
            self.faults.warning(span, what, "make `look-up-patience` the shorter one");
        }
        let mut node = Node::default();
        self.to(&hotline.start, &mut node)
    }

    /// Checks the steps that `[defaults]` names, also where no step makes use of them.
    fn defaults(&mut self, script: &Script) {
        let mut node = Node::default();
        if let Some(At { value: PersonRoute::Step(name), span }) = &script.person {
            self.named(name, span, &mut node);
        }
        for name in &script.named_in_defaults {
            self.to(name, &mut node);
        }
    }

    fn step(&mut self, step: &'s ScriptStep) -> (Option<Kind>, Node) {
        let mut node = Node { span: step.span.clone(), ..Node::default() };
        let kind = match &step.body {
            Some(Body::Say(say)) => self.say(say, step, &mut node),
            Some(Body::Menu(menu, chosen, rules)) => {
                node.question = true;
                let choices = self.choices(chosen, rules, &mut node);
                let rules = self.rules(rules, step, &mut node);
                for language in &menu.also_in {
                    self.spoken(language);
                }
                let also_in = menu.also_in.iter().map(|language| language.value.0).collect();
                let message = id(&menu.menu);
                choices.zip(rules).map(|(choices, rules)| Kind::Menu { message, also_in, choices, rules })
            }
            Some(Body::Ask(ask, rules)) => {
                node.question = true;
                let rules = self.rules(rules, step, &mut node);
                self.ask(ask, step, &mut node, rules)
            }
            Some(Body::Verify(verify)) => self.verify(verify, step, &mut node),
            Some(Body::Dispute(dispute)) => self.dispute(dispute, step, &mut node),
            Some(Body::SetPassword(set)) => self.set_password(set, step, &mut node),
            Some(Body::ReadBack(read)) => self.read_back(read, step, &mut node),
            Some(Body::SetLanguage(set)) => {
                self.spoken(&set.set_language);
                let language = set.set_language.value.0;
                self.goal(&set.then, &mut node).map(|then| Kind::SetLanguage { language, then })
            }
            Some(Body::GoTo(go)) => {
                let when_verified = go.when_verified.as_ref().map(|step| self.to(step, &mut node));
                let then = self.goal(&go.go_to, &mut node);
                then.map(|then| Kind::GoTo { then, when_verified: when_verified.flatten() })
            }
            Some(Body::Transfer(transfer)) => self.transfer(transfer, &mut node),
            Some(Body::HangUp(end)) => {
                node.ends = true;
                let message = match &end.hang_up.value {
                    LastWords::Message(message) => Some(Arc::clone(message)),
                    LastWords::None => None,
                };
                Some(Kind::HangUp { message })
            }
            None => {
                for way in &step.ways {
                    self.goal(way, &mut node);
                }
                node.open = true;
                None
            }
        };
        (kind, node)
    }

    /// Checks that the hotline speaks a language.
    fn spoken(&mut self, language: &At<LanguageTag>) {
        let tag = language.value.0;
        if self.languages.as_ref().is_some_and(|languages| !languages.contains(&tag)) {
            let what = format!("the hotline does not speak `{tag}`");
            self.faults.error(&language.span, what, "add it to `languages` in [hotline]");
        }
    }

    fn say(&mut self, say: &Say, step: &ScriptStep, node: &mut Node) -> Option<Kind> {
        let about = match say.about {
            Records::Nothing => About::Nothing,
            Records::Balances => About::Balances,
            Records::Summary => About::Summary,
        };
        node.notice = say.notice.value;
        if say.notice.value && say.skippable {
            let what = "a key cuts this notice short, and then it has not been said";
            self.faults.error(&say.notice.span, what, "write `skippable = false` in this step");
        }
        let then = self.goal(&say.then, node);
        let unavailable = match about {
            // Nothing is looked up, so it leads nowhere: the step itself stands for that.
            About::Nothing => self.steps.get(&*step.name).copied(),
            About::Balances | About::Summary => self.unavailable(say.unavailable.as_ref(), step, node),
        };
        let (then, unavailable) = (then?, unavailable?);
        Some(Kind::Say { message: id(&say.say), about, skippable: say.skippable, then, unavailable })
    }

    fn choices(&mut self, chosen: &[Chosen], rules: &script::Rules, node: &mut Node) -> Option<Vec<Choice>> {
        let person = rules.person.as_ref().or(self.person);
        let mut counted = 0;
        let mut last = None;
        let mut choices = Vec::new();
        for one in chosen {
            choices.push(self.goal(&one.goal, node).map(|target| Choice { key: one.key, target }));
            match one.key {
                Key::Digit(0) => {
                    let to_person = match (&one.goal.value, person.map(|person| &person.value)) {
                        (Goal::Step(step), Some(PersonRoute::Step(person))) => step == person,
                        (_, None | Some(PersonRoute::Nowhere)) => true,
                        _ => false,
                    };
                    if !to_person {
                        self.faults.warning(
                            &one.span,
                            "`0` leads to a person on every hotline; here it does not",
                            "use another key for this",
                        );
                    }
                }
                Key::Digit(digit @ 1..=8) => {
                    counted += 1;
                    if counted == 6 {
                        let hint = "callers forget the first choices: make a menu of some of them";
                        self.faults.warning(&one.span, "a menu of more than five choices", hint);
                    }
                    if last.is_some_and(|last| digit < last) {
                        let what = format!("`{digit}` stands after a greater number");
                        self.faults.warning(&one.span, what, "say and write the choices in the order of their keys");
                    }
                    last = Some(digit);
                }
                _ => {}
            }
        }
        if chosen.is_empty() {
            self.faults.error(
                &node.span.clone(),
                "a menu without a choice",
                "write a key and the step it leads to, as in 1 = \"topics\"",
            );
        }
        choices.into_iter().collect()
    }

    fn ask(&mut self, ask: &Ask, step: &ScriptStep, node: &mut Node, rules: Option<Rules>) -> Option<Kind> {
        let yes_no = matches!(ask.field.value, script::Field::YesNo);
        let field = match &ask.field.value {
            script::Field::CitizenId => Field::CitizenId,
            script::Field::Year => Field::Year,
            script::Field::Month => Field::Month,
            script::Field::YesNo => Field::YesNo,
            script::Field::Insurance => Field::Insurance,
            script::Field::WhoseError => Field::WhoseError,
            script::Field::Password => Field::Password,
            script::Field::PasswordAgain(slot) => Field::PasswordAgain(self.slot(slot, Content::Password, node)?),
            script::Field::Digits(DigitCount { min, max }) => {
                if min.0 > max.0 {
                    let what = format!("at least {} and at most {} digits: that is no number of digits", min.0, max.0);
                    self.faults.error(&ask.field.span, what, "`min` is not greater than `max`");
                }
                let person = rules.is_some_and(|rules| rules.person.is_some());
                if min.0 == 1 && person {
                    let what = "`0` is a whole entry of this field, so it leads to no person from here";
                    let hint = "let `min` be 2 or more, or write `person = false` to say that it is meant so";
                    self.faults.warning(&ask.field.span, what, hint);
                }
                Field::Digits { min: min.0, max: max.0 }
            }
        };
        let before = node.to.len();
        let then = self.goal(&ask.then, node);
        let otherwise = ask.otherwise.as_ref().map(|goal| self.goal(goal, node));
        match &ask.otherwise {
            None if yes_no => {
                let what = "a `yes-no` question needs `otherwise`, which is missing";
                self.faults.error(&step.span, what, "`then` is where 1 leads, `otherwise` where 2 leads");
                node.open = true;
                return None;
            }
            Some(goal) if !yes_no => {
                let what = "`otherwise` belongs to `yes-no` questions alone";
                self.faults.error(
                    &goal.span,
                    what,
                    "leave it out: wrong entries are asked again, and `gave-up` says what then",
                );
            }
            _ => {}
        }
        let again = match field {
            Field::PasswordAgain(slot) => Some(slot),
            _ => None,
        };
        if ask.store.is_none() && !yes_no && again.is_none() {
            let what = "an `ask` step needs `store`, which is missing";
            self.faults.error(&step.span, what, "`store` is the slot that the answer is kept in, as in store = \"id\"");
        }
        // What is keyed again is kept where it was kept before.
        let slot = ask.store.as_ref().map_or(&*step.name, |slot| &*slot.value.0);
        let store = again.filter(|_| ask.store.is_none()).or_else(|| self.slots.by_name.get(slot).copied())?;
        node.stores = Some(store);
        node.answered = node.to.iter().skip(before).copied().collect();
        Some(Kind::Ask {
            message: id(&ask.ask),
            field,
            store,
            then: then?,
            otherwise: otherwise.flatten(),
            rules: rules?,
        })
    }

    fn read_back(&mut self, read: &ReadBack, step: &ScriptStep, node: &mut Node) -> Option<Kind> {
        let period = match (&read.last_months, &read.year_in) {
            (Some(months), None) => Some(Period::LastMonths(months.value.0)),
            (None, Some(slot)) => self.slot(slot, Content::Year, node).map(Period::YearIn),
            (None, None) => {
                let what = "a `read-back` step needs `last-months` or `year-in`; both are missing";
                self.faults.error(&step.span, what, "as in last-months = 12, or year-in = \"year\"");
                None
            }
            (Some(_), Some(slot)) => {
                let what = "a `read-back` step has `last-months` or `year-in`, not both";
                self.faults.error(&slot.span, what, "leave one of them out");
                None
            }
        };
        let keys = PagingKeys {
            next: read.next.0,
            previous: read.previous.0,
            repeat: read.repeat.0,
            slower: read.slower.0,
            stop: read.stop.0,
        };
        self.check_paging(&keys, step);
        let then = self.goal(&read.then, node);
        let unavailable = self.unavailable(read.unavailable.as_ref(), step, node);
        let person = match &read.person {
            Some(person) => self.to(person, node),
            None => self.no_person(step),
        };
        node.person.extend(person.map(|person| person.0));
        Some(Kind::ReadBack {
            message: id(&read.read_back),
            insurance: read.insurance,
            period: period?,
            keys,
            between: read.between.0,
            then: then?,
            unavailable: unavailable?,
            person: person?,
        })
    }

    fn transfer(&mut self, transfer: &Transfer, node: &mut Node) -> Option<Kind> {
        node.ends = true;
        let refused = self.to(&transfer.refused, node);
        let mut or_refused = |step: Option<&At<StepName>>| step.map_or(refused, |step| self.to(step, node));
        let (busy, unanswered) = (or_refused(transfer.busy.as_ref()), or_refused(transfer.unanswered.as_ref()));
        Some(Kind::Transfer {
            message: id(&transfer.transfer),
            to: Arc::clone(&transfer.to.value.0),
            within: transfer.within.0,
            busy: busy?,
            unanswered: unanswered?,
            refused: refused?,
        })
    }

    fn check_paging(&mut self, keys: &PagingKeys, step: &ScriptStep) {
        let named = [
            ("next", keys.next),
            ("previous", keys.previous),
            ("repeat", keys.repeat),
            ("slower", keys.slower),
            ("stop", keys.stop),
        ];
        for (place, (name, key)) in named.iter().enumerate() {
            if *key == Key::Digit(0) {
                self.faults.error(
                    &step.span,
                    format!("`{name}` cannot be 0, which leads to a person"),
                    "use another key",
                );
            }
            if *key == Key::Star && *name != "repeat" {
                self.faults.error(
                    &step.span,
                    format!("`{name}` cannot be *, which says the item again in every read-back"),
                    "use another key",
                );
            }
            if let Some((other, _)) = named.iter().take(place).find(|(_, other)| other == key) {
                let what = format!("`{other}` and `{name}` are both the key {key}");
                let hint = "without your words they are next 6, previous 4, repeat 5, slower 7, stop #";
                self.faults.error(&step.span, what, hint);
            }
        }
    }

    fn rules(&mut self, rules: &script::Rules, step: &ScriptStep, node: &mut Node) -> Option<Rules> {
        let person = match &rules.person {
            Some(At { value: PersonRoute::Nowhere, .. }) => Some(None),
            Some(At { value: PersonRoute::Step(name), span }) => self.named(name, span, node).map(|person| {
                node.to.push(person.0);
                node.person.push(person.0);
                Some(person)
            }),
            None => self.no_person(step).map(Some),
        };
        let gave_up = match &rules.gave_up {
            Some(gave_up) => self.to(gave_up, node),
            None if matches!(person, Some(None)) => {
                let what = "nothing says where giving up leads from this question";
                self.faults.error(&step.span, what, "write `gave-up`, here or in [defaults]");
                None
            }
            None => person.flatten(),
        };
        if gave_up.is_some_and(|gave_up| self.steps.get(&*step.name) == Some(&gave_up)) {
            let span = rules.gave_up.as_ref().map_or(&step.span, |gave_up| &gave_up.span);
            let what =
                format!("giving up on `{}` leads to `{}` again, without end", shorten(&step.name), shorten(&step.name));
            self.faults.error(
                span,
                what,
                "write `gave-up` in this step and let it lead to another one, as to one that hangs up",
            );
        }
        Some(Rules {
            first_key: rules.first_key.0,
            between_keys: rules.between_keys.0,
            after_last: rules.after_last.0,
            no_input_tries: rules.no_input_tries.0,
            no_match_tries: rules.no_match_tries.0,
            tries: rules.tries.0,
            gave_up: gave_up?,
            person: person?,
            barge_in: rules.barge_in,
            type_ahead: rules.type_ahead,
        })
    }
}

fn id(message: &At<MessageName>) -> MessageId {
    Arc::clone(&message.value.0)
}
