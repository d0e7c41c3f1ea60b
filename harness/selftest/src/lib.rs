//! The proof that no ending lies: each way to lose a verdict is made for real, on real machines, and what comes of it is
//! held against what has to come.
//!
//! ```text
//! Fault: a scenario, and what is done to its machine ─▶ run_tapped with a Saboteur ─▶ Outcome ─┬▶ Row
//! host: what is done to the machine that all runs on ─▶ a run ─▶ its error ───────────────────┘
//! ```
//!
//! - `fault`, `saboteur`: what is done to a scenario's machine, and who does it
//! - `host`: what is done to the machine that all runs on
//! - `table`: how it is told
#![forbid(unsafe_code)]

mod fault;
mod host;
mod saboteur;
mod table;

use std::ffi::OsString;

use vm::Cache;
use vm::initramfs::Entry;

use fault::{FRESH, Fault, SHARED};
use harness::judge::Status;
use harness::progress::Progress;
use harness::run::{self, Isolation, testbed};
use harness::scenario::{self, Scenario};
use saboteur::Saboteur;
pub use table::render;

/// What is tested.
#[derive(Debug, Clone)]
pub struct Options {
    /// On what; each kernel is tested.
    pub run: run::Options,
    /// A command that runs one scenario in a process of its own, program first, without the kernel's name: that comes
    /// last.
    pub command: Vec<OsString>,
}

/// One fault: what had to come of it, and what came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name; its kernel's too, if there are several.
    pub fault: String,
    /// What was done, in a sentence.
    pub about: String,
    /// `miss`, `fail or error`
    pub expected: String,
    /// `miss: the guest's kernel panicked`
    pub came: String,
    /// What of it is not as expected; nothing, if all is.
    pub wrong: Vec<String>,
    /// Why the fault could not be made here, if it could not.
    pub skipped: bool,
}

/// Makes every fault on every kernel.
///
/// # Errors
/// What keeps all of them from being made: a kernel cannot be had, or a machine with it never gets ready.
pub fn run(options: &Options, progress: &Progress) -> vm::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for kernel in &options.run.kernels {
        let one = run::Options { kernels: vec![kernel.clone()], ..options.run.clone() };
        let extra = oopsing(kernel, &one, progress)?;
        let fresh = run::Options { extra, ..one.clone() };
        let mut found = guests(FRESH, Isolation::Clone, &fresh, progress)?;
        let serial = run::Options { jobs: 1, ..one.clone() };
        found.extend(guests(SHARED, Isolation::Shared, &serial, progress)?);
        found.extend(host::faults(&one, &options.command, kernel, progress));
        if options.run.kernels.len() > 1 {
            found.iter_mut().for_each(|row| row.fault = format!("{} on {kernel}", row.fault));
        }
        rows.extend(found);
    }
    Ok(rows)
}

/// A module that makes the kernel oops, where it has the one that is changed for that.
fn oopsing(kernel: &str, options: &run::Options, progress: &Progress) -> vm::Result<Vec<Entry>> {
    let kernel = testbed::kernel(kernel, options, &Cache::open()?, progress)?;
    let module = vm::modules::oopsing(&kernel, "dummy")?;
    Ok(module.map(|bytes| Entry::file("oops.ko", 0o600, bytes)).into_iter().collect())
}

/// Faults inside of machines and around them, all in one run.
fn guests(
    faults: &[Fault],
    isolation: Isolation,
    options: &run::Options,
    progress: &Progress,
) -> vm::Result<Vec<Row>> {
    let scenarios: Vec<Scenario> = faults.iter().map(scenario_of).collect();
    let saboteur = Saboteur::new(faults);
    let options = run::Options { isolation, ..options.clone() };
    let report = run::run_tapped(&scenarios, &options, progress, &saboteur)?;
    let row = |(fault, scenario): (&Fault, &Scenario)| {
        let outcomes: Vec<_> =
            report.results.iter().filter(|outcome| outcome.scenario == fault.name).collect();
        let mut wrong = saboteur.failures(fault.name);
        let (came, skipped) = match outcomes.as_slice() {
            [outcome] => {
                wrong.extend(fault.differences(outcome));
                (outcome.told(), outcome.status == Status::Skip)
            }
            others => {
                wrong.push(format!("reported {} times", others.len()));
                (String::new(), false)
            }
        };
        let (about, expected) = (scenario.about.clone(), fault.expected());
        Row { fault: fault.name.to_owned(), about, expected, came, wrong, skipped }
    };
    Ok(faults.iter().zip(&scenarios).map(row).collect())
}

fn scenario_of(fault: &Fault) -> Scenario {
    let file = format!("harness/selftest/src/scenarios/{}.toml", fault.name);
    scenario::parse(fault.name, &file, fault.text).expect("a test loads them all")
}

#[cfg(test)]
mod tests;
