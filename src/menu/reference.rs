//! docs/menu-language.md, made from the language's types.

use std::fmt::Write as _;

use serde_json::Value;

use super::compiled::{About, Field, SlotId};
use super::needs::{
    COMMON, COMMON_ATTRIBUTES, DISPUTE, EACH_INSURANCE, LOCKED, QUESTION, READ_BACK, READ_BACK_ATTRIBUTES, WEAK,
    field_attributes,
};
use super::read::{LONGEST_SCRIPT, MOST_STEPS};
use super::scalar::{
    Goal, HotlineName, KeyName, LanguageTag, MessageName, NAME_LENGTH, SlotName, StepName, Text, Time,
};
use super::schema::{KindName, TABLES, Table};
use crate::speech::ValueKind;

/// The script that ends the page.
const EXAMPLE: &str = include_str!("example.toml");

/// The operator's reference page of the voice-menu language, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(HEAD);
    let _ = writeln!(
        page,
        "A script has at most {MOST_STEPS} steps and {} MiB; a name has at most {NAME_LENGTH} characters.\n",
        LONGEST_SCRIPT >> 20
    );
    section(&mut page, "## `[hotline]`", &TABLES.hotline);
    section(&mut page, "## `[defaults]`", &TABLES.rules);
    page.push_str("`[defaults]` may also say:\n\n");
    keys(&mut page, &TABLES.fallback);
    section(&mut page, "## `[limits]`", &TABLES.limits);
    page.push_str(PROOF);
    page.push_str("## Steps\n\nThe first key of a step says its kind.\n\n");
    for kind in KindName::ALL {
        section(&mut page, &format!("### `{}`", kind.key()), kind.table());
        page.push_str(&notes(kind));
    }
    page.push_str(TARGETS);
    common(&mut page);
    let _ = write!(page, "## An example\n\n```toml\n{EXAMPLE}```\n");
    page
}

const HEAD: &str = "\
<!-- Made from the types in src/menu; `HOTLINE_BLESS=1 cargo test the_menu_languages_pages` writes it. -->
# The voice-menu language

A hotline is one text file, `menu.toml`, in [TOML](https://toml.io). `[hotline]` names it, `[defaults]` holds what is the
same for every question, `[limits]` what is to be proven, and every other table is a *step*, named as you like: letters, digits, `-` and `_`. What is said
stands elsewhere: a step names a *message* of `prompts/<language>/*.ftl`, and a message may have *attributes*, texts for
one occasion each, as `.no-input` for a caller who presses nothing.

`hotline check` reads a script and its messages and reports every mistake at once. `hotline check --schema` prints a JSON
Schema, with which editors complete keys and mark mistakes; `docs/menu.schema.json` is that schema.

Lengths of time are texts: `\"1500ms\"`, `\"10s\"`, `\"30m\"`, from 100 ms to 60 m.
";

const PROOF: &str = "\
[proof.md](proof.md) tells what else is proven, and how a menu is walked. A hotline that must keep its callers for longer says
so here, with the reason in a comment.

";

const TARGETS: &str = "\
## Where steps lead

| target | leads to |
|---|---|
| `\"a-step\"` | the step of that name |
| `\"@repeat\"` | the question again, from its beginning; no try is spent |
| `\"@back\"` | the question before this one; at the first one, the same as `\"@repeat\"` |

`0` leads to the person from every question, by `person`, without being written. A menu may write `0` itself, but should
not mean another thing by it.

Refused are: a step that no call comes to, a step from which neither a hang-up nor the person can be reached, a round of
steps without a question, a slot that is read but never stored.

";

fn section(page: &mut String, title: &str, table: &Table) {
    let _ = writeln!(page, "{title}\n\n{}\n", table.description());
    keys(page, table);
}

fn keys(page: &mut String, table: &Table) {
    page.push_str("| key | value | without it | meaning |\n|---|---|---|---|\n");
    let required: Vec<&str> = table.required().collect();
    for key in table.keys() {
        let Some(property) = table.property(key) else { continue };
        let default = match property.get("default") {
            Some(default) => format!("`{default}`"),
            None if required.contains(&key) => "must be there".to_owned(),
            None => String::new(),
        };
        let _ = writeln!(page, "| `{key}` | {} | {default} | {} |", value(property), table.meaning(key));
    }
    page.push('\n');
}

/// A value's type in words.
fn value(schema: &Value) -> String {
    let text = |key: &str| schema.get(key).and_then(Value::as_str);
    if let Some(pattern) = text("pattern") {
        let name = match pattern {
            Time::PATTERN => "time",
            MessageName::PATTERN => "message",
            StepName::PATTERN => "step",
            Goal::PATTERN => "step, `\"@repeat\"` or `\"@back\"`",
            SlotName::PATTERN => "slot",
            HotlineName::PATTERN => "text",
            LanguageTag::PATTERN => "language",
            KeyName::PATTERN => "key of the telephone",
            _ => "text",
        };
        return name.to_owned();
    }
    if let Some(Value::Array(choices)) = schema.get("enum") {
        return choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
    }
    if let Some(Value::Array(choices)) = schema.get("anyOf").or_else(|| schema.get("oneOf")) {
        return choices.iter().map(value).collect::<Vec<_>>().join(" or ");
    }
    if let Some(only) = schema.get("const") {
        return format!("`{only}`");
    }
    let number = |key: &str| schema.get(key).and_then(Value::as_u64).unwrap_or(0);
    match text("type") {
        Some("boolean") => "`true` or `false`".into(),
        Some("integer") => format!("{}–{}", number("minimum"), number("maximum")),
        Some("array") => format!("list of {}s", schema.get("items").map(value).unwrap_or_default()),
        Some("object") => {
            let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
            let inner: Vec<String> = properties.map(|(key, inner)| format!("{key} = {}", value(inner))).collect();
            format!("{{ {} }}", inner.join(", "))
        }
        Some(other) => other.to_owned(),
        None => String::new(),
    }
}

/// What the types do not say: the attributes of a kind's message, and values it may name.
fn notes(kind: KindName) -> String {
    match kind {
        KindName::Say => format!(
            "The message may name {} with `about = \"balances\"`; {} with `about = \"summary\"`, where its attribute \
             `.{EACH_INSURANCE}` is said for each insurance and may name {}; {} where a `verify` step's `locked` leads \
             here; {} where a `set-password` step's `weak` does.\n\n",
            named(About::Balances.values()),
            named(About::Summary.values()),
            named(About::INSURANCE_VALUES),
            named(&[LOCKED]),
            named(&[WEAK])
        ),
        KindName::Menu => format!(
            "The keys are `0` to `9`, `\"*\"`, `\"#\"` and `A` to `D`; each leads to a step, `\"@repeat\"` or `\"@back\"`. \
             Write them in order, and at most five of 1 to 8. Every key of `[defaults]` above may stand here too. The \
             message may have the attributes {}.\n\n",
            attributes(QUESTION)
        ),
        KindName::Ask => {
            let by_field = [
                ("citizen-id", Field::CitizenId),
                ("digits", Field::Digits { min: 1, max: 1 }),
                ("year", Field::Year),
                ("month", Field::Month),
                ("password", Field::Password),
                ("password-again", Field::PasswordAgain(SlotId(0))),
            ];
            let by_field =
                by_field.map(|(name, field)| format!("for `{name}` {}", attributes(field_attributes(field))));
            format!(
                "Every key of `[defaults]` above may stand here too, but for `unavailable`. The message may have the \
                 attributes {}; and {}.\n\n",
                attributes(QUESTION),
                by_field.join("; ")
            )
        }
        KindName::ReadBack => {
            let mut text = format!("The message may name {}. It must have these attributes:\n\n", named(READ_BACK));
            text.push_str("| attribute | said for | may name |\n|---|---|---|\n");
            for (attribute, occasion, given) in READ_BACK_ATTRIBUTES {
                let _ = writeln!(text, "| `.{attribute}` | {occasion} | {} |", named(given));
            }
            text.push('\n');
            text
        }
        KindName::Transfer => {
            "The message is said again and again, a second of silence between, until the other end has \
             answered or the call comes back. Keys mean nothing meanwhile.\n\n"
                .into()
        }
        KindName::Verify => "\
An ID number of 15 digits counts as the one of 18; letters of a card's number are left out. What is asked, and what is said of a
mistake, is said by the questions that store the slots. Whoever is not known is answered as a wrong number is.

".into(),
        KindName::Dispute => format!("The message may name {}.\n\n", named(DISPUTE)),
        KindName::SetPassword | KindName::SetLanguage | KindName::GoTo | KindName::HangUp => String::new(),
    }
}

fn common(page: &mut String) {
    let _ = writeln!(
        page,
        "## The message `{COMMON}`\n\nIts attributes are said where a question's message does not have the attribute \
         itself, and in every call. All must be there.\n\n| attribute | said |\n|---|---|"
    );
    for (attribute, occasion) in COMMON_ATTRIBUTES {
        let _ = writeln!(page, "| `{COMMON}.{attribute}` | {occasion} |");
    }
    page.push('\n');
}

fn attributes(names: &[&str]) -> String {
    names.iter().map(|name| format!("`.{name}`")).collect::<Vec<_>>().join(", ")
}

fn named(values: &[(&str, ValueKind)]) -> String {
    let spoken = |kind: ValueKind| match kind {
        ValueKind::Money => "money",
        ValueKind::Count => "count",
        ValueKind::Digits => "digits",
        ValueKind::Phone => "telephone number",
        ValueKind::Year => "year",
        ValueKind::Month => "month",
        ValueKind::Date => "day",
        ValueKind::Word => "word to choose by",
    };
    values.iter().map(|(name, kind)| format!("`${name}` ({})", spoken(*kind))).collect::<Vec<_>>().join(", ")
}
