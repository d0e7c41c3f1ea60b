//! A KVM on which guests begin to hang in the middle of a run. There is none to be had for a test: QEMU's stand-in makes it.

use std::fs;
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::own_cache;

/// Scenarios of a run, on one worker: so few that each clone is a QEMU that is started.
const COUNT: usize = 3;

/// A cache, scenarios, and QEMU's stand-in.
struct Stage {
    cache: TempDir,
    folder: TempDir,
}

impl Stage {
    fn set() -> Self {
        let stage = Stage { cache: own_cache(), folder: TempDir::new().unwrap() };
        let program = stage.path("bin").join(format!("qemu-system-{}", std::env::consts::ARCH));
        fs::create_dir(stage.path("bin")).unwrap();
        fs::write(&program, include_str!("kvm/qemu.sh")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(stage.path("scenarios")).unwrap();
        stage.write_scenarios(0..COUNT);
        stage
    }

    fn write_scenarios(&self, numbers: Range<usize>) {
        for number in numbers {
            let file = self.path("scenarios").join(format!("n{number}.toml"));
            fs::write(file, include_str!("kvm/scenario.toml")).unwrap();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the scenarios, each in a clone of its own, where `bad` is how a machine on KVM goes.
    fn run(&self, bad: &str, accel: &str) -> Run {
        let (output, report) = self.command(bad, &["--isolation", "clone", "--accel", accel]);
        let report = report.unwrap_or_else(|| panic!("there is no report: {}", text(&output)));
        Run { report, machines: self.machines(), output }
    }

    /// What it printed, and its report if it wrote one.
    fn command(&self, bad: &str, more: &[&str]) -> (Output, Option<Value>) {
        let path = std::env::var_os("PATH").unwrap();
        let name = format!("qemu-system-{}", std::env::consts::ARCH);
        let real = std::env::split_paths(&path).map(|folder| folder.join(&name)).find(|file| file.exists());
        let paths = [self.path("bin")].into_iter().chain(std::env::split_paths(&path));
        let (mounts, report) = (TempDir::new().unwrap(), self.path("report.json"));
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        let output = Command::new("unshare")
            .args(if is_root { &["--mount"][..] } else { &["--mount", "--map-root-user"] })
            .args(["--", "sh", "-c", include_str!("kvm/stage.sh"), "stage.sh"])
            .args([mounts.path(), Path::new(env!("CARGO_BIN_EXE_xtask"))])
            .args(["vm-test", "--jobs", "1"])
            .args(more)
            .arg(format!("--report=json={}", report.display()))
            .arg(self.path("scenarios"))
            .env("PATH", std::env::join_paths(paths).unwrap())
            .env("NSPROOF_CACHE", self.cache.path())
            .env("QEMU", real.expect("QEMU is installed"))
            .env("MACHINES", self.path("machines"))
            .env("BAD", bad)
            .output()
            .unwrap();
        (output, fs::read_to_string(report).ok().map(|report| serde_json::from_str(&report).unwrap()))
    }

    /// A line for each that was started.
    fn machines(&self) -> String {
        fs::read_to_string(self.path("machines")).unwrap_or_default()
    }
}

struct Run {
    report: Value,
    machines: String,
    output: Output,
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

impl Run {
    /// Clones that were started, on KVM and on TCG.
    fn clones(&self) -> (usize, usize) {
        let count = |kvm| self.machines.lines().filter(|line| line.starts_with(kvm)).count();
        (count("clone yes"), count("clone no"))
    }

    fn statuses(&self) -> Vec<&str> {
        let results = self.report["results"].as_array().unwrap();
        results.iter().map(|result| result["status"].as_str().unwrap()).collect()
    }
}

/// What was lost on KVM was run again, the rest did not go there, and it is told.
#[track_caller]
fn assert_went_on_without_kvm(stage: &Stage, run: &Run, clones: (usize, usize), told: &str) {
    let said = text(&run.output);
    assert_eq!(run.output.status.code(), Some(0), "{said}");
    assert_eq!(run.statuses(), ["pass"; COUNT], "{said}");
    assert_eq!(run.clones(), clones, "{said}\n{}", run.machines);
    let kernel = &run.report["kernels"][0];
    assert_eq!(kernel["accel"], "tcg", "{kernel:#}");
    assert!(kernel["accel_reason"].as_str().unwrap().contains(told), "{kernel:#}");
    // Nobody tries it again.
    fs::remove_file(stage.path("machines")).unwrap();
    let next = stage.run("nothing is bad", "auto");
    assert_eq!((next.statuses(), next.clones()), (vec!["pass"; COUNT], (0, COUNT)), "{}", next.machines);
    let reason = next.report["kernels"][0]["accel_reason"].as_str().unwrap();
    assert!(reason.starts_with("no KVM: ") && reason.contains(told), "{reason}");
}

#[test]
fn a_scenario_in_which_kvm_stops_is_run_again_without_it() {
    let stage = Stage::set();
    let run = stage.run("the second clone stops", "auto");
    assert_went_on_without_kvm(&stage, &run, (2, COUNT - 1), "a guest on KVM fell silent in n1");
    // What KVM did is not forgotten: a kernel may be to blame that hangs only there.
    let results = run.report["results"].as_array().unwrap();
    let again: Vec<&Value> = results.iter().map(|result| &result["again"]).collect();
    let lost = serde_json::json!({
        "status": "miss", "reason": "the guest said nothing until the deadline", "accel": "kvm",
    });
    assert_eq!(again, [&Value::Null, &lost, &Value::Null]);
    assert!(text(&run.output).contains("warning: a guest on KVM fell silent in n1"), "{}", text(&run.output));
}

#[test]
fn a_clone_that_never_starts_on_kvm_costs_nothing() {
    let stage = Stage::set();
    let run = stage.run("the first clone says nothing", "auto");
    assert_went_on_without_kvm(&stage, &run, (1, COUNT), "a guest on KVM fell silent in n0");
}

#[test]
fn a_template_that_never_starts_on_kvm_costs_nothing() {
    let stage = Stage::set();
    let run = stage.run("the template says nothing", "auto");
    assert_went_on_without_kvm(&stage, &run, (0, COUNT), "the template fell silent on KVM");
}

#[test]
fn kvm_that_was_asked_for_is_never_replaced() {
    let stage = Stage::set();
    let run = stage.run("the second clone stops", "kvm");
    assert_eq!(run.output.status.code(), Some(3), "{}", text(&run.output));
    assert_eq!(run.statuses(), ["pass", "miss", "pass"]);
    assert_eq!(run.clones(), (COUNT, 0), "{}", run.machines);
    let (kernel, lost) = (&run.report["kernels"][0], &run.report["results"][1]);
    assert_eq!(kernel["accel"], "kvm", "{kernel:#}");
    let reason = lost["reason"].as_str().unwrap();
    assert!(reason.contains("the guest said nothing until the deadline"), "{reason}");
}

#[test]
fn only_a_verdict_without_kvm_tells_against_it() {
    let stage = Stage::set();
    // Its step is not done by then: an error, which is no verdict, on KVM and elsewhere.
    let slow = include_str!("kvm/scenario.toml").replacen('\n', "\ndeadline = \"1s\"\n", 1);
    fs::write(stage.path("scenarios/n1.toml"), slow).unwrap();
    let run = stage.run("the second and the third clone stop", "auto");
    let said = text(&run.output);
    assert_eq!(run.statuses(), ["pass", "miss", "pass"], "{said}");
    assert_eq!(run.report["results"][1]["again"]["accel"], Value::Null, "{said}");
    assert_eq!(run.report["results"][2]["again"]["accel"], "kvm", "{said}");
    // The first scenario that tells against KVM is the one that is named.
    let reason = run.report["kernels"][0]["accel_reason"].as_str().unwrap();
    assert!(reason.contains("a guest on KVM fell silent in n2"), "{reason}");
}

#[test]
fn a_kernel_that_never_starts_does_not_tell_against_kvm() {
    let stage = Stage::set();
    let (output, _) = stage.command("no template gets ready", &["--isolation", "clone"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    fs::remove_file(stage.path("machines")).unwrap();
    let next = stage.run("nothing is bad", "auto");
    assert_eq!(next.clones(), (COUNT, 0), "{}\n{}", text(&next.output), next.machines);
}

#[test]
fn what_takes_over_begins_warm_where_there_is_much_to_do() {
    let stage = Stage::set();
    stage.write_scenarios(COUNT..2 * COUNT);
    let run = stage.run("the second clone stops", "auto");
    let said = text(&run.output);
    assert_eq!(run.statuses(), ["pass"; 2 * COUNT], "{said}");
    // The one without KVM is used first, and then copied.
    assert_eq!(run.clones(), (2, 1), "{said}\n{}", run.machines);
}
