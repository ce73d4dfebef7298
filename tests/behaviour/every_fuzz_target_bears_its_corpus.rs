//! What the fuzz targets begin with, checked in under `fuzz/corpus/`, goes through them once in every test run, and so do the
//! recordings of other people's systems where they are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::fuzzed::TARGETS;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap_or_else(|fault| panic!("{}: {fault}", folder.display()));
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_input_of_the_corpus() {
    for (name, target) in TARGETS {
        let inputs = files(&root().join("fuzz/corpus").join(name));
        assert!(inputs.len() >= 3, "{name} has something to begin with");
        for input in inputs {
            let octets = std::fs::read(&input).unwrap();
            // What a panic says has no name of the input.
            println!("{}", input.display());
            target(&octets);
            // Cut short anywhere, it is another input.
            (0..octets.len().min(600)).for_each(|end| target(&octets[..end]));
        }
    }
}

#[test]
fn every_message_of_rfc_4475() {
    let folder = root().join("../shared/foreign/rfc4475");
    if !folder.is_dir() {
        println!("skipped: the messages of RFC 4475 are not at {}", folder.display());
        return;
    }
    for file in files(&folder) {
        println!("{}", file.display());
        let octets = std::fs::read(&file).unwrap();
        TARGETS.iter().filter(|(name, _)| ["gate", "framing"].contains(name)).for_each(|(_, target)| target(&octets));
    }
}

/// The package of the targets, its programs, the script that runs them and the corpus name the same.
#[test]
fn every_target_has_its_program() {
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    for folder in ["fuzz/targets", "fuzz/corpus"] {
        let found: BTreeSet<_> = files(&root().join(folder)).into_iter().map(stem).collect();
        assert_eq!(found, names, "{folder}");
    }
    let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for name in names {
        let program = format!("[[bin]]\nname = \"{name}\"\npath = \"targets/{name}.rs\"\n");
        assert!(manifest.contains(&program), "fuzz/Cargo.toml lacks\n{program}");
    }
}
