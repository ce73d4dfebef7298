//! The words of the language: what may stand to the right of an equals sign. Each type reads itself, says what is wrong
//! with a bad one, and describes itself to editors.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::facts::{Key, Language};

/// A name may be this long, in characters: of a step, a message, a slot, a hotline.
pub(super) const NAME_LENGTH: usize = 64;

/// An address may be this long, in characters.
const LONGEST_ADDRESS: usize = 256;

/// A value and the bytes of the script that it was read from.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) span: Range<usize>,
    pub(super) value: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let spanned = toml::Spanned::<T>::deserialize(from)?;
        Ok(At { span: spanned.span(), value: spanned.into_inner() })
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: Serialize> Serialize for At<T> {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(into)
    }
}

/// A length of time: a whole number and `ms`, `s` or `m`, from 100 ms to 60 m.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub(super) Duration);

/// A message of `prompts/<language>/*.ftl`.
#[derive(Clone, Debug)]
pub(super) struct MessageName(pub(super) Arc<str>);

/// A step by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StepName(pub(super) Arc<str>);

/// Where a key or a step leads: a step, `@repeat` or `@back`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    Step(Arc<str>),
    Repeat,
    Back,
}

/// A place to keep what was keyed.
#[derive(Clone, Debug)]
pub(super) struct SlotName(pub(super) Arc<str>);

/// Whom a call is handed over to.
#[derive(Clone, Debug)]
pub(super) struct TransferAddress(pub(super) Arc<str>);

/// What a hotline is called.
#[derive(Clone, Debug)]
pub(super) struct HotlineName(pub(super) String);

/// A language by its tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct LanguageTag(pub(super) Language);

/// A key of the telephone.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyName(pub(super) Key);

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole<const MIN: u8, const MAX: u8>(pub(super) u8);

/// Where `0` leads: a step, or `false` for nowhere.
#[derive(Clone, Debug)]
pub(super) enum PersonRoute {
    Step(Arc<str>),
    Nowhere,
}

/// The last words: a message, or `true` for none.
#[derive(Clone, Debug)]
pub(super) enum LastWords {
    Message(Arc<str>),
    None,
}

/// A type that is written as a text in quotes.
pub(super) trait Text: Sized {
    /// What is expected, after "expected".
    const WANTED: &'static str;
    /// The regular expression that editors check by.
    const PATTERN: &'static str;
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it and how it is written, for the operator.
    fn read(text: &str) -> Result<Self, String>;
}

impl Text for Time {
    const WANTED: &'static str = "a length of time in quotes, as in \"10s\", \"1500ms\" or \"30m\"";
    const PATTERN: &'static str = "^[0-9]+(ms|s|m)$";

    fn read(text: &str) -> Result<Self, String> {
        let wanted = Self::WANTED;
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (Some(number), Some(unit)) = (text.get(..digits), text.get(digits..)) else {
            return Err(format!("`{text}` is no length of time, expected {wanted}"));
        };
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "" => return Err(format!("`{text}` has no unit, expected {wanted}")),
            _ => return Err(format!("`{}` is no length of time, expected {wanted}", shorten(text))),
        };
        if number.is_empty() {
            return Err(format!("`{text}` has no number, expected {wanted}"));
        }
        let millis = number.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(unit_ms);
        if !(100..=3_600_000).contains(&millis) {
            return Err(format!("`{}` is out of bounds: from 100ms to 60m", shorten(text)));
        }
        Ok(Time(Duration::from_millis(millis)))
    }
}

impl Time {
    /// So many milliseconds; the built-in defaults are written with this.
    pub(super) const fn millis(millis: u64) -> Time {
        Time(Duration::from_millis(millis))
    }
}

/// As an operator would write it.
impl Serialize for Time {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        let millis = self.0.as_millis();
        match (millis % 60_000, millis % 1_000) {
            (0, _) => into.collect_str(&format_args!("{}m", millis / 60_000)),
            (_, 0) => into.collect_str(&format_args!("{}s", millis / 1_000)),
            _ => into.collect_str(&format_args!("{millis}ms")),
        }
    }
}

impl Text for MessageName {
    const WANTED: &'static str = "a message's name in quotes, as in \"main-menu\"";
    const PATTERN: &'static str = "^[A-Za-z][A-Za-z0-9_-]{0,63}$";

    fn read(text: &str) -> Result<Self, String> {
        let begins_well = text.starts_with(|first: char| first.is_ascii_alphabetic());
        if !begins_well || !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
            return Err(format!(
                "`{}` cannot be a message's name: a letter, then letters, digits, `-` and `_`",
                shorten(text)
            ));
        }
        bounded(text, "a message's name").map(|name| MessageName(name.into()))
    }
}

impl Text for StepName {
    const WANTED: &'static str = "a step's name in quotes";
    const PATTERN: &'static str = "^[^@].{0,63}$";

    fn read(text: &str) -> Result<Self, String> {
        if text.starts_with('@') {
            return Err(format!("`{}` cannot stand here: this key leads to a step by its name", shorten(text)));
        }
        Ok(StepName(text.into()))
    }
}

impl Text for Goal {
    const WANTED: &'static str = "a step's name in quotes, \"@repeat\" or \"@back\"";
    const PATTERN: &'static str = "^(@repeat|@back|[^@].{0,63})$";

    fn read(text: &str) -> Result<Self, String> {
        match text {
            "@repeat" => Ok(Goal::Repeat),
            "@back" => Ok(Goal::Back),
            _ if text.starts_with('@') => {
                Err(format!("`{}` is unknown: there are `@repeat` and `@back`", shorten(text)))
            }
            _ => Ok(Goal::Step(text.into())),
        }
    }
}

impl Text for SlotName {
    const WANTED: &'static str = "a slot's name in quotes, as in \"id\"";
    const PATTERN: &'static str = "^[\\p{L}\\p{N}_-]{1,64}$";

    fn read(text: &str) -> Result<Self, String> {
        plain_name(text, "a slot's name").map(|name| SlotName(name.into()))
    }
}

impl Text for TransferAddress {
    const WANTED: &'static str = "an address in quotes, as in \"sip:agents@pbx.example.com\" or \"tel:+861012333\"";
    const PATTERN: &'static str = "^(sips?:[^\\s<>\"@]+@[^\\s<>\"@]+|tel:\\+?[0-9-]+)$";

    fn read(text: &str) -> Result<Self, String> {
        let fault = || format!("`{}` is no address, expected {}", shorten(text), Self::WANTED);
        let (scheme, rest) = text.split_once(':').ok_or_else(fault)?;
        let plain = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | '@'))
        };
        let good = match scheme {
            "sip" | "sips" => rest.split_once('@').is_some_and(|(user, host)| plain(user) && plain(host)),
            "tel" => {
                let digits = rest.strip_prefix('+').unwrap_or(rest);
                digits.bytes().any(|c| c.is_ascii_digit()) && digits.bytes().all(|c| c.is_ascii_digit() || c == b'-')
            }
            _ => false,
        };
        if !good {
            return Err(fault());
        }
        if text.len() > LONGEST_ADDRESS {
            return Err(format!("an address has at most {LONGEST_ADDRESS} characters; this one has {}", text.len()));
        }
        Ok(TransferAddress(text.into()))
    }
}

impl Text for HotlineName {
    const WANTED: &'static str = "the hotline's name in quotes, as in \"12333\"";
    const PATTERN: &'static str = "^.{1,64}$";

    fn read(text: &str) -> Result<Self, String> {
        if text.chars().any(char::is_control) || text.trim().is_empty() {
            return Err("the hotline's name is empty or has control characters".into());
        }
        bounded(text, "the hotline's name").map(|name| HotlineName(name.into()))
    }
}

impl Text for LanguageTag {
    const WANTED: &'static str = "a language's tag in quotes, as in \"zh-CN\"";
    const PATTERN: &'static str = "^(zh-CN|en)$";

    fn read(text: &str) -> Result<Self, String> {
        Language::from_tag(text).map(LanguageTag).ok_or_else(|| {
            let tags: Vec<_> = Language::ALL.iter().map(|language| format!("`{language}`")).collect();
            format!("Hotline cannot speak `{}`: it speaks {}", shorten(text), tags.join(", "))
        })
    }
}

impl Text for KeyName {
    const WANTED: &'static str = "a key of the telephone in quotes: \"0\" to \"9\", \"*\", \"#\", \"A\" to \"D\"";
    const PATTERN: &'static str = "^[0-9*#A-D]$";

    fn read(text: &str) -> Result<Self, String> {
        let mut symbols = text.chars();
        match (symbols.next(), symbols.next()) {
            (Some(symbol), None) if !symbol.is_ascii_lowercase() => Key::from_char(symbol),
            _ => None,
        }
        .map(KeyName)
        .ok_or_else(|| format!("`{}` is no key of the telephone: 0 to 9, *, #, A to D", shorten(text)))
    }
}

/// As it stands on the telephone.
impl Serialize for KeyName {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        into.serialize_char(self.0.symbol())
    }
}

impl<const MIN: u8, const MAX: u8> Serialize for Whole<MIN, MAX> {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        into.serialize_u8(self.0)
    }
}

/// Checks the name of a step or slot: letters and digits of any script, `-` and `_`, at most [`NAME_LENGTH`].
///
/// # Errors
/// What is wrong with it, for the operator.
pub(super) fn plain_name<'t>(text: &'t str, what: &str) -> Result<&'t str, String> {
    if text.is_empty() || !text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_')) {
        return Err(format!("`{}` cannot be {what}: letters, digits, `-` and `_`", shorten(text)));
    }
    bounded(text, what)
}

fn bounded<'t>(text: &'t str, what: &str) -> Result<&'t str, String> {
    let length = text.chars().count();
    if length > NAME_LENGTH {
        return Err(format!("{what} has at most {NAME_LENGTH} characters; this one has {length}"));
    }
    Ok(text)
}

/// Enough of an operator's text to know it by, on one line.
pub(super) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(NAME_LENGTH).map(|c| if c.is_control() { '·' } else { c }).collect();
    if text.chars().nth(NAME_LENGTH).is_some() {
        short.push('…');
    }
    short
}

struct TextVisitor<T>(PhantomData<T>);

impl<T: Text> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WANTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::read(text).map_err(E::custom)
    }
}

/// Reading and schema of the types that are texts.
macro_rules! read_as_text {
    ($($name:ident),*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_str(TextVisitor(PhantomData))
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $name::PATTERN })
            }
        }
    )*};
}

read_as_text!(Time, MessageName, StepName, Goal, SlotName, TransferAddress, HotlineName, LanguageTag, KeyName);

struct WholeVisitor<const MIN: u8, const MAX: u8>;

impl<const MIN: u8, const MAX: u8> Visitor<'_> for WholeVisitor<MIN, MAX> {
    type Value = Whole<MIN, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {MIN} to {MAX}")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        u8::try_from(number)
            .ok()
            .filter(|number| (MIN..=MAX).contains(number))
            .map(Whole)
            .ok_or_else(|| E::custom(format_args!("{number} is out of bounds: from {MIN} to {MAX}")))
    }
}

impl<'de, const MIN: u8, const MAX: u8> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_i64(WholeVisitor)
    }
}

impl<const MIN: u8, const MAX: u8> JsonSchema for Whole<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Whole_{MIN}_{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

/// A text of one type, or the one boolean that may stand for it.
struct OrBoolean<T> {
    wanted: &'static str,
    text: fn(&str) -> Result<T, String>,
    boolean: (bool, T),
}

impl<T> Visitor<'_> for OrBoolean<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.wanted)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.text)(text).map_err(E::custom)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<T, E> {
        if value == self.boolean.0 { Ok(self.boolean.1) } else { Err(E::invalid_value(Unexpected::Bool(value), &self)) }
    }
}

impl<'de> Deserialize<'de> for PersonRoute {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(OrBoolean {
            wanted: "a step's name in quotes, or false where the caller is with the person already",
            text: |text| StepName::read(text).map(|name| PersonRoute::Step(name.0)),
            boolean: (false, PersonRoute::Nowhere),
        })
    }
}

impl JsonSchema for PersonRoute {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PersonRoute".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string", "pattern": StepName::PATTERN }, { "const": false }] })
    }
}

impl<'de> Deserialize<'de> for LastWords {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(OrBoolean {
            wanted: "a message's name in quotes, or true to hang up without a word",
            text: |text| MessageName::read(text).map(|name| LastWords::Message(name.0)),
            boolean: (true, LastWords::None),
        })
    }
}

impl JsonSchema for LastWords {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "LastWords".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string", "pattern": MessageName::PATTERN }, { "const": true }] })
    }
}
