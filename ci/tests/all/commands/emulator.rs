//! QEMUs that do not do what they should.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use assert_cmd::assert::Assert;

use crate::common::{command, own_cache, printed, said};

/// `vm-test` with a script in QEMU's place; `$QEMU` is the real one.
fn with_qemu(script: &str) -> Assert {
    let (programs, cache) = (tempfile::tempdir().unwrap(), own_cache());
    let name = format!("qemu-system-{}", std::env::consts::ARCH);
    let program = programs.path().join(&name);
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|folder| folder.join(&name)).find(|program| program.exists());
    let path = [programs.path().to_path_buf()].into_iter().chain(std::env::split_paths(&path));
    let mut xtask = command(&["vm-test", "uts/hostname"]);
    xtask
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("QEMU", real.as_deref().unwrap_or(Path::new("/")));
    xtask.env("NSPROOF_CACHE", cache.path()).assert()
}

#[test]
fn one_that_does_not_tell_its_version_is_not_waited_for() {
    let begun = Instant::now();
    let told = said(&with_qemu("exec sleep 1000").code(3));
    assert!(told.contains("qemu --version failed: it did not end within 5 s, and was killed"), "{told}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[test]
fn one_that_was_built_without_seccomp_runs_unconfined_and_that_is_told() {
    let refuse =
        "case \"$*\" in *-sandbox*) echo '-sandbox: no seccomp' >&2; exit 1;; esac; exec \"$QEMU\" \"$@\"";
    let ran = with_qemu(refuse).success();
    assert!(printed(&ran).contains("1 pass"), "{}", printed(&ran));
    let told = said(&ran);
    assert!(
        told.contains("warning: QEMU runs without -sandbox, which it cannot have here: -sandbox: no seccomp"),
        "{told}"
    );
}
