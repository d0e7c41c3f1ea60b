//! `cargo xtask dist`: the program as one file, to be taken away.

use std::path::PathBuf;
use std::time::Duration;

use nsproof::exit::{Done, Exit, lost};
use nsproof::output::print;
use vm::Tool;
use vm::text::Shown;

use crate::checkout::{FLAGS, TARGET, root, target};

/// Everything is built, and the guest a second time: for the program to have it inside.
const LIMIT: Duration = Duration::from_secs(2 * 60 * 60);

pub(crate) fn run() -> Done {
    let program = build().map_err(lost)?;
    print(&format!("{}\n", Shown(&program)))?;
    Ok(Exit::Passed)
}

/// Static, so that it runs on any distribution.
fn build() -> vm::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Tool::new(cargo, "cargo build --release --package nsproof", LIMIT)
        .args(["build", "--quiet", "--locked", "--release", "--package", "nsproof", "--target", TARGET])
        .inside(root())
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS)
        .run()?;
    Ok(target().join(TARGET).join("release/nsproof"))
}
