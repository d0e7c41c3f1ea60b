//! Which files are loaded, and what is said of a folder, a filter or a file that will not do.

use std::fs;
use std::path::Path;

use harness::scenario::load;
use rstest::rstest;
use tempfile::TempDir;

const GOOD: &str = "about = \"One sentence.\"\n[[step]]\nin = \"host\"\ndo = \"hostname\"\n";

fn tree(files: &[(&str, &str)]) -> TempDir {
    let root = TempDir::new().expect("a temporary folder");
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        fs::write(path, text).expect("it can be written");
    }
    root
}

fn names(root: &Path, filters: &[&str]) -> Result<Vec<String>, String> {
    let filters: Vec<String> = filters.iter().map(ToString::to_string).collect();
    let told = |problems: harness::diagnostic::Diagnostics| {
        problems.to_string().replace(&root.display().to_string(), "scenarios")
    };
    load(root, &filters).map(|all| all.into_iter().map(|scenario| scenario.name).collect()).map_err(told)
}

#[rstest]
#[case::all(&[], &["net/lo", "net/outside", "net/veth", "uts/hostname"])]
#[case::part_of_a_name(&["host"], &["uts/hostname"])]
#[case::folder_as_a_name(&["net"], &["net/lo", "net/outside", "net/veth"])]
#[case::whole_words_before_parts(&["uts"], &["uts/hostname"])]
#[case::as_a_path_that_is_none_here(&["scenarios/net/lo.toml"], &["net/lo"])]
#[case::several_each_once(&["net/lo", "lo", "hostname"], &["net/lo", "uts/hostname"])]
fn a_filter_chooses(#[case] filters: &[&str], #[case] expected: &[&str]) {
    let root = tree(&[
        ("uts/hostname.toml", GOOD),
        ("net/lo.toml", GOOD),
        ("net/veth.toml", GOOD),
        ("net/outside.toml", GOOD),
        ("README.md", ""),
    ]);
    assert_eq!(names(root.path(), filters).unwrap(), expected);
}

#[test]
fn a_filter_may_be_a_path_to_a_file_or_folder_anywhere() {
    let root = tree(&[("uts/hostname.toml", GOOD), ("net/lo.toml", GOOD)]);
    let elsewhere = tree(&[("mine.toml", GOOD)]);
    let path = |root: &TempDir, name: &str| root.path().join(name).display().to_string();
    assert_eq!(names(root.path(), &[&path(&root, "net")]).unwrap(), ["net/lo"]);
    assert_eq!(names(root.path(), &[&path(&root, "uts/../net/lo.toml")]).unwrap(), ["net/lo"]);
    assert_eq!(names(root.path(), &[&path(&elsewhere, "mine.toml")]).unwrap(), ["mine"]);
    assert_eq!(names(root.path(), &[&path(&elsewhere, ""), "lo"]).unwrap(), ["mine", "net/lo"]);
}

#[test]
fn scenarios_elsewhere_are_called_by_where_they_are_below_the_folder() {
    let root = tree(&[("uts/hostname.toml", GOOD)]);
    let mine = tree(&[("net/a.toml", GOOD), ("uts/a.toml", GOOD), ("b.toml", GOOD)]);
    let path = |name: &str| mine.path().join(name).display().to_string();
    assert_eq!(names(root.path(), &[&path("")]).unwrap(), ["b", "net/a", "uts/a"]);
    // Given twice, under another name each, it is the same file.
    assert_eq!(names(root.path(), &[&path(""), &path("net/a.toml")]).unwrap(), ["a", "b", "uts/a"]);
}

#[test]
fn two_scenarios_of_one_name_are_refused() {
    let root = tree(&[("uts/hostname.toml", GOOD)]);
    let mine = tree(&[("one/a.toml", GOOD), ("two/a.toml", GOOD), ("uts/hostname.toml", GOOD)]);
    let path = |name: &str| mine.path().join(name).display().to_string();
    let told = names(root.path(), &[&path("one"), &path("two")]).unwrap_err();
    assert!(told.contains("two scenarios are called `a`: ") && told.contains("rename one"), "{told}");
    let told = names(root.path(), &["uts", &path("")]).unwrap_err();
    assert!(told.contains("two scenarios are called `uts/hostname`: "), "{told}");
}

#[test]
fn the_case_of_the_ending_does_not_matter() {
    let root = tree(&[("uts/hostname.toml", GOOD), ("uts/other.TOML", GOOD)]);
    assert_eq!(names(root.path(), &[]).unwrap(), ["uts/hostname", "uts/other"]);
    assert_eq!(names(root.path(), &["other"]).unwrap(), ["uts/other"]);
}

#[test]
fn links_that_lead_back_are_followed_once() {
    let root = tree(&[("uts/hostname.toml", GOOD)]);
    for name in ["here", "there"] {
        std::os::unix::fs::symlink(".", root.path().join("uts").join(name)).unwrap();
    }
    std::os::unix::fs::symlink("hostname.toml", root.path().join("uts/other.toml")).unwrap();
    assert_eq!(names(root.path(), &[]).unwrap(), ["uts/hostname"]);
}

#[test]
fn a_filter_that_matches_nothing_names_what_is_near() {
    let root = tree(&[("uts/hostname.toml", GOOD), ("net/lo.toml", GOOD)]);
    insta::assert_snapshot!(names(root.path(), &["hostnme", "lo", "cgroup"]).unwrap_err());
}

/// A variable of a script that is not set is not meant to choose everything.
#[test]
fn an_empty_filter_chooses_nothing() {
    let root = tree(&[("uts/hostname.toml", GOOD)]);
    let told = names(root.path(), &[""]).unwrap_err();
    assert!(told.contains("no scenario matches ``") && told.contains("the folders are: uts"), "{told}");
}

#[test]
fn an_empty_folder_and_a_missing_one_are_errors() {
    let root = tree(&[("README.md", "")]);
    insta::assert_snapshot!("empty", names(root.path(), &[]).unwrap_err());
    insta::assert_snapshot!("missing", names(&root.path().join("none"), &[]).unwrap_err());
}

#[test]
fn a_file_that_is_not_utf8_says_where() {
    let root = tree(&[]);
    fs::write(root.path().join("latin1.toml"), b"about = \"One sentence.\"\n# caf\xe9\n").unwrap();
    insta::assert_snapshot!(names(root.path(), &[]).unwrap_err());
}

#[test]
fn the_problems_of_all_files_are_told_at_once() {
    let bad = GOOD.replace("hostname", "hostnam");
    let root =
        tree(&[("b.toml", &bad), ("a.toml", &format!("covers = [\"P0\"]\n{bad}")), ("good.toml", GOOD)]);
    let told = names(root.path(), &[]).unwrap_err();
    let mentions: Vec<_> = ["a.toml:1:", "a.toml:5:", "b.toml:4:"].map(|place| told.find(place)).into();
    assert!(mentions.iter().all(Option::is_some) && mentions.is_sorted(), "{told}");
    assert!(told.ends_with("3 problems in 2 files; nothing was run"), "{told}");
}

#[test]
fn a_bad_file_that_is_not_chosen_is_in_nobodys_way() {
    let root = tree(&[("bad.toml", ""), ("good.toml", GOOD)]);
    assert_eq!(names(root.path(), &["good"]).unwrap(), ["good"]);
    assert!(names(root.path(), &[]).is_err());
}

#[rstest]
#[case("...toml")]
#[case("uts/..toml")]
#[case(".hidden.toml")]
fn a_file_that_would_be_called_by_dots_is_refused(#[case] name: &str) {
    let root = tree(&[(name, GOOD)]);
    let told = names(root.path(), &[]).unwrap_err();
    assert!(told.contains("is no name for a scenario's file"), "{told}");
}
