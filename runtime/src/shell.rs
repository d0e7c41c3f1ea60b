//! Words as a shell takes them.

use std::path::Path;

use crate::output::acts;

/// A text as one word of a shell that people type into or copy to. What acts on a terminal is written by its bytes' numbers
/// (`$'…'`, POSIX.1-2024).
pub fn word(text: &str) -> String {
    let simple = |c: char| c.is_ascii_alphanumeric() || "-_/.,:=+@%".contains(c);
    if !text.is_empty() && text.chars().all(simple) {
        return text.to_owned();
    }
    if !text.chars().any(acts) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let letter = |c: char| match c {
        '\n' => r"\n".to_owned(),
        '\'' | '\\' => format!("\\{c}"),
        _ if acts(c) => c.to_string().bytes().map(|byte| format!("\\{byte:03o}")).collect(),
        _ => c.to_string(),
    };
    format!("$'{}'", text.chars().map(letter).collect::<String>())
}

/// The same of a path.
pub(crate) fn path(path: &Path) -> String {
    word(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    #[rstest::rstest]
    #[case("plain/word-1.2:3=4", "plain/word-1.2:3=4")]
    #[case("", "''")]
    #[case("two words; $(true) `true` ~ * # \\", "'two words; $(true) `true` ~ * # \\'")]
    #[case("it's", r"'it'\''s'")]
    #[case("a\u{1b}[2Jb\n'\\\u{9b}\u{202e}7", r"$'a\033[2Jb\n\'\\\302\233\342\200\2567'")]
    fn a_shell_reads_what_was_meant(#[case] text: &str, #[case] written: &str) {
        assert_eq!(super::word(text), written);
        // dash, which /bin/sh mostly is, has no $'…' yet.
        let said = Command::new("bash").args(["-c", &format!("printf %s {written}")]).output().unwrap();
        assert_eq!(String::from_utf8(said.stdout).unwrap(), text);
    }
}
