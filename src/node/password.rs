//! Passwords out of files: none stands in a configuration or a command line. That of a PostgreSQL server may be in PGPASSWORD,
//! where every program of PostgreSQL's looks for it.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::facts::{Fault, Secret};

/// The longest file of a password, in octets.
const LONGEST: u64 = 1024;

/// The password in a file: its first line. Warns in the log where everybody on the machine may read it.
///
/// # Errors
/// What is wrong with the file and what to do, and never what is in it.
pub(crate) fn read_password(file: &Path) -> Result<Secret<String>, Fault> {
    let shown = file.display().to_string();
    let wrong = |message: String| Fault::of_file(&shown, message).hint("its first line is the password");
    let unreadable = |error| wrong(format!("the password cannot be read: {error}"));
    let open = File::open(file).map_err(unreadable)?;
    let mode = open.metadata().map_err(unreadable)?.permissions().mode();
    let mut text = Secret::new(String::new());
    open.take(LONGEST + 1).read_to_string(text.reveal_mut()).map_err(unreadable)?;
    if mode & 0o004 != 0 {
        tracing::warn!(file = %shown, "everybody on this machine may read a password: chmod 600 mends it");
    }
    let first = text.reveal().lines().next().unwrap_or_default();
    if first.is_empty() || text.reveal().len() as u64 > LONGEST {
        return Err(wrong("there is no password".to_owned()));
    }
    Ok(Secret::new(first.to_owned()))
}

/// The password of a PostgreSQL server's user: that in the file; without one PGPASSWORD, if it is set.
///
/// # Errors
/// As [`read_password`].
pub(crate) fn of_database(file: Option<&Path>) -> Result<Option<Secret<String>>, Fault> {
    match file {
        Some(file) => read_password(file).map(Some),
        None => Ok(std::env::var("PGPASSWORD").ok().filter(|password| !password.is_empty()).map(Secret::new)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_of_its_file_and_shown_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("carrier.secret");
        assert!(read_password(&file).unwrap_err().message.contains("cannot be read"));
        for (text, password) in [
            ("open, sesame\n", Some("open, sesame")),
            ("p4ss w0rd \r\nsecond\n", Some("p4ss w0rd ")),
            ("密码", Some("密码")),
            ("", None),
            ("\np4ss\n", None),
            (&*"p4ss".repeat(1000), None),
        ] {
            std::fs::write(&file, text).unwrap();
            let found = read_password(&file);
            assert_eq!(found.as_ref().ok().map(|secret| secret.reveal().as_str()), password, "{text:?}");
            assert!(!format!("{found:?}").contains("p4ss"), "{found:?}");
        }
    }
}
