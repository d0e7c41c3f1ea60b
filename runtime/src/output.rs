//! What is printed for people. `print!` and `eprintln!` panic where nobody reads any more; here that is an error like others.

use std::fmt::Display;
use std::io::{self, Write};

/// Prints on the standard output.
///
/// # Errors
/// [`io::ErrorKind::BrokenPipe`] if its reader is gone, and what else keeps it from being written: no room, a terminal that
/// is not there any more.
pub fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

/// Says a line on the standard error. What cannot be said there can be said nowhere.
pub fn say(line: impl Display) {
    let _unheard = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Returns whether a character does something to a terminal instead of being seen: a control (Cc, with the C1 set, in which
/// U+009B is what ESC [ is), what orders text from right to left (Unicode, UAX #9), and what ends a line (UAX #14).
pub fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Returns a text that comes from outside (an argument, a name, a file) as a part of a line: what acts on a terminal is
/// written as Rust writes it, `\u{1b}`.
///
/// GitHub's runner takes a line for a command that begins with `::`, whatever blanks are before it, or that has `##[` anywhere
/// (actions/runner, ActionCommand.cs): such a text is none any more.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => line.push_str(r"\n"),
            c if acts(c) => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
    if line.trim_start().starts_with("::") {
        line = line.replacen("::", ": :", 1);
    }
    line.replace("##[", "## [")
}

#[cfg(test)]
mod tests {
    #[rstest::rstest]
    #[case(
        "a\u{1b}[2J\u{9b}\u{202e}b\n::error::c\r\u{7f}",
        r"a\u{1b}[2J\u{9b}\u{202e}b\n::error::c\u{d}\u{7f}"
    )]
    #[case("::error::x", ": :error::x")]
    #[case("  ::add-mask::x", "  : :add-mask::x")]
    #[case("x ##[error]y", "x ## [error]y")]
    #[case("\u{fc} \u{6f22}\u{5b57} \u{2200}", "\u{fc} \u{6f22}\u{5b57} \u{2200}")]
    fn what_acts_is_written_out(#[case] text: &str, #[case] line: &str) {
        assert_eq!(super::one_line(text), line);
    }
}
