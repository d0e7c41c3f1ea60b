//! Puts what a run is made of into the program: the guest and `nsrun`, built static, and the scenarios. An ordinary build has
//! none of it inside, for `cargo xtask` builds them when it needs them; a release is a program to take away.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Explicit, so that `crt-static` does not reach build scripts.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Before all others that somebody may have set: a guest that is linked dynamically is one that no kernel can start.
const FLAGS: &str = "-Ctarget-feature=+crt-static\x1f-Crelocation-model=static";
/// What the programs inside are built of.
const SOURCES: [&str; 5] = ["harness/guest", "harness/protocol", "runtime", "Cargo.toml", "Cargo.lock"];

fn main() {
    println!("cargo::rustc-check-cfg=cfg(embedded)");
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("PROFILE").as_deref() != Ok("release") {
        return;
    }
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../..");
    let root = root.canonicalize().expect("the workspace is there");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    let guest = build(&root, &out, "guest", "guest");
    let nsrun = build(&root, &out, "runtime", "nsrun");
    let scenarios = root.join("scenarios");
    println!("cargo::rerun-if-changed={}", scenarios.display());
    let mut text = format!(
        "/// The guest's program.\npub(super) const GUEST: &[u8] = include_bytes!({guest:?});\n\
         /// `nsrun`.\npub(super) const RUNTIME: &[u8] = include_bytes!({nsrun:?});\n\
         /// Every file below `scenarios`, by its path there.\npub(super) const SCENARIOS: &[(&str, &str)] = &[\n"
    );
    let mut files = Vec::new();
    walk(&scenarios, &mut files);
    files.sort();
    for file in files {
        let name = file.strip_prefix(&scenarios).expect("it is below");
        writeln!(text, "    ({name:?}, include_str!({file:?})),").expect("a String takes every text");
    }
    text += "];\n";
    fs::write(out.join("embedded.rs"), text).expect("cargo's own folder can be written to");
    println!("cargo::rustc-cfg=embedded");
}

fn build(root: &Path, out: &Path, package: &str, program: &str) -> PathBuf {
    let target = out.join("embedded");
    let status = Command::new(env::var_os("CARGO").expect("cargo sets it"))
        .args(["build", "--quiet", "--locked", "--package", package, "--bin", program])
        .args(["--target", TARGET, "--profile", "guest", "--target-dir"])
        .arg(&target)
        .current_dir(root)
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS)
        .status()
        .expect("cargo can be started");
    assert!(status.success(), "cargo build --package {package}: {status}");
    target.join(TARGET).join("guest").join(program)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the workspace") {
        let path = entry.expect("a folder of the workspace").path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}
