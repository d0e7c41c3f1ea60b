//! `nsproof repro`: a scenario that did not pass, once more.

use std::io::IsTerminal;
use std::path::PathBuf;

use harness::progress::Progress;
use harness::report::{Outcome, terminal};
use harness::repro::{Recording, differences};
use harness::run::{self, Isolation, Options, keep};
use vm::text::one_line;
use vm::{Cache, accel};

use crate::exit::{Done, Exit, lost, usage};
use crate::home::Home;
use crate::kernels::known;
use crate::options::usual;
use crate::output::print_coloured;
use crate::shell;

/// Its command line.
#[derive(Debug, clap::Args)]
#[command(after_help = "It ends with 0 if the same came again, with 1 if not.")]
pub struct Args {
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

pub(crate) fn run(args: &Args, home: &dyn Home) -> Done {
    let recording = Recording::read(&args.dir).map_err(usage)?;
    if args.judge {
        return compare(&recording, &recording.judge(), String::new());
    }
    if args.shell {
        shell::on_terminal()?;
    }
    let progress = Progress::new();
    let cache = Cache::open().map_err(lost)?;
    let kernel = recording.kernel(args.kernel.as_deref(), &cache, &progress).map_err(lost)?;
    if args.shell {
        drop(progress);
        return inspect(&recording, &kernel, args.install, home);
    }
    once_more(&recording, kernel, args.install, home, &progress)
}

/// From the template, as the first run.
fn once_more(
    recording: &Recording,
    kernel: String,
    install: bool,
    home: &dyn Home,
    progress: &Progress,
) -> Done {
    let options = Options {
        accel: if recording.record.accel == "tcg" { accel::Request::Tcg } else { accel::Request::Auto },
        isolation: Isolation::Clone,
        confirm: false,
        ..usual(vec![kernel], install, home, progress)?
    };
    let scenarios = [recording.scenario.clone()];
    let run = run::run(&scenarios, &options, progress).map_err(lost)?;
    let shown = terminal::render(&run, std::io::stdout().is_terminal()) + "\n";
    let Some(now) = run.results.first() else {
        print_coloured(&shown)?;
        return Ok(Exit::Lost);
    };
    compare(recording, now, shown)
}

/// Says, below what was shown already, whether the recorded result came again.
fn compare(recording: &Recording, now: &Outcome, shown: String) -> Done {
    let recorded = &recording.record.outcome;
    let mut text =
        format!("{shown}recorded: {}\nnow:      {}\n", one_line(&recorded.told()), one_line(&now.told()));
    let differences = differences(recorded, now);
    if differences.is_empty() {
        text += "the same came again\n";
    }
    differences.iter().for_each(|difference| text += &format!("not the same: {}\n", one_line(difference)));
    print_coloured(&text)?;
    Ok(if differences.is_empty() { Exit::Passed } else { Exit::Broken })
}

/// Runs the scenario on this terminal's machine, and stays.
fn inspect(recording: &Recording, kernel: &str, install: bool, home: &dyn Home) -> Done {
    let scenario = &recording.scenario;
    let mut machine = shell::start(kernel, &scenario.modules(), install, home)?;
    let kept = keep(&mut machine, scenario).map_err(lost)?;
    // The terminal is QEMU's, which does not turn the end of a line into the beginning of the next.
    let steps =
        kept.steps.iter().map(|step| format!("{:5} {}\r\n", step.status.word(), one_line(&step.name)));
    let containers = kept.containers.iter().map(|(name, pid)| {
        format!("`{name}` is there: nsenter --target {pid} --all, or without its root: --uts --ipc --net --pid\r\n")
    });
    let text: String = steps.chain(containers).collect();
    print_coloured(&(text + "The guest ends with its shell, or with Ctrl-A X.\r\n"))?;
    shell::talk(machine)
}
