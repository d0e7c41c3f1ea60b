//! Builds the guest binary: static, so that it runs as `/init` of any kernel.

use std::path::{Path, PathBuf};
use std::time::Duration;

use vm::Tool;

/// The only target that the virtual machine knows so far; explicit, so that `crt-static` does not reach build scripts.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A build from nothing takes a minute or two, and fetches what it is built of first.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// The built guest's path. Cargo prints its own errors.
pub(crate) fn build(root: &Path) -> vm::Result<PathBuf> {
    build_static(root, "guest", "guest")
}

/// The built runtime's path.
pub(crate) fn build_runtime(root: &Path) -> vm::Result<PathBuf> {
    build_static(root, "runtime", "nsrun")
}

/// The folder of what cargo builds when it is called in the root.
pub(crate) fn target(root: &Path) -> PathBuf {
    root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

fn build_static(root: &Path, package: &str, program: &str) -> vm::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = ["build", "--quiet", "--package", package, "--bin", program];
    Tool::new(cargo, format!("cargo build --package {package} --bin {program}"), LIMIT)
        .args(build)
        .args(["--target", TARGET, "--profile", "guest"])
        .inside(root)
        // The variable counts for this target only, and keeps these artifacts apart from an ordinary build's.
        .env(
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
            "-C target-feature=+crt-static -C relocation-model=static",
        )
        .run()?;
    Ok(target(root).join(TARGET).join("guest").join(program))
}
