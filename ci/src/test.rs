//! `cargo xtask test`: every test, those that boot a machine too.

use harness::progress::Progress;
use xshell::{Shell, cmd};

use crate::vm_test::find_qemu;
use crate::{Exit, root};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Install what is missing (QEMU) with the system's package manager; the command is printed first.
    #[arg(long)]
    install: bool,
}

pub(crate) fn run(args: &Args) -> Exit {
    if let Err(exit) = find_qemu(args.install, &Progress::new()) {
        return exit;
    }
    cargo(&["test", "--workspace", "--no-fail-fast"])
}

/// Runs one cargo command in the repository; its output is the user's.
pub(crate) fn cargo(args: &[&str]) -> Exit {
    let ran = Shell::new().and_then(|sh| {
        sh.change_dir(root());
        cmd!(sh, "cargo {args...}").run()
    });
    match ran {
        Ok(()) => Exit::Passed,
        Err(error) => {
            eprintln!("error: {error}");
            Exit::Broken
        }
    }
}
