//! `cargo xtask test`: every test, those that boot a machine too.

use std::time::Duration;

use harness::output::say;
use harness::progress::Progress;
use vm::Tool;

use crate::checkout::root;
use nsproof::exit::{Done, Exit};
use nsproof::options::find_qemu;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Install what is missing (QEMU) with the system's package manager; the command is printed first.
    #[arg(long)]
    install: bool,
}

pub(crate) fn run(args: &Args) -> Done {
    find_qemu(args.install, &Progress::new())?;
    cargo(&["test", "--workspace", "--no-fail-fast", "--", "--test-threads", &threads().to_string()])?;
    Ok(Exit::Passed)
}

/// How many tests of a program go on at once: there is always one that waits, for a machine that is silent or a build. More
/// would starve machines, whose clocks and deadlines go on.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from) + 1
}

/// Every test of this repository takes half an hour, on a machine that is overloaded some hours.
const LIMIT: Duration = Duration::from_secs(6 * 60 * 60);

/// Runs one cargo command in the repository; its output is the user's.
pub(crate) fn cargo(args: &[&str]) -> Result<(), Exit> {
    say(format!("$ cargo {}", args.join(" ")));
    let cargo = Tool::new("cargo", format!("cargo {}", args.join(" ")), LIMIT).args(args).inside(root());
    cargo.run().map_err(|error| {
        say(format!("error: {error}"));
        Exit::Broken
    })
}
