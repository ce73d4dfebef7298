//! A message as its file has it, in one line, for people who compare two versions of it.

use fluent_syntax::ast::{Expression, InlineExpression, Pattern, PatternElement, VariantKey};

use super::Catalogue;
use crate::facts::Language;

impl Catalogue {
    /// A message, or an attribute of one (`id.attribute`), as it is written: `您的余额为{MONEY($amount)}。`
    pub fn written(&self, language: Language, id: &str) -> Option<String> {
        let mut line = String::new();
        pattern(self.texts.get(&language)?.pattern(id)?, &mut line);
        Some(line.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// Braces are nested no deeper than the loader lets them be.
fn pattern(of: &Pattern<&str>, line: &mut String) {
    for element in &of.elements {
        match element {
            PatternElement::TextElement { value } => line.push_str(value),
            PatternElement::Placeable { expression } => placeable(expression, line),
        }
    }
}

fn placeable(of: &Expression<&str>, line: &mut String) {
    line.push('{');
    match of {
        Expression::Inline(expression) => inline(expression, line),
        Expression::Select { selector, variants } => {
            inline(selector, line);
            line.push_str(" ->");
            for variant in variants {
                let (VariantKey::Identifier { name: key } | VariantKey::NumberLiteral { value: key }) = variant.key;
                line.push_str(&format!(" {}[{key}] ", if variant.default { "*" } else { "" }));
                pattern(&variant.value, line);
            }
        }
    }
    line.push('}');
}

fn inline(of: &InlineExpression<&str>, line: &mut String) {
    match of {
        InlineExpression::StringLiteral { value } => line.push_str(&format!("\"{value}\"")),
        InlineExpression::NumberLiteral { value } => line.push_str(value),
        InlineExpression::VariableReference { id } => line.push_str(&format!("${}", id.name)),
        InlineExpression::FunctionReference { id, arguments } => {
            line.push_str(&format!("{}(", id.name));
            arguments.positional.iter().for_each(|argument| inline(argument, line));
            line.push(')');
        }
        InlineExpression::MessageReference { id, attribute } => {
            line.push_str(id.name);
            attribute.iter().for_each(|attribute| line.push_str(&format!(".{}", attribute.name)));
        }
        InlineExpression::TermReference { id, .. } => line.push_str(&format!("-{}", id.name)),
        InlineExpression::Placeable { expression } => placeable(expression, line),
    }
}
