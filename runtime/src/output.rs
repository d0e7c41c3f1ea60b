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
