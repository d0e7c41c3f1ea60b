//! `cargo xtask ci`: what CI runs. `cargo xtask lint`: the part of it that runs nothing.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use harness::output::say;
use serde::Deserialize;
use vm::Tool;

use crate::checkout::root;
use crate::circles;
use crate::test::{self, cargo};
use nsproof::exit::{Done, Exit};

pub(crate) fn run(args: &test::Args) -> Done {
    lint()?;
    test::run(args)
}

/// Format, lints, documentation, and the direction in which modules depend on each other.
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
    circles()
}

/// Tells of modules that use one another in a circle.
fn circles() -> Done {
    say("$ circles of modules");
    let lost = |error: io::Error| {
        say(format!("error: {error}"));
        Exit::Broken
    };
    let mut found = 0;
    for target in targets().map_err(lost)? {
        for circle in circles::of(&target).map_err(lost)? {
            let uses: String = circle.iter().map(|used| format!("\n  {used}")).collect();
            say(format!("error: modules below {} use one another in a circle:{uses}", target.display()));
            found += 1;
        }
    }
    if found == 0 { Ok(Exit::Passed) } else { Err(Exit::Broken) }
}

/// The first files of this repository's libraries and programs.
fn targets() -> io::Result<Vec<PathBuf>> {
    let minute = Duration::from_secs(60);
    let metadata = Tool::new("cargo", "cargo metadata", minute)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .inside(root())
        .output()
        .map_err(|error| io::Error::other(error.to_string()))?;
    let metadata: Metadata = serde_json::from_str(&metadata)?;
    let targets = metadata.packages.into_iter().flat_map(|package| package.targets);
    let built = |target: &Target| target.kind.iter().any(|kind| kind == "lib" || kind == "bin");
    Ok(targets.filter(built).map(|target| target.src_path).collect())
}

/// cargo-metadata(1), as much of it as is needed.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    src_path: PathBuf,
}
