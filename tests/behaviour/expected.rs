//! Files that hold what is expected. `HOTLINE_BLESS=1 cargo test` writes them anew.

use std::path::Path;

/// Fails, with a diff, if the file does not hold this text.
pub(crate) fn compare(file: &Path, found: &str) {
    if std::env::var_os("HOTLINE_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::write(file, found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(file).unwrap_or_default();
    if expected != found {
        let difference = similar::TextDiff::from_lines(expected.as_str(), found);
        let name = file.display();
        panic!("{name} differs; if it is right so: HOTLINE_BLESS=1 cargo test\n{}", difference.unified_diff());
    }
}
