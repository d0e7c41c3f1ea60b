//! `nsproof`: one file, with all inside that a run is made of.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

/// Proves that a Linux kernel isolates what it promises to isolate.
#[derive(Parser)]
#[command(name = "nsproof", version)]
struct Cli {
    #[command(subcommand)]
    command: nsproof::Command,
}

#[cfg(embedded)]
fn main() -> ExitCode {
    vm::program::is_called("nsproof");
    nsproof::program::start(|cli: Cli| cli.command.run(&nsproof::embedded::Embedded))
}

#[cfg(not(embedded))]
fn main() -> ExitCode {
    harness::output::say(
        "error: this build has no guest inside: build it with --release, or run `cargo xtask` in the checkout",
    );
    ExitCode::from(nsproof::exit::Exit::Usage as u8)
}
