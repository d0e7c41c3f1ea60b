//! Runs with a baseline, as a CI maintainer checks one in.

use tempfile::TempDir;

use crate::common::{all, command, fixture};

/// `vm-test` with a baseline of this text; gives the exit code, and all that was said.
fn vm_test(baseline: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("baseline.toml");
    std::fs::write(&file, baseline).unwrap();
    let mut xtask = command(&["vm-test", "--baseline"]);
    let ran = xtask.arg(&file).arg("--repro").arg(folder.path()).args(arguments).assert();
    (ran.get_output().status.code(), all(&ran))
}

#[test]
fn what_is_expected_is_no_failure_and_no_denied_skip() {
    let baseline = "[[fail]]\nkernel = \"*\"\nscenario = \"wrong-expectation\"\nreason = \"by design\"\n\
                    [[skip]]\nkernel = \"distro\"\nscenario = \"unmet-need\"\nreason = \"no such option\"\n";
    let scenarios = [fixture("wrong-expectation"), fixture("unmet-need")];
    let (code, said) = vm_test(baseline, &["--deny-skips", &scenarios[0], &scenarios[1], "uts/hostname"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 fail, 1 skip, 0 error, 0 miss; 2 as the baseline expects"), "{said}");
    let (code, said) = vm_test(baseline, &["--deny-skips", &scenarios[0], &scenarios[1]]);
    assert_eq!(code, Some(3), "nothing was proven: {said}");
    let (code, said) = vm_test("", &["--deny-skips", &scenarios[1]]);
    assert_eq!(code, Some(1), "{said}");
}

#[test]
fn a_failure_that_is_none_any_more_fails_until_its_entry_is_gone() {
    let entry =
        |word: &str| format!("[[{word}]]\nkernel = \"*\"\nscenario = \"uts/hostname\"\nreason = \"a bug\"\n");
    let (code, said) = vm_test(&entry("fail"), &["uts/hostname"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the baseline expects fail (a bug); take the entry out"), "{said}");
    let (code, said) = vm_test(&entry("skip"), &["uts/hostname"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the baseline expects skip (a bug); take the entry out"), "{said}");
}

#[test]
fn an_entry_for_nothing_ends_before_anything_boots() {
    let entry = "[[fail]]\nkernel = \"debain-5.10\"\nscenario = \"uts/hostnam\"\nreason = \"a bug\"\n";
    let (code, said) = vm_test(entry, &["uts/hostname"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("did you mean `debian-5.10`?") && said.contains("did you mean `uts/hostname`?"),
        "{said}"
    );
}
