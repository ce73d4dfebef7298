//! `docs/field-cases.md` names tests that are there, and the comments that name a case name it as the page does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A case of the page: its thread or threads, and the tests that are named.
struct Case {
    threads: String,
    tests: Vec<String>,
}

fn page() -> BTreeMap<String, Case> {
    let text = include_str!("../../docs/field-cases.md");
    let mut cases = BTreeMap::new();
    for row in text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| case ")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [case, threads, here, test] = cells[..] else { panic!("{row}") };
        assert!(is_case(case) && !here.is_empty(), "{row}");
        let tests: Vec<String> = test.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let reason = test.starts_with("– ");
        assert_ne!(tests.is_empty() || reason, !reason, "a test, or why there is none: {row}");
        let tests = if reason { Vec::new() } else { tests };
        let before = cases.insert(case.to_owned(), Case { threads: threads.to_owned(), tests });
        assert!(before.is_none(), "{case} stands twice");
    }
    cases
}

/// `D01`: a letter of the page's, two digits.
fn is_case(word: &str) -> bool {
    let [letter, digits @ ..] = word.as_bytes() else { return false };
    b"DNTBPSRLXGAFZ".contains(letter) && digits.len() == 2 && digits.iter().all(u8::is_ascii_digit)
}

/// Every Rust file of the tree, by its path within it.
fn sources() -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.join("src"), root.join("tests")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.insert(path.strip_prefix(root).unwrap().to_owned(), text);
            }
        }
    }
    found
}

/// The cases that the comments of a file name, each with the word after it.
fn named(text: &str) -> Vec<(&str, &str)> {
    let mut named = Vec::new();
    for (_, comment) in text.lines().filter_map(|line| line.split_once("//")) {
        let words: Vec<&str> = comment.split_ascii_whitespace().collect();
        for (at, word) in words.iter().enumerate() {
            let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            if is_case(word) {
                let next = words.get(at + 1).copied().unwrap_or_default();
                named.push((word, next.trim_end_matches(|c: char| !c.is_ascii_digit())));
            }
        }
    }
    named
}

#[test]
fn every_test_that_the_page_names_is_there_and_names_its_case() {
    let (sources, mut wrong) = (sources(), Vec::new());
    for (case, Case { tests, .. }) in page() {
        for test in tests {
            let defined = format!("fn {test}(");
            let mut files = sources.iter().filter(|(_, text)| text.contains(&defined)).peekable();
            if files.peek().is_none() {
                wrong.push(format!("{case}: there is no test {test}"));
            } else if !files.any(|(_, text)| named(text).iter().any(|(named, _)| *named == case)) {
                wrong.push(format!("no comment in the file of {test} names {case}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_case_that_a_comment_names_is_on_the_page_with_its_thread() {
    let (page, mut wrong) = (page(), Vec::new());
    for (path, text) in sources() {
        for (case, thread) in named(&text) {
            match page.get(case) {
                None => wrong.push(format!("{} names {case}", path.display())),
                Some(Case { threads, .. }) if thread.contains('#') && !threads.contains(thread) => {
                    wrong.push(format!("{} says {case} {thread}; the page {threads}", path.display()));
                }
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
