//! The commands around kernels and what is kept, as people call them.

use std::path::Path;

use assert_cmd::Command;
use vm::{Cache, Silent, kernel};

fn xtask(cache: &Path, arguments: &[&str]) -> assert_cmd::assert::Assert {
    let mut command = Command::cargo_bin("xtask").expect("xtask is built");
    command.env("NSPROOF_CACHE", cache).args(arguments).assert()
}

fn printed(assert: &assert_cmd::assert::Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

#[test]
fn kernels_with_a_name_are_listed() {
    let cache = tempfile::tempdir().unwrap();
    let text = printed(&xtask(cache.path(), &["kernels"]).success());
    for name in ["distro", "host", "debian-5.10", "debian-6.12"] {
        assert!(text.lines().any(|line| line.split(' ').next() == Some(name)), "{name} in\n{text}");
    }
    assert!(text.contains("debian-5.10") && text.contains("not here"), "{text}");
}

#[test]
fn an_unknown_kernel_is_a_usage_error_that_names_the_known_ones() {
    let cache = tempfile::tempdir().unwrap();
    let assert = xtask(cache.path(), &["kernels", "fetch", "debian-99"]).code(2);
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(said.contains("unknown kernel \"debian-99\"") && said.contains("debian-6.12"), "{said}");
}

#[test]
fn a_cleared_cache_is_empty() {
    let cache = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(cache.path().join("kernels/one")).unwrap();
    std::fs::write(cache.path().join("kernels/one/vmlinuz"), vec![1; 1 << 20]).unwrap();
    assert!(printed(&xtask(cache.path(), &["cache"]).success()).contains("1.1 MB  kernels"));
    xtask(cache.path(), &["cache", "clear"]).success();
    assert!(!cache.path().join("kernels").exists());
}

#[test]
fn a_shell_needs_a_terminal() {
    let cache = tempfile::tempdir().unwrap();
    let assert = xtask(cache.path(), &["shell"]).code(2);
    assert!(String::from_utf8_lossy(&assert.get_output().stderr).contains("needs a terminal"));
}

/// Whether a module is built into an image that came alone is for the guest to find out.
#[test]
fn an_image_without_its_modules() {
    let distro = kernel::resolve("distro", &Cache::open().unwrap(), &Silent).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("bzImage");
    std::fs::copy(distro.image, &image).unwrap();
    let fixture = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(name);
        path.to_str().unwrap().to_owned()
    };
    let filters = ["as-module.toml", "built-in.toml"].map(fixture);
    let mut command = Command::cargo_bin("xtask").expect("xtask is built");
    command.args(["vm-test", "--kernel", image.to_str().unwrap()]).args(filters);
    let text = printed(&command.assert().success());
    assert!(text.contains("1 pass") && text.contains("1 skip"), "{text}");
    assert!(text.contains("needs module veth: no module `veth`, loaded or built in"), "{text}");
}
