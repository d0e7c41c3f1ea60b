//! The tree itself is tested: what clippy and rustfmt cannot see.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Every file that git tracks or would track, with its text.
fn files(endings: &[&str]) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the workspace");
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .expect("git runs");
    assert!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).expect("names are UTF-8");
    let files: Vec<_> = names
        .lines()
        .filter(|name| endings.iter().any(|ending| name.ends_with(ending)) && root.join(name).exists())
        .map(|name| (PathBuf::from(name), std::fs::read_to_string(root.join(name)).expect(name)))
        .collect();
    assert!(!files.is_empty(), "no {endings:?} in the tree");
    files
}

/// The places where `found` holds, as `path:line: text`.
fn places(files: &[(PathBuf, String)], found: impl Fn(&Path, &str) -> bool) -> Vec<String> {
    let mut places = Vec::new();
    for (path, text) in files {
        for (number, line) in text.lines().enumerate() {
            if found(path, line) {
                places.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    places
}

fn below_sys(path: &Path) -> bool {
    path.starts_with("runtime/sys")
}

#[test]
fn no_rust_file_is_longer_than_400_lines() {
    let long: Vec<_> = files(&[".rs"])
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > 400)
        .collect();
    assert!(long.is_empty(), "split these: {long:?}");
}

#[test]
fn no_snapshot_waits_to_be_accepted() {
    let waiting: Vec<_> = files(&[".rs", ".snap.new"])
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| path.extension().is_some_and(|ending| ending == "new"))
        .collect();
    assert!(waiting.is_empty(), "accept or remove: {waiting:?}");
}

#[test]
fn unsafe_stays_below_the_facade() {
    let unsafe_code = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"];
    let found = places(&files(&[".rs"]), |path, line| {
        !below_sys(path)
            && path != Path::new("ci/tests/all/tidy.rs")
            && unsafe_code.iter().any(|word| line.contains(word))
    });
    assert!(found.is_empty(), "only runtime/sys may hold unsafe code:\n{}", found.join("\n"));
}

#[test]
fn qemu_is_named_in_vm_only() {
    let found = places(&files(&[".rs"]), |path, line| {
        let code = line.split("//").next().unwrap_or_default();
        let apart = path.starts_with("vm") || path.components().any(|part| part.as_os_str() == "tests");
        !apart && code.contains("qemu-system")
    });
    assert!(found.is_empty(), "QEMU's own words belong to vm:\n{}", found.join("\n"));
}

/// The programs' own code, without its tests.
fn code() -> Vec<(PathBuf, String)> {
    files(&[".rs"])
        .into_iter()
        .filter(|(path, _)| path.components().any(|part| part.as_os_str() == "src"))
        .filter(|(path, _)| !path.with_extension("").components().any(|part| part.as_os_str() == "tests"))
        .map(|(path, text)| (path, text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()))
        .collect()
}

#[test]
fn only_tests_print_with_a_macro_that_panics() {
    let found = places(&code(), |_, line| {
        let code = line.split("//").next().unwrap_or_default();
        ["print!(", "println!("].iter().any(|word| code.contains(word))
    });
    assert!(found.is_empty(), "a closed pipe is no bug: use runtime::output:\n{}", found.join("\n"));
}

#[test]
fn the_host_prints_in_one_place() {
    let found = places(&code(), |path, line| {
        let guest = path.starts_with("harness/guest");
        let host =
            (path.starts_with("ci") || path.starts_with("harness") || path.starts_with("vm")) && !guest;
        host && path != Path::new("harness/src/output.rs")
            && ["runtime::output", "stdout().lock", "stderr().write"].iter().any(|word| line.contains(word))
    });
    assert!(found.is_empty(), "what is printed goes through harness::output:\n{}", found.join("\n"));
}

#[test]
fn only_tests_unwrap() {
    let found = places(&code(), |_, line| line.contains(".unwrap()"));
    assert!(
        found.is_empty(),
        "say why it cannot fail (`expect`), or give the error on:\n{}",
        found.join("\n")
    );
}

#[test]
fn nothing_is_left_open() {
    let words = ["todo!(", "unimplemented!(", "FIXME", "XXX", "#[ignore", "allow(dead_code)"];
    let found = places(&files(&[".rs", ".toml", ".yml", ".ci/run"]), |path, line| {
        path != Path::new("ci/tests/all/tidy.rs") && words.iter().any(|word| line.contains(word))
    });
    assert!(found.is_empty(), "finish these:\n{}", found.join("\n"));
}
