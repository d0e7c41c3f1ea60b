//! The commands of this repository: those of nsproof, by dispatch, and those that build and test it.
#![forbid(unsafe_code)]

mod bench;
mod checkout;
mod ci;
mod circles;
mod dist;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use nsproof::exit::Done;

use crate::checkout::Checkout;

/// Proves that a Linux kernel isolates what it promises to isolate.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Nsproof(nsproof::Command),
    /// Run every test of this repository, those that boot a machine too.
    Test(test::Args),
    /// Format, lints and documentation.
    Lint,
    /// What CI runs: format, lints, documentation, and every test.
    Ci(test::Args),
    /// Build the program as one file that runs without this checkout.
    Dist,
    /// Measure how fast it is, next to other programs.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    nsproof::program::start(|cli: Cli| dispatch(cli.command))
}

fn dispatch(command: Command) -> Done {
    match command {
        Command::Nsproof(command) => command.run(&Checkout),
        Command::Test(args) => test::run(&args),
        Command::Lint => ci::lint(),
        Command::Ci(args) => ci::run(&args),
        Command::Dist => dist::run(),
        Command::Bench(args) => bench::run(&args, &Checkout),
    }
}
