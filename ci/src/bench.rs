//! `cargo xtask bench`: how fast it is, next to others.

use std::ffi::OsString;

use bench::Options;
use clap::ValueEnum;
use harness::progress::Progress;
use harness::run;
use harness::scenario;

use nsproof::exit::{Done, Exit, lost, wrong};
use nsproof::home::Home;
use nsproof::kernels::known;
use nsproof::options::{default_jobs, usual};
use nsproof::report::{Place, print};

use crate::checkout::root;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to measure; everything without one.
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Rounds: in each a cold boot, and several of what is faster.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    samples: u16,
    /// The kernel, as for `vm-test`.
    #[arg(long, value_name = "K", default_value = "distro", value_parser = known)]
    kernel: String,
    /// Machines at a time, next to one.
    #[arg(long, value_name = "N", default_value_t = default_jobs(), value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// Write the measurements as JSON too; PATH may be `-`.
    #[arg(long, value_name = "PATH")]
    json: Option<Place>,
    /// Install what is missing (QEMU) with the system's package manager; the command is printed first.
    #[arg(long)]
    install: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Part {
    /// Cold boots and clones.
    Machines,
    /// Runs of scenarios.
    Runs,
    /// Containers on this machine, and those of other programs.
    Containers,
}

pub(crate) fn run(args: &Args, home: &dyn Home) -> Done {
    let scenarios = scenario::load(&home.scenarios().map_err(lost)?, &[]).map_err(wrong)?;
    let progress = Progress::new();
    let usual = usual(vec![args.kernel.clone()], args.install, home, &progress)?;
    let nsrun = home.runtime().map_err(lost)?;
    let options = Options {
        run: run::Options { jobs: args.jobs.into(), confirm: false, ..usual },
        scenarios,
        parts: parts(&args.parts),
        samples: args.samples.into(),
        nsrun,
        command: command(),
    };
    let report = bench::run(&options, &progress).map_err(lost)?;
    drop(progress);
    print(args.json.iter(), |_| bench::table(&report))?;
    if let Some(place) = &args.json {
        place.write(&report.json())?;
    }
    Ok(if report.is_within_budget() { Exit::Passed } else { Exit::Broken })
}

fn parts(chosen: &[Part]) -> Vec<bench::Part> {
    let chosen = if chosen.is_empty() { Part::value_variants() } else { chosen };
    let part = |part: &Part| match part {
        Part::Machines => bench::Part::Machines,
        Part::Runs => bench::Part::Runs,
        Part::Containers => bench::Part::Containers,
    };
    chosen.iter().map(part).collect()
}

/// What a person types between two changes of a scenario.
fn command() -> Vec<OsString> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let scenarios = root().join("scenarios/uts");
    vec![cargo, "xtask".into(), "vm-test".into(), scenarios.into()]
}
