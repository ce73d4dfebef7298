//! The prompts of all languages, and what is said when a message is given values.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use fluent_syntax::ast::Pattern;

use super::compose::compose;
use super::load::{Texts, load};
use super::{Line, Pace, Spoken, markers};
use crate::facts::{Disk, Fault, Files, Language, did_you_mean};

/// More mistakes than these are not reported at once.
const MOST_FAULTS: usize = 1000;

/// Octets read of a file: more than one may have.
const MOST_READ: u64 = 1 << 23;

/// Every message in every language. Shared by all calls; nothing in it changes.
pub struct Catalogue {
    /// By language; the first is the one to fall back to.
    pub(super) texts: BTreeMap<Language, Texts>,
    /// What is known of each message before a call comes.
    known: HashMap<Language, HashMap<Arc<str>, Known>>,
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let messages = self.texts.iter().map(|(language, texts)| (language.tag(), texts.outlines.len()));
        f.debug_map().entries(messages).finish()
    }
}

/// A message before it is given anything.
enum Known {
    /// It names no value: what it sounds like, at each pace. Most of what a call hears.
    Fixed { normal: Arc<Spoken>, slow: Arc<Spoken> },
    /// The values that it may name, each once.
    Names(Vec<String>),
}

fn known(language: Language, texts: &Texts) -> HashMap<Arc<str>, Known> {
    let ids = texts.outlines.keys().filter(|id| !id.starts_with('-'));
    let all = ids.filter_map(|id| {
        let mut names: Vec<String> = texts.uses(id).iter().map(|(name, ..)| (*name).to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        if !names.is_empty() {
            return Some((Arc::from(id.as_str()), Known::Names(names)));
        }
        let formatted = texts.bundle.format_pattern(texts.pattern(id)?, None, &mut Vec::new());
        let line = Line::new(id);
        let [normal, slow] =
            [Pace::Normal, Pace::Slow].map(|pace| Arc::new(compose(language, &formatted, &line, pace)));
        Some((line.message, Known::Fixed { normal, slow }))
    });
    all.collect()
}

impl Catalogue {
    /// Reads `<prompts>/<language>/*.ftl` from the disk; for start-up and checks. Folders without `.ftl` files, and files
    /// beside the folders, are not looked at.
    ///
    /// # Errors
    /// Every mistake in every file, or what cannot be read.
    pub fn from_dir(prompts: &Path) -> Result<Catalogue, Vec<Fault>> {
        Catalogue::from_files(&Disk, prompts)
    }

    /// As [`Catalogue::from_dir`], from wherever files are read.
    ///
    /// # Errors
    /// Every mistake in every file, or what cannot be read.
    pub fn from_files(from: &dyn Files, prompts: &Path) -> Result<Catalogue, Vec<Fault>> {
        let cannot = |path: &Path, error: std::io::Error| {
            vec![Fault::of_file(&path.display().to_string(), format!("cannot be read: {error}"))]
        };
        let mut files = Vec::new();
        let mut folders = from.list(prompts).map_err(|error| cannot(prompts, error))?;
        folders.retain(|path| from.is_dir(path));
        for folder in folders {
            for path in from.list(&folder).map_err(|error| cannot(&folder, error))? {
                if path.extension().is_some_and(|extension| extension == "ftl") {
                    // A file that is too long is refused by its length.
                    let octets = from.read(&path, MOST_READ).map_err(|error| cannot(&path, error))?;
                    let text = String::from_utf8(octets)
                        .map_err(|_| cannot(&path, std::io::Error::other("it is not UTF-8")))?;
                    files.push((path.display().to_string(), text));
                }
            }
        }
        if files.is_empty() {
            let fault = Fault::of_file(&prompts.display().to_string(), "there are no prompts in this folder");
            return Err(vec![fault.hint("prompts are in <language>/*.ftl, as in zh-CN/account.ftl")]);
        }
        Catalogue::from_texts(files)
    }

    /// The prompts of these files: (name, text). The folder a file is in says its language: `prompts/zh-CN/account.ftl`.
    ///
    /// # Errors
    /// Every mistake in every file: syntax, a name defined twice, an unknown function, a folder that is no language, a
    /// reference to nothing; at most 1000.
    pub fn from_texts(files: impl IntoIterator<Item = (String, String)>) -> Result<Catalogue, Vec<Fault>> {
        let mut by_folder: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for (name, text) in files {
            let folder = name.rsplit_once(['/', '\\']).map_or("", |(folder, _)| folder).to_owned();
            by_folder.entry(folder).or_default().push((name, text));
        }
        let mut texts = BTreeMap::new();
        let mut faults = Vec::new();
        for (folder, files) in by_folder {
            let tag = folder.rsplit(['/', '\\']).next().unwrap_or("");
            let Some(language) = Language::from_tag(tag) else {
                let tags = Language::ALL.map(Language::tag);
                let hint = format!("languages are {}: name the folder so", tags.join(", "));
                faults.push(Fault::of_file(&folder, format!("{tag} is no language Hotline speaks")).hint(hint));
                continue;
            };
            let (loaded, found) = load(language, &folder, files);
            faults.extend(found);
            if let Some(earlier) = texts.insert(language, loaded) {
                let message = format!("{} has prompts in {} already", language.tag(), earlier.folder);
                faults.push(Fault::of_file(&folder, message).hint("keep them in one folder"));
            }
        }
        faults.truncate(MOST_FAULTS);
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut catalogue = Catalogue { texts, known: HashMap::new() };
        catalogue.known =
            catalogue.texts.iter().map(|(language, texts)| (*language, known(*language, texts))).collect();
        Ok(catalogue)
    }

    /// Says a line: its text, and its clips and pauses (at most [`super::MOST_PARTS`]).
    ///
    /// Where `language` lacks the message, it is said in the first language that has it ([`Spoken::language`]). A value
    /// that the message names and the line lacks is left out. Nothing, if no language has the message.
    pub fn speak(&self, language: Language, line: &Line, pace: Pace) -> Option<Arc<Spoken>> {
        let (language, texts, id) = self.find(language, line)?;
        let names = match self.known.get(&language)?.get(id)? {
            Known::Fixed { normal, slow } => return Some(Arc::clone(if pace == Pace::Slow { slow } else { normal })),
            Known::Names(names) => names,
        };
        let pattern = texts.pattern(id)?;
        let mut arguments = markers::arguments(line);
        for name in names {
            if arguments.get(name).is_none() {
                arguments.set(name.as_str(), markers::nothing());
            }
        }
        let formatted = texts.bundle.format_pattern(pattern, Some(&arguments), &mut Vec::new());
        Some(Arc::new(Spoken { message: Arc::clone(id), ..compose(language, &formatted, line, pace) }))
    }

    /// The message that says a line: its own or one it gives way to, in its language, else in another that has one.
    fn find<'a>(&self, language: Language, line: &'a Line) -> Option<(Language, &Texts, &'a Arc<str>)> {
        let asked = self.texts.get_key_value(&language);
        asked.into_iter().chain(&self.texts).find_map(|(language, texts)| {
            let mut ids = std::iter::once(&line.message).chain(&line.instead);
            ids.find(|id| texts.pattern(id).is_some()).map(|id| (*language, texts, id))
        })
    }

    /// The languages there are prompts in, the one to fall back to first.
    pub fn languages(&self) -> impl Iterator<Item = Language> + '_ {
        self.texts.keys().copied()
    }

    /// Whether this very language has the message, `id` or `id.attribute`, with a text of its own.
    pub fn has(&self, language: Language, id: &str) -> bool {
        self.texts.get(&language).is_some_and(|texts| texts.pattern(id).is_some())
    }

    /// The names of a message's attributes in this language, sorted.
    pub fn attributes(&self, language: Language, id: &str) -> Vec<&str> {
        let keys = self.texts.get(&language).into_iter().flat_map(|texts| texts.outlines.keys());
        keys.filter_map(|key| key.strip_prefix(id)?.strip_prefix('.')).collect()
    }

    /// The ids of this language's messages, sorted; those that have attributes alone too.
    pub fn messages(&self, language: Language) -> Vec<&str> {
        let keys = self.texts.get(&language).into_iter().flat_map(|texts| texts.outlines.keys());
        let mut ids: Vec<&str> =
            keys.filter(|key| !key.starts_with('-')).filter_map(|key| key.split('.').next()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// The message in this language is missing.
    pub(super) fn missing(&self, language: Language, id: &str) -> Fault {
        let texts = self.texts.get(&language);
        let folder = texts.map_or(language.tag(), |texts| &texts.folder);
        let known = texts.into_iter().flat_map(|texts| texts.outlines.keys()).map(String::as_str);
        let hint = match did_you_mean(id, known) {
            Some(near) => format!("did you mean {near}? Otherwise write {id} = … in a file of this folder"),
            None => format!("write {id} = … in a file of this folder"),
        };
        Fault::of_file(folder, format!("there is no message {id} in {language}")).hint(hint)
    }
}

impl Texts {
    /// The pattern of `id` or `id.attribute`.
    pub(super) fn pattern(&self, id: &str) -> Option<&Pattern<&str>> {
        let (id, attribute) = id.split_once('.').map_or((id, None), |(id, attribute)| (id, Some(attribute)));
        let message = self.bundle.get_message(id)?;
        match attribute {
            Some(attribute) => message.get_attribute(attribute).map(|attribute| attribute.value()),
            None => message.value(),
        }
    }
}
