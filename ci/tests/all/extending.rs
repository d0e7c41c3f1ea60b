//! What has to be written for something new is what the compiler asks for, and what ci/EXTENDING.md lists: each kind is added to a copy
//! of this repository, whose complaints are followed until there are none.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the workspace")
}

/// A copy of what is in this repository, as it is on the disk.
struct Copy(PathBuf);

impl Copy {
    /// In the same place each time: what it depends on is compiled once.
    fn new() -> Copy {
        let copy = Copy(Path::new(env!("CARGO_TARGET_TMPDIR")).join("extending"));
        let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().unwrap();
        for name in String::from_utf8(listed.stdout).unwrap().split_terminator('\0') {
            let (Ok(new), place) = (fs::read(root().join(name)), copy.0.join(name)) else { continue };
            // What is as it was keeps its time, and is not compiled again.
            if fs::read(&place).ok().as_ref() != Some(&new) {
                fs::create_dir_all(place.parent().unwrap()).unwrap();
                fs::write(place, new).unwrap();
            }
        }
        copy
    }

    fn insert(&self, file: &str, after: &str, line: &str) {
        let path = self.0.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(after).count(), 1, "{after:?} in {file}");
        fs::write(path, text.replace(after, &format!("{after}\n{line}"))).unwrap();
    }

    /// What is wrong, as the compiler tells it, as data; nothing only if it is content. rustc's book, "JSON Output"
    fn check(&self) -> Vec<Value> {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "check",
            "--workspace",
            "--keep-going",
            "--message-format=json",
            "--target-dir",
            "target",
        ]);
        cargo.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS").current_dir(&self.0);
        let output = cargo.output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let messages = printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let messages = messages.map(|message| message["message"].clone());
        // Without a code: that it ends because of the others.
        let errors: Vec<_> = messages.filter(|it| it["level"] == "error" && !it["code"].is_null()).collect();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(errors.is_empty(), output.status.success(), "{said}");
        errors
    }

    /// Adds what the compiler asks for, as it proposes it, until it asks for nothing; returns the files.
    fn follow(&self) -> BTreeSet<String> {
        let mut asked = BTreeSet::new();
        loop {
            let errors = self.check();
            if errors.is_empty() {
                return asked;
            }
            let mut proposals: Vec<(String, usize, usize, String)> = Vec::new();
            for error in &errors {
                assert_eq!(error["code"]["code"], "E0004", "{}", error["rendered"].as_str().unwrap());
                let children = error["children"].as_array().unwrap().iter();
                let spans = children.flat_map(|child| child["spans"].as_array().unwrap());
                let proposed = spans.filter_map(|span| {
                    let number = |key: &str| usize::try_from(span[key].as_u64().unwrap()).unwrap();
                    let text = span["suggested_replacement"].as_str()?.to_owned();
                    Some((
                        span["file_name"].as_str()?.to_owned(),
                        number("byte_start"),
                        number("byte_end"),
                        text,
                    ))
                });
                let before = proposals.len();
                proposals.extend(proposed);
                assert!(proposals.len() > before, "{}", error["rendered"].as_str().unwrap());
            }
            // From the end of each file, so that the places before it stay.
            proposals.sort_by(|one, other| other.cmp(one));
            proposals.dedup();
            for (file, start, end, text) in proposals {
                let path = self.0.join(&file);
                let mut bytes = fs::read(&path).unwrap();
                bytes.splice(start..end, text.into_bytes());
                fs::write(path, bytes).unwrap();
                asked.insert(file);
            }
        }
    }
}

/// The files that a section of ci/EXTENDING.md lists.
fn listed(what: &str) -> BTreeSet<String> {
    let page = fs::read_to_string(root().join("ci/EXTENDING.md")).unwrap();
    let sections = page.split("\n## ").skip(1).map(|section| section.split_once('\n').unwrap());
    let section =
        sections.into_iter().find(|(name, _)| *name == what).unwrap_or_else(|| panic!("no section {what}"));
    let paths = section.1.lines().filter_map(|line| line.strip_prefix("- `")?.split('`').next());
    paths.map(str::to_owned).collect()
}

/// What is new, the file that says what there is, and what is written there after which words.
const NEW: [(&str, &str, &str, &str); 4] = [
    ("An operation", "harness/protocol/src/operation.rs", "    // Observe.", "    /// New.\n    Brand,"),
    ("A kind of namespace", "runtime/sys/src/namespace.rs", "    Mount,\n    Cgroup,", "    Brand,"),
    ("A format of reports", "harness/src/report.rs", "pub enum Format {", "    Brand,"),
    ("A step of a container", "runtime/src/action.rs", "pub(crate) enum ChildStep<'a> {", "    Brand,"),
];

#[test]
fn what_has_to_be_written_is_what_is_listed() {
    for (what, file, after, line) in NEW {
        let copy = Copy::new();
        copy.insert(file, after, line);
        let mut asked = copy.follow();
        asked.insert(file.to_owned());
        assert_eq!(listed(what), asked, "{what}: ci/EXTENDING.md and what the compiler asked for");
    }
}
