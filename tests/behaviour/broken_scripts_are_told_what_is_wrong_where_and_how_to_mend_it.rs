//! Each script of `tests/data/broken-menus` has beside it what `hotline check` says of it.

use std::path::Path;

use hotline::cli::check::{Format, write_faults};
use hotline::menu;

#[test]
fn each_broken_script_is_drawn_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/broken-menus");
    let mut scripts: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    scripts.sort();
    assert!(scripts.len() >= 20);
    for script in scripts {
        let name = script.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&script).unwrap();
        let (faults, fails) = match menu::parse(&name, &text) {
            Ok(compiled) => (compiled.warnings, false),
            Err(faults) => (faults, true),
        };
        let only_warned = ["21-only-warnings.toml", "25-read-before-it-is-stored.toml"];
        assert_eq!(fails, !only_warned.contains(&name.as_str()), "{name}");
        assert!(faults.iter().all(|fault| fault.hint.is_some()), "{name}: {faults:#?}");
        let mut said = Vec::new();
        write_faults(&faults, Format::Text, false, &mut said).unwrap();
        crate::expected::compare(&script.with_extension("txt"), &String::from_utf8(said).unwrap());
    }
}
