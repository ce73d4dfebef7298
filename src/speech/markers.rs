//! How values pass through Fluent: as markers in Unicode's private use area, which the formatted string is split at.
//!
//! ```text
//!   U+E000  function  payload  U+E001
//!           U+E010 + Function's place, or U+E01F for the value's own
//!                     U+E100 + place of the value in its line        (all but counts)
//!                     16 hexadecimal digits of a float               (counts, which Fluent must see as numbers to
//!                                                                     choose by number and by plural category)
//! ```
//!
//! Texts that hold such characters of their own are refused when they are loaded.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentError, FluentValue};

use super::grammar::Function;
use super::{Line, Value};

const BEGIN: char = '\u{E000}';
const END: char = '\u{E001}';
const FUNCTIONS: u32 = 0xE010;
const OWN: char = '\u{E01F}';
const PLACES: u32 = 0xE100;

/// Values of a line beyond this many do not exist for its message.
pub(super) const MOST_VALUES: usize = 64;

/// Whether a text could be taken for a marker.
pub(super) fn is_private(symbol: char) -> bool {
    matches!(symbol, '\u{E000}'..='\u{F8FF}')
}

/// A formatted message in pieces.
#[derive(Debug, PartialEq)]
pub(super) enum Run<'a> {
    /// Fixed text, with its line breaks.
    Text(&'a str),
    /// A value, spoken by this function or by its own.
    Value(Option<Function>, &'a str),
}

/// Gives a bundle the functions that speak values, and teaches it to write counts as markers.
pub(super) fn install<R>(bundle: &mut FluentBundle<R>) -> Result<(), FluentError> {
    for function in Function::ALL {
        bundle.add_function(function.name(), move |given, _| match given {
            [FluentValue::Number(number)] if function == Function::Count => FluentValue::Number(number.clone()),
            [FluentValue::Number(number)] => marker(Some(function), &payload_of(number.value)).into(),
            [FluentValue::String(text)] => match split(text).next() {
                Some(Run::Value(_, payload)) => marker(Some(function), payload).into(),
                _ => nothing(),
            },
            _ => nothing(),
        })?;
    }
    bundle.set_formatter(Some(|value, _| match value {
        FluentValue::Number(number) => Some(marker(None, &payload_of(number.value))),
        _ => None,
    }));
    Ok(())
}

/// What a message is given for this value.
pub(super) fn argument(place: usize, value: &Value) -> FluentValue<'static> {
    match value {
        Value::Count(count) => FluentValue::from(as_number(*count)),
        Value::Word(word) => FluentValue::from(*word),
        _ => match u32::try_from(place).ok().and_then(|place| char::from_u32(PLACES + place)) {
            Some(place) => FluentValue::from(marker(None, place.encode_utf8(&mut [0; 4]))),
            None => nothing(),
        },
    }
}

/// What a message is given in place of a value that its line lacks, or where any value may stand. It has a marker too, so
/// that the fixed texts before and behind it stay two.
pub(super) fn nothing() -> FluentValue<'static> {
    FluentValue::from(marker(None, ""))
}

/// The arguments of a line.
pub(super) fn arguments(line: &Line) -> FluentArgs<'static> {
    let values = line.values.iter().take(MOST_VALUES).enumerate();
    values.map(|(place, (name, value))| (*name, argument(place, value))).collect()
}

/// The value that a marker's payload means.
pub(super) fn value_of<'a>(line: &'a Line, payload: &str) -> Option<&'a Value> {
    let mut symbols = payload.chars();
    let mut values = line.values.iter().take(MOST_VALUES).map(|(_, value)| value);
    if let (Some(place), None) = (symbols.next(), symbols.next()) {
        let place = u32::from(place).checked_sub(PLACES)?;
        return values.nth(usize::try_from(place).ok()?);
    }
    let bits = u64::from_str_radix(payload, 16).ok()?;
    values.find(|value| matches!(value, Value::Count(count) if as_number(*count).to_bits() == bits))
}

/// The pieces of a formatted message, empty texts left out. A marker without an end is dropped.
pub(super) fn split(formatted: &str) -> impl Iterator<Item = Run<'_>> {
    let mut rest = formatted;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let Some(inside) = rest.strip_prefix(BEGIN) else {
                let (text, after) = rest.split_at_checked(rest.find(BEGIN).unwrap_or(rest.len()))?;
                rest = after;
                return Some(Run::Text(text));
            };
            let Some((inside, after)) = inside.split_once(END) else {
                rest = inside;
                continue;
            };
            rest = after;
            let mut symbols = inside.chars();
            let Some(function) = symbols.next() else { continue };
            let place = u32::from(function).checked_sub(FUNCTIONS).and_then(|place| usize::try_from(place).ok());
            return Some(Run::Value(place.and_then(|place| Function::ALL.get(place).copied()), symbols.as_str()));
        }
        None
    })
}

fn marker(function: Option<Function>, payload: &str) -> String {
    let place = function.and_then(|function| Function::ALL.iter().position(|other| *other == function));
    let place = place.and_then(|place| u32::try_from(place).ok()).and_then(|place| char::from_u32(FUNCTIONS + place));
    format!("{BEGIN}{}{payload}{END}", place.unwrap_or(OWN))
}

fn payload_of(number: f64) -> String {
    format!("{:016x}", number.to_bits())
}

/// A count as Fluent sees it. Held at 2⁵³: its plural rules panic on numbers that no `u64` holds. The count itself is
/// found again in its line, so that all of it is spoken.
#[allow(clippy::cast_precision_loss, reason = "exact up to 2⁵³")]
fn as_number(count: u64) -> f64 {
    count.min(1 << 53) as f64
}
