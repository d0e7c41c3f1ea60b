//! What these tests share.

use std::path::Path;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use tempfile::TempDir;
use vm::Cache;

/// The path of a scenario of the tests' own.
pub(crate) fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    folder.join(name).with_extension("toml").display().to_string()
}

/// A command with these arguments, to be run.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut xtask = Command::cargo_bin("xtask").expect("xtask is built");
    xtask.args(arguments);
    xtask
}

/// A command that was run.
pub(crate) fn xtask(arguments: &[&str]) -> Assert {
    command(arguments).assert()
}

/// What was printed on the standard output.
pub(crate) fn printed(assert: &Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

/// What was said on the standard error.
pub(crate) fn said(assert: &Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

/// Both.
pub(crate) fn all(assert: &Assert) -> String {
    printed(assert) + &said(assert)
}

/// A cache that nobody else uses, but for the kernels in it: what is left in there was left by this test.
pub(crate) fn own_cache() -> TempDir {
    let everybodys = Cache::open().unwrap();
    // On the same file system: what is made is renamed into its place.
    let own = TempDir::new_in(everybodys.root().parent().expect("the cache is a folder in another")).unwrap();
    for part in ["kernels", "apt", "names"] {
        let target = everybodys.root().join(part);
        if target.exists() {
            std::os::unix::fs::symlink(target, own.path().join(part)).unwrap();
        }
    }
    own
}
