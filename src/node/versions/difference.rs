//! What a caller would hear and reach otherwise, in the operator's words.

use super::Edition;

/// One line a change; nothing where a caller would notice nothing.
pub(super) fn changes(_before: &Edition, _after: &Edition) -> Vec<String> {
    Vec::new()
}
