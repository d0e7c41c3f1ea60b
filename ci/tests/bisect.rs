//! `vm-test --bisect` and `cargo xtask bisect` as people and `git bisect run` call them.

use std::path::Path;
use std::process::{Command, Output};

/// A scenario of the tests' own.
fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    folder.join(name).with_extension("toml").display().to_string()
}

fn xtask(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).args(args).output().expect("xtask runs")
}

#[track_caller]
fn assert_ends(output: &Output, code: i32, words: &str) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{all}");
    assert!(all.contains(words), "{words:?} is not in:\n{all}");
}

/// A step of `git bisect run` on the distribution's kernel.
#[track_caller]
fn assert_step(args: &[&str], code: i32, words: &str) {
    assert_ends(&xtask(&[&["vm-test", "--bisect"], args].concat()), code, words);
}

#[test]
fn a_kernel_that_isolates_is_good() {
    assert_step(&["uts/hostname", "--repeat", "3"], 0, "bisect: good");
}

#[test]
fn what_fails_twice_is_bad() {
    assert_step(&[&fixture("wrong-expectation")], 1, "bisect: bad: ");
}

#[rstest::rstest]
#[case::panic("kernel-panic", "sysrq triggered crash")]
#[case::skip("unmet-need", "skip: ")]
#[case::hang_of_a_step("step-hang", "error: ")]
fn what_is_neither_cannot_be_told(#[case] scenario: &str, #[case] words: &str) {
    assert_step(&[&fixture(scenario)], 125, "bisect: cannot tell, exit code 125: ");
    assert_step(&[&fixture(scenario), "uts/hostname"], 125, words);
}

/// git would take 2 for a bad commit, and anything from 128 on ends its search.
#[rstest::rstest]
#[case::scenario(&["no-such-scenario"])]
#[case::flag(&["--no-such-flag"])]
#[case::kernel(&["--kernel", "no-such-kernel"])]
#[case::kernel_that_is_none(&["uts/hostname", "--kernel", "/etc/passwd"])]
#[case::kernels(&["--kernel", "distro", "--kernel", "host"])]
#[case::times(&["--repeat", "0"])]
fn a_wrong_command_line_blames_no_commit(#[case] args: &[&str]) {
    assert_step(args, 125, "bisect: cannot tell, exit code 125: ");
}

#[test]
fn help_is_no_answer_and_a_flag_without_bisect_is_a_usage_error() {
    assert_ends(&xtask(&["vm-test", "--help"]), 0, "--bisect");
    assert_ends(&xtask(&["vm-test", "--no-such-flag"]), 2, "--no-such-flag");
    assert_ends(&xtask(&["vm-test", "--repeat", "3"]), 2, "--bisect");
}

#[rstest::rstest]
#[case::one(&["--kernel", "distro"], "two kernels or more")]
#[case::unknown(&["--kernel", "distro", "no-such-kernel"], "debian-6.12")]
#[case::scenario(&["no-such-scenario", "--kernel", "distro", "host"], "no-such-scenario")]
fn a_search_that_cannot_begin(#[case] args: &[&str], #[case] words: &str) {
    assert_ends(&xtask(&[&["bisect"], args].concat()), 2, words);
}

#[test]
fn a_search_checks_its_ends() {
    let kernels = ["--kernel", "distro", "distro"];
    let broken = fixture("wrong-expectation");
    assert_ends(&xtask(&[&["bisect", "uts/hostname"], &kernels[..]].concat()), 2, "the last kernel, is good");
    assert_ends(
        &xtask(&[&["bisect", &broken], &kernels[..]].concat()),
        2,
        "the first kernel, is bad already",
    );
    let panics = fixture("kernel-panic");
    assert_ends(&xtask(&[&["bisect", &panics], &kernels[..]].concat()), 3, "distro cannot be told: ");
}
