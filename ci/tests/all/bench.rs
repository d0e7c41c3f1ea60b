//! `cargo xtask bench` for real, with one round.

use std::process::Command;

use serde_json::Value;

#[test]
fn machines_and_containers_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("bench.json");
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(["bench", "machines", "containers", "--samples", "1", "--json"]).arg(&json);
    let output = xtask.output().expect("xtask runs");
    let table = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    // One round on a busy machine may exceed a bound: then it says so.
    let exceeded = table.contains("EXCEEDED");
    assert_eq!(output.status.code(), Some(i32::from(exceeded)), "{table}\n{said}");

    let report: Value = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    let rows = report["rows"].as_array().unwrap();
    let median = |name: &str| {
        let row = rows.iter().find(|row| row["name"] == name);
        row.unwrap_or_else(|| panic!("no row {name}:\n{table}"))["values"]["p50"].as_f64()
    };
    let cold = median("QEMU's start to Ready").expect("a cold boot was measured");
    let clone = median("QEMU's start to the guest's first answer").expect("a clone was measured");
    assert!(clone < cold, "{table}");
    let holds = |bound: &str| {
        let checked = report["budget"].as_array().unwrap().iter().find(|checked| checked["name"] == bound);
        checked.unwrap_or_else(|| panic!("no bound {bound}:\n{table}"))["holds"].as_bool()
    };
    // Neither is stretched by a busy machine.
    for bound in ["the same in processor time", "MB of a further clone"] {
        assert_eq!(holds(bound), Some(true), "a clone costs too much:\n{table}");
    }
    // Nor this one, by much: both are started at a priority above what keeps it busy. Only root can start them.
    assert_ne!(holds("nsrun / unshare"), Some(false), "a container costs too much:\n{table}");
    // Whatever is not installed here is a row nevertheless, and has a reason.
    for row in rows.iter().filter(|row| row["n"] == 0) {
        assert!(row["values"].is_null() && row["note"].is_string(), "{row}");
    }
    assert!(rows.iter().any(|row| row["name"] == "nsrun, the demo"), "{table}");
}
