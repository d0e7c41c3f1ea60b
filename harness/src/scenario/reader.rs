//! Reads values out of TOML and collects what is wrong with them.

use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::serde_words::{self, not_a};
use crate::diagnostic::{Diagnostic, suggest};

pub(crate) type Node<'i> = Spanned<DeValue<'i>>;

/// Problems of one file that are looked into. A file with more is no scenario with mistakes.
const MOST: usize = 100;

/// A file while it is read.
pub(crate) struct Reader {
    file: String,
    text: Arc<str>,
    /// Where each line begins.
    lines: Vec<usize>,
    problems: Vec<Diagnostic>,
}

impl Reader {
    pub(crate) fn new(file: &str, text: &str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        Reader { file: file.to_owned(), text: text.into(), lines, problems: Vec::new() }
    }

    /// Returns whether so much is wrong that nothing more needs to be looked into.
    pub(crate) fn is_full(&self) -> bool {
        self.problems.len() > MOST
    }

    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// The whole file, which is the text that the reader was made of; `None` if it is not TOML.
    pub(crate) fn document<'i>(&mut self, text: &'i str) -> Option<Spanned<DeTable<'i>>> {
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in errors.iter().take(MOST + 1) {
            self.problem(error.span().unwrap_or(0..0), "this is not TOML", error.message(), None);
        }
        errors.is_empty().then_some(document)
    }

    pub(super) fn text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    pub(crate) fn into_problems(self) -> Vec<Diagnostic> {
        self.problems
    }

    /// The line of an offset, from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|&begin| begin <= offset)
    }

    /// Notes a problem.
    pub(crate) fn problem(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        if self.problems.len() < MOST {
            let problem = Diagnostic::at(&self.file, &self.text, span, message, label).with_help(help);
            self.problems.push(problem);
        } else if !self.is_full() {
            let (end, message) = (self.text.len(), format!("more than {MOST} problems"));
            let more = Diagnostic::at(&self.file, &self.text, end..end, message, "to its end");
            self.problems.push(more.with_help("the rest of the file was not looked into".to_owned()));
        }
    }

    /// Whether nothing was noted so far.
    pub(super) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// Notes that a word is none of those that are possible here.
    pub(super) fn unknown(&mut self, span: Range<usize>, kind: &str, word: &str, words: &[&str]) {
        if self.is_full() {
            return;
        }
        let help = suggest(word, kind, words);
        self.problem(span, format!("unknown {kind} `{word}`"), not_a(kind), help);
    }

    /// Notes the keys that a table must not have.
    pub(crate) fn only(&mut self, table: &DeTable<'_>, keys: &[&str]) {
        for key in table.keys().filter(|key| !keys.contains(&&**key.get_ref())) {
            self.unknown(key.span(), "key", key.get_ref(), keys);
        }
    }

    /// A value that has to be a text.
    pub(crate) fn text_of(&mut self, node: &Node<'_>) -> Option<String> {
        self.expected(node, "a text in quotes", |value| value.as_str().map(str::to_owned))
    }

    /// A value that has to be a list; a single value is none.
    pub(crate) fn list<'n, 'i>(&mut self, node: &'n Node<'i>) -> Option<&'n [Node<'i>]> {
        self.expected(node, "a list in [brackets]", |value| value.as_array().map(|list| &**list))
    }

    /// A value that has to be a table.
    pub(crate) fn table<'n, 'i>(&mut self, node: &'n Node<'i>) -> Option<&'n DeTable<'i>> {
        self.expected(node, "a table in { braces }", DeValue::as_table)
    }

    fn expected<'n, 'i, T>(
        &mut self,
        node: &'n Node<'i>,
        wanted: &str,
        get: impl Fn(&'n DeValue<'i>) -> Option<T>,
    ) -> Option<T> {
        let got = get(node.get_ref());
        if got.is_none() {
            let found = serde_words::kind(node.get_ref());
            self.problem(
                node.span(),
                format!("expected {wanted}, found {found}"),
                format!("this is {found}"),
                None,
            );
        }
        got
    }

    /// A value that has to be what `T` says.
    pub(super) fn typed<T: DeserializeOwned>(&mut self, key: &str, node: &Node<'_>) -> Option<T> {
        let error = match T::deserialize(ValueDeserializer::from(node.clone())) {
            Ok(value) => return Some(value),
            Err(_) if self.is_full() => return None,
            Err(error) => error,
        };
        let told = serde_words::tell(key, node, &error);
        self.problem(told.span, told.message, told.label, told.help);
        None
    }

    /// Any value, as JSON; dates and numbers that JSON lacks are problems.
    pub(super) fn json(&mut self, node: &Node<'_>) -> Option<Value> {
        if let Some(span) = foreign(node) {
            let help = Some("a literal is a text, a number, true, false, a list or a table".to_owned());
            self.problem(span, "no operation returns such a value", "this can never be equal", help);
            return None;
        }
        match Value::deserialize(ValueDeserializer::from(node.clone())) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(error.span().unwrap_or(node.span()), error.message(), "", None);
                None
            }
        }
    }
}

/// Where a value has no counterpart in JSON.
fn foreign(node: &Node<'_>) -> Option<Range<usize>> {
    match node.get_ref() {
        DeValue::Datetime(_) => Some(node.span()),
        DeValue::Float(float) if !float.as_str().parse().is_ok_and(f64::is_finite) => Some(node.span()),
        DeValue::Array(list) => list.iter().find_map(foreign),
        DeValue::Table(table) => table.values().find_map(foreign),
        _ => None,
    }
}
