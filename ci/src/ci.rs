//! `cargo xtask ci`: what CI runs.

use crate::Exit;
use crate::test::{self, cargo};

pub(crate) fn run(args: &test::Args) -> Exit {
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
    test::run(args)
}
