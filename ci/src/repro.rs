//! `cargo xtask repro`: a scenario that did not pass, once more.

use std::io::IsTerminal;
use std::path::PathBuf;

use harness::progress::Progress;
use harness::report::{Outcome, terminal};
use harness::repro::{Recording, differences};
use harness::run::{self, Isolation, Options, keep};
use vm::{Cache, accel};

use crate::exit::{Done, Exit, lost, usage};
use crate::kernels::known;
use crate::shell;
use crate::vm_test::usual;

#[derive(clap::Args)]
#[command(after_help = "It ends with 0 if the same came again, with 1 if not.")]
pub(crate) struct Args {
    /// The directory that a scenario left which did not pass; vm-test names it.
    dir: PathBuf,
    /// Where the recorded kernel is now, as for `vm-test`; without it, it is looked for by its name and where it was.
    #[arg(long, value_name = "K", value_parser = known)]
    kernel: Option<String>,
    /// Run it, and give a shell in the machine with the scenario's containers still there.
    #[arg(long)]
    shell: bool,
    /// Only judge the recorded events anew, without a machine.
    #[arg(long, conflicts_with_all = ["shell", "kernel", "install"])]
    judge: bool,
    /// Install what is missing (QEMU) with the system's package manager; the command is printed first.
    #[arg(long)]
    install: bool,
}

pub(crate) fn run(args: &Args) -> Done {
    let recording = Recording::read(&args.dir).map_err(usage)?;
    if args.judge {
        return Ok(compare(&recording, &recording.judge()));
    }
    if args.shell {
        shell::on_terminal()?;
    }
    let progress = Progress::new();
    let cache = Cache::open().map_err(lost)?;
    let kernel = recording.kernel(args.kernel.as_deref(), &cache, &progress).map_err(lost)?;
    if args.shell {
        drop(progress);
        return inspect(&recording, &kernel, args.install);
    }
    once_more(&recording, kernel, args.install, &progress)
}

/// From the template, as the first run.
fn once_more(recording: &Recording, kernel: String, install: bool, progress: &Progress) -> Done {
    let options = Options {
        accel: if recording.record.accel == "tcg" { accel::Request::Tcg } else { accel::Request::Auto },
        isolation: Some(Isolation::Clone),
        confirm: false,
        ..usual(vec![kernel], install, progress)?
    };
    let scenarios = [recording.scenario.clone()];
    let run = run::run(&scenarios, &options, progress).map_err(lost)?;
    print!("{}", terminal::render(&run, std::io::stdout().is_terminal()));
    println!();
    Ok(run.results.first().map_or(Exit::Lost, |now| compare(recording, now)))
}

/// Says whether the recorded result came again.
fn compare(recording: &Recording, now: &Outcome) -> Exit {
    let recorded = &recording.record.outcome;
    println!("recorded: {}", recorded.told());
    println!("now:      {}", now.told());
    let differences = differences(recorded, now);
    if differences.is_empty() {
        println!("the same came again");
        return Exit::Passed;
    }
    differences.iter().for_each(|difference| println!("not the same: {difference}"));
    Exit::Broken
}

/// Runs the scenario on this terminal's machine, and stays.
fn inspect(recording: &Recording, kernel: &str, install: bool) -> Done {
    let scenario = &recording.scenario;
    let mut machine = shell::start(kernel, &scenario.modules(), install)?;
    let kept = keep(&mut machine, scenario).map_err(lost)?;
    // The terminal is QEMU's, which does not turn the end of a line into the beginning of the next.
    for step in &kept.steps {
        print!("{:5} {}\r\n", step.status.word(), step.name);
    }
    for (name, pid) in &kept.containers {
        print!(
            "`{name}` is there: nsenter --target {pid} --all, or without its root: --uts --ipc --net --pid\r\n"
        );
    }
    print!("The guest ends with its shell, or with Ctrl-A X.\r\n");
    shell::talk(machine)
}
