//! From text to typed tables. Nothing stops at the first mistake:
//!
//! ```text
//!   text --TOML, recovering--> tables --unknown and missing keys--> --serde, again without each key it refuses--> Script
//! ```

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::faults::Faults;
use super::scalar::{At, Goal, PersonRoute, StepName, plain_name, shorten};
use super::schema::{KindName, TABLES, Table};
use super::script::{
    Ask, Dispute, Fallback, GoTo, HangUp, Hotline, Limits, Menu, ReadBack, Rules, Say, SetLanguage, SetPassword,
    Transfer, Verify,
};
use super::syntax::mend;
use crate::facts::{Key, did_you_mean, plain_words, remove_at, word_meant};

/// A script may have this many steps.
pub const MOST_STEPS: usize = 1_000;

/// A script may have this many bytes: 1 MiB.
pub const LONGEST_SCRIPT: usize = 1 << 20;

/// A script as it is written: names are not yet looked up.
pub(super) struct Script {
    pub(super) hotline: Option<Hotline>,
    /// Where there is one: its header.
    pub(super) hotline_span: Range<usize>,
    /// What `[limits]` says, or what holds without it.
    pub(super) limits: Option<Limits>,
    /// What `[defaults]` says of the person.
    pub(super) person: Option<At<PersonRoute>>,
    /// The other steps that `[defaults]` names.
    pub(super) named_in_defaults: Vec<At<StepName>>,
    pub(super) steps: Vec<ScriptStep>,
    /// Names of tables that are not TOML, and of steps beyond the last that is allowed.
    pub(super) lost: BTreeSet<String>,
}

/// One step's table.
pub(super) struct ScriptStep {
    pub(super) name: Arc<str>,
    pub(super) span: Range<usize>,
    /// Nothing, if it could not be read; the faults are known then.
    pub(super) body: Option<Body>,
    /// The ways of a step that could not be read, as far as they could.
    pub(super) ways: Vec<At<Goal>>,
}

/// What a step's table says.
pub(super) enum Body {
    Say(Say),
    Menu(Menu, Vec<Chosen>, Rules),
    Ask(Ask, Rules),
    Verify(Verify),
    SetPassword(SetPassword),
    Dispute(Dispute),
    ReadBack(Box<ReadBack>),
    SetLanguage(SetLanguage),
    GoTo(GoTo),
    Transfer(Transfer),
    HangUp(HangUp),
}

/// A key of a menu and where it leads.
pub(super) struct Chosen {
    pub(super) key: Key,
    pub(super) span: Range<usize>,
    pub(super) goal: At<Goal>,
}

/// Reads all that can be read; what cannot is in `faults`.
pub(super) fn read(text: &str, faults: &mut Faults) -> Script {
    let mended = mend(text, faults);
    let (root, _) = DeTable::parse_recoverable(&mended.text);
    let regions = Regions::of(root.get_ref(), text.len());
    let mut script = Reader { faults, regions, defaults: DeTable::new() }.script(root.into_inner());
    script.lost.extend(mended.lost);
    script
}

struct Reader<'f, 'i> {
    faults: &'f mut Faults,
    regions: Regions,
    /// What is good in `[defaults]`.
    defaults: DeTable<'i>,
}

impl<'i> Reader<'_, 'i> {
    fn script(mut self, mut root: DeTable<'i>) -> Script {
        let header = root.get_key_value("hotline").map_or(0..0, |(key, _)| key.span());
        let hotline = root.remove("hotline");
        if hotline.is_none() && !self.faults.broken_between(0, self.regions.end) {
            let hint = "begin with [hotline] and its keys name, start, languages";
            self.faults.error(&(0..0), "the table [hotline] is missing", hint);
        }
        let hotline = hotline.and_then(|value| self.table_of(&header, value, "hotline"));
        let hotline = hotline.and_then(|table| self.typed::<Hotline>(table, &header, &TABLES.hotline, "[hotline]"));
        if let Some((key, value)) = root.remove_entry("defaults") {
            let span = key.span();
            if let Some(table) = self.table_of(&span, value, "defaults") {
                self.read_defaults(table, &span);
            }
        }
        let limits = root.remove_entry("limits");
        let limits_span = limits.as_ref().map_or(0..0, |(key, _)| key.span());
        let table = limits.map_or(Some(DeTable::new()), |(_, value)| self.table_of(&limits_span, value, "limits"));
        let limits = table.and_then(|table| self.typed::<Limits>(table, &limits_span, &TABLES.limits, "[limits]"));
        let rules = self.typed::<Rules>(self.defaults_for(TABLES.rules.keys()), &(0..0), &TABLES.rules, "[defaults]");
        let (person, gave_up) = rules.map_or((None, None), |rules| (rules.person, rules.gave_up));
        let fallback = self.defaults_for(TABLES.fallback.keys());
        let fallback = self.typed::<Fallback>(fallback, &(0..0), &TABLES.fallback, "[defaults]");
        let named_in_defaults = gave_up.into_iter().chain(fallback.and_then(|fallback| fallback.unavailable)).collect();
        let mut steps = Vec::new();
        let lost = root.keys().skip(MOST_STEPS).map(|key| key.get_ref().to_string()).collect();
        for (key, value) in root {
            if steps.len() == MOST_STEPS {
                let hint = "divide it into several hotlines";
                self.faults.error(&key.span(), format!("a script has at most {MOST_STEPS} steps"), hint);
                break;
            }
            steps.extend(self.step(&key, value));
        }
        Script { hotline, hotline_span: header, limits, person, named_in_defaults, steps, lost }
    }

    /// Checks `[defaults]` and keeps what is good in it.
    fn read_defaults(&mut self, mut table: DeTable<'i>, span: &Range<usize>) {
        let keys: Vec<&str> = TABLES.rules.keys().chain(TABLES.fallback.keys()).collect();
        self.drop_unknown(&mut table, |key| keys.contains(&key), &keys, "[defaults]");
        if let Some((key, value)) = table.get_key_value("person")
            && value.get_ref().as_bool() == Some(false)
        {
            let hint = "write the step that `0` leads to; `person = false` belongs into that step itself";
            self.faults.error(&key.span(), "`person = false` in [defaults] would leave no way to a person", hint);
            table.remove("person");
        }
        let (rules, fallback) = split(table, |key| TABLES.rules.property(key).is_some());
        self.defaults = self.good_part::<Rules>(rules, span, &TABLES.rules).1;
        let fallback = self.good_part::<Fallback>(fallback, span, &TABLES.fallback).1;
        self.defaults.extend(fallback);
    }

    fn step(&mut self, key: &Spanned<std::borrow::Cow<'i, str>>, value: Spanned<DeValue<'i>>) -> Option<ScriptStep> {
        let (name, span) = (key.get_ref().as_ref(), key.span());
        let table = self.table_of(&span, value, name)?;
        if let Err(message) = plain_name(name, "a step's name") {
            self.faults.error(&span, message, "give the step another name");
        }
        let kind = self.kind(name, &span, &table);
        let mut ways = ways(kind, &table);
        let body = kind.and_then(|kind| self.body(kind, table, &span));
        if body.is_some() {
            ways.clear();
        }
        Some(ScriptStep { name: name.into(), span, body, ways })
    }

    /// The kind of a step, by the key that says it.
    fn kind(&mut self, name: &str, span: &Range<usize>, table: &DeTable<'i>) -> Option<KindName> {
        let kinds = || KindName::ALL.map(KindName::key);
        let mut found = table.keys().filter_map(|key| Some((KindName::from_key(key.get_ref())?, key.span())));
        let Some((kind, _)) = found.next() else {
            if !self.broken(span) {
                let first = table.keys().next().map(|key| key.get_ref().as_ref());
                let hint = match (
                    did_you_mean(name, ["hotline", "defaults", "limits"]),
                    first.and_then(|first| did_you_mean(first, kinds())),
                ) {
                    (Some(table), _) => format!("did you mean [{table}]?"),
                    (_, Some(kind)) => format!("did you mean `{kind}`?"),
                    _ => format!("its first key is one of {}", kinds().join(", ")),
                };
                let what = format!("the step `{}` does not say what it does", shorten(name));
                self.faults.error(span, what, hint);
            }
            return None;
        };
        for (second, place) in found {
            let what = format!(
                "a step does one thing: this one is `{}` already, and cannot be `{}`",
                kind.key(),
                second.key()
            );
            self.faults.error(&place, what, "make two steps of it, the first leading to the second");
        }
        if let Some((first, _)) = table.iter().next()
            && KindName::from_key(first.get_ref()).is_none()
        {
            let what = format!("`{}` says what the step does and belongs first", kind.key());
            self.faults.warning(&first.span(), what, "put it directly under the step's name");
        }
        Some(kind)
    }

    fn body(&mut self, kind: KindName, mut table: DeTable<'i>, span: &Range<usize>) -> Option<Body> {
        // A second kind is spoken of already, and what belongs to it is no unknown key.
        let others: Vec<KindName> =
            table.keys().filter_map(|key| KindName::from_key(key.get_ref())).filter(|other| *other != kind).collect();
        let own = |key: &str| kind.keys().any(|known| known == key);
        let of_others = |key: &str| others.iter().flat_map(|other| other.keys()).any(|known| known == key);
        table = split(table, |key| own(key) || !of_others(key)).0;
        let keys: Vec<&str> = kind.keys().collect();
        let is_choice = |key: &str| kind.has_choices() && telephone_key(key).is_some();
        let what = format!("{} `{}` step", if kind == KindName::Ask { "an" } else { "a" }, kind.key());
        if kind == KindName::Ask {
            self.drop_keys_of_fields(&mut table);
        }
        self.drop_unknown(&mut table, |key| keys.contains(&key) || is_choice(key), &keys, &what);
        let (choices, table) = split(table, is_choice);
        let (rules, mut own) = split(table, |key| kind.table().property(key).is_none());
        for (key, value) in self.defaults_for(kind.table().keys()) {
            own.entry(key).or_insert(value);
        }
        let own_table = kind.table();
        let rules_of = |reader: &mut Self| {
            let (_, mut good) = reader.good_part::<Rules>(rules.clone(), span, &TABLES.rules);
            for (key, value) in reader.defaults_for(TABLES.rules.keys()) {
                good.entry(key).or_insert(value);
            }
            reader.typed::<Rules>(good, span, &TABLES.rules, &what)
        };
        match kind {
            KindName::Say => self.typed(own, span, own_table, &what).map(Body::Say),
            KindName::Menu => {
                let (chosen, rules) = (self.choices(choices), rules_of(self));
                Some(Body::Menu(self.typed(own, span, own_table, &what)?, chosen, rules?))
            }
            KindName::Ask => {
                let rules = rules_of(self);
                Some(Body::Ask(self.typed(own, span, own_table, &what)?, rules?))
            }
            KindName::Verify => self.typed(own, span, own_table, &what).map(Body::Verify),
            KindName::SetPassword => self.typed(own, span, own_table, &what).map(Body::SetPassword),
            KindName::Dispute => self.typed(own, span, own_table, &what).map(Body::Dispute),
            KindName::ReadBack => self.typed(own, span, own_table, &what).map(|body| Body::ReadBack(Box::new(body))),
            KindName::SetLanguage => self.typed(own, span, own_table, &what).map(Body::SetLanguage),
            KindName::GoTo => self.typed(own, span, own_table, &what).map(Body::GoTo),
            KindName::Transfer => self.typed(own, span, own_table, &what).map(Body::Transfer),
            KindName::HangUp => self.typed(own, span, own_table, &what).map(Body::HangUp),
        }
    }

    /// Keys of the telephone are no choices where digits are keyed: there each has a meaning already.
    fn drop_keys_of_fields(&mut self, table: &mut DeTable<'i>) {
        let field = table.get("field").and_then(|field| field.get_ref().as_str()).map(str::to_owned);
        let (keys, rest) = split(std::mem::take(table), |key| telephone_key(key).is_some());
        *table = rest;
        for (written, key) in keys.keys().filter_map(|key| Some((key, telephone_key(key.get_ref())?))) {
            let meaning = match (key, field.as_deref()) {
                (Key::Star, Some("citizen-id")) => "the X at its end, and before that starts the entry over",
                (Key::Star, _) => "to start the entry over, and first of all to hear the question again",
                (Key::Hash, _) => "the end of the entry, and first of all the way back",
                (Key::Digit(0), _) => "a digit, and first of all the way to the person",
                (Key::Digit(_), Some("yes-no")) => "an answer: 1 is yes, 2 is no",
                (Key::Digit(_), Some("insurance" | "whose-error")) => "an answer, or none",
                (Key::Digit(_), _) => "a digit of the entry",
                (Key::Letter(_), _) => "no key of an entry",
            };
            let what = format!("`{key}` cannot lead anywhere from an `ask` step: in its field it is {meaning}");
            let hint = "ask by a `menu` step before this one, or lead on with `then`, `person` and `gave-up`";
            self.faults.error(&written.span(), what, hint);
        }
    }

    fn choices(&mut self, table: DeTable<'i>) -> Vec<Chosen> {
        let mut chosen = Vec::new();
        for (key, value) in table {
            let (span, place) = (key.span(), value.span());
            match <At<Goal> as serde::Deserialize>::deserialize(ValueDeserializer::from(value)) {
                Ok(goal) => {
                    chosen.extend(telephone_key(key.get_ref()).map(|key| Chosen { key, span, goal }));
                }
                Err(error) => {
                    let message = format!("`{}`: {}", key.get_ref(), plain(error.message()));
                    self.faults.error(&error.span().unwrap_or(place), message, "a key leads to a step by its name");
                }
            }
        }
        chosen
    }

    /// Reads a table as a type. Each key that the type refuses is a fault, left out, and the rest tried again.
    fn typed<T: DeserializeOwned>(
        &mut self,
        table: DeTable<'i>,
        span: &Range<usize>,
        schema: &Table,
        what: &str,
    ) -> Option<T> {
        let mut table = table;
        let keys: Vec<&str> = schema.keys().collect();
        self.drop_unknown(&mut table, |key| keys.contains(&key), &keys, what);
        self.report_missing(&table, span, schema, what);
        for (key, value) in table.iter_mut() {
            let (place, key) = (value.span(), key.get_ref().clone());
            if let (Some(inner), DeValue::Table(table)) = (schema.inner(&key), value.get_mut()) {
                let (keys, what): (Vec<&str>, _) = (inner.keys().collect(), format!("`{key}`"));
                self.drop_unknown(table, |key| keys.contains(&key), &keys, &what);
                self.report_missing(table, &place, &inner, &what);
            }
        }
        self.good_part::<T>(table, span, schema).0
    }

    /// The type, and the keys of the table that it does not refuse.
    fn good_part<T: DeserializeOwned>(
        &mut self,
        mut table: DeTable<'i>,
        span: &Range<usize>,
        schema: &Table,
    ) -> (Option<T>, DeTable<'i>) {
        let mut dropped: Vec<Vec<String>> = Vec::new();
        loop {
            let whole = Spanned::new(span.clone(), DeValue::Table(table.clone()));
            let error = match T::deserialize(ValueDeserializer::from(whole)) {
                Ok(read) => return (Some(read), table),
                Err(error) => error,
            };
            let place = error.span().unwrap_or_else(|| span.clone());
            let Some(path) = remove_at(&mut table, place.start) else { return (None, table) };
            // A value is not whole because a part of it was refused before: that is known.
            let follows = dropped.iter().any(|before| before.len() > path.len() && before.starts_with(&path));
            if let (false, [first, rest @ ..]) = (follows, path.as_slice()) {
                let inner = schema.inner(first);
                let known = inner.is_some() && error.message().starts_with("missing field");
                let meaning = match (&inner, rest) {
                    (Some(inner), [key]) => inner.meaning(key),
                    _ => schema.meaning(first),
                };
                let key = rest.last().unwrap_or(first);
                if !known {
                    self.faults.error(&place, format!("`{key}`: {}", plain(error.message())), hint(&error, meaning));
                }
            }
            dropped.push(path);
        }
    }

    fn report_missing(&mut self, table: &DeTable<'i>, span: &Range<usize>, schema: &Table, what: &str) {
        if self.broken(span) {
            return;
        }
        for key in schema.required().filter(|key| !table.contains_key(*key)) {
            self.faults.error(
                span,
                format!("{what} needs `{key}`, which is missing"),
                format!("`{key}`: {}", schema.meaning(key)),
            );
        }
    }

    fn drop_unknown(&mut self, table: &mut DeTable<'i>, known: impl Fn(&str) -> bool, keys: &[&str], what: &str) {
        let faults = &mut *self.faults;
        let (good, unknown) = split(std::mem::take(table), known);
        *table = good;
        for key in unknown.keys() {
            let meant = if faults.has_room() { did_you_mean(key.get_ref(), keys.iter().copied()) } else { None };
            let hint = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("its keys are {}", keys.join(", ")),
            };
            faults.error(&key.span(), format!("{what} has no key `{}`", shorten(key.get_ref())), hint);
        }
    }

    /// The table that must stand here.
    fn table_of(&mut self, key: &Range<usize>, value: Spanned<DeValue<'i>>, name: &str) -> Option<DeTable<'i>> {
        let kind = value.get_ref().type_str();
        if let DeValue::Table(table) = value.into_inner() {
            return Some(table);
        }
        let name = shorten(name);
        let message = format!("`{name}` stands outside of every table, or is {kind} where a table belongs");
        self.faults.error(
            key,
            message,
            format!("every step is a table: [{name}]; keys stand below the table they belong to"),
        );
        None
    }

    /// Those of the defaults that a table knows.
    fn defaults_for<'k>(&self, keys: impl Iterator<Item = &'k str>) -> DeTable<'i> {
        keys.filter_map(|key| self.defaults.get_key_value(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Whether TOML itself is wrong in the table that begins here: then a key may only seem to be missing.
    fn broken(&self, span: &Range<usize>) -> bool {
        self.faults.broken_between(span.start, self.regions.end_of(span.start))
    }
}

/// Where tables begin: a table ends where the next begins.
struct Regions {
    starts: Vec<usize>,
    end: usize,
}

impl Regions {
    fn of(root: &DeTable<'_>, end: usize) -> Regions {
        let mut starts: Vec<usize> = root.keys().map(|key| key.span().start).collect();
        starts.sort_unstable();
        Regions { starts, end }
    }

    fn end_of(&self, start: usize) -> usize {
        let next = self.starts.partition_point(|other| *other <= start);
        self.starts.get(next).copied().unwrap_or(self.end)
    }
}

/// Where a table leads, by the keys that lead somewhere; `kind` if it is known.
fn ways(kind: Option<KindName>, table: &DeTable<'_>) -> Vec<At<Goal>> {
    let kinds = kind.map_or(KindName::ALL.to_vec(), |kind| vec![kind]);
    let leads = |key: &str| {
        let mut tables = kinds.iter().map(|kind| kind.table()).chain(std::iter::once(&TABLES.rules));
        telephone_key(key).is_some() || tables.any(|table| table.leads(key))
    };
    let mut ways = Vec::new();
    for (key, value) in table {
        let name = value.get_ref().as_str().filter(|name| !name.starts_with('@'));
        if let (Some(name), true) = (name, leads(key.get_ref())) {
            ways.push(At { span: value.span(), value: Goal::Step(name.into()) });
        }
    }
    ways
}

fn split<'i>(table: DeTable<'i>, first: impl Fn(&str) -> bool) -> (DeTable<'i>, DeTable<'i>) {
    table.into_iter().partition(|(key, _)| first(key.get_ref()))
}

/// A key of a menu's table that is a key of the telephone.
fn telephone_key(key: &str) -> Option<Key> {
    let mut symbols = key.chars();
    match (symbols.next(), symbols.next()) {
        (Some(symbol), None) if !symbol.is_ascii_lowercase() => Key::from_char(symbol),
        _ => None,
    }
}

/// What was probably meant, if the value is one of some words; what the key means otherwise.
fn hint(error: &toml::de::Error, meaning: &str) -> String {
    word_meant(error).map_or_else(|| meaning.to_owned(), |meant| format!("did you mean `{meant}`?"))
}

/// serde's words for what an operator has done.
fn plain(message: &str) -> String {
    if message.contains("unit variant, expected newtype variant") {
        return "`digits` needs its bounds: { digits = { min = 8, max = 12 } }".into();
    }
    plain_words(message)
}
