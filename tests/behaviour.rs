//! Every behaviour test: one behaviour a file under `tests/`, its name a sentence.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]
#![allow(missing_docs, clippy::disallowed_methods)]

#[path = "behaviour/expected.rs"]
mod expected;

#[path = "behaviour/broken_scripts_are_told_what_is_wrong_where_and_how_to_mend_it.rs"]
mod broken_scripts_are_told_what_is_wrong_where_and_how_to_mend_it;
#[path = "behaviour/the_menu_languages_pages_follow_from_its_types.rs"]
mod the_menu_languages_pages_follow_from_its_types;
#[path = "behaviour/a_value_speaks_only_clips_of_its_vocabulary.rs"]
mod a_value_speaks_only_clips_of_its_vocabulary;
#[path = "behaviour/every_number_below_a_million_is_spoken_as_cldr_says.rs"]
mod every_number_below_a_million_is_spoken_as_cldr_says;
#[path = "behaviour/numbers_are_said_as_people_say_them.rs"]
mod numbers_are_said_as_people_say_them;
