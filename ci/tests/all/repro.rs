//! What a scenario leaves that did not pass, and `cargo xtask repro`, which runs it again from there.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

const FILES: [&str; 8] = [
    "README.txt",
    "record.json",
    "scenario.toml",
    "request.json",
    "events.jsonl",
    "console.txt",
    "guest.json",
    "qemu.sh",
];

/// A scenario that fails, and what it left.
struct Left {
    /// The folder that was given to vm-test.
    folder: TempDir,
    /// What vm-test said.
    stdout: String,
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/wrong-expectation.toml")
}

fn vm_test(scenario: &Path, folder: &Path) -> Output {
    Command::new(XTASK).args(["vm-test", "--repro"]).arg(folder).arg(scenario).output().expect("xtask runs")
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

impl Left {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let output = vm_test(&fixture(), folder.path());
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        Left { folder, stdout: text(&output) }
    }

    fn place(&self) -> PathBuf {
        self.folder.path().join("distro/wrong-expectation")
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.place().join(file)).expect(file)
    }

    fn json(&self, file: &str) -> Value {
        serde_json::from_str(&self.read(file)).expect(file)
    }

    fn repro(&self, args: &[&str]) -> Output {
        Command::new(XTASK).arg("repro").arg(self.place()).args(args).output().expect("xtask runs")
    }

    /// Runs it again and looks at its exit code and words.
    #[track_caller]
    fn assert(&self, args: &[&str], code: i32, words: &[&str]) {
        let output = self.repro(args);
        let all = text(&output);
        assert_eq!(output.status.code(), Some(code), "{all}");
        for word in words {
            assert!(all.contains(word), "{word:?} is not in:\n{all}");
        }
    }
}

fn sha256(path: &str) -> String {
    let output = Command::new("sha256sum").arg(path).output().expect("sha256sum runs");
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap_or_default().to_owned()
}

/// One directory serves these: making it takes a run.
#[test]
fn a_failure_leaves_all_that_is_known_of_it_and_comes_again() {
    let left = Left::new();
    let place = left.place();
    assert!(left.stdout.contains(&format!("cargo xtask repro {}", place.display())), "{}", left.stdout);
    for file in FILES {
        assert!(!left.read(file).is_empty(), "{file} is empty");
    }
    assert_eq!(fs::read_dir(&place).unwrap().count(), FILES.len());
    what_is_recorded_is_right(&left);
    what_the_guest_looked_like_is_there(&left);

    left.assert(&[], 0, &["the same came again", "now:      fail"]);
    by_hand_the_guest_says_the_same(&left);
    a_shell_has_the_container(&left);

    let scenario = left.read("scenario.toml");
    fs::write(place.join("scenario.toml"), scenario.replace("yourcontainer", "mycontainer")).unwrap();
    left.assert(&[], 1, &["not the same: result: fail was recorded, and now it is pass"]);
    // Without a QEMU to start, for the recorded events are enough.
    left.assert(&["--judge"], 1, &["now:      pass"]);
    fs::write(place.join("scenario.toml"), scenario).unwrap();
    left.assert(&["--judge"], 0, &["the same came again"]);

    a_directory_that_is_not_whole_is_told_of(&left);
    a_pass_removes_it(&left);
}

fn what_is_recorded_is_right(left: &Left) {
    let record = left.json("record.json");
    for file in [&record["kernel"]["image"], &record["initramfs"]] {
        assert_eq!(file["sha256"], *sha256(file["path"].as_str().unwrap()), "{record}");
    }
    assert_eq!(record["template"].as_str().map(str::len), Some(64), "{record}");
    assert_eq!(record["outcome"]["status"], "fail");
    assert_eq!(record["kernel"]["name"], "distro");
    assert!(record["kernel"]["version"].as_str().is_some_and(|version| !version.is_empty()), "{record}");
    assert_eq!(left.read("scenario.toml"), fs::read_to_string(fixture()).unwrap());
    let request = left.json("request.json");
    let events: Vec<Value> =
        left.read("events.jsonl").lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(events.iter().all(|event| event["key"] == request["run"]["key"]), "{events:?}");
    let observed = events.iter().find_map(|event| event["event"]["step"]["outcome"].get("value"));
    assert_eq!(observed, Some(&"mycontainer".into()));
    assert_eq!(events.last().unwrap()["event"]["end"]["steps"], 1);
}

fn what_the_guest_looked_like_is_there(left: &Left) {
    let guest = left.json("guest.json");
    let (host, container) = (&guest["actors"]["host"], &guest["actors"]["box"]);
    for actor in [host, container] {
        for fact in ["namespaces", "mounts", "interfaces", "capabilities"] {
            assert!(actor[fact].get("value").is_some(), "{fact} is missing: {guest}");
        }
    }
    let uts = |actor: &Value| actor["namespaces"]["value"]["uts"].as_u64().expect("an inode");
    assert_ne!(uts(host), uts(container));
    let net = |actor: &Value| actor["namespaces"]["value"]["net"].clone();
    assert_eq!(net(host), net(container));
    let all = |actor: &Value| actor["capabilities"]["value"]["effective"].as_array().map_or(0, Vec::len);
    assert!(all(host) > all(container), "{guest}");
}

fn by_hand_the_guest_says_the_same(left: &Left) {
    let output = Command::new(left.place().join("qemu.sh")).output().expect("the script runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", text(&output));
    assert!(said.contains(r#""value":"mycontainer""#) && said.contains(r#""end""#), "{}", text(&output));
}

fn a_shell_has_the_container(left: &Left) {
    let output = left.repro(&["--shell"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    let command = format!("{XTASK} repro {} --shell", left.place().display());
    // script(1) gives it a terminal.
    let mut script = Command::new("timeout")
        .args(["--foreground", "120", "script", "--quiet", "--return", "--command", &command, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script(1) runs");
    let (mut keys, mut screen) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
    let mut seen = String::new();
    let mut until = |words: &str| {
        let mut byte = [0];
        while !seen.ends_with(words) {
            assert_eq!(screen.read(&mut byte).unwrap(), 1, "it ended before {words:?} came:\n{seen}");
            seen.push(byte[0].into());
        }
        std::mem::take(&mut seen)
    };
    let shown = until("or with Ctrl-A X.");
    let pid = shown.split("--target ").nth(1).and_then(|rest| rest.split(' ').next()).expect(&shown);
    until("# ");
    keys.write_all(format!("echo name: $(nsenter --target {pid} --uts hostname).\n").as_bytes()).unwrap();
    until("name: mycontainer.");
    keys.write_all(b"nsrun run --uts --pid -- sh -c :; echo ended: $?.\n").unwrap();
    until("ended: 0.");
    keys.write_all(b"exit\n").unwrap();
    assert!(script.wait().unwrap().success());
}

fn a_directory_that_is_not_whole_is_told_of(left: &Left) {
    let damaged = |file: &str, content: Option<&str>, code: i32, words: &[&str]| {
        let path = left.place().join(file);
        let whole = fs::read_to_string(&path).unwrap();
        match content {
            Some(content) => fs::write(&path, content).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        left.assert(&[], code, words);
        fs::write(&path, whole).unwrap();
    };
    let record = left.read("record.json");
    damaged("record.json", None, 2, &["record.json is not there", "vm-test names it"]);
    damaged("record.json", Some(&record[..200]), 2, &["record.json: EOF", "the copy is not whole"]);
    let other = record.replacen("\"schema\": 1", "\"schema\": 9", 1);
    damaged("record.json", Some(&other), 2, &["was written with schema 9, this nsproof reads 1"]);
    damaged("request.json", Some("\"power-off\""), 2, &["request.json: this asks for no scenario"]);
    damaged("events.jsonl", None, 2, &["events.jsonl is not there"]);
    damaged("scenario.toml", Some("about = 1\n"), 2, &["scenario.toml:1"]);
    let kernel = left.json("record.json")["kernel"]["image"]["sha256"].as_str().unwrap().to_owned();
    let other = record.replace(&kernel, &"0".repeat(64));
    let words =
        ["the recorded kernel is not to be had", "with SHA-256 0000", "--kernel PATH", "vm-test --kernel K"];
    damaged("record.json", Some(&other), 3, &words);
}

fn a_pass_removes_it(left: &Left) {
    let folder = TempDir::new().unwrap();
    let scenario = folder.path().join("wrong-expectation.toml");
    let right = fs::read_to_string(fixture()).unwrap().replace("yourcontainer", "mycontainer");
    fs::write(&scenario, right).unwrap();
    let output = vm_test(&scenario, left.folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(!left.place().exists());
}

#[test]
fn a_file_is_no_directory() {
    let output = Command::new(XTASK).args(["repro", "/etc/passwd"]).output().expect("xtask runs");
    let said = text(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("/etc/passwd/record.json is not there: give the directory"), "{said}");
}
