//! The operator's reference page and the editors' schema are never behind the program.

use std::path::Path;

use hotline::menu;

/// T15 freeswitch-docs#45: what is written by hand comes to say another order than the code's.
#[test]
fn the_reference_page_is_the_one_made_from_the_types() {
    crate::expected::compare(&docs("menu-language.md"), &menu::reference());
}

#[test]
fn the_schema_is_the_one_made_from_the_types() {
    crate::expected::compare(&docs("menu.schema.json"), &format!("{:#}\n", menu::schema()));
}

#[test]
fn the_schema_names_every_key_of_every_kind() {
    let schema = menu::schema();
    let steps = schema["additionalProperties"]["anyOf"].as_array().unwrap();
    let kinds: Vec<&str> = steps.iter().map(|step| step["title"].as_str().unwrap()).collect();
    let all = ["say", "menu", "ask", "verify", "set-password", "dispute", "read-back", "set-language", "go-to"];
    assert_eq!(kinds, [&all[..], &["transfer", "hang-up"]].concat());
    for step in steps {
        assert_eq!(step["additionalProperties"], false);
        assert!(step["required"].as_array().unwrap().contains(&step["title"]));
        for (key, property) in step["properties"].as_object().unwrap() {
            assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{key}");
        }
    }
    assert!(steps[1]["properties"]["*"].is_object() && steps[1]["properties"]["between-keys"].is_object());
    assert_eq!(schema["properties"]["defaults"]["properties"]["first-key"]["default"], "10s");
}

fn docs(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}
