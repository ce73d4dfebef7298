//! Loading one language's prompts: parsed, outlined and checked, with every mistake found at once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use fluent_bundle::FluentResource;
use fluent_bundle::concurrent::FluentBundle;
use fluent_syntax::ast::{Attribute, Entry, Identifier, Pattern};
use fluent_syntax::parser::{ErrorKind, ParserError};
use unic_langid::LanguageIdentifier;

use super::grammar::Function;
use super::markers;
use super::outline::{Outline, outline, place_in};
use crate::facts::{Fault, Language, did_you_mean};

/// A prompt file may have at most so many bytes.
pub(super) const MOST_BYTES: usize = 1 << 20;
/// A message with all that it refers to may have at most so many placeables: Fluent formats no more.
const MOST_PLACEABLES: usize = 100;
/// A message with all that it refers to may have at most so many bytes of text.
const MOST_TEXT: usize = 1 << 16;
/// Only so many mistakes are compared with all names for a hint.
const MOST_GUESSES: usize = 100;
/// Braces may be nested so deep: Fluent's parser is recursive.
const DEEPEST: usize = 100;

/// One language's prompts, free of mistakes.
pub(super) struct Texts {
    /// The folder they are in, as in `prompts/zh-CN`.
    pub(super) folder: String,
    /// Each file's name and text.
    pub(super) files: Vec<(String, Arc<str>)>,
    /// Fluent's own form of them.
    pub(super) bundle: FluentBundle<Arc<FluentResource>>,
    /// All patterns, by `id`, `id.attribute` and `-term`; each with its file's place in `files`.
    pub(super) outlines: BTreeMap<String, (usize, Outline)>,
}

/// Loads the files of one language: (name, text).
pub(super) fn load(language: Language, folder: &str, files: Vec<(String, String)>) -> (Texts, Vec<Fault>) {
    let locale: LanguageIdentifier = language.tag().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![locale]);
    bundle.set_use_isolating(false);
    let mut faults = Vec::new();
    if let Err(error) = markers::install(&mut bundle) {
        faults.push(Fault::of_file(folder, error.to_string()));
    }
    let mut loading = Loading {
        texts: Texts { folder: folder.to_owned(), files: Vec::new(), bundle, outlines: BTreeMap::new() },
        names: HashMap::new(),
        faults,
    };
    for (name, text) in files {
        loading.file(name, text);
    }
    loading.check_references();
    (loading.texts, loading.faults)
}

struct Loading {
    texts: Texts,
    /// Names of messages and terms, each with the file it is in.
    names: HashMap<String, usize>,
    faults: Vec<Fault>,
}

impl Loading {
    fn file(&mut self, name: String, text: String) {
        let text = text.replace("\r\n", "\n");
        let source: Arc<str> = Arc::from(text.as_str());
        if let Some(fault) = unreadable(&name, &source) {
            self.faults.push(fault);
            return;
        }
        let resource = match FluentResource::try_new(text) {
            Ok(resource) => resource,
            Err((resource, errors)) => {
                self.faults.extend(errors.iter().map(|error| syntax_fault(&name, &source, error)));
                resource
            }
        };
        let resource = Arc::new(resource);
        let file = self.texts.files.len();
        self.texts.files.push((name, source));
        for entry in resource.entries() {
            match entry {
                Entry::Message(message) => {
                    self.claim(file, resource.source(), &message.id);
                    self.patterns(file, resource.source(), &message.id, message.value.as_ref(), &message.attributes);
                }
                Entry::Term(term) => {
                    self.claim(file, resource.source(), &term.id);
                    self.outline(file, resource.source(), format!("-{}", term.id.name), &term.value, true);
                }
                _ => {}
            }
        }
        // What it says of names given twice has been found above, with its place.
        let _ = self.texts.bundle.add_resource(resource);
    }

    /// Fluent keeps messages, terms and functions under one name each.
    fn claim(&mut self, file: usize, source: &str, id: &Identifier<&str>) {
        let name = id.name;
        let earlier = self.names.get(name).and_then(|other| self.texts.files.get(*other));
        let hint = match earlier {
            Some((other, _)) => format!("{name} is in {other} already: keep one of them"),
            None if Function::from_name(name).is_some() => format!("{name} is a function: give it another name"),
            None => {
                self.names.insert(name.to_owned(), file);
                return;
            }
        };
        self.fault(file, place_in(source, name), format!("{name} is defined twice"), hint);
    }

    fn patterns(
        &mut self,
        file: usize,
        source: &str,
        id: &Identifier<&str>,
        value: Option<&Pattern<&str>>,
        attributes: &[Attribute<&str>],
    ) {
        if let Some(value) = value {
            self.outline(file, source, id.name.to_owned(), value, false);
        }
        let mut met = HashSet::new();
        for attribute in attributes {
            let key = format!("{}.{}", id.name, attribute.id.name);
            if !met.insert(attribute.id.name) {
                let place = place_in(source, attribute.id.name);
                self.fault(file, place, format!("{key} is defined twice"), "keep one of them".to_owned());
            }
            self.outline(file, source, key, &attribute.value, false);
        }
    }

    /// The first of a name is the one that counts, as in the bundle.
    fn outline(&mut self, file: usize, source: &str, key: String, pattern: &Pattern<&str>, term: bool) {
        let outline = outline(source, pattern, term);
        for (place, message, hint) in &outline.mistakes {
            self.fault(file, place.clone(), message.clone(), hint.clone());
        }
        self.texts.outlines.entry(key).or_insert((file, outline));
    }

    fn fault(&mut self, file: usize, place: std::ops::Range<usize>, message: String, hint: String) {
        if let Some((name, source)) = self.texts.files.get(file) {
            self.faults.push(Fault::error(name, source, place, message).hint(hint));
        }
    }

    /// Whatever is referred to must exist, and following the references must end, soon.
    fn check_references(&mut self) {
        let mut found = Vec::new();
        for (file, outline) in self.texts.outlines.values() {
            for (target, place) in &outline.references {
                if self.texts.outlines.contains_key(target) {
                    continue;
                }
                let known = self.texts.outlines.keys().map(String::as_str);
                let near = if found.len() < MOST_GUESSES { did_you_mean(target, known) } else { None };
                let hint = match near {
                    Some(near) => format!("did you mean {near}?"),
                    None => "define it in a file of this folder".to_owned(),
                };
                found.push((*file, place.clone(), format!("there is no {target} to refer to"), hint));
            }
        }
        let mut sizes = HashMap::new();
        for (key, (file, outline)) in &self.texts.outlines {
            let (placeables, bytes) = size(&self.texts.outlines, &mut sizes, key, 0);
            if placeables <= MOST_PLACEABLES && bytes <= MOST_TEXT {
                continue;
            }
            let place = outline.references.first().map_or(0..0, |(_, place)| place.clone());
            let hint = format!(
                "with all it refers to, a message has at most {MOST_PLACEABLES} braces and {MOST_TEXT} bytes, and never itself"
            );
            found.push((*file, place, format!("{key} is too large, or refers to itself"), hint));
        }
        for (file, place, message, hint) in found {
            self.fault(file, place, message, hint);
        }
    }
}

/// Placeables and bytes of a pattern with all it refers to. Endless where it refers to itself.
fn size<'a>(
    outlines: &'a BTreeMap<String, (usize, Outline)>,
    known: &mut HashMap<&'a str, (usize, usize)>,
    key: &'a str,
    depth: usize,
) -> (usize, usize) {
    if let Some(size) = known.get(key) {
        return *size;
    }
    let Some((_, outline)) = outlines.get(key) else { return (0, 0) };
    if depth > MOST_PLACEABLES {
        return (usize::MAX, usize::MAX);
    }
    known.insert(key, (usize::MAX, usize::MAX));
    let mut sum = (outline.placeables, outline.bytes);
    for (target, _) in &outline.references {
        let (placeables, bytes) = size(outlines, known, target, depth + 1);
        sum = (sum.0.saturating_add(placeables), sum.1.saturating_add(bytes));
    }
    known.insert(key, sum);
    sum
}

/// Why a file is not given to the parser at all.
fn unreadable(name: &str, source: &Arc<str>) -> Option<Fault> {
    if source.len() > MOST_BYTES {
        let hint = format!("a prompt file has at most {MOST_BYTES} bytes: split it");
        return Some(Fault::of_file(name, "the file is too large").hint(hint));
    }
    if let Some((at, symbol)) = source.char_indices().find(|(_, symbol)| markers::is_private(*symbol)) {
        let span = at..at + symbol.len_utf8();
        let fault = Fault::error(name, source, span, "a character of Unicode's private use area");
        return Some(fault.hint("these cannot be spoken: remove it"));
    }
    if let Some((at, digits)) = broken_escape(source) {
        let fault = Fault::error(name, source, at..at + 2, "an escape without its digits");
        return Some(
            fault.hint(format!("{digits} digits of 0-9 and A-F follow it, as in \\u4F59; or write the character")),
        );
    }
    let at = too_deep(source)?;
    let fault = Fault::error(name, source, at..at + 1, "braces are nested too deep");
    Some(fault.hint(format!("at most {DEEPEST} deep; is a closing brace missing?")))
}

/// Where `\u` or `\U` is followed, in place of one of its digits, by what is longer than an octet: the parser would cut
/// that in two, and panic. Also how many digits there should be.
fn broken_escape(source: &str) -> Option<(usize, usize)> {
    source.match_indices('\\').find_map(|(at, _)| {
        let mut after = source.get(at + 1..)?.chars();
        let digits = match after.next()? {
            'u' => 4,
            'U' => 6,
            _ => return None,
        };
        let wrong = after.take(digits).find(|symbol| !symbol.is_ascii_hexdigit());
        wrong.is_some_and(|symbol| !symbol.is_ascii()).then_some((at, digits))
    })
}

/// Where braces may be nested deeper than the parser's stack allows. Estimated from above, since only the parser knows
/// what is a brace and what a text: a closing brace behind a quotation mark counts for nothing, and only a line that
/// begins a message (`name =`) begins anew.
fn too_deep(source: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        let name = line
            .trim_start_matches('-')
            .split(|symbol: char| !(symbol.is_ascii_alphanumeric() || "_-".contains(symbol)));
        let name = name.into_iter().next().unwrap_or("");
        let begins =
            line.trim_start_matches('-').strip_prefix(name).is_some_and(|after| after.trim_start().starts_with('='));
        if begins && name.starts_with(|symbol: char| symbol.is_ascii_alphabetic()) {
            depth = 0;
        }
        let mut quoted = false;
        for (at, symbol) in line.bytes().enumerate() {
            match symbol {
                b'"' => quoted = true,
                b'{' => depth += 1,
                b'}' if !quoted => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEEPEST {
                return Some(start + at);
            }
        }
        start += line.len();
    }
    None
}

fn syntax_fault(name: &str, source: &Arc<str>, error: &ParserError) -> Fault {
    let line_break = matches!(&error.kind, ErrorKind::ExpectedCharRange { range } if range.contains('\n'));
    let hint = match &error.kind {
        _ if line_break => "each variant is on a line of its own, and so is the } behind them",
        ErrorKind::ExpectedToken('=') | ErrorKind::ExpectedCharRange { .. } => {
            "a message is written: name = text; a line that continues it is indented"
        }
        ErrorKind::ExpectedToken('}') | ErrorKind::UnbalancedClosingBrace => {
            "each { has its }; a selector's variants are on lines of their own"
        }
        ErrorKind::ExpectedMessageField { .. } | ErrorKind::MissingValue => "give it a text, or remove it",
        ErrorKind::MissingDefaultVariant => "mark one variant with *, as in *[other]",
        ErrorKind::MultipleDefaultVariants => "mark only one variant with *",
        ErrorKind::UnterminatedStringLiteral => "a \"text\" ends on its line",
        ErrorKind::ForbiddenCallee => "functions are written in capitals, as in MONEY($amount)",
        ErrorKind::ExpectedInlineExpression => "braces hold a value, as in { $amount } or { MONEY($amount) }",
        ErrorKind::MessageReferenceAsSelector
        | ErrorKind::MessageAttributeAsSelector
        | ErrorKind::TermReferenceAsSelector
        | ErrorKind::ExpectedSimpleExpressionAsSelector => "choose by a value: { $insurance -> … }",
        _ => "see projectfluent.org/fluent/guide",
    };
    let message = if line_break { "expected a line break".to_owned() } else { error.kind.to_string() };
    let mut letters = message.chars();
    let message: String = letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect();
    Fault::error(name, source, error.pos.clone(), message).hint(hint)
}
