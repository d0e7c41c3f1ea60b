//! Clones that are copied from one that was used before, and what becomes of a run if they cannot be.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::common::{all, command};

/// Enough scenarios that a clone is used first.
const SCENARIOS: &[&str] = &["vm-test", "--accel", "tcg", "--jobs", "1", "scenarios/uts"];

#[test]
fn one_qemu_is_started_and_forked() {
    let folder = TempDir::new().unwrap();
    let (path, log) = stand_in(folder.path(), r#"echo >> "$LOG"; exec "$QEMU" "$@""#);
    let run = || command(SCENARIOS).env("PATH", &path).env("LOG", &log).assert();
    // It may have to boot a template.
    run();
    fs::remove_file(&log).unwrap();
    let ran = run();
    assert!(all(&ran).contains("6 results: 6 pass"), "{}", all(&ran));
    assert!(!all(&ran).contains("cold"), "{}", all(&ran));
    assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), 1, "{}", all(&ran));
}

#[test]
fn where_qemu_cannot_be_forked_clones_begin_cold() {
    let folder = TempDir::new().unwrap();
    // What is started is a shell, which waits for QEMU; QEMU ends with it.
    let (path, _) = stand_in(folder.path(), r#"setpriv --pdeathsig KILL "$QEMU" "$@"; exit $?"#);
    let ran = command(SCENARIOS).env("PATH", path).assert();
    let all = all(&ran);
    assert_eq!(ran.get_output().status.code(), Some(0), "{all}");
    assert!(all.contains("6 results: 6 pass"), "{all}");
    assert!(all.contains("each clone begins cold") && all.contains("do not come to rest"), "{all}");
}

#[test]
fn a_run_whose_original_is_lost_goes_on_with_cold_clones() {
    let run = command(SCENARIOS);
    let mut run = Command::new(run.get_program())
        .args(run.get_args())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .spawn()
        .unwrap();
    let original = original(&mut run);
    assert!(Command::new("kill").args(["-KILL", &original.to_string()]).status().unwrap().success());
    let output = run.wait_with_output().unwrap();
    let all = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(0), "{all}");
    assert!(all.contains("6 results: 6 pass"), "{all}");
    assert_eq!(all.matches("each clone begins cold").count(), 1, "{all}");
}

/// A program in place of QEMU, which finds the real one in `$QEMU`: a `PATH` with it, and the path of a log.
fn stand_in(folder: &Path, script: &str) -> (std::ffi::OsString, PathBuf) {
    let name = format!("qemu-system-{}", std::env::consts::ARCH);
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|folder| folder.join(&name)).find(|file| file.exists());
    let real = real.expect("QEMU is installed");
    let program = folder.join(&name);
    fs::write(&program, format!("#!/bin/sh\nQEMU='{}'\n{script}\n", real.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let paths = [folder.to_owned()].into_iter().chain(std::env::split_paths(&path));
    (std::env::join_paths(paths).unwrap(), folder.join("log"))
}

/// The oldest of two QEMUs of a run: the one that is forked. With one job there is one copy at a time.
fn original(run: &mut Child) -> u32 {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let mut machines: Vec<_> = children(run.id()).into_iter().filter(|pid| is_qemu(*pid)).collect();
        machines.sort_unstable_by_key(|pid| (started(*pid), *pid));
        if machines.len() == 2 {
            return machines[0];
        }
        assert!(run.try_wait().unwrap().is_none(), "the run ended before there was a copy");
        assert!(Instant::now() < until, "there is no copy");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Children of all of a process's threads.
fn children(parent: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten();
    let texts = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    texts
        .flat_map(|text| text.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

fn is_qemu(pid: u32) -> bool {
    fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.to_string_lossy().contains("qemu-system"))
}

/// Field 22 of proc_pid_stat(5).
fn started(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    fields.split_whitespace().nth(19).and_then(|field| field.parse().ok()).unwrap_or(u64::MAX)
}
