//! `cargo xtask vm-test` as a user types it: the real kernel of this machine's distribution, in real QEMU.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::fixture;

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    report: Option<Value>,
}

/// Runs `vm-test` with a JSON report.
fn vm_test(args: &[&str]) -> Ran {
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report.json");
    let output = xtask(&["vm-test", "--report", &format!("json={}", report.display())], args, |_| {});
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        report: std::fs::read_to_string(report).ok().map(|text| serde_json::from_str(&text).unwrap()),
    }
}

fn xtask(command: &[&str], args: &[&str], change: impl Fn(&mut Command)) -> Output {
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(command).args(args);
    change(&mut xtask);
    xtask.output().expect("xtask runs")
}

impl Ran {
    #[track_caller]
    fn assert(&self, code: i32, words: &[&str]) {
        let all = format!("{}\n{}", self.stdout, self.stderr);
        assert_eq!(self.code, Some(code), "{all}");
        for word in words {
            assert!(all.contains(word), "{word:?} is not in:\n{all}");
        }
    }

    fn report(&self) -> &Value {
        self.report.as_ref().expect("a report was written")
    }
}

#[test]
fn who_covers_proc_does_not_choose_the_next_probe() {
    vm_test(&[&fixture("covered-proc")]).assert(0, &["1 pass"]);
}

#[test]
fn a_program_that_crashes_is_no_fault_of_the_kernel() {
    vm_test(&[&fixture("program-crashes")]).assert(0, &["1 pass"]);
}

#[test]
fn every_scenario_passes_and_every_starred_property_is_covered() {
    let ran = vm_test(&[]);
    ran.assert(0, &["0 fail", "0 error", "0 miss"]);
    let report = ran.report();
    assert_eq!(report["totals"]["fail"], 0);
    assert!(report["totals"]["pass"].as_u64() >= Some(35), "{}", report["totals"]);
    let passed: Vec<_> = report["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|result| result["status"] == "pass")
        .flat_map(|result| result["covers"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()))
        .collect();
    for starred in harness::catalogue::all().iter().filter(|property| property.starred) {
        assert!(passed.contains(&&*starred.id), "{} is not proven", starred.id);
    }
}

#[test]
fn a_caller_that_ignores_the_end_of_children_changes_nothing() {
    let script = r#"trap "" CHLD; exec "$0" vm-test uts/hostname"#;
    let out = Command::new("/bin/bash").args(["-c", script, env!("CARGO_BIN_EXE_xtask")]).output().unwrap();
    let all = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(0), "{all}");
}

#[test]
fn a_wrong_expectation_is_broken_and_shows_both_sides() {
    let ran = vm_test(&[&fixture("wrong-expectation")]);
    ran.assert(1, &["yourcontainer", "mycontainer", "wrong-expectation.toml:10"]);
    let result = &ran.report()["results"][0];
    assert_eq!(result["status"], "fail");
    // A second run from a cold boot confirms it.
    assert_eq!(result["again"]["status"], "fail");
    ran.assert(1, &["again in a cold boot, the same: fail"]);
}

#[test]
fn a_kernel_that_panics_costs_its_scenario_only() {
    let ran = vm_test(&[&fixture("kernel-panic"), &fixture("wrong-expectation")]);
    // The other scenario's property is broken: that is known, whatever was lost.
    ran.assert(1, &["Kernel panic - not syncing: sysrq triggered crash", "crash the kernel"]);
    let results = ran.report()["results"].as_array().unwrap();
    let statuses: Vec<_> = results.iter().map(|result| result["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["miss", "fail"]);
}

#[test]
fn a_lost_verdict_alone_is_an_exit_code_of_its_own() {
    vm_test(&[&fixture("kernel-panic")]).assert(3, &["1 miss", "sysrq triggered crash"]);
}

#[test]
fn a_kernel_that_hangs_is_lost_within_its_deadline() {
    let ran = vm_test(&[&fixture("kernel-hang")]);
    ran.assert(3, &["deadline"]);
    let result = &ran.report()["results"][0];
    assert_eq!(result["status"], "miss");
    // The scenario's own five seconds, and the grace in which a guest may still answer.
    assert!(result["duration_ms"].as_u64() < Some(20_000), "{}", result["duration_ms"]);
}

#[test]
fn a_step_that_hangs_is_an_error_and_the_guest_goes_on() {
    let ran = vm_test(&[&fixture("step-hang"), &fixture("wrong-expectation")]);
    ran.assert(1, &["read a FIFO without a writer", "deadline"]);
    let results = ran.report()["results"].as_array().unwrap();
    assert_eq!(results[0]["status"], "error");
    assert_eq!(results[1]["status"], "fail");
}

#[test]
fn an_unmet_need_is_a_skip_with_its_reason_and_can_be_denied() {
    let need = fixture("unmet-need");
    let reason = "1 skipped, which proves nothing: needs config CONFIG_NO_SUCH_OPTION: ";
    vm_test(&[&need, "uts/hostname"]).assert(0, &["1 pass", "1 skip", reason]);
    // A run that proved nothing is not green.
    vm_test(&[&need]).assert(3, &[reason, "nothing was proven: 1 result, none passed"]);
    vm_test(&[&need, "--deny-skips"]).assert(1, &["CONFIG_NO_SUCH_OPTION"]);
}

/// A kernel that breaks many scenarios does not have each of them wait for a cold boot of its own.
#[test]
fn one_of_each_reason_is_run_again_and_no_more_than_five() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, expected: &str| {
        let text = std::fs::read_to_string(fixture("wrong-expectation")).unwrap();
        let text = text.replace("do = \"hostname\"", &format!("name = \"{expected}\"\ndo = \"hostname\""));
        std::fs::write(folder.path().join(format!("{name}.toml")), text).unwrap();
    };
    for (name, reason) in
        [("a", "same"), ("b", "same"), ("c", "3"), ("d", "4"), ("e", "5"), ("f", "6"), ("g", "7")]
    {
        write(name, reason);
    }
    let ran = vm_test(&[folder.path().to_str().unwrap()]);
    ran.assert(1, &["7 fail", "2 more that did not pass were not run again in a cold boot"]);
    let results = ran.report()["results"].as_array().unwrap();
    let again: Vec<_> = results.iter().filter(|result| !result["again"].is_null()).collect();
    assert_eq!(again.len(), 5, "{}", ran.stdout);
    assert!(results[0]["again"].is_null() != results[1]["again"].is_null(), "one of a and b: {}", ran.stdout);
}

#[test]
fn a_bad_scenario_ends_before_anything_boots() {
    let bad = fixture("unknown-operation");
    let output = xtask(&["vm-test"], &[&bad], |command| {
        // Without QEMU in the PATH nothing can have booted.
        command.env("PATH", "/nonexistent");
    });
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("hostnam") && stderr.contains("hostname") && stderr.contains(":5:"), "{stderr}");
}

#[test]
fn a_filter_that_matches_nothing_is_a_usage_error() {
    vm_test(&["no-such-scenario"]).assert(2, &["no-such-scenario"]);
}

#[rstest::rstest]
#[case::jobs(&["--jobs", "0"], "0 is not in 1..")]
#[case::format(&["--report", "jsn=x"], "did you mean `json`?")]
#[case::repro_without_path(&["--repro", ""], "give the path of a folder")]
#[case::repro_below_a_file(&["--repro", "/etc/passwd/x"], "/etc/passwd is no folder")]
#[case::report_without_path(&["--report", "json="], "comes the path of a file")]
#[case::report_in_no_folder(&["--report", "json=/no/such/folder/x"], "there is no folder /no/such/folder")]
#[case::report_that_is_a_folder(&["--report", "json=/tmp"], "/tmp is a folder")]
#[case::reports_that_are_one(&["--report", "json=-", "--report", "ktap=-"], "two reports are to go to -")]
#[case::files_that_are_one(&["--report", "json=r", "--report", "ktap=./r"], "/r: give each a place of its own")]
fn what_is_wrong_is_told_before_anything_is_run(#[case] args: &[&str], #[case] told: &str) {
    let output = xtask(&["vm-test"], args, |command| {
        command.env("PATH", "/nonexistent");
    });
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(told), "{stderr}");
}

#[test]
fn help_is_a_command_too() {
    for (of, told) in [(&[][..], "vm-test"), (&["vm-test"], "--kernel")] {
        let output = xtask(&["help"], of, |_| {});
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains(told), "{of:?}");
    }
}

#[test]
fn a_report_on_the_standard_output_is_alone_there() {
    let output = xtask(&["vm-test", "uts/hostname", "--report", "json=-"], &[], |_| {});
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON and nothing else");
    assert_eq!(report["totals"]["pass"], 1);
    assert!(String::from_utf8(output.stderr).unwrap().contains("pass  uts/hostname"));
}

#[test]
fn missing_qemu_is_an_error_that_shows_the_command_to_install_it() {
    let cargo = Path::new(env!("CARGO")).parent().unwrap().display().to_string();
    let output = xtask(&["vm-test"], &["uts"], |command| {
        command.env("PATH", &cargo);
    });
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("--install"), "{stderr}");
}

#[test]
fn what_no_package_manager_installs_is_not_promised() {
    let output = xtask(&["vm-test", "--install"], &["uts"], |command| {
        command.env("PATH", "/nonexistent");
    });
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert_eq!(stderr, "error: QEMU is not installed; install QEMU with this system's package manager\n");
}

#[test]
fn flags_for_the_compiler_that_somebody_set_do_not_reach_the_guest() {
    let output = xtask(&["vm-test", "uts/hostname", "--jobs", "1"], &[], |command| {
        command.env("RUSTFLAGS", "--cfg somebody");
    });
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
