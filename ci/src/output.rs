//! What commands print.

use std::io::{self, ErrorKind};

use runtime::output;

use crate::exit::{Exit, lost};

/// Prints what a command came to. That nobody reads it any more is no reason to end otherwise, as with `| head`.
pub(crate) fn print(text: &str) -> Result<(), Exit> {
    match output::print(text) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(unwritten),
    }
}

/// Prints a line of a command that takes long, and that ends if nobody reads it any more.
pub(crate) fn print_on_the_way(line: &str) -> Result<(), Exit> {
    output::print(&format!("{line}\n")).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Exit::Lost,
        _ => unwritten(error),
    })
}

fn unwritten(error: io::Error) -> Exit {
    lost(format!("cannot write to the standard output: {error}"))
}
