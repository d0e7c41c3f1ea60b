//! A cache that cannot be where it is said to be, or that must not be believed, and what is left in it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::common::{command, fixture, own_cache, printed, said};

#[rstest::rstest]
#[case::a_file("NSPROOF_CACHE", "/etc/passwd", "/etc/passwd: ", "/etc/passwd is a file, and no folder")]
#[case::below_a_file(
    "NSPROOF_CACHE",
    "/etc/passwd/x",
    "/etc/passwd/x: ",
    "/etc/passwd is a file, and no folder"
)]
#[case::where_nobody_may("NSPROOF_CACHE", "/proc/x", "/proc/x: ", "No such file or directory")]
#[case::by_another_variable(
    "HOME",
    "/etc/passwd",
    "/etc/passwd/.cache/nsproof: ",
    "/etc/passwd is a file, and no folder"
)]
fn the_variable_the_path_and_the_way_out_are_told(
    #[case] variable: &str,
    #[case] value: &str,
    #[case] path: &str,
    #[case] reason: &str,
) {
    for arguments in [&["cache"][..], &["kernels"], &["vm-test", "uts/hostname"]] {
        let mut xtask = command(arguments);
        xtask.env_remove("NSPROOF_CACHE").env_remove("XDG_CACHE_HOME").env(variable, value);
        let told = said(&xtask.assert().code(3));
        let told =
            told.trim_end().strip_prefix(&format!("error: {path}")).unwrap_or_else(|| panic!("{told}"));
        assert!(
            told.starts_with(&format!("the cache cannot be there, as {variable} says: {reason}")),
            "{told}"
        );
        assert!(
            told.ends_with(
                "set NSPROOF_CACHE to a folder that you may write to; it is made if it is missing"
            ),
            "{told}"
        );
    }
}

/// Whoever made it first: links in it would lead to files of this user.
#[test]
fn without_a_home_the_cache_is_in_no_folder_of_all_users() {
    let public = tempfile::tempdir().unwrap();
    let precious = public.path().join("precious");
    fs::write(&precious, "text").unwrap();
    let planted = public.path().join("nsproof");
    fs::create_dir_all(planted.join("locks")).unwrap();
    for lock in ["kernels", "making", "kvm"] {
        symlink(&precious, planted.join("locks").join(lock)).unwrap();
    }
    let mut xtask = command(&["cache"]);
    let path = std::env::var_os("PATH").unwrap();
    let listed = xtask.env_clear().env("PATH", path).env("TMPDIR", public.path()).assert();
    let told = printed(&listed) + &said(&listed);
    assert!(!told.contains(public.path().to_str().unwrap()), "{told}");
    assert_eq!(fs::read_to_string(precious).unwrap(), "text");
}

#[test]
fn a_lock_that_is_a_link_is_named() {
    let cache = tempfile::tempdir().unwrap();
    fs::create_dir(cache.path().join("locks")).unwrap();
    let link = cache.path().join("locks/making");
    symlink("/nowhere", &link).unwrap();
    let mut xtask = command(&["cache"]);
    let told = said(&xtask.env("NSPROOF_CACHE", cache.path()).assert().code(3));
    let reason = format!(
        "cannot open {}: it is a symbolic link, and a lock's is not followed: delete it",
        link.display()
    );
    assert!(told.contains(&reason), "{told}");
}

#[rstest::rstest]
#[case::for_all(0o777, "others may write to it (mode 0777)", "chmod 700")]
#[case::in_a_folder_for_all(0o700, "anybody may replace it, for ", "set NSPROOF_CACHE")]
fn one_that_others_can_change_is_refused(#[case] mode: u32, #[case] reason: &str, #[case] way_out: &str) {
    let above = tempfile::tempdir().unwrap();
    let cache = above.path().join("cache");
    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, Permissions::from_mode(mode)).unwrap();
    let public = if mode == 0o700 { 0o777 } else { 0o755 };
    fs::set_permissions(above.path(), Permissions::from_mode(public)).unwrap();
    for arguments in [&["cache"][..], &["kernels"], &["vm-test", "uts/hostname"]] {
        let mut xtask = command(arguments);
        let told = said(&xtask.env("NSPROOF_CACHE", &cache).assert().code(3));
        assert!(told.contains("the cache cannot be there, as NSPROOF_CACHE says: "), "{told}");
        assert!(told.contains(reason) && told.contains(way_out), "{told}");
        assert_eq!(fs::read_dir(&cache).unwrap().count(), 0, "nothing is made in it");
    }
}

#[test]
fn what_a_killed_run_left_is_gone_with_the_next_start() {
    let cache = tempfile::tempdir().unwrap();
    let left = cache.path().join("tmp/make-dead");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("ram"), vec![1; 1 << 20]).unwrap();
    let mut xtask = command(&["cache"]);
    let listed = printed(&xtask.env("NSPROOF_CACHE", cache.path()).assert().success());
    assert!(!left.exists() && !listed.contains("in the making"), "{listed}");
}

/// Every file and folder below one; no link is followed.
fn below(path: &Path) -> Vec<std::path::PathBuf> {
    let mut all = vec![path.to_path_buf()];
    if path.symlink_metadata().unwrap().is_dir() {
        all.extend(fs::read_dir(path).unwrap().flat_map(|entry| below(&entry.unwrap().path())));
    }
    all
}

#[test]
fn without_a_umask_nothing_can_be_written_by_others() {
    let (cache, folder) = (own_cache(), tempfile::tempdir().unwrap());
    let made = folder.path().join("made");
    fs::create_dir(&made).unwrap();
    let [repro, json, html] = ["repro/deep", "run.json", "run.html"].map(|name| made.join(name));
    let script = "umask 000; exec \"$@\"";
    let run = Command::new("sh")
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_xtask"), "vm-test", &fixture("wrong-expectation")])
        .arg("--repro")
        .arg(&repro)
        .args([
            "--report",
            &format!("json={}", json.display()),
            "--report",
            &format!("html={}", html.display()),
        ])
        .env("NSPROOF_CACHE", cache.path())
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(1), "{run:?}");
    let all = [below(&made), below(cache.path())].concat();
    assert!(all.iter().any(|path| path.ends_with("qemu.sh")) && json.exists() && html.exists(), "{all:?}");
    let writable = |path: &&std::path::PathBuf| {
        let data = path.symlink_metadata().unwrap();
        !data.is_symlink() && data.mode() & 0o002 != 0
    };
    let found: Vec<_> = all.iter().filter(writable).collect();
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(cache.path().metadata().unwrap().mode() & 0o777, 0o700);
}
