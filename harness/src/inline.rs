//! A value as a scenario file writes it.

use std::fmt::Write as _;

use serde_json::Value;
use vm::text::acts;

/// `{ at = "/uts", not = 1 }`
pub(crate) fn toml(value: &Value) -> String {
    match value {
        Value::Object(table) if table.is_empty() => "{}".into(),
        Value::Object(table) => {
            let pairs = table.iter().map(|(name, value)| format!("{} = {}", key(name), toml(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(toml).collect::<Vec<_>>().join(", ")),
        other => escaped(&other.to_string()),
    }
}

fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let plain = !name.is_empty() && name.chars().all(bare);
    if plain { name.to_owned() } else { escaped(&Value::from(name).to_string()) }
}

/// The same JSON, in which nothing stands raw that a terminal or the log of a CI acts on: it is only in texts, where every
/// character can be written as its number (RFC 8259, 7).
pub fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && acts(c) {
            // All of them are below U+10000: one number each.
            write!(out, "\\u{:04x}", u32::from(c)).expect("a String takes every text");
        } else {
            out.push(c);
        }
    }
    out.replace("##[", "#\\u0023[")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_is_the_same_text() {
        let text = "a\u{1b}[2J\u{9b}\u{202e}\u{2028}\u{7f}\n::error::b ##[error]c ä";
        let json = escaped(&serde_json::to_string_pretty(&[text]).unwrap());
        assert!(!json.chars().any(|c| c != '\n' && acts(c)) && !json.contains("##["), "{json}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [text]);
    }
}
