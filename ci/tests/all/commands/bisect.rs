//! `vm-test --bisect` and `cargo xtask bisect` as people and `git bisect run` call them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use vm::{Cache, Silent, kernel};

use crate::common::fixture;

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
#[case::report(&["--report", "json=/no/such/folder/report.json"])]
fn a_wrong_command_line_blames_no_commit(#[case] args: &[&str]) {
    assert_step(args, 125, "bisect: cannot tell, exit code 125: ");
}

/// A panic over what is no text would be 101, which is bad to git.
#[rstest::rstest]
#[case::flag(None, b"--no-such-\xff")]
#[case::scenario(None, b"\xff")]
#[case::kernel(Some("--kernel"), b"\xff")]
#[case::report(Some("--report"), b"json=\xff")]
#[case::repro(Some("--repro"), b"\xff")]
fn an_argument_that_is_no_text_blames_no_commit(#[case] option: Option<&str>, #[case] bytes: &[u8]) {
    let vm_test = |first: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg("vm-test").args(first).args(option).arg(OsStr::from_bytes(bytes));
        command.output().expect("xtask runs")
    };
    assert_ends(&vm_test(&["--bisect"]), 125, "bisect: cannot tell, exit code 125: ");
    assert_ends(&vm_test(&[]), 2, "error: ");
}

/// The documented script in a folder that looks like a built tree: neither this nor nsproof is to be built.
#[test]
fn the_script_takes_paths_from_the_folder_it_is_called_in() {
    let tree = tempfile::tempdir().unwrap();
    let distro = kernel::resolve("distro", &Cache::open().unwrap(), &Silent).unwrap();
    for folder in ["bin", "arch/x86/boot", "include/config"] {
        fs::create_dir_all(tree.path().join(folder)).unwrap();
    }
    fs::copy(&distro.image, tree.path().join("arch/x86/boot/bzImage")).unwrap();
    fs::write(tree.path().join("include/config/kernel.release"), &distro.release).unwrap();
    fs::copy(fixture("wrong-expectation"), tree.path().join("mine.toml")).unwrap();
    for file in ["Kbuild", ".config"] {
        fs::write(tree.path().join(file), "").unwrap();
    }
    for program in ["bin/make", "bin/cargo"] {
        fs::write(tree.path().join(program), "#!/bin/sh\n").unwrap();
        fs::set_permissions(tree.path().join(program), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path =
        [tree.path().join("bin").into_os_string(), std::env::var_os("PATH").unwrap()].join(OsStr::new(":"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bisect.sh");
    let args = ["mine.toml", "--report", "json=report.json", "--repro", "left"];
    let output =
        Command::new(script).args(args).current_dir(&tree).env("PATH", path).output().expect("sh runs");
    assert_ends(&output, 1, "bisect: bad: mine");
    assert!(tree.path().join("report.json").is_file() && tree.path().join("left").is_dir());
}

#[test]
fn help_is_no_answer_and_a_flag_without_bisect_is_a_usage_error() {
    assert_ends(&xtask(&["vm-test", "--help"]), 0, "--bisect");
    assert_ends(&xtask(&["vm-test", "--no-such-flag"]), 2, "--no-such-flag");
    assert_ends(&xtask(&["vm-test", "--bisect=good"]), 125, "bisect: cannot tell, exit code 125: ");
    assert_ends(&xtask(&["vm-test", "--repeat", "3"]), 2, "--bisect");
}

#[rstest::rstest]
#[case::one(&["--kernel", "distro"], "two kernels or more")]
#[case::unknown(&["--kernel", "distro", "no-such-kernel"], "debian-6.12")]
#[case::path(&["--kernel", "distro", "/no/such/bzImage"], "cannot find /no/such/bzImage")]
#[case::scenario(&["no-such-scenario", "--kernel", "distro", "distro"], "  × no scenario matches `no-such-scenario`")]
#[case::jobs(&["--kernel", "distro", "distro", "--jobs", "0"], "0 is not in 1..")]
fn a_search_that_cannot_begin(#[case] args: &[&str], #[case] words: &str) {
    let output = xtask(&[&["bisect"], args].concat());
    assert_ends(&output, 2, words);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("error:   "), "{output:?}");
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
