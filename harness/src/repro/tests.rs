use std::fs;
use std::path::PathBuf;

use super::*;
use crate::report::Step;

#[rstest::rstest]
#[case("distro", "uts/hostname", "out/distro/uts/hostname")]
#[case("apt:linux-image-amd64@sid", "a", "out/apt%3Alinux-image-amd64%40sid/a")]
#[case("/src/linux", "a", "out/%2Fsrc%2Flinux/a")]
#[case("-src-linux", "a", "out/-src-linux/a")]
#[case("../..", "a", "out/%2E.%2F../a")]
#[case("distro", "a/\u{1b}[m\u{202e}\u{fc}", "out/distro/a/%1B[m%E2%80%AE\u{fc}")]
fn a_kernel_is_one_folder(#[case] kernel: &str, #[case] scenario: &str, #[case] expected: &str) {
    assert_eq!(place(Path::new("out"), kernel, scenario), PathBuf::from(expected));
}

#[test]
fn only_what_a_run_left_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("uts");
    let other = place.join("hostname");
    fs::create_dir_all(&other).unwrap();
    for path in [&place, &other] {
        fs::write(path.join(file::RECORD), "{}").unwrap();
    }
    remove(folder.path(), &place).unwrap();
    assert!(!place.join(file::RECORD).exists() && other.join(file::RECORD).exists());
    remove(folder.path(), &other).unwrap();
    remove(folder.path(), &place).unwrap();
    assert!(!place.exists());
    // Twice is once.
    remove(folder.path(), &place).unwrap();
}

#[test]
fn what_a_link_leads_to_is_left_alone() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let record = elsewhere.path().join(file::RECORD);
    fs::write(&record, "mine").unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("uts")).unwrap();
    for place in ["uts", "uts/hostname"] {
        let error = remove(folder.path(), &folder.path().join(place)).unwrap_err().to_string();
        assert!(error.contains("is a symbolic link"), "{error}");
    }
    assert_eq!(fs::read_to_string(record).unwrap(), "mine");
}

#[test]
fn a_step_that_came_out_otherwise_is_a_difference() {
    let step = |status: &str| -> Step {
        serde_json::from_value(serde_json::json!({
            "name": "ping", "in": "box", "exec": false, "do": "ping", "status": status, "expected": null,
            "observed": null, "mismatches": [], "ms": null, "line": 1
        }))
        .unwrap()
    };
    let outcome = |status: &str, steps: Vec<Step>| -> Outcome {
        let outcome = serde_json::json!({
            "kernel": "distro", "runtime": "nsrun", "scenario": "a", "covers": [], "status": status, "reason": null,
            "duration_ms": 1, "steps": [], "kernel_log": [], "taint": 0, "left_behind": [], "console": []
        });
        Outcome { steps, ..serde_json::from_value(outcome).unwrap() }
    };
    let recorded = outcome("fail", vec![step("pass"), step("fail")]);
    assert_eq!(differences(&recorded, &recorded), [""; 0]);
    assert_eq!(
        differences(&recorded, &outcome("fail", vec![step("fail"), step("fail")])),
        ["step `ping`: pass was recorded, and now it is fail"]
    );
    let lost = outcome("miss", vec![step("pass"), step("miss")]);
    assert_eq!(differences(&lost, &outcome("miss", vec![step("miss"), step("miss")])), [""; 0]);
    assert_eq!(
        differences(&recorded, &outcome("pass", vec![step("pass"), step("pass")])),
        [
            "result: fail was recorded, and now it is pass",
            "step `ping`: fail was recorded, and now it is pass"
        ]
    );
}
