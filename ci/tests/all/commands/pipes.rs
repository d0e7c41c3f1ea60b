//! A standard output that takes nothing: its reader is gone, or there is no room.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::common::fixture;

/// The writing end of a pipe that nobody reads.
fn closed() -> Stdio {
    let (_, writer) = std::io::pipe().unwrap();
    writer.into()
}

/// A file on a disk without room.
fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// What a command says on its standard error, and how it ends.
fn ends(arguments: &[&str], output: Stdio) -> (Option<i32>, String) {
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let ended = xtask.args(arguments).stdout(output).output().unwrap();
    (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
}

#[rstest::rstest]
#[case::explain(&["explain", "demo"])]
#[case::kernels(&["kernels"])]
#[case::matrix(&["matrix"])]
#[case::cache(&["cache"])]
fn what_nobody_reads_ends_a_command_as_ever(#[case] arguments: &[&str]) {
    assert_eq!(ends(arguments, closed()), (Some(0), String::new()));
}

#[rstest::rstest]
#[case::explain(&["explain", "demo"])]
#[case::kernels(&["kernels"])]
#[case::matrix(&["matrix"])]
#[case::cache(&["cache"])]
fn what_could_not_be_printed_is_lost(#[case] arguments: &[&str]) {
    let (code, said) = ends(arguments, full());
    assert_eq!(code, Some(3), "{said}");
    assert_eq!(said, "error: cannot write to the standard output: No space left on device (os error 28)\n");
}

#[rstest::rstest]
#[case::passed("uts/hostname".to_owned(), closed(), 0)]
#[case::broken(fixture("wrong-expectation"), closed(), 1)]
#[case::no_room("uts/hostname".to_owned(), full(), 3)]
fn a_run_that_nobody_listens_to_has_its_verdict_and_its_report(
    #[case] filter: String,
    #[case] output: Stdio,
    #[case] code: i32,
) {
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report.json");
    let target = format!("json={}", report.display());
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(["vm-test", &filter, "--report", "junit=-", "--report", &target]);
    let ended = xtask.stdout(output).stderr(closed()).status().unwrap();
    assert_eq!(ended.code(), Some(code));
    let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(json["results"].as_array().unwrap().len(), 1);
}

#[test]
fn a_search_that_nobody_listens_to_ends_at_once() {
    // Asked about both, it would say that the last one is good.
    let search = ["bisect", "uts/hostname", "--kernel", "distro", "distro"];
    let (code, said) = ends(&search, closed());
    assert_eq!(code, Some(3), "{said}");
    assert!(!said.contains("error") && !said.contains("panicked"), "{said}");
}
