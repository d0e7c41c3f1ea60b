//! The program that people use: its commands, for whoever starts them.
//!
//! - [`program`]: how it begins and ends; [`home`]: what it has its scenarios and its guest from
//! - [`vm_test`](Command::VmTest), `bisect`, `repro`, `shell`: commands that boot machines
//! - `compare`, `merge`, `explain`, `matrix`, `scenarios`, `schema`: commands that read what is there
//! - [`kernels`], `cache`: what is kept between runs; [`manual`]: man pages, and what shells complete
//! - [`options`], [`report`], [`output`], [`exit`]: what they have in common
#![forbid(unsafe_code)]

pub mod exit;
pub mod home;
pub mod kernels;
pub mod manual;
pub mod options;
pub mod output;
pub mod program;
pub mod report;

mod bisect;
mod cache;
mod compare;
#[cfg(embedded)]
pub mod embedded;
mod explain;
mod matrix;
mod merge;
mod repro;
mod scenarios;
mod schema;
mod shell;
mod vm_test;

use clap::Subcommand;

use crate::exit::Done;
use crate::home::Home;

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the scenarios in a virtual machine and say which isolation properties hold.
    VmTest(vm_test::Args),
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
    /// Write the scenarios out as files.
    Scenarios(scenarios::Args),
    /// Print the JSON schema of scenario files, by which editors complete and check them.
    Schema,
    /// Show what is kept between runs, or delete it.
    Cache(cache::Args),
}

impl Command {
    /// Carries it out.
    ///
    /// # Errors
    /// It ended early, for a reason that has been told.
    pub fn run(&self, home: &dyn Home) -> Done {
        match self {
            Command::VmTest(args) => vm_test::run(args, home),
            Command::Explain(args) => explain::run(args, home),
            Command::Compare(args) => compare::run(args),
            Command::Merge(args) => merge::run(args),
            Command::Matrix(args) => matrix::run(args),
            Command::Kernels(args) => kernels::run(args),
            Command::Repro(args) => repro::run(args, home),
            Command::Shell(args) => shell::run(args, home),
            Command::Bisect(args) => bisect::run(args, home),
            Command::Scenarios(args) => scenarios::run(args, home),
            Command::Schema => schema::run(),
            Command::Cache(args) => cache::run(args),
        }
    }
}
