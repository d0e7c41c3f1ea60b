//! `cargo xtask ci`: what CI runs. `cargo xtask lint`: the part of it that runs nothing.

use crate::exit::{Done, Exit};
use crate::test::{self, cargo};

pub(crate) fn run(args: &test::Args) -> Done {
    lint()?;
    test::run(args)
}

/// Format, lints, documentation.
pub(crate) fn lint() -> Done {
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
    lints.into_iter().try_for_each(cargo)?;
    Ok(Exit::Passed)
}
