//! All that the host prints. Whatever stands in it, nothing moves the cursor, and no line is a command to the runner of a CI.
//! What is for programs says so itself.

use std::fmt::Display;
use std::io;

use runtime::output;
use vm::text::printable;

/// Prints on the standard output, for people.
///
/// # Errors
/// As [`runtime::output::print`].
pub fn print(text: &str) -> io::Result<()> {
    output::print(&printable(text, false))
}

/// Prints what was rendered with colours, each external part of it by [`vm::text::one_line`].
///
/// # Errors
/// As [`print()`].
pub fn print_coloured(text: &str) -> io::Result<()> {
    output::print(&printable(text, true))
}

/// Prints a text whose format is its own, and in which nothing stands raw: a report for programs.
///
/// # Errors
/// As [`print()`].
pub fn print_as_it_is(text: &str) -> io::Result<()> {
    output::print(text)
}

/// Says a line, or several, on the standard error.
pub fn say(lines: impl Display) {
    output::say(printable(&lines.to_string(), false));
}

/// As [`say`], rendered with colours.
pub fn say_coloured(lines: &str) {
    output::say(printable(lines, true));
}
