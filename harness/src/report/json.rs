//! JSON: every fact of a run, for programs.

use std::fmt::Write;

use vm::text::acts;

use super::Run;

/// The whole report, indented, with a newline at its end.
pub fn render(run: &Run) -> String {
    escaped(&serde_json::to_string_pretty(run).expect("a report is plain data")) + "\n"
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
