//! What a package of the program has beside it: man pages, and what shells complete.

use std::fs;
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use vm::text::Shown;

use crate::exit::{Done, Exit, lost};
use crate::output::print;

/// Prints what a shell completes of a command line.
///
/// # Errors
/// The standard output is full.
pub fn completions(mut command: Command, shell: Shell) -> Done {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Passed)
}

/// Writes a man page for the program and for each of its commands, `nsproof-vm-test.1`.
///
/// # Errors
/// The folder cannot be written to.
pub fn man(command: Command, folder: &Path) -> Done {
    let written = fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
    written.map_err(|error| lost(format!("cannot write man pages into {}: {error}", Shown(folder))))?;
    Ok(Exit::Passed)
}
