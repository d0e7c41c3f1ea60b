//! What a comparison of real runs says, and what is said of reports that cannot be compared.

use std::path::Path;

use tempfile::TempDir;

use crate::common::{all, xtask};

/// Runs scenarios on this machine's kernel, and gives the report's path.
fn report(folder: &TempDir, isolation: &str, filters: &[&str]) -> String {
    let path = folder.path().join(isolation).with_extension("json").display().to_string();
    let target = format!("json={path}");
    let ran = xtask(&[&["vm-test", "--isolation", isolation, "--report", &target], filters].concat());
    assert!(Path::new(&path).exists(), "{}", all(&ran));
    path
}

#[test]
fn the_same_kernel_behaves_the_same_however_it_was_started() {
    let folder = TempDir::new().unwrap();
    let clone = report(&folder, "clone", &[]);
    let shared = report(&folder, "shared", &[]);
    let boot = report(&folder, "boot", &["demo", "pid/init", "process/credentials"]);
    for base in [shared, boot] {
        let text = all(&xtask(&["compare", &base, &clone]).success());
        let nothing = "0 regressions, 0 lost verdicts, 0 new skips, 0 properties of coverage lost, 0 fixed, \
                       0 changes of behaviour\n";
        assert!(text.ends_with(nothing) && !text.contains("\nbehaviour:"), "{base}:\n{text}");
    }
}

#[test]
fn a_report_that_is_none_is_a_usage_error() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("report.json");
    std::fs::write(&file, "{\"schema\": 99}").unwrap();
    let file = file.display().to_string();
    let text = all(&xtask(&["compare", &file, &file]).code(2));
    assert!(text.contains("was written with schema 99, this nsproof reads 1"), "{text}");
    let text = all(&xtask(&["compare", "/nonexistent/a.json#debian-6.1", &file]).code(2));
    assert!(text.contains("cannot read the report /nonexistent/a.json: No such file"), "{text}");
    let text = all(&xtask(&["compare", &file, &file, "--report", "html=x"]).code(2));
    assert!(text.contains("write markdown=PATH"), "{text}");
    let text = all(&xtask(&["compare", &file, &file, "--report", "markdown=/tmp"]).code(2));
    assert!(text.contains("/tmp is a folder: give a file's path"), "{text}");
}
