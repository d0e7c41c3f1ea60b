//! Many runs in a row: whatever happens to QEMU, every scenario is reported once and truly, and nothing is left.
//!
//! `NSPROOF_SOAK` is how many rounds each test makes, for those who have the time.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sys::{Signal, signal};
use tempfile::TempDir;

use crate::common::own_cache;

fn rounds(few: usize) -> usize {
    std::env::var("NSPROOF_SOAK").map_or(few, |number| number.parse().expect("NSPROOF_SOAK is a number"))
}

/// A run that is under way, and where its report will be.
struct Started {
    xtask: Child,
    report: PathBuf,
    _folder: TempDir,
}

/// Every scenario gets a machine of its own.
fn start(args: &[&str], cache: &Path) -> Started {
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report.json");
    let xtask = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["vm-test", "--isolation", "clone", "--report", &format!("json={}", report.display())])
        .args(args)
        .env("NSPROOF_CACHE", cache)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Started { xtask, report, _folder: folder }
}

impl Started {
    fn is_running(&mut self) -> bool {
        self.xtask.try_wait().unwrap().is_none()
    }

    /// Waits for the end: the exit code and the report.
    fn end(mut self) -> (Option<i32>, Value) {
        let code = self.xtask.wait().unwrap().code();
        let text = fs::read_to_string(&self.report);
        let text = text.unwrap_or_else(|error| panic!("exit {code:?} without a report: {error}"));
        (code, serde_json::from_str(&text).unwrap())
    }

    /// A value of `/proc/PID/status` in kB, while it runs.
    fn kilobytes(&self, name: &str) -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.xtask.id())).ok()?;
        let row = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        row.trim().strip_suffix(" kB")?.parse().ok()
    }

    fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.xtask.id())).map_or(0, Iterator::count)
    }

    /// The machines that it runs.
    fn machines(&self) -> Vec<i32> {
        let parent = format!("PPid:\t{}\n", self.xtask.id());
        processes(|folder| {
            let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
            status.starts_with("Name:\tqemu") && status.contains(&parent)
        })
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Of a test that failed. One that has ended cannot be killed, and need not be.
        let _ = self.xtask.kill();
        let _ = self.xtask.wait();
    }
}

/// Processes with something about them.
fn processes(with: impl Fn(&Path) -> bool) -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let pid = |folder: &PathBuf| folder.file_name()?.to_str()?.parse().ok();
    entries.filter(|folder| pid(folder).is_some() && with(folder)).filter_map(|folder| pid(&folder)).collect()
}

/// A number below `limit`.
fn random(limit: u64) -> u64 {
    RandomState::new().build_hasher().finish() % limit
}

/// Nothing is there that was not to stay.
#[track_caller]
fn assert_nothing_is_left(cache: &Path) {
    let variable = format!("NSPROOF_CACHE={}", cache.display());
    let left = processes(|folder| {
        let environment = fs::read(folder.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
    });
    assert_eq!(left, [] as [i32; 0], "processes");
    let names = |part: &str| fs::read_dir(cache.join(part)).unwrap().flatten().map(|entry| entry.path());
    assert_eq!(names("tmp").collect::<Vec<_>>(), [] as [PathBuf; 0], "unfinished work");
    assert_eq!(names("templates").count(), 1, "templates");
    for lock in names("locks") {
        File::open(&lock).unwrap().try_lock().unwrap_or_else(|error| panic!("{}: {error}", lock.display()));
    }
}

const SCENARIOS: [&str; 3] = ["uts/domainname", "uts/hostname", "uts/set-inside"];

#[test]
fn a_machine_that_is_killed_at_any_moment_costs_no_more_than_its_verdict() {
    let cache = own_cache();
    start(&SCENARIOS, cache.path()).end();
    let started = Instant::now();
    assert_eq!(start(&SCENARIOS, cache.path()).end().0, Some(0));
    let whole = u64::try_from(started.elapsed().as_millis()).unwrap();
    let (mut killed, mut missed) = (0, 0);
    for _ in 0..rounds(12) {
        let mut run =
            start(&["--jobs", "1"].iter().chain(&SCENARIOS).copied().collect::<Vec<_>>(), cache.path());
        let after = Duration::from_millis(random(whole));
        std::thread::sleep(after);
        // Between two machines there is none: then the next.
        while run.is_running() {
            if let [machine, ..] = run.machines().as_slice() {
                killed += usize::from(signal::kill(*machine, Signal::SIGKILL).is_ok());
                break;
            }
        }
        let (code, report) = run.end();
        missed += check(code, &report, &SCENARIOS, &format!("killed after {after:?}"));
    }
    eprintln!("{killed} killed, {missed} verdicts lost");
    assert!(killed > 0 && missed > 0, "nothing was tried: {killed} killed, {missed} lost");
    assert_nothing_is_left(cache.path());
}

/// So many that one machine is used first, and copied for each. They take two seconds, most of which they wait.
const WAITING: [&str; 4] = ["n0", "n1", "n2", "n3"];

#[test]
fn a_copy_that_is_killed_costs_no_more_than_its_verdict_and_the_original_none() {
    let (cache, folder) = (own_cache(), TempDir::new().unwrap());
    for name in WAITING {
        fs::write(folder.path().join(name).with_extension("toml"), include_str!("kvm/scenario.toml"))
            .unwrap();
    }
    let arguments = ["--accel", "tcg", "--jobs", "4", folder.path().to_str().unwrap()];
    assert_eq!(start(&arguments, cache.path()).end().0, Some(0));
    let mut missed = 0;
    for round in 0..rounds(6) {
        let mut run = start(&arguments, cache.path());
        let mut machines = Vec::new();
        while run.is_running() && machines.len() <= WAITING.len() {
            machines = run.machines();
        }
        let after = Duration::from_millis(random(500));
        std::thread::sleep(after);
        // The numbers of processes grow, but for the one time that they begin anew.
        machines.sort_unstable();
        let copy = round % 2 == 1;
        // The youngest copy: the others may be done, where four are made slowly.
        let victim = if copy { *machines.last().unwrap() } else { machines[0] };
        signal::kill(victim, Signal::SIGKILL).unwrap();
        let (code, report) = run.end();
        let when = format!("the {} was killed after {after:?}", if copy { "copy" } else { "original" });
        let lost = check(code, &report, &WAITING, &when);
        // A copy that was asked nothing yet is replaced.
        assert!(copy || lost == 0, "{when}: {report:#}");
        missed += lost;
    }
    assert!(missed > 0, "no copy was killed at its work");
    assert_nothing_is_left(cache.path());
}

/// Each scenario once, none passed without its evidence, and at most one lost. How many were lost.
#[track_caller]
fn check(code: Option<i32>, report: &Value, scenarios: &[&str], when: &str) -> usize {
    let results = report["results"].as_array().unwrap();
    let names: Vec<_> = results.iter().map(|result| result["scenario"].as_str().unwrap()).collect();
    assert_eq!(names, scenarios, "{when}");
    let (passed, lost): (Vec<_>, Vec<_>) = results.iter().partition(|result| result["status"] == "pass");
    for result in passed {
        let steps = result["steps"].as_array().unwrap();
        let carried = |step: &Value| step["status"] == "pass" && step["ms"].is_number();
        assert!(!steps.is_empty() && steps.iter().all(carried), "{when}: {result:#}");
    }
    for result in &lost {
        assert_eq!(result["status"], "miss", "{when}: {result:#}");
        assert!(result["reason"].as_str().unwrap().contains("QEMU"), "{when}: {result:#}");
    }
    assert!(lost.len() <= 1, "{when}: {lost:#?}");
    assert_eq!(code, Some(if lost.is_empty() { 0 } else { 3 }), "{when}");
    lost.len()
}

/// What one process has at a time.
struct Sample {
    memory_kb: u64,
    descriptors: usize,
}

#[test]
fn machines_in_a_row_leave_nothing() {
    let (cache, folder, count) = (own_cache(), TempDir::new().unwrap(), rounds(40));
    let text = "about = \"Says its name.\"\n\n[[step]]\nin = \"host\"\ndo = \"hostname\"\n";
    for number in 0..count {
        fs::write(folder.path().join(format!("n{number:04}.toml")), text).unwrap();
    }
    let mut run = start(&[folder.path().to_str().unwrap()], cache.path());
    let mut samples = Vec::new();
    while run.is_running() {
        if let (Some(memory_kb), false) = (run.kilobytes("VmRSS"), run.machines().is_empty()) {
            samples.push(Sample { memory_kb, descriptors: run.descriptors() });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let (code, report) = run.end();
    assert_eq!((code, report["totals"]["pass"].as_u64()), (Some(0), u64::try_from(count).ok()), "{report:#}");
    assert_no_growth(&samples);
    assert_nothing_is_left(cache.path());
}

/// The last quarter is not above the second one by more than the results themselves take.
fn assert_no_growth(samples: &[Sample]) {
    assert!(samples.len() >= 8, "only {} samples", samples.len());
    let quarter = samples.len() / 4;
    let (early, late) = (&samples[quarter..2 * quarter], &samples[3 * quarter..]);
    let memory = |part: &[Sample]| part.iter().map(|sample| sample.memory_kb).max().unwrap();
    let descriptors = |part: &[Sample]| part.iter().map(|sample| sample.descriptors).min().unwrap();
    assert!(memory(late) <= memory(early) + 4096, "{} kB grew to {} kB", memory(early), memory(late));
    let (few, many) = (descriptors(early), descriptors(late));
    // The least of a quarter, and a second machine, which has eleven of its own; one lost with each machine is more.
    assert!(many <= few + 12, "{few} descriptors became {many}");
}
