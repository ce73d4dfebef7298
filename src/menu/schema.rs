//! What the language's types say of themselves: the keys of each table, and the JSON Schema for editors.

use std::borrow::Cow;
use std::sync::LazyLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::scalar::{Goal, StepName, Text};
use super::script::{
    Ask, Dispute, Fallback, GoTo, HangUp, Hotline, Limits, Menu, ReadBack, Rules, Say, SetLanguage, SetPassword,
    Transfer, Verify,
};

/// The kinds of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum KindName {
    Say,
    Menu,
    Ask,
    Verify,
    SetPassword,
    Dispute,
    ReadBack,
    SetLanguage,
    GoTo,
    Transfer,
    HangUp,
}

impl KindName {
    /// All, in the order of the reference page.
    pub(super) const ALL: [KindName; 11] = [
        KindName::Say,
        KindName::Menu,
        KindName::Ask,
        KindName::Verify,
        KindName::SetPassword,
        KindName::Dispute,
        KindName::ReadBack,
        KindName::SetLanguage,
        KindName::GoTo,
        KindName::Transfer,
        KindName::HangUp,
    ];

    /// The key that makes a table this kind of step.
    pub(super) const fn key(self) -> &'static str {
        match self {
            KindName::Say => "say",
            KindName::Menu => "menu",
            KindName::Ask => "ask",
            KindName::Verify => "verify",
            KindName::SetPassword => "set-password",
            KindName::Dispute => "dispute",
            KindName::ReadBack => "read-back",
            KindName::SetLanguage => "set-language",
            KindName::GoTo => "go-to",
            KindName::Transfer => "transfer",
            KindName::HangUp => "hang-up",
        }
    }

    /// The kind that a key makes.
    pub(super) fn from_key(key: &str) -> Option<KindName> {
        KindName::ALL.into_iter().find(|kind| kind.key() == key)
    }

    /// Whether it is a question with [`Rules`].
    pub(super) const fn has_rules(self) -> bool {
        matches!(self, KindName::Menu | KindName::Ask)
    }

    /// Whether keys of the telephone are keys of its table.
    pub(super) const fn has_choices(self) -> bool {
        matches!(self, KindName::Menu)
    }

    /// Its own table, without rules and choices.
    pub(super) fn table(self) -> &'static Table {
        let tables = &*TABLES;
        match self {
            KindName::Say => &tables.say,
            KindName::Menu => &tables.menu,
            KindName::Ask => &tables.ask,
            KindName::Verify => &tables.verify,
            KindName::SetPassword => &tables.set_password,
            KindName::Dispute => &tables.dispute,
            KindName::ReadBack => &tables.read_back,
            KindName::SetLanguage => &tables.set_language,
            KindName::GoTo => &tables.go_to,
            KindName::Transfer => &tables.transfer,
            KindName::HangUp => &tables.hang_up,
        }
    }

    /// All keys of its table but those of the telephone.
    pub(super) fn keys(self) -> impl Iterator<Item = &'static str> {
        let rules = self.has_rules().then(|| TABLES.rules.keys());
        self.table().keys().chain(rules.into_iter().flatten())
    }
}

/// The symbols that are keys of a menu's table.
pub(super) const TELEPHONE_KEYS: &str = "1234567890*#ABCD";

/// The schema of one table.
#[derive(Debug)]
pub(super) struct Table(Value);

impl Table {
    fn of<T: JsonSchema>() -> Table {
        let settings = SchemaSettings::draft2020_12().for_deserialize().with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        });
        let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
        tidy(&mut schema);
        if let Some(schema) = schema.as_object_mut() {
            schema.remove("title");
        }
        Table(schema)
    }

    /// A table inside this one, if `key` takes one with keys of its own.
    pub(super) fn inner(&self, key: &str) -> Option<Table> {
        let inner = self.property(key)?;
        inner.get("properties").map(|_| Table(inner.clone()))
    }

    /// The table's own description.
    pub(super) fn description(&self) -> &str {
        self.0.get("description").and_then(Value::as_str).unwrap_or("")
    }

    /// Its keys, in the order of the types.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key.as_str())
    }

    /// The schema of one key's value.
    pub(super) fn property(&self, key: &str) -> Option<&Value> {
        self.0.get("properties")?.get(key)
    }

    /// What a key is for.
    pub(super) fn meaning(&self, key: &str) -> &str {
        self.property(key).and_then(|property| property.get("description")).and_then(Value::as_str).unwrap_or("")
    }

    /// Whether a key's value names a step.
    pub(super) fn leads(&self, key: &str) -> bool {
        let property = self.property(key);
        let choices = property.and_then(|property| property.get("anyOf")).and_then(Value::as_array);
        let patterns = property.into_iter().chain(choices.into_iter().flatten()).filter_map(|one| one.get("pattern"));
        patterns.filter_map(Value::as_str).any(|pattern| [StepName::PATTERN, Goal::PATTERN].contains(&pattern))
    }

    /// The keys that must be there.
    pub(super) fn required(&self) -> impl Iterator<Item = &str> {
        self.0.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }
}

/// The tables of the language.
pub(super) struct Tables {
    pub(super) hotline: Table,
    pub(super) rules: Table,
    pub(super) fallback: Table,
    pub(super) limits: Table,
    say: Table,
    menu: Table,
    ask: Table,
    verify: Table,
    set_password: Table,
    dispute: Table,
    read_back: Table,
    set_language: Table,
    go_to: Table,
    transfer: Table,
    hang_up: Table,
}

/// Made once: the types do not change while the program runs.
pub(super) static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables {
    hotline: Table::of::<Hotline>(),
    rules: Table::of::<Rules>(),
    fallback: Table::of::<Fallback>(),
    limits: Table::of::<Limits>(),
    say: Table::of::<Say>(),
    menu: Table::of::<Menu>(),
    ask: Table::of::<Ask>(),
    verify: Table::of::<Verify>(),
    set_password: Table::of::<SetPassword>(),
    dispute: Table::of::<Dispute>(),
    read_back: Table::of::<ReadBack>(),
    set_language: Table::of::<SetLanguage>(),
    go_to: Table::of::<GoTo>(),
    transfer: Table::of::<Transfer>(),
    hang_up: Table::of::<HangUp>(),
});

/// The JSON Schema (2020-12) of a whole script, for editors. `docs/menu.schema.json` is this.
pub fn schema() -> Value {
    let mut defaults = TABLES.rules.0.clone();
    merge(&mut defaults, &TABLES.fallback.0);
    let steps: Vec<Value> = KindName::ALL.into_iter().map(step_schema).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Hotline voice menu",
        "description": "A voice-menu script: [hotline], [defaults], [limits] and one table a step, whose first key says its kind.",
        "type": "object",
        "properties": { "hotline": TABLES.hotline.0, "defaults": defaults, "limits": TABLES.limits.0 },
        "required": ["hotline"],
        "additionalProperties": { "anyOf": steps },
    })
}

fn step_schema(kind: KindName) -> Value {
    let mut schema = kind.table().0.clone();
    if kind.has_choices() {
        merge(&mut schema, &choices());
    }
    if kind.has_rules() {
        let mut rules = TABLES.rules.0.clone();
        // What holds where a step does not say is what `[defaults]` says, not the built-in value.
        for property in rules.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
            property.1.as_object_mut().and_then(|property| property.remove("default"));
        }
        merge(&mut schema, &rules);
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("title".into(), kind.key().into());
    }
    schema
}

fn choices() -> Value {
    let goal = |key: char| {
        let meaning = format!("Where the key {key} leads.");
        (key.to_string(), json!({ "description": meaning, "type": "string", "pattern": Goal::PATTERN }))
    };
    json!({ "properties": TELEPHONE_KEYS.chars().map(goal).collect::<Map<_, _>>() })
}

/// Puts the keys of one table's schema to those of another.
fn merge(into: &mut Value, from: &Value) {
    let properties = from.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(own) = into.get_mut("properties").and_then(Value::as_object_mut) {
        own.extend(properties);
    }
}

/// TOML has no null, and an editor shows a description in one paragraph.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let types = object.get("type").and_then(Value::as_array).cloned();
            if let Some(only) = types.and_then(|types| types.into_iter().find(|one| one != "null")) {
                object.insert("type".into(), only);
            }
            if let Some(any) = object.get_mut("anyOf").and_then(Value::as_array_mut) {
                any.retain(|one| one.get("type").is_none_or(|kind| kind != "null"));
            }
            if object.get("default").is_some_and(Value::is_null) {
                object.remove("default");
            }
            if let Some(Value::String(description)) = object.get_mut("description") {
                *description = one_line(description).into_owned();
            }
            object.values_mut().for_each(tidy);
        }
        Value::Array(array) => array.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains('\n') { text.split_whitespace().collect::<Vec<_>>().join(" ").into() } else { text.into() }
}
