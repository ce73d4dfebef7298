//! Every behaviour test: one behaviour a file under `tests/`, its name a sentence.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]
#![allow(missing_docs, clippy::disallowed_methods)]

#[path = "behaviour/a_value_speaks_only_clips_of_its_vocabulary.rs"]
mod a_value_speaks_only_clips_of_its_vocabulary;
#[path = "behaviour/every_number_below_a_million_is_spoken_as_cldr_says.rs"]
mod every_number_below_a_million_is_spoken_as_cldr_says;
#[path = "behaviour/numbers_are_said_as_people_say_them.rs"]
mod numbers_are_said_as_people_say_them;
