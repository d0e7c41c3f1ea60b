//! `cargo xtask merge`: the reports of a fleet as one.

use std::path::PathBuf;

use harness::merge::{Part, merge};
use harness::report::{Format, read};

use crate::Exit;
use crate::report::{Target, exit, tell};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// JSON reports: the shards of a run, the kernels of a fleet, or both.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Write the whole in this format; FORMAT as for `vm-test`. Without it, JSON is printed.
    #[arg(long = "report", value_name = "FORMAT=PATH")]
    reports: Vec<Target>,
    /// A skipped scenario is a failure.
    #[arg(long)]
    deny_skips: bool,
}

pub(crate) fn run(args: &Args) -> Exit {
    let part = |file: &PathBuf| match read(file) {
        Ok(run) => Ok(Part { file: file.display().to_string(), run }),
        Err(error) => Err(error.to_string()),
    };
    let parts: Result<Vec<Part>, String> = args.files.iter().map(part).collect();
    let run = match parts.and_then(|parts| merge(&parts)) {
        Ok(run) => run,
        Err(error) => {
            eprintln!("error: {error}");
            return Exit::Usage;
        }
    };
    if args.reports.is_empty() {
        print!("{}", Format::Json.render(&run));
    } else if let Err(failed) = tell(&run, &args.reports) {
        return failed;
    }
    exit(&run, args.deny_skips)
}
