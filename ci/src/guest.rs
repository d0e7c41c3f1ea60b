//! Builds the guest binary: static, so that it runs as `/init` of any kernel.

use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

/// The only target that the virtual machine knows so far; explicit, so that `crt-static` does not reach build scripts.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The built guest's path. Cargo prints its own errors.
pub(crate) fn build(root: &Path) -> xshell::Result<PathBuf> {
    build_static(root, "harness", "guest")
}

/// The built runtime's path.
pub(crate) fn build_runtime(root: &Path) -> xshell::Result<PathBuf> {
    build_static(root, "runtime", "nsrun")
}

/// The folder of what cargo builds when it is called in the root.
pub(crate) fn target(root: &Path) -> PathBuf {
    root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

fn build_static(root: &Path, package: &str, program: &str) -> xshell::Result<PathBuf> {
    let sh = Shell::new()?;
    sh.change_dir(root);
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    // The variable counts for this target only, and keeps these artifacts apart from an ordinary build's.
    let _static = sh.push_env(
        "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
        "-C target-feature=+crt-static -C relocation-model=static",
    );
    cmd!(sh, "{cargo} build --quiet --package {package} --bin {program} --no-default-features --target {TARGET} --profile guest")
        .quiet()
        .run()?;
    Ok(target(root).join(TARGET).join("guest").join(program))
}
