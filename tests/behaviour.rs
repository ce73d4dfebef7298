//! Every behaviour test: one behaviour a file under `tests/`, its name a sentence.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]
#![allow(missing_docs, clippy::disallowed_methods)]

#[path = "behaviour/captured_keys_are_read.rs"]
mod captured_keys_are_read;
