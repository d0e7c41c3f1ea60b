//! `nsproof bisect`, which searches a list of kernels, and `vm-test --bisect`, which `git bisect run` searches commits with.

use std::time::Instant;

use harness::bisect::{Answer, Found, WrongEnd, ask, search};
use harness::output;
use harness::progress::Progress;
use harness::run::Options;
use harness::scenario::{self, Scenario};

use vm::text::one_line;

use crate::exit::{Done, Exit, lost, usage, wrong};
use crate::home::Home;
use crate::kernels::known;
use crate::options::{Accel, default_jobs, usual};
use crate::output::{print, print_on_the_way};

/// Its command line.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The scenarios to watch, as for `vm-test`; all without one.
    filters: Vec<String>,
    /// The kernels, as for `vm-test`, from a good one to a bad one.
    #[arg(long = "kernel", value_name = "K", required = true, num_args = 1.., value_parser = known)]
    kernels: Vec<String>,
    /// Run up to N times on each kernel, for what fails only now and then.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    repeat: u16,
    /// Who executes the guest's code.
    #[arg(long, value_enum, default_value_t = Accel::Auto)]
    accel: Accel,
    /// Machines at a time.
    #[arg(long, value_name = "N", default_value_t = default_jobs(), value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// Install what is missing (QEMU) with the system's package manager; the command is printed first.
    #[arg(long)]
    install: bool,
}

pub(crate) fn run(args: &Args, home: &dyn Home) -> Done {
    let kernels = &args.kernels;
    if kernels.len() < 2 {
        return Err(usage("give two kernels or more: first a good one, last a bad one"));
    }
    let scenarios = scenario::load(&home.scenarios().map_err(lost)?, &args.filters).map_err(wrong)?;
    let progress = Progress::new();
    let usual = usual(Vec::new(), args.install, home, &progress)?;
    drop(progress);
    let options = Options { accel: args.accel.into(), jobs: args.jobs.into(), ..usual };
    let found = search(kernels.len(), |index| one(&kernels[index], &scenarios, &options, args.repeat))?;
    conclude(kernels, found)
}

/// Asks one kernel, and prints a line for it. One that cannot be booted is not told.
fn one(kernel: &str, scenarios: &[Scenario], options: &Options, times: u16) -> Result<Answer, Exit> {
    let begun = Instant::now();
    let options = Options { kernels: vec![kernel.to_owned()], ..options.clone() };
    let asked = ask(scenarios, &options, times, &Progress::new());
    let answer = asked.map_or_else(|error| Answer::CannotTell(error.to_string()), |(answer, _)| answer);
    let (word, why) = words(&answer);
    let line = format!("{word:4} {kernel}  {:.1} s  {why}", begun.elapsed().as_secs_f64());
    print_on_the_way(&one_line(line.trim_end()))?;
    Ok(answer)
}

fn conclude(kernels: &[String], found: Result<Found, WrongEnd>) -> Done {
    match found {
        Ok(Found::First(bad)) => {
            let [bad, before] = [&kernels[bad], &kernels[bad - 1]].map(|kernel| one_line(kernel));
            print(&format!("\nthe first bad kernel is {bad}, after {before}\n"))?;
            Ok(Exit::Passed)
        }
        Ok(Found::Among(places)) => {
            let lines: String =
                kernels[places].iter().map(|kernel| format!("  {}\n", one_line(kernel))).collect();
            let head = "\nthe first bad kernel is one of these; only the last of them could be told:\n";
            print(&(head.to_owned() + &lines))?;
            Ok(Exit::Lost)
        }
        Err(WrongEnd { answer: Answer::CannotTell(reason), index }) => {
            Err(lost(format!("{} cannot be told: {reason}", kernels[index])))
        }
        Err(WrongEnd { index: 0, .. }) => Err(usage(format!(
            "{}, the first kernel, is bad already: begin with one that is known to be good",
            kernels[0]
        ))),
        Err(WrongEnd { index, .. }) => Err(usage(format!(
            "{}, the last kernel, is good: end with a bad one, or watch the scenarios that fail",
            kernels[index]
        ))),
    }
}

/// `good`, `bad`, or a question mark; and why.
fn words(answer: &Answer) -> (&'static str, String) {
    match answer {
        Answer::Good => ("good", String::new()),
        Answer::Bad(broken) => ("bad", broken.join(" ")),
        Answer::CannotTell(reason) => ("?", reason.lines().next().unwrap_or_default().to_owned()),
    }
}

/// What a step of `git bisect run` came to.
pub(crate) fn step(answer: &Answer) -> Exit {
    match answer {
        Answer::Good => {
            say("good");
            Exit::Passed
        }
        Answer::Bad(broken) => {
            say(&format!("bad: {}", broken.join(" ")));
            Exit::Broken
        }
        Answer::CannotTell(reason) => cannot_tell(reason),
    }
}

/// Whether this is a step of `git bisect run`: as far as can be told of a command line that may be wrong.
pub(crate) fn is_asked() -> bool {
    let mut options = std::env::args_os().skip(1).take_while(|argument| argument != "--");
    options.any(|argument| argument.as_encoded_bytes().starts_with(b"--bisect"))
}

/// How a step ends; without an `exit` it panicked. To git every code but 0 and 125 that a program can exit with blames the
/// commit, and a panic's own (101) would, too: what the commit is not to blame for becomes 125.
pub(crate) fn end(exit: Option<Exit>) -> Exit {
    match exit {
        Some(Exit::Usage) => cannot_tell("the command line or a scenario is wrong"),
        Some(Exit::Lost) => cannot_tell("no machine could be had"),
        Some(known) => known,
        None => cannot_tell("nsproof failed"),
    }
}

fn cannot_tell(reason: &str) -> Exit {
    say(&format!("cannot tell, exit code 125: {reason}"));
    Exit::CannotTell
}

/// The last line of a step, beside whatever is printed.
fn say(words: &str) {
    output::say(one_line(&format!("bisect: {words}")));
}
