//! A run in parts, on as many machines as one likes, and the parts as one report.

use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{printed, said, xtask};

/// Runs a part, and gives its report's path.
fn part(folder: &TempDir, shard: &str) -> String {
    let path = folder.path().join(shard.replace('/', "-of-")).display().to_string();
    xtask(&["vm-test", "uts", "--shard", shard, "--report", &format!("json={path}")]).success();
    path
}

#[test]
fn the_parts_of_a_run_are_the_whole() {
    let folder = TempDir::new().unwrap();
    let [first, second] = ["1/2", "2/2"].map(|shard| part(&folder, shard));
    let merged = xtask(&["merge", &second, &first]).success();
    let merged: Value = serde_json::from_slice(&merged.get_output().stdout).expect("a report");
    let scenarios: Vec<&String> = merged["scenarios"].as_object().unwrap().keys().collect();
    let results = merged["results"].as_array().unwrap().iter();
    let names: Vec<&str> = results.map(|result| result["scenario"].as_str().unwrap()).collect();
    assert!(names.len() >= 6, "{names:?}");
    assert_eq!(names, scenarios);
    let alone = xtask(&["merge", &first]).code(2);
    assert!(said(&alone).contains("distro: shard 2/2 is missing"), "{}", said(&alone));
    let matrix = xtask(&["matrix", "--kernel", "distro", "--kernel", "host", "--shards", "2"]).success();
    let matrix = printed(&matrix);
    let lost = xtask(&["merge", &first, &second, "--matrix", &matrix, "--report", "junit=-"]).code(3);
    // The report alone can be piped.
    let piped = printed(&lost);
    assert!(piped.starts_with("<?xml") && piped.trim_end().ends_with("</testsuites>"), "{piped}");
    assert!(
        said(&lost).contains("kernel host: no machine: the job host-1-of-2 gave no report"),
        "{}",
        said(&lost)
    );
    let none = xtask(&["merge", &first, "--matrix", "{}"]).code(2);
    assert!(said(&none).contains("give what `cargo xtask matrix` printed"), "{}", said(&none));
}

#[rstest]
#[case("0/4", "parts are counted from 1")]
#[case("5/4", "there are 4 parts")]
#[case("x/y", "write I/N")]
fn a_shard_that_is_none_is_a_usage_error(#[case] shard: &str, #[case] told: &str) {
    let assert = xtask(&["vm-test", "--shard", shard]).code(2);
    assert!(said(&assert).contains(told), "{}", said(&assert));
}

#[test]
fn the_matrix_is_one_line_of_json() {
    let told =
        xtask(&["matrix", "--kernel", "distro", "--kernel", "/elsewhere/bzImage", "--shards", "3"]).success();
    let text = printed(&told);
    assert_eq!(text.lines().count(), 1, "{text}");
    let matrix: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(matrix["include"].as_array().map(Vec::len), Some(6));
    assert!(said(&xtask(&["matrix", "--shards", "65"]).code(2)).contains("GitHub takes 256"));
    xtask(&["matrix", "--shards", "0"]).code(2);
    let unknown = xtask(&["matrix", "--kernel", "debain-6.1"]).code(2);
    assert!(said(&unknown).contains("did you mean debian-6.1?"), "{}", said(&unknown));
}
