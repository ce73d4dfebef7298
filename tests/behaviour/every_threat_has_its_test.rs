//! `docs/security.md` names tests that are there.

use std::collections::HashSet;
use std::path::Path;

/// The names of every test of the tree, and of every file of tests: each behaviour is one.
fn tests() -> HashSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut folders) = (HashSet::new(), vec![root.join("src"), root.join("tests")]);
    let test = regex::Regex::new(r"#\[(?:tokio::)?test[^\]]*\]\s+(?:#\[[^\]]*\]\s+)*(?:async )?fn (\w+)").unwrap();
    let random = regex::Regex::new(r"(?s)proptest! \{.*?\n    \}").unwrap();
    let named = regex::Regex::new(r"fn (\w+)\(").unwrap();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|end| end != "rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            found.extend(test.captures_iter(&text).map(|found| found[1].to_owned()));
            let random = random.find_iter(&text).flat_map(|part| named.captures_iter(part.as_str()));
            found.extend(random.map(|found| found[1].to_owned()));
            if path.parent().is_some_and(|folder| folder.ends_with("behaviour")) {
                found.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
            }
        }
    }
    found
}

#[test]
fn every_row_of_the_threat_model_names_tests_that_are_there() {
    let (page, tests) = (include_str!("../../docs/security.md"), tests());
    let (mut rows, mut wrong) = (0, Vec::new());
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what they")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [_, held_off, named] = cells[..] else { panic!("{row}") };
        assert!(!held_off.is_empty(), "{row}");
        let named: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            wrong.push(format!("no test: {row}"));
        }
        let missing = named.iter().flat_map(|name| name.split("::")).filter(|name| !tests.contains(*name));
        wrong.extend(missing.map(|name| format!("there is no test {name}: {row}")));
        rows += 1;
    }
    assert!(wrong.is_empty() && rows > 20, "{rows} rows, {wrong:#?}");
    for reader in ["The caller", "The trunk", "The operator", "The stolen disk", "The stolen log"] {
        assert!(page.contains(&format!("## {reader}")), "{reader}");
    }
}
