//! `cargo xtask bisect`, which searches a list of kernels, and `vm-test --bisect`, which `git bisect run` searches commits with.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use harness::bisect::{Answer, Found, WrongEnd, ask, search};
use harness::progress::Progress;
use harness::run::Options;
use harness::scenario::{self, Scenario};
use vm::{Cache, kernel};

use crate::vm_test::{Accel, default_jobs, lost, usual};
use crate::{Exit, root};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The scenarios to watch, as for `vm-test`; all without one.
    filters: Vec<String>,
    /// The kernels, as for `vm-test`, from a good one to a bad one.
    #[arg(long = "kernel", value_name = "K", required = true, num_args = 1..)]
    kernels: Vec<String>,
    /// Run up to N times on each kernel, for what fails only now and then.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    repeat: u16,
    /// Who executes the guest's code.
    #[arg(long, value_enum, default_value_t = Accel::Auto)]
    accel: Accel,
    /// Machines at a time.
    #[arg(long, value_name = "N", default_value_t = default_jobs())]
    jobs: usize,
    /// Install what is missing (QEMU) with the system's package manager; the command is printed first.
    #[arg(long)]
    install: bool,
}

pub(crate) fn run(args: &Args) -> Exit {
    match try_run(args) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn try_run(args: &Args) -> Result<Exit, Exit> {
    let kernels = &args.kernels;
    if kernels.len() < 2 {
        return Err(usage("give two kernels or more: first a good one, last a bad one"));
    }
    let scenarios = scenario::load(&root().join("scenarios"), &args.filters).map_err(usage)?;
    let cache = Cache::open().map_err(lost)?;
    for name in kernels {
        if let Err(error @ vm::Error::UnknownKernel { .. }) = kernel::find(name, &cache) {
            return Err(usage(error));
        }
    }
    let progress = Progress::new();
    let usual = usual(Vec::new(), args.install, &progress)?;
    drop(progress);
    let options = Options { accel: args.accel.into(), jobs: args.jobs, ..usual };
    let found = search(kernels.len(), |index| one(&kernels[index], &scenarios, &options, args.repeat));
    Ok(conclude(kernels, found))
}

/// Asks one kernel, and prints a line for it. One that cannot be booted is not told.
fn one(kernel: &str, scenarios: &[Scenario], options: &Options, times: u16) -> Answer {
    let begun = Instant::now();
    let options = Options { kernels: vec![kernel.to_owned()], ..options.clone() };
    let asked = ask(scenarios, &options, times, &Progress::new());
    let answer = asked.map_or_else(|error| Answer::CannotTell(error.to_string()), |(answer, _)| answer);
    let (word, why) = words(&answer);
    let line = format!("{word:4} {kernel}  {:.1} s  {why}", begun.elapsed().as_secs_f64());
    println!("{}", line.trim_end());
    answer
}

fn conclude(kernels: &[String], found: Result<Found, WrongEnd>) -> Exit {
    match found {
        Ok(Found::First(bad)) => {
            println!("\nthe first bad kernel is {}, after {}", kernels[bad], kernels[bad - 1]);
            Exit::Passed
        }
        Ok(Found::Among(places)) => {
            println!("\nthe first bad kernel is one of these; only the last of them could be told:");
            kernels[places].iter().for_each(|kernel| println!("  {kernel}"));
            Exit::Lost
        }
        Err(WrongEnd { answer: Answer::CannotTell(reason), index }) => {
            lost(format!("{} cannot be told: {reason}", kernels[index]))
        }
        Err(WrongEnd { index: 0, .. }) => usage(format!(
            "{}, the first kernel, is bad already: begin with one that is known to be good",
            kernels[0]
        )),
        Err(WrongEnd { index, .. }) => usage(format!(
            "{}, the last kernel, is good: end with a bad one, or watch the scenarios that fail",
            kernels[index]
        )),
    }
}

pub(crate) fn usage(error: impl std::fmt::Display) -> Exit {
    eprintln!("error: {error}");
    Exit::Usage
}

/// `good`, `bad`, or a question mark; and why.
fn words(answer: &Answer) -> (&'static str, String) {
    match answer {
        Answer::Good => ("good", String::new()),
        Answer::Bad(broken) => ("bad", broken.join(" ")),
        Answer::CannotTell(reason) => ("?", reason.lines().next().unwrap_or_default().to_owned()),
    }
}

/// The last line of a step of `git bisect run`, and its exit code.
pub(crate) fn say(answer: &Answer) -> Exit {
    match answer {
        Answer::Good => {
            println!("bisect: good");
            Exit::Passed
        }
        Answer::Bad(broken) => {
            println!("bisect: bad: {}", broken.join(" "));
            Exit::Broken
        }
        Answer::CannotTell(reason) => cannot_tell(reason),
    }
}

/// Runs a step of `git bisect run`. To git every code but 0 and 125 that a program can exit with blames the commit: what
/// the commit is not to blame for becomes 125, a panic of this program (101) too.
pub(crate) fn step(run: impl FnOnce() -> Exit) -> Exit {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Exit::Usage) => cannot_tell("the command line or a scenario is wrong"),
        Ok(Exit::Lost) => cannot_tell("no machine could be had"),
        Ok(exit) => exit,
        Err(_) => cannot_tell("nsproof failed"),
    }
}

/// Ends the program over a command line that cannot be read.
pub(crate) fn misread(error: &clap::Error) -> ExitCode {
    // A closed terminal is no reason to say something else.
    let _unheard = error.print();
    let asked = std::env::args().any(|argument| argument == "--bisect");
    if error.use_stderr() && asked {
        return ExitCode::from(cannot_tell("the command line is wrong") as u8);
    }
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn cannot_tell(reason: &str) -> Exit {
    println!("bisect: cannot tell, exit code 125: {reason}");
    Exit::CannotTell
}
