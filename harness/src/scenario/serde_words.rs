//! Turns serde's messages into those of the language.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use crate::diagnostic::suggest;

/// A message and its place.
pub(super) struct Told {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) label: String,
    pub(super) help: Option<String>,
}

/// Tells the error of reading `node`, which stands under `key`.
pub(super) fn tell(key: &str, node: &Spanned<DeValue<'_>>, error: &toml::de::Error) -> Told {
    let span = error.span().unwrap_or_else(|| node.span());
    let inner = enclosing(node, &span).unwrap_or(key);
    let (message, label, help) = wording(inner, error.message());
    Told { span, message, label, help }
}

fn wording(key: &str, said: &str) -> (String, String, Option<String>) {
    let quoted: Vec<&str> = said.split('`').skip(1).step_by(2).collect();
    let (first, rest) = match quoted.split_first() {
        Some((first, rest)) => (*first, rest),
        None => ("", &[][..]),
    };
    if said.starts_with("unknown field") {
        (
            format!("unknown key `{first}`"),
            "not a key of this table".into(),
            Some(suggest(first, "key", rest)),
        )
    } else if said.starts_with("unknown variant") {
        let kind = kind_of_word(key);
        (format!("unknown {kind} `{first}`"), not_a(kind), Some(suggest(first, kind, rest)))
    } else if said.starts_with("missing field") {
        (format!("`{first}` is missing"), "in this table".into(), Some(format!("add `{first} = …`")))
    } else if let Some((_, wanted)) = said.split_once(", expected ").filter(|_| said.starts_with("invalid "))
    {
        let wanted = in_plain_words(wanted);
        (format!("`{key}` takes {wanted}"), format!("not {wanted}"), None)
    } else if said == "wanted string or table" {
        (format!("`{key}` takes a word, or a table with one key"), "neither".into(), None)
    } else {
        (format!("`{key}`: {said}"), String::new(), None)
    }
}

/// `not an errno`
pub(super) fn not_a(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("not {article} {kind}")
}

/// What the words under a key are.
fn kind_of_word(key: &str) -> &'static str {
    match key {
        "do" => "operation",
        "needs" => "need",
        "namespaces" | "join" | "namespace" | "unshare" => "namespace",
        "rlimits" => "resource",
        _ => "word",
    }
}

/// What serde calls a type, as a writer of scenarios would.
fn in_plain_words(wanted: &str) -> String {
    match wanted {
        "a string" | "path string" => "a text in quotes".into(),
        "a boolean" => "true or false".into(),
        "a sequence" => "a list in [brackets]".into(),
        "a map" => "a table in { braces }".into(),
        "u8" | "u16" | "u32" | "u64" => format!("a whole number from 0 to {}", maximum(wanted)),
        "i32" => format!("a whole number from {} to {}", i32::MIN, i32::MAX),
        "i64" => "a whole number".into(),
        _ if wanted.starts_with("struct ") => "a table in { braces }".into(),
        other => other.to_owned(),
    }
}

fn maximum(unsigned: &str) -> u64 {
    match unsigned {
        "u8" => u8::MAX.into(),
        "u16" => u16::MAX.into(),
        "u32" => u32::MAX.into(),
        _ => u64::MAX,
    }
}

/// The innermost key whose value (or which itself) holds a span.
fn enclosing<'n>(node: &'n Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<&'n str> {
    let holds = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    match node.get_ref() {
        DeValue::Table(table) => table.iter().find_map(|(key, value)| {
            let inside = holds(value.span());
            inside.then(|| enclosing(value, span).unwrap_or(key.get_ref()))
        }),
        DeValue::Array(list) => {
            list.iter().filter(|item| holds(item.span())).find_map(|item| enclosing(item, span))
        }
        _ => None,
    }
}

/// What a value is called.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
