//! The commands that people and CI run; dispatch only.
#![forbid(unsafe_code)]

mod bench;
mod bisect;
mod cache;
mod ci;
mod compare;
mod explain;
mod guest;
mod kernels;
mod matrix;
mod merge;
mod report;
mod repro;
mod shell;
mod test;
mod vm_test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Proves that a Linux kernel isolates what it promises to isolate.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the scenarios in a virtual machine and say which isolation properties hold.
    VmTest(vm_test::Args),
    /// Run every test of this repository, those that boot a machine too.
    Test(test::Args),
    /// Format, lints and documentation.
    Lint,
    /// What CI runs: format, lints, documentation, and every test.
    Ci(test::Args),
    /// Print a scenario as a numbered shell walk-through.
    Explain(explain::Args),
    /// Tell what changed from one report to another: regressions first, then facts that differ although both pass.
    Compare(compare::Args),
    /// Join the reports of shards and kernels into one.
    Merge(merge::Args),
    /// Print the jobs of a CI run, for GitHub Actions' `strategy.matrix`.
    Matrix(matrix::Args),
    /// List the kernels that have a name, or fetch one.
    Kernels(kernels::Args),
    /// Run a scenario again that did not pass, from the directory that it left.
    Repro(repro::Args),
    /// A shell in a guest, to try things in.
    Shell(shell::Args),
    /// Find the first bad one of several kernels.
    Bisect(bisect::Args),
    /// Measure how fast it is, next to other programs.
    Bench(bench::Args),
    /// Show what is kept between runs, or delete it.
    Cache(cache::Args),
}

/// How a command ended: the exit codes of the command-line contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Everything passed.
    Passed = 0,
    /// A property is broken, or a test failed.
    Broken = 1,
    /// The command line or a scenario is wrong.
    Usage = 2,
    /// A verdict is missing, or the machine could not be had.
    Lost = 3,
    /// For `git bisect run`: neither good nor bad.
    CannotTell = 125,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return bisect::misread(&error),
    };
    let exit = match cli.command {
        Command::VmTest(args) => vm_test::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Lint => ci::lint(),
        Command::Ci(args) => ci::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Matrix(args) => matrix::run(&args),
        Command::Kernels(args) => kernels::run(&args),
        Command::Repro(args) => repro::run(&args),
        Command::Shell(args) => shell::run(&args),
        Command::Bisect(args) => bisect::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Cache(args) => cache::run(&args),
    };
    ExitCode::from(exit as u8)
}

/// The repository's root, which holds `scenarios/`.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is a folder of the workspace")
        .to_path_buf()
}
