//! From a file to a configuration. Nothing stops at the first mistake:
//!
//! ```text
//!   text --TOML, recovering--> tables --serde, again without each key it refuses--> Config --what cannot be meant--> faults
//! ```

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::config::Config;
use super::inbound;
use crate::facts::{Fault, plain_words, remove_at, word_meant};

/// Octets of a configuration at most.
const LONGEST: u64 = 1 << 20;
/// Mistakes that are told at once.
const MOST_FAULTS: usize = 64;
/// Where what a key means is written.
const REFERENCE: &str = "docs/configuration.md lists every key";

/// A configuration as far as it could be read, and everything that is wrong with it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What could be read; defaults for the rest.
    pub config: Config,
    /// What is wrong, each with its place.
    pub faults: Vec<Fault>,
    /// The keys that were refused, each with those that lead to it: `["trunks", "carrier", "from"]`.
    lost: BTreeSet<Vec<String>>,
    /// Nothing could be read.
    unread: bool,
}

/// What no hotline could mean.
#[derive(Clone, Debug)]
pub(super) struct Wrong {
    /// The table it stands in, as `sip.tls` or `trunks.carrier`.
    pub(super) table: String,
    /// The key whose value is wrong whatever else the table says; empty if the table as a whole is to blame.
    pub(super) key: &'static str,
    /// What is wrong.
    pub(super) message: String,
    /// How to mend it.
    pub(super) hint: &'static str,
}

impl Wrong {
    pub(super) fn at(
        table: impl Into<String>,
        key: &'static str,
        message: impl Into<String>,
        hint: &'static str,
    ) -> Wrong {
        Wrong { table: table.into(), key, message: message.into(), hint }
    }
}

impl Draft {
    /// Reads a configuration file; its paths become relative to its folder.
    pub fn load(file: &Path) -> Draft {
        let shown = file.display().to_string();
        let mut draft = match read(file) {
            Ok(text) => Draft::parse(&shown, &text),
            Err(error) => {
                let fault = Fault::of_file(&shown, format!("the configuration cannot be read: {error}"))
                    .hint("name one with `--config FILE`; README.md shows the smallest");
                Draft { faults: vec![fault], unread: true, ..Draft::of(Config::default()) }
            }
        };
        draft.config.resolve(file.parent().unwrap_or(Path::new(".")));
        draft
    }

    /// Reads a configuration's text. `file` is its name for people.
    pub fn parse(file: &str, text: &str) -> Draft {
        let source: Arc<str> = Arc::from(text);
        let (root, broken) = DeTable::parse_recoverable(text);
        if !broken.is_empty() {
            let fault = |error: &toml::de::Error| {
                let place = error.span().unwrap_or(0..0);
                Fault::error(file, &source, place, error.message().to_owned())
                    .hint("this is no TOML; the rest is read once that is mended")
            };
            let faults = broken.iter().take(MOST_FAULTS).map(fault).collect();
            return Draft { faults, unread: true, ..Draft::of(Config::default()) };
        }
        let mut draft = Draft::of(Config::default());
        draft.config = draft.typed(file, &source, root.clone());
        let mut wrongs = draft.config.wrongs();
        // What a written key says is wrong whatever else was refused; the rest may only seem so.
        wrongs.retain(|wrong| draft.is_told_whole(&wrong.table) || is_written(root.get_ref(), wrong));
        if draft.has_whole("sip.strangers") && draft.has_whole("trunks") {
            wrongs.extend(inbound::check_together(&draft.config));
        }
        let shown =
            |wrong: Wrong| Fault::error(file, &source, place(root.get_ref(), &wrong), wrong.message).hint(wrong.hint);
        draft.faults.extend(wrongs.into_iter().map(shown));
        draft.faults.sort_by_key(|fault| fault.span.start);
        draft.faults.truncate(MOST_FAULTS);
        draft
    }

    /// A configuration that is right.
    pub fn of(config: Config) -> Draft {
        Draft { config, faults: Vec::new(), lost: BTreeSet::new(), unread: false }
    }

    /// Whether nothing was refused in a table such as `trunks`, or in those within it.
    pub(super) fn has_whole(&self, table: &str) -> bool {
        let path: Vec<&str> = table.split('.').collect();
        !self.unread && !self.lost.iter().any(|lost| path.iter().zip(lost).all(|(part, lost)| part == lost))
    }

    /// Whether none of a table's own keys was refused.
    fn is_told_whole(&self, table: &str) -> bool {
        let path: Vec<&str> = table.split('.').collect();
        let near = |lost: &Vec<String>| lost.len() <= path.len() + 1 && path.iter().zip(lost).all(|(a, b)| a == b);
        !self.lost.iter().any(near)
    }

    /// The tables as their types, without the keys that those refuse.
    fn typed(&mut self, file: &str, source: &Arc<str>, root: Spanned<DeTable<'_>>) -> Config {
        let span = root.span();
        let mut root = root.into_inner();
        while self.lost.len() < MOST_FAULTS {
            let whole = Spanned::new(span.clone(), DeValue::Table(root.clone()));
            let error = match Config::deserialize(ValueDeserializer::from(whole)) {
                Ok(config) => return config,
                Err(error) => error,
            };
            let at = error.span().unwrap_or(0..0);
            let Some(path) = remove_at(&mut root, at.start) else {
                self.faults.push(Fault::error(file, source, at, plain_words(error.message())).hint(REFERENCE));
                break;
            };
            self.faults.push(refused(file, source, at, &path, &error));
            self.lost.insert(path);
        }
        self.unread = true;
        Config::default()
    }
}

fn read(file: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(file)?.take(LONGEST + 1).read_to_string(&mut text)?;
    match u64::try_from(text.len()) {
        Ok(length) if length <= LONGEST => Ok(text),
        _ => Err(std::io::Error::other("it is larger than 1 MiB")),
    }
}

/// A key that its type refuses.
fn refused(file: &str, source: &Arc<str>, at: Range<usize>, path: &[String], error: &toml::de::Error) -> Fault {
    let (key, table) = path.split_last().map_or(("", String::new()), |(key, table)| (key.as_str(), table.join(".")));
    let key: String = key.chars().take(40).collect();
    let message = match (error.message().starts_with("unknown field"), table.is_empty()) {
        (true, true) => format!("there is no table [{key}] in a configuration"),
        (true, false) => format!("[{table}] has no key `{key}`"),
        (false, _) => format!("`{key}`: {}", plain_words(error.message())),
    };
    let hint = word_meant(error).map_or_else(|| REFERENCE.to_owned(), |meant| format!("did you mean `{meant}`?"));
    Fault::error(file, source, at, message).hint(hint)
}

fn is_written(root: &DeTable<'_>, wrong: &Wrong) -> bool {
    let mut inside = Some(root);
    for part in wrong.table.split('.') {
        let value = inside.and_then(|table| table.get(part));
        inside = value.and_then(|value| value.get_ref().as_table());
    }
    inside.is_some_and(|table| table.contains_key(wrong.key))
}

/// The key that is to blame, or the nearest table that is written around it.
fn place(root: &DeTable<'_>, wrong: &Wrong) -> Range<usize> {
    let mut place = 0..0;
    let mut inside = root;
    for part in wrong.table.split('.').chain(Some(wrong.key)) {
        let Some((key, value)) = inside.get_key_value(part) else { break };
        place = key.span();
        let DeValue::Table(table) = value.get_ref() else { break };
        inside = table;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(usize, String)> {
        let draft = Draft::parse("hotline.toml", text);
        draft.faults.iter().map(|fault| (fault.line_column().0, fault.message.clone())).collect()
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let text = "[sip]\nlisten-on = 3\ncalls = \"many\"\nring = \"2m\"\n[sip.tls]\nkey = \"k.pem\"\n\
                    [media]\nports = [9, 8]\nsrtp = \"requird\"\n[trunks.a]\nfrom = [\"300.1.1.1\"]\ncalls = 3\n\
                    [trunks.b]\nfrom = [\"192.0.2.1\"]\nrate = 0\n[metric]\n";
        let told = told(text);
        let words = [
            (2, "[sip] has no key `listen-on`"),
            (3, "`calls`: found string \"many\""),
            (4, "sip.ring is over a minute"),
            (5, "sip.tls has a certificate without its key"),
            (8, "media.ports is no range"),
            (9, "`srtp`: unknown value `requird`"),
            (11, "`300.1.1.1` is no address"),
            (15, "trunks.b.rate is not between"),
            (16, "there is no table [metric]"),
        ];
        for ((line, message), (expected, part)) in told.iter().zip(words) {
            assert!(*line == expected && message.contains(part), "{line}: {message}\n{expected}: {part}");
        }
        assert_eq!(told.len(), words.len(), "{told:?}");
        let draft = Draft::parse("hotline.toml", text);
        assert!(draft.faults.iter().any(|fault| fault.hint.as_deref() == Some("did you mean `required`?")));
        assert!(!draft.has_whole("sip") && !draft.has_whole("trunks") && draft.has_whole("prompts"));
    }

    #[test]
    fn a_refused_key_has_no_faults_follow_from_its_absence() {
        // Without `from` the trunk would be one that says how many calls it may bring and not what they are known by.
        let one = "[sip.strangers]\npolicy = \"refuse\"\n[trunks.a]\nfrom = [\"300.1.1.1\"]\ncalls = 3\n";
        assert_eq!(told(one).len(), 1, "{:?}", told(one));
        assert_eq!(told("[trunks.a]\nfrom = [\"192.0.2.1\"]\nuser = 3\npassword-file = \"f\"\n").len(), 1);
        assert_eq!(told("trunks = 3\n").len(), 1);
    }

    #[test]
    fn what_is_no_toml_is_told_once() {
        let draft = Draft::parse("hotline.toml", "[sip]\nlisten = [\n[numbers]\n");
        assert!(!draft.faults.is_empty() && !draft.has_whole("numbers"));
        assert!(draft.faults.iter().all(|fault| fault.hint.as_deref().is_some_and(|hint| hint.contains("TOML"))));
        let many: String = (0..1000).map(|n| format!("x{n} = 1\n")).collect();
        assert!(Draft::parse("hotline.toml", &many).faults.len() <= MOST_FAULTS + 1);
    }

    #[test]
    fn a_file_that_is_not_there_is_one_fault() {
        let draft = Draft::load(Path::new("/nowhere/hotline.toml"));
        assert!(draft.faults.len() == 1 && draft.faults[0].message.contains("cannot be read"));
    }
}
