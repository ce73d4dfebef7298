//! What is common to the texts that operators write in TOML (menus, the configuration): a key that its type refuses is taken
//! out and told of, and the rest is read again, so that one mistake hides no other.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::did_you_mean;

/// Takes the innermost key that a place lies in out of a table; the keys that lead to it, or nothing if there is none.
pub fn remove_at(table: &mut DeTable<'_>, place: usize) -> Option<Vec<String>> {
    let (key, _) = table.iter().find(|(key, value)| touches(&key.span(), place) || lies_in(value, place))?;
    let key = key.get_ref().to_string();
    if let Some(DeValue::Table(inner)) = table.get_mut(key.as_str()).map(Spanned::get_mut)
        && let Some(mut path) = remove_at(inner, place)
    {
        path.insert(0, key);
        return Some(path);
    }
    table.remove(key.as_str());
    Some(vec![key])
}

/// Of a value that is one of some words: the word that was probably meant.
pub fn word_meant(error: &toml::de::Error) -> Option<&str> {
    let mut words = error.message().split('`').skip(1).step_by(2);
    let one_of = error.message().starts_with("unknown ");
    words.next().filter(|_| one_of).and_then(|written| did_you_mean(written, words))
}

/// serde's words for what an operator has done.
pub fn plain_words(message: &str) -> String {
    message
        .replace("invalid type: ", "found ")
        .replace("invalid value: ", "found ")
        .replace("expected a boolean", "expected true or false")
        .replace("found sequence", "found a list")
        .replace("found map", "found a table")
        .replace("expected a sequence", "expected a list")
        .replace("unknown variant", "unknown value")
        .replace("unknown field", "unknown key")
        .replace("missing field", "missing key")
}

fn lies_in(value: &Spanned<DeValue<'_>>, place: usize) -> bool {
    touches(&value.span(), place)
        || match value.get_ref() {
            DeValue::Table(table) => {
                table.iter().any(|(key, value)| touches(&key.span(), place) || lies_in(value, place))
            }
            DeValue::Array(array) => array.iter().any(|value| lies_in(value, place)),
            _ => false,
        }
}

fn touches(span: &Range<usize>, place: usize) -> bool {
    span.contains(&place) || span.start == place
}
