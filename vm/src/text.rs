//! Words that come from outside: names of files, what scenarios and guests say, what programs print. None of them reaches a
//! terminal or a log raw, where a character could move the cursor, hide or reorder what stands beside it, or begin a command.
//!
//! ```text
//! one_line   a word or sentence that becomes a part of a line: no line break in it
//! printable  all that is printed, once more: lines stay, and what else acts is taken out
//! ```

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

/// Whether a character is none to be seen: controls (Cc, with the C1 set, in which U+009B is what ESC [ is), what orders text
/// from right to left (Unicode, UAX #9), and what ends a line (UAX #14).
pub fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// A text as a part of a line.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if acts(c) { ' ' } else { c }).collect()
}

/// A text of several lines for a terminal or a log. With `colour` it keeps colours: who renders with them has made each part
/// of a line one with [`one_line`].
///
/// GitHub's runner takes a line for a command that begins with `::`, whatever blanks are before it, or that has `##[` anywhere
/// (actions/runner, ActionCommand.cs): no such line is left.
pub fn printable(text: &str, colour: bool) -> String {
    text.split_inclusive('\n').map(|line| printable_line(line, colour)).collect()
}

fn printable_line(line: &str, colour: bool) -> String {
    let (content, end) = match line.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)) {
        Some(content) => (content, &line[content.len()..]),
        None => (line, ""),
    };
    let mut clean = String::with_capacity(line.len());
    let mut rest = content;
    while let Some(c) = rest.chars().next() {
        let kept = if colour { colour_of(rest) } else { 0 };
        if kept > 0 {
            clean.push_str(&rest[..kept]);
            rest = &rest[kept..];
            continue;
        }
        clean.push(if c != '\t' && acts(c) { ' ' } else { c });
        rest = &rest[c.len_utf8()..];
    }
    if without_colours(&clean).trim_start().starts_with("::") {
        clean = clean.replacen("::", ": :", 1);
    }
    clean.replace("##[", "## [") + end
}

/// Bytes of the sequence that sets a colour, if the text begins with one: `ESC [ 3 1 m` (ECMA-48, SGR).
fn colour_of(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\x1b[") else { return 0 };
    let length = parameters.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
    if parameters.as_bytes().get(length) == Some(&b'm') { length + 3 } else { 0 }
}

fn without_colours(text: &str) -> Cow<'_, str> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\x1b') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + colour_of(&rest[at..]).max(1)..];
    }
    if plain.is_empty() { Cow::Borrowed(rest) } else { Cow::Owned(plain + rest) }
}

/// A path in a sentence.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(pub &'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.0.to_string_lossy()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[2J\u{9b}2J\u{202e}b\u{2028}c\u{7}\u{7f}\r\n::error::d";

    #[test]
    fn what_acts_is_taken_out() {
        assert_eq!(one_line(HOSTILE), "a [2J 2J b c    ::error::d");
        assert_eq!(printable(HOSTILE, true), "a [2J 2J b c  \r\n: :error::d");
        assert_eq!(one_line("ü 漢字 👩‍🚀 ∀"), "ü 漢字 👩‍🚀 ∀");
    }

    #[rstest::rstest]
    #[case("  ::error::x\n", "  : :error::x\n")]
    #[case("\t::add-mask::x", "\t: :add-mask::x")]
    #[case("x ::error::y", "x ::error::y")]
    #[case("x ##[error]y", "x ## [error]y")]
    #[case("\x1b[31m::error::x\x1b[0m", "\x1b[31m: :error::x\x1b[0m")]
    #[case("a\r\nb\rc\n", "a\r\nb c\n")]
    fn no_line_is_a_command(#[case] text: &str, #[case] printed: &str) {
        assert_eq!(printable(text, true), printed);
    }

    #[test]
    fn colours_are_kept_where_there_are_some() {
        let text = "\x1b[31mred\x1b[0m \x1b[2Jx \x1b[1;32mgreen\x1b[0m";
        assert_eq!(printable(text, true), "\x1b[31mred\x1b[0m  [2Jx \x1b[1;32mgreen\x1b[0m");
        assert_eq!(printable(text, false), " [31mred [0m  [2Jx  [1;32mgreen [0m");
    }
}
