//! `nsproof vm-test`: scenarios in a virtual machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use harness::baseline::{Baseline, Known};
use harness::progress::Progress;
use harness::run::{Isolation, Options};
use harness::scenario::{self, Scenario};
use harness::shard::Shard;

use vm::program;

use crate::bisect;
use crate::exit::{Done, Exit, lost, usage, wrong};
use crate::home::Home;
use crate::kernels::{self, known};
use crate::options::{Accel, default_jobs, usual};
use crate::output::print;
use crate::report::{Target, apart, exit, forget, tell};

/// Its command line.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A scenario file or folder, or a part of a scenario's name; all scenarios without one.
    filters: Vec<String>,
    /// The kernel: `distro`, a name of vm/kernels.toml, `apt:PACKAGE[@SUITE]`, a bzImage or vmlinux, a .deb or .rpm, the folder
    /// of a kernel that was built, installed or unpacked, or `host`.
    #[arg(long = "kernel", value_name = "K", default_value = "distro", value_parser = known)]
    kernels: Vec<String>,
    /// Use exactly the packages that kernels.lock names; `kernels lock` writes it.
    #[arg(long)]
    locked: bool,
    /// Who executes the guest's code.
    #[arg(long, value_enum, default_value_t = Accel::Auto)]
    accel: Accel,
    /// Whether each scenario gets a machine of its own: a clone of one that was booted once, or a cold boot; with `shared` each
    /// job keeps its clone.
    #[arg(long, value_enum, default_value_t = Isolate::Clone)]
    isolation: Isolate,
    /// Machines that work at a time; with more than one, as many again may wait for their kernels to free what a scenario made.
    #[arg(long, value_name = "N", default_value_t = default_jobs(), value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// Write a report too; FORMAT is json, junit, ktap, markdown, html or github (annotations); PATH may be `-`.
    #[arg(long = "report", value_name = "FORMAT=PATH")]
    reports: Vec<Target>,
    /// Where a scenario that does not pass leaves a directory with all that is known of it, for `repro`;
    /// target/nsproof/repro without this option.
    #[arg(long, value_name = "DIR", value_parser = folder)]
    repro: Option<PathBuf>,
    /// A skipped scenario is a failure.
    #[arg(long)]
    deny_skips: bool,
    /// Known failures and skips, each with its reason: they fail no run, but one that passes where a failure is expected does.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Run one of N equal parts; `merge` joins their reports.
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE)]
    shard: Shard,
    /// Instead of scenarios: make every fault that could lose a verdict for real, and say what came of each.
    #[arg(long, conflicts_with_all = ["filters", "locked", "isolation", "reports", "repro", "deny_skips", "baseline", "shard"])]
    self_test: bool,
    /// Answer in the words of `git bisect run`: exit code 0 is good, 1 bad, 125 cannot tell.
    #[arg(long, conflicts_with_all = ["self_test", "deny_skips", "baseline", "shard"])]
    bisect: bool,
    /// With --bisect: run up to N times, for what fails only now and then.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..), requires = "bisect")]
    repeat: u16,
    /// Install what is missing (QEMU) with the system's package manager; the command is printed first.
    #[arg(long)]
    install: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Isolate {
    /// A clone of one booted machine for each scenario.
    Clone,
    /// A cold boot for each scenario.
    Boot,
    /// A clone for each job, which goes on from scenario to scenario.
    Shared,
}

pub(crate) fn run(args: &Args, home: &dyn Home) -> Done {
    if args.bisect && args.kernels.len() > 1 {
        return Err(usage(format!(
            "--bisect is about one --kernel; `{} bisect` searches among several",
            program::name()
        )));
    }
    if args.self_test { self_test(args, home) } else { scenarios(args, home) }
}

fn scenarios(args: &Args, home: &dyn Home) -> Done {
    apart(&args.reports)?;
    let folder = home.scenarios().map_err(lost)?;
    let scenarios = scenario::load(&folder, &args.filters).map_err(wrong)?;
    let baseline =
        args.baseline.as_ref().map(|file| baseline(file, &folder, &args.kernels, &scenarios)).transpose()?;
    let progress = Progress::new();
    let options = options(args, home, &progress)?;
    forget(&args.reports)?;
    let (answer, mut run) = if args.bisect {
        let (answer, run) =
            harness::bisect::ask(&scenarios, &options, args.repeat, &progress).map_err(lost)?;
        (Some(answer), run)
    } else {
        (None, harness::run::run(&scenarios, &options, &progress).map_err(lost)?)
    };
    drop(progress);
    if let Some(baseline) = baseline {
        baseline.apply(&mut run);
    }
    tell(&run, &args.reports)?;
    Ok(answer.map_or_else(|| exit(&run, args.deny_skips), |answer| bisect::step(&answer)))
}

fn options(args: &Args, home: &dyn Home, progress: &Progress) -> Result<Options, Exit> {
    let lock = args.locked.then(kernels::lock).transpose().map_err(kernels::failed)?;
    Ok(Options {
        lock,
        accel: args.accel.into(),
        isolation: args.isolation.into(),
        jobs: args.jobs.into(),
        confirm: !args.self_test,
        shard: args.shard,
        repro: (!args.self_test).then(|| args.repro.clone().unwrap_or_else(|| home.repro())),
        ..usual(args.kernels.clone(), args.install, home, progress)?
    })
}

/// Entries may speak of scenarios that are not chosen now, and of kernels that have a name.
fn baseline(file: &Path, folder: &Path, kernels: &[String], chosen: &[Scenario]) -> Result<Baseline, Exit> {
    let names = scenario::names(folder).map_err(wrong)?;
    let named = vm::kernel::names();
    let known = Known {
        kernels: named.iter().chain(kernels).map(String::as_str).collect(),
        scenarios: names
            .iter()
            .chain(chosen.iter().map(|scenario| &scenario.name))
            .map(String::as_str)
            .collect(),
    };
    Baseline::load(file, &known).map_err(wrong)
}

/// For clap: a folder that is there, or can be made.
fn folder(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.ancestors().find(|above| above.exists()) {
        _ if text.is_empty() => Err("give the path of a folder".to_owned()),
        Some(above) if !above.is_dir() => Err(format!("{} is no folder", above.display())),
        _ => Ok(path),
    }
}

/// Every fault, each as a row of a table.
fn self_test(args: &Args, home: &dyn Home) -> Done {
    let progress = Progress::new();
    let run = options(args, home, &progress)?;
    let program = std::env::current_exe().map_err(lost)?.into_os_string();
    let accel = args.accel.to_possible_value().expect("no accelerator is hidden").get_name().to_owned();
    let rest = ["vm-test", "uts/hostname", "--jobs", "1", "--accel", &accel].map(OsString::from);
    let command = [program].into_iter().chain(rest).collect();
    let rows = selftest::run(&selftest::Options { run, command }, &progress).map_err(lost)?;
    print(&selftest::render(&rows))?;
    Ok(if rows.iter().all(|row| row.wrong.is_empty()) { Exit::Passed } else { Exit::Lost })
}

impl From<Isolate> for Isolation {
    fn from(isolate: Isolate) -> Self {
        match isolate {
            Isolate::Clone => Isolation::Clone,
            Isolate::Boot => Isolation::Boot,
            Isolate::Shared => Isolation::Shared,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repositorys_own_baseline_is_valid() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        assert!(baseline(&root.join("ci/baseline.toml"), &root.join("scenarios"), &[], &[]).is_ok());
    }
}
