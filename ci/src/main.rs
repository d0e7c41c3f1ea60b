//! The commands that people and CI run; dispatch only.
#![forbid(unsafe_code)]

mod bench;
mod bisect;
mod cache;
mod ci;
mod circles;
mod compare;
mod exit;
mod explain;
mod guest;
mod kernels;
mod matrix;
mod merge;
mod options;
mod output;
mod report;
mod repro;
mod shell;
mod test;
mod vm_test;

use std::panic::{catch_unwind, set_hook};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use harness::output::say;

use crate::exit::{Done, Exit};

/// Proves that a Linux kernel isolates what it promises to isolate.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
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

fn main() -> ExitCode {
    vm::keep_others_from_writing();
    // What panics may have been said by a guest.
    set_hook(Box::new(|info| say(format!("{info}\nthis is a bug of nsproof"))));
    ExitCode::from(end(catch_unwind(run), bisect::is_asked()) as u8)
}

/// A panic is never an answer.
fn end(ended: std::thread::Result<Exit>, bisecting: bool) -> Exit {
    if bisecting { bisect::end(ended.ok()) } else { ended.unwrap_or(Exit::Lost) }
}

fn run() -> Exit {
    match Cli::try_parse() {
        Ok(cli) => dispatch(cli.command).unwrap_or_else(|early| early),
        Err(other) => {
            let text = other.render();
            // A closed terminal is no reason to end otherwise.
            if other.use_stderr() {
                say(text.to_string().trim_end());
                return Exit::Usage;
            }
            let _unheard = output::print(&text.to_string());
            Exit::Passed
        }
    }
}

fn dispatch(command: Command) -> Done {
    match command {
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
    }
}

/// The repository's root, which holds `scenarios/`.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is a folder of the workspace")
        .to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::step_of_a_bisection(true, Exit::CannotTell)]
    #[case::any_other(false, Exit::Lost)]
    fn a_panic_is_never_an_answer(#[case] bisecting: bool, #[case] exit: Exit) {
        assert_eq!(end(catch_unwind(|| panic!("a bug")), bisecting), exit);
        assert_eq!(end(Ok(Exit::Broken), bisecting), Exit::Broken);
    }
}
