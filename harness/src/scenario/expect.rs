//! Reads `expect`.

use std::collections::HashMap;
use std::ops::Range;

use regex::{Regex, RegexBuilder};
use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::reader::{Node, Reader};
use super::words::ERRNOS;
use crate::diagnostic::nearest;
use crate::matcher::Matcher;
use protocol::operation::Operation;

/// The keys of a matcher table.
pub(super) const MATCHERS: &[&str] = &[
    "is",
    "not",
    "contains",
    "lacks",
    "any-of",
    "matches",
    "at-least",
    "at-most",
    "errno",
    "same-as",
    "differs-from",
    "at",
];

/// Bytes of a compiled regular expression.
const LARGEST: usize = 1 << 18;

/// What a matcher may refer to.
pub(super) struct Around<'a> {
    /// Names of all steps.
    pub(super) names: &'a [String],
    /// The first step of each name.
    pub(super) places: &'a HashMap<&'a str, usize>,
    /// Which of them this is.
    pub(super) index: usize,
    pub(super) operation: &'a Operation,
}

/// Reads a literal, a matcher table, or a list of matcher tables that must all hold.
pub(super) fn read(reader: &mut Reader, node: &Node<'_>, around: &Around<'_>) -> Option<Matcher> {
    match node.get_ref() {
        DeValue::Table(table) => matcher_table(reader, table, node.span(), around),
        DeValue::Array(list) if !list.is_empty() && list.iter().all(|item| item.get_ref().is_table()) => {
            several(reader, list, around).map(Matcher::AllOf)
        }
        _ => reader.json(node).map(Matcher::Is),
    }
}

fn several(reader: &mut Reader, list: &[Node<'_>], around: &Around<'_>) -> Option<Vec<Matcher>> {
    // Every item is read before the first bad one ends it, so that all problems are told.
    let read: Vec<_> = list.iter().map(|item| read(reader, item, around)).collect();
    read.into_iter().collect()
}

fn matcher_table(
    reader: &mut Reader,
    table: &DeTable<'_>,
    span: Range<usize>,
    around: &Around<'_>,
) -> Option<Matcher> {
    let mut at = None;
    let mut all = Vec::new();
    let mut whole = true;
    for (key, node) in table {
        let word = &**key.get_ref();
        if word == "at" {
            at = pointer(reader, node);
            whole &= at.is_some();
        } else if MATCHERS.contains(&word) {
            let read = matcher(reader, word, node, around);
            whole &= read.is_some();
            all.extend(read);
        } else {
            let literal = "to expect a table itself, write `{ is = { … } }`";
            let help = match nearest(word, MATCHERS) {
                Some(near) => format!("did you mean `{near}`? ({literal})"),
                None => format!("the matchers are: {}; {literal}", MATCHERS.join(", ")),
            };
            reader.problem(key.span(), format!("unknown matcher `{word}`"), "not a matcher", help);
            whole = false;
        }
    }
    if !whole {
        return None;
    }
    combine(reader, span, all, at, around)
}

fn combine(
    reader: &mut Reader,
    span: Range<usize>,
    mut all: Vec<Matcher>,
    at: Option<String>,
    around: &Around<'_>,
) -> Option<Matcher> {
    let starts = matches!(around.operation, Operation::Start(_));
    let refused = all.iter().any(|matcher| matches!(matcher, Matcher::Errno(_)));
    let beside = all.iter().any(|matcher| !matches!(matcher, Matcher::Errno(_) | Matcher::Matches(_)));
    if all.is_empty() {
        let help = format!("the matchers are: {}", MATCHERS.join(", "));
        reader.problem(span, "this table expects nothing", "no matcher in here", help);
        return None;
    }
    if refused && (beside || at.is_some() || (all.len() > 1 && !starts)) {
        let help = "`errno` stands alone; only a refused `start` has words, for `matches`".to_owned();
        reader.problem(span, "a refusal has no value to look at", "`errno` beside other matchers", help);
        return None;
    }
    let joined = if all.len() == 1 { all.remove(0) } else { Matcher::AllOf(all) };
    Some(match at {
        Some(pointer) => Matcher::At(pointer, Box::new(joined)),
        None => joined,
    })
}

fn matcher(reader: &mut Reader, word: &str, node: &Node<'_>, around: &Around<'_>) -> Option<Matcher> {
    Some(match word {
        "is" => Matcher::Is(reader.json(node)?),
        "not" => Matcher::Not(reader.json(node)?),
        "contains" => Matcher::Contains(part(reader, word, node)?),
        "lacks" => Matcher::Lacks(part(reader, word, node)?),
        "any-of" => Matcher::AnyOf(any_of(reader, node, around)?),
        "matches" => Matcher::Matches(regex(reader, node)?),
        "at-least" => Matcher::AtLeast(least(reader, node, around)?),
        "at-most" => Matcher::AtMost(number(reader, node)?),
        "errno" => Matcher::Errno(errno(reader, node)?),
        "same-as" => Matcher::SameAs(earlier(reader, node, around)?),
        _ => Matcher::DiffersFrom(earlier(reader, node, around)?),
    })
}

fn any_of(reader: &mut Reader, node: &Node<'_>, around: &Around<'_>) -> Option<Vec<Matcher>> {
    let list = reader.list(node)?;
    if list.is_empty() {
        reader.problem(node.span(), "`any-of` nothing can never hold", "an empty list", None);
        return None;
    }
    several(reader, list, around)
}

fn pointer(reader: &mut Reader, node: &Node<'_>) -> Option<String> {
    let text = reader.text_of(node)?;
    // `~0` is a tilde, `~1` a slash. RFC 6901, section 3
    let wrong = text.split('~').skip(1).find(|rest| !rest.starts_with(['0', '1']));
    if let Some(rest) = wrong {
        let escape: String = std::iter::once('~').chain(rest.chars().take(1)).collect();
        let help = "in a JSON pointer `~0` stands for a tilde and `~1` for a slash".to_owned();
        reader.problem(node.span(), format!("`{text}` is not a JSON pointer"), format!("`{escape}`"), help);
        return None;
    }
    if text.starts_with('/') {
        return Some(text);
    }
    let help = format!("a JSON pointer begins with a slash: \"/{text}\"");
    reader.problem(node.span(), format!("`{text}` is not a JSON pointer"), "no slash", help);
    None
}

fn regex(reader: &mut Reader, node: &Node<'_>) -> Option<Regex> {
    let text = reader.text_of(node)?;
    // To compile takes its time, and a file may have thousands.
    if reader.is_full() {
        return None;
    }
    match RegexBuilder::new(&text).size_limit(LARGEST).build() {
        // What it finds in nothing and in anything, it finds in everything.
        Ok(regex) if regex.is_match("") && regex.is_match("\u{1}any text\u{1}") => {
            vacuous(reader, node, "every text has such a part");
            None
        }
        Ok(regex) => Some(regex),
        Err(error) => {
            let said = error.to_string();
            let last = said.lines().last().unwrap_or(&said).trim_start_matches("error: ").to_owned();
            reader.problem(node.span(), "this is not a regular expression", last, None);
            None
        }
    }
}

fn number(reader: &mut Reader, node: &Node<'_>) -> Option<f64> {
    reader.typed("at-least", node)
}

/// A number of which not everything is more: what a system call returns may be negative, and nothing else.
fn least(reader: &mut Reader, node: &Node<'_>, around: &Around<'_>) -> Option<f64> {
    let least = number(reader, node)?;
    if least <= 0.0 && !matches!(around.operation, Operation::Syscall(_)) {
        vacuous(reader, node, "every number and every list has at least so many");
        return None;
    }
    Some(least)
}

/// What `contains` and `lacks` look for.
fn part(reader: &mut Reader, word: &str, node: &Node<'_>) -> Option<Value> {
    let part = reader.json(node)?;
    let is_empty = match &part {
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(table) => table.is_empty(),
        _ => false,
    };
    if is_empty {
        vacuous(
            reader,
            node,
            if word == "lacks" { "nothing is what everything lacks" } else { "everything has nothing in it" },
        );
        return None;
    }
    Some(part)
}

/// An expectation that no kernel could disappoint.
fn vacuous(reader: &mut Reader, node: &Node<'_>, why: &str) {
    let help = "expect what only a sound kernel shows; a step without `expect` has to succeed".to_owned();
    reader.problem(node.span(), "this expectation cannot fail", why, help);
}

fn errno(reader: &mut Reader, node: &Node<'_>) -> Option<String> {
    let name = reader.text_of(node)?;
    if ERRNOS.contains(&name.as_str()) {
        return Some(name);
    }
    let help = match nearest(&name, ERRNOS) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "errno(3) lists them: EPERM, EACCES, EINVAL, …".to_owned(),
    };
    reader.problem(node.span(), format!("unknown errno `{name}`"), "no error of Linux", help);
    None
}

/// The name of an earlier step.
fn earlier(reader: &mut Reader, node: &Node<'_>, around: &Around<'_>) -> Option<String> {
    let name = reader.text_of(node)?;
    let place = around.places.get(name.as_str());
    if place.is_some_and(|&place| place < around.index) {
        return Some(name);
    }
    if place.is_some() {
        let help = "put that step before this one".to_owned();
        reader.problem(
            node.span(),
            format!("the step `{name}` is not an earlier one"),
            "comes too late",
            help,
        );
    } else {
        let earlier: Vec<&str> = around.names[..around.index].iter().map(String::as_str).collect();
        reader.unknown(node.span(), "step", &name, &earlier);
    }
    None
}
