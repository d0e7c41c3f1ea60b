//! `nsproof`: one file, with all inside that a run is made of.
#![forbid(unsafe_code)]
#![cfg_attr(not(embedded), expect(dead_code, reason = "without a guest inside there is nothing to run"))]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use nsproof::exit::Done;
use nsproof::home::Home;
use nsproof::manual;

/// Proves that a Linux kernel isolates what it promises to isolate.
#[derive(Parser)]
#[command(name = "nsproof", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Nsproof(nsproof::Command),
    /// Print what a shell completes of a command line: `source <(nsproof completions bash)`.
    Completions {
        /// Whose.
        shell: clap_complete::Shell,
    },
    /// Write man pages.
    Man {
        /// A folder, made if it is missing.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

fn dispatch(command: &Command, home: &dyn Home) -> Done {
    match command {
        Command::Nsproof(command) => command.run(home),
        Command::Completions { shell } => manual::completions(Cli::command(), *shell),
        Command::Man { folder } => manual::man(Cli::command(), folder),
    }
}

#[cfg(embedded)]
fn main() -> ExitCode {
    vm::program::is_called("nsproof");
    nsproof::program::start(|cli: Cli| dispatch(&cli.command, &nsproof::embedded::Embedded))
}

#[cfg(not(embedded))]
fn main() -> ExitCode {
    harness::output::say(
        "error: this build has no guest inside: build it with --release, or run `cargo xtask` in the checkout",
    );
    ExitCode::from(nsproof::exit::Exit::Usage as u8)
}
