//! What commands print.

use std::io::{self, ErrorKind};

use harness::output;

use crate::exit::{Exit, lost};

/// Prints what a command came to. That nobody reads it any more is no reason to end otherwise, as with `| head`.
pub fn print(text: &str) -> Result<(), Exit> {
    ended(output::print(text))
}

/// As [`print()`], rendered with colours.
pub fn print_coloured(text: &str) -> Result<(), Exit> {
    ended(output::print_coloured(text))
}

/// As [`print()`], for programs.
pub fn print_as_it_is(text: &str) -> Result<(), Exit> {
    ended(output::print_as_it_is(text))
}

fn ended(printed: io::Result<()>) -> Result<(), Exit> {
    match printed {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(unwritten),
    }
}

/// Prints a line of a command that takes long, and that ends if nobody reads it any more.
pub fn print_on_the_way(line: &str) -> Result<(), Exit> {
    output::print(&format!("{line}\n")).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Exit::Lost,
        _ => unwritten(error),
    })
}

fn unwritten(error: io::Error) -> Exit {
    lost(format!("cannot write to the standard output: {error}"))
}
