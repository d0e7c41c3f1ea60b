//! What a run is made of, out of this repository: cargo builds it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nsproof::home::Home;
use vm::Tool;

/// The only target that the virtual machine knows so far; explicit, so that `crt-static` does not reach build scripts.
pub(crate) const TARGET: &str = "x86_64-unknown-linux-gnu";

/// For a program that needs no library of the machine that it runs on.
pub(crate) const FLAGS: &str = "-Ctarget-feature=+crt-static\x1f-Crelocation-model=static";

/// A build from nothing takes a minute or two, and fetches what it is built of first.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// This repository.
pub(crate) struct Checkout;

impl Home for Checkout {
    fn scenarios(&self) -> vm::Result<PathBuf> {
        Ok(root().join("scenarios"))
    }

    fn guest(&self) -> vm::Result<PathBuf> {
        build_static("guest", "guest")
    }

    fn runtime(&self) -> vm::Result<PathBuf> {
        build_static("runtime", "nsrun")
    }

    /// Below what cargo builds, as a command line from here names it.
    fn repro(&self) -> PathBuf {
        let folder = target().join("nsproof/repro");
        let here = std::env::current_dir().unwrap_or_default();
        folder.strip_prefix(here).map_or_else(|_| folder.clone(), Path::to_path_buf)
    }
}

/// The repository's root, which holds `scenarios/`.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is a folder of the workspace")
        .to_path_buf()
}

/// The folder of what cargo builds when it is called in the root.
pub(crate) fn target() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

fn build_static(package: &str, program: &str) -> vm::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = ["build", "--quiet", "--package", package, "--bin", program];
    Tool::new(cargo, format!("cargo build --package {package} --bin {program}"), LIMIT)
        .args(build)
        .args(["--target", TARGET, "--profile", "guest"])
        .inside(root())
        // Before all others that somebody may have set, who would get a guest that no kernel can start. With a target given it
        // counts for that only, and keeps these artifacts apart from an ordinary build's.
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS)
        .run()?;
    Ok(target().join(TARGET).join("guest").join(program))
}
