//! A message's outline: what it names, what it refers to and how large it is, taken from Fluent's syntax tree when the
//! catalogue is loaded. What a prompt must not do is found here.
//!
//! Of Fluent, prompts use texts, `{ $value }`, `{ MONEY($value) }`, selectors over a value, `{ other-message }`,
//! `{ -term }` and `{ "text" }`. A term is a fixed text: it names no values. Number literals, named arguments and
//! selectors over anything but a value are refused, with what to write in their place.

use std::collections::BTreeSet;
use std::ops::Range;

use fluent_syntax::ast::{CallArguments, Expression, InlineExpression, Pattern, PatternElement, Variant, VariantKey};
use fluent_syntax::unicode::unescape_unicode_to_string;

use super::grammar::Function;
use super::markers;
use crate::facts::did_you_mean;

/// What a message does with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// `{ $x }`: speaks it in its own way.
    Plain,
    /// `{ MONEY($x) }`: speaks it in this way.
    Function(Function),
    /// `{ $x -> [key] … }`: chooses by it, among these keys.
    Choice(BTreeSet<String>),
}

/// One pattern's outline: a message's text, an attribute's or a term's. References are not followed.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// The values it names, where and how.
    pub(super) uses: Vec<(String, How, Range<usize>)>,
    /// The messages, attributes (`id.attribute`) and terms (`-id`) it refers to, and where.
    pub(super) references: Vec<(String, Range<usize>)>,
    /// Placeables it can reach by itself.
    pub(super) placeables: usize,
    /// Bytes of text in it, all variants together.
    pub(super) bytes: usize,
    /// What it must not do: where, what, and what to do.
    pub(super) mistakes: Vec<(Range<usize>, String, String)>,
}

/// Outlines a pattern of this source.
pub(super) fn outline(source: &str, pattern: &Pattern<&str>, term: bool) -> Outline {
    let mut walk = Walk { source, term, found: Outline::default() };
    walk.pattern(pattern);
    walk.found
}

/// Where a slice of a source lies in it, in bytes.
pub(super) fn place_in(source: &str, slice: &str) -> Range<usize> {
    let start = (slice.as_ptr() as usize).saturating_sub(source.as_ptr() as usize);
    start..start + slice.len()
}

struct Walk<'a> {
    source: &'a str,
    term: bool,
    found: Outline,
}

impl Walk<'_> {
    fn pattern(&mut self, pattern: &Pattern<&str>) {
        for element in &pattern.elements {
            match element {
                PatternElement::TextElement { value } => self.found.bytes += value.len(),
                PatternElement::Placeable { expression } => {
                    self.found.placeables += 1;
                    self.expression(expression);
                }
            }
        }
    }

    fn expression(&mut self, expression: &Expression<&str>) {
        match expression {
            Expression::Inline(inline) => self.inline(inline),
            Expression::Select { selector, variants } => self.select(selector, variants),
        }
    }

    fn inline(&mut self, inline: &InlineExpression<&str>) {
        match inline {
            InlineExpression::StringLiteral { value } => {
                self.found.bytes += value.len();
                if unescape_unicode_to_string(value).chars().any(markers::is_private) {
                    self.mistake(
                        value,
                        "a character of Unicode's private use area",
                        "these cannot be spoken: remove it",
                    );
                }
            }
            InlineExpression::NumberLiteral { value } => {
                self.mistake(value, "a number in braces", "write it as part of the text, without braces");
            }
            InlineExpression::VariableReference { id } => self.names(id.name, How::Plain),
            InlineExpression::FunctionReference { id, arguments } => {
                if let Some((function, name)) = self.call(id.name, arguments) {
                    self.names(name, How::Function(function));
                }
            }
            InlineExpression::MessageReference { id, attribute } => {
                let target = match attribute {
                    Some(attribute) => format!("{}.{}", id.name, attribute.name),
                    None => id.name.to_owned(),
                };
                self.found.references.push((target, place_in(self.source, id.name)));
            }
            InlineExpression::TermReference { id, arguments, .. } => {
                if arguments.as_ref().is_some_and(|given| !given.positional.is_empty() || !given.named.is_empty()) {
                    self.mistake(id.name, "a term is given values", "a term is a fixed text: use a message instead");
                }
                self.found.references.push((format!("-{}", id.name), place_in(self.source, id.name)));
            }
            InlineExpression::Placeable { expression } => self.expression(expression),
        }
    }

    fn select(&mut self, selector: &InlineExpression<&str>, variants: &[Variant<&str>]) {
        let keys = variants.iter().map(|variant| match variant.key {
            VariantKey::Identifier { name } => name.to_owned(),
            VariantKey::NumberLiteral { value } => value.to_owned(),
        });
        let keys = How::Choice(keys.collect());
        match selector {
            InlineExpression::VariableReference { id } => self.names(id.name, keys),
            InlineExpression::FunctionReference { id, arguments } => match self.call(id.name, arguments) {
                Some((Function::Count, name)) => self.names(name, keys),
                Some((function, name)) => {
                    let hint = format!("write {{ ${name} -> … }}");
                    self.mistake(id.name, &format!("{} cannot be chosen by", function.name()), &hint);
                }
                None => {}
            },
            InlineExpression::StringLiteral { value } | InlineExpression::NumberLiteral { value } => {
                self.mistake(value, "a choice by something fixed", "choose by a value: { $insurance -> … }");
            }
            InlineExpression::TermReference { id, .. } | InlineExpression::MessageReference { id, .. } => {
                self.mistake(id.name, "a choice by something fixed", "choose by a value: { $insurance -> … }");
            }
            InlineExpression::Placeable { expression } => self.expression(expression),
        }
        for variant in variants {
            self.pattern(&variant.value);
        }
    }

    /// The function and the value of `MONEY($x)`.
    fn call<'n>(&mut self, name: &str, arguments: &CallArguments<&'n str>) -> Option<(Function, &'n str)> {
        let Some(function) = Function::from_name(name) else {
            let known = Function::ALL.map(Function::name);
            let hint = match did_you_mean(name, known) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are {}", known.join(", ")),
            };
            self.mistake(name, &format!("there is no function {name}"), &hint);
            return None;
        };
        let value = match arguments.positional.as_slice() {
            [InlineExpression::VariableReference { id }] if arguments.named.is_empty() => Some((function, id.name)),
            _ => None,
        };
        if value.is_none() {
            let hint = format!("write {name}($value), with the name of a value");
            self.mistake(name, &format!("{name} speaks one value and nothing else"), &hint);
        }
        value
    }

    fn names(&mut self, name: &str, how: How) {
        if self.term {
            let hint = "a term is a fixed text: use a message instead";
            self.mistake(name, &format!("a term names the value ${name}"), hint);
        }
        let mut place = place_in(self.source, name);
        place.start = place.start.saturating_sub(1);
        self.found.uses.push((name.to_owned(), how, place));
    }

    fn mistake(&mut self, at: &str, message: &str, hint: &str) {
        self.found.mistakes.push((place_in(self.source, at), message.to_owned(), hint.to_owned()));
    }
}
