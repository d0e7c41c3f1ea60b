//! `cargo xtask ci`: what CI runs. `cargo xtask lint`: the part of it that runs nothing.

use crate::Exit;
use crate::test::{self, cargo};

pub(crate) fn run(args: &test::Args) -> Exit {
    match lint() {
        Exit::Passed => test::run(args),
        failed => failed,
    }
}

/// Format, lints, documentation.
pub(crate) fn lint() -> Exit {
    let lints: [&[&str]; 3] = [
        &["fmt", "--all", "--check"],
        &["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"],
        &[
            "--config",
            "build.rustdocflags=['--deny', 'warnings']",
            "doc",
            "--workspace",
            "--no-deps",
            "--locked",
            "--quiet",
        ],
    ];
    for lint in lints {
        if cargo(lint) != Exit::Passed {
            return Exit::Broken;
        }
    }
    Exit::Passed
}
