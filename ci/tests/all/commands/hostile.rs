//! Names and words that would move a cursor, reorder a line, or begin a command of GitHub's runner, through every command.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::assert::Assert;
use vm::text::acts;

use crate::common::{command, printed, said};

/// As a file's name may be, and as any text.
const HOSTILE: &str = "x\u{1b}[2Jy\u{9b}2J\u{202e}z\n::error::w ##[error]v\u{7}";
/// The same in TOML and JSON.
const WRITTEN: &str = r"x\u001b[2Jy\u009b2J\u202ez\n::error::w ##[error]v\u0007";

/// Nothing raw, on any stream.
#[track_caller]
fn assert_calm(what: &str, text: &str) {
    let loud: String = text.chars().filter(|c| *c != '\n' && acts(*c)).collect();
    assert!(loud.is_empty(), "{what}: {loud:?} is in {text:?}");
    let commands: Vec<_> =
        text.lines().filter(|line| line.trim_start().starts_with("::") || line.contains("##[")).collect();
    assert!(commands.is_empty(), "{what}: {commands:?}");
}

#[track_caller]
fn assert_calm_command(arguments: &[&str], assert: &Assert) {
    for text in [printed(assert), said(assert)] {
        assert_calm(&format!("{arguments:?}"), &text);
    }
    assert!(!(printed(assert) + &said(assert)).is_empty(), "{arguments:?} says something");
}

struct Place(tempfile::TempDir);

impl Place {
    /// Folders and files with the name are in it.
    fn new() -> Self {
        let place = Place(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("folder")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn hostile(&self, ending: &str) -> PathBuf {
        self.path(&format!("{}{ending}", HOSTILE.replace('/', "")))
    }

    fn scenario(&self) -> PathBuf {
        let text = format!(
            "about = \"{WRITTEN}\"\ncovers = []\n\
             [[step]]\nname = \"{WRITTEN}\"\nin = \"host\"\ndo = {{ write = {{ path = \"/{WRITTEN}\", text = \"{WRITTEN}\" }} }}\n\
             [[step]]\nin = \"host\"\ndo = {{ read = \"/{WRITTEN}\" }}\nexpect = \"{WRITTEN}?\"\n"
        )
        // The step's own name has one line.
        .replacen("name = \"x\\u001b[2Jy\\u009b2J\\u202ez\\n", "name = \"x\\u001b[2Jy\\u009b2J\\u202ez ", 1)
        .replacen("about = \"x\\u001b[2Jy\\u009b2J\\u202ez\\n", "about = \"x\\u001b[2Jy\\u009b2J\\u202ez ", 1);
        let path = self.path("folder").join("scenario.toml");
        fs::write(&path, text).unwrap();
        path
    }
}

fn run(arguments: &[&str]) -> Assert {
    let assert = command(arguments).assert();
    assert_calm_command(arguments, &assert);
    assert
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A scenario that fails, its reports in every format, and what they are for.
#[test]
fn what_a_scenario_and_a_guest_say() {
    let place = Place::new();
    let (scenario, json, repro) = (place.scenario(), place.path("run.json"), place.hostile("-repro"));
    let report = format!("json={}", text(&json));
    run(&["vm-test", text(&scenario), "--report", &report, "--repro", text(&repro)]).code(1);
    let written = fs::read_to_string(&json).unwrap();
    assert_calm("json", &written);
    assert!(written.contains(r"\u009b2J\u202e"), "what was observed is told: {written}");
    run(&["explain", text(&scenario)]).success();

    let left = repro.join("distro/scenario");
    run(&["repro", "--judge", text(&left)]).success();
    run(&["repro", text(&left)]).success();
    reports_of(&place, &json);

    // Every text of a report may be another's.
    let mut run = harness::report::read(&json).unwrap();
    let hostile = || HOSTILE.to_owned();
    run.kernels[0].accel_reason = hostile();
    run.kernels[0].release = hostile();
    let result = &mut run.results[0];
    result.reason = Some(hostile());
    result.console = vec![hostile()];
    result.kernel_log = vec![hostile()];
    result.left_behind = vec![hostile()];
    result.steps.iter_mut().for_each(|step| step.operation = hostile());
    let worse = place.path("worse.json");
    fs::write(&worse, harness::report::Format::Json.render(&run)).unwrap();
    reports_of(&place, &worse);
    let changed = ["compare", text(&json), text(&worse), "--report"].map(str::to_owned);
    let markdown = format!("markdown={}", text(&place.path("compared.md")));
    let changed: Vec<&str> = changed.iter().map(String::as_str).chain([&*markdown]).collect();
    self::run(&changed);
    assert_calm("compare", &fs::read_to_string(place.path("compared.md")).unwrap());
}

fn reports_of(place: &Place, json: &Path) {
    run(&["merge", text(json)]).code(1);
    for format in ["json", "junit", "ktap", "markdown", "html"] {
        let path = place.path(&format!("merged.{format}"));
        run(&["merge", text(json), "--report", &format!("{format}={}", text(&path))]).code(1);
        let report = fs::read_to_string(&path).unwrap();
        // In a page only what a browser acts on counts; its style has rules that begin with colons.
        let report = if format == "html" { report.replace("::", "").replace("##[", "") } else { report };
        assert_calm(format, &report);
    }
    let path = place.path("merged.github");
    run(&["merge", text(json), "--report", &format!("github={}", text(&path))]).code(1);
    let commands = fs::read_to_string(&path).unwrap();
    // That nothing was proven, and the failure.
    assert!(commands.lines().all(|line| line.starts_with("::error ")), "{commands}");
    assert_eq!(commands.lines().count(), 2, "{commands}");
    assert!(!commands.chars().any(|c| c != '\n' && acts(c)), "{commands:?}");
}

/// Files that are not there, or are not what they should be.
#[test]
fn what_a_file_is_called_and_what_is_in_it() {
    let place = Place::new();
    let file = place.hostile(".json");
    fs::write(&file, format!("{{\"schema\": 1, \"{WRITTEN}\": 2}}")).unwrap();
    let scenario = place.hostile(".toml");
    fs::write(&scenario, format!("about = \"{HOSTILE}\"\n\"{WRITTEN}\" = 1\n")).unwrap();
    let valid = place.path("valid.toml");
    fs::write(&valid, format!("about = \"x\"\ncovers = [\"{WRITTEN}\"]\n\"{WRITTEN}\" = 1\n[[step]]\n"))
        .unwrap();
    let image = place.hostile("");
    fs::write(&image, boot_image(HOSTILE)).unwrap();
    let gone = place.hostile("-gone");
    let (file, scenario, image, gone) = (text(&file), text(&scenario), text(&image), text(&gone));
    let baseline = ["vm-test", "--baseline", scenario];
    let commands: [&[&str]; 16] = [
        &["vm-test", scenario],
        &["vm-test", text(&valid)],
        &["vm-test", gone],
        &["vm-test", "--kernel", gone],
        &["vm-test", "--kernel", image, "uts/hostname"],
        &["vm-test", "--report", HOSTILE],
        &baseline,
        &["explain", scenario],
        &["explain", text(&valid)],
        &["compare", file, gone],
        &["merge", file],
        &["merge", gone],
        &["repro", gone],
        &["bisect", "uts/hostname", "--kernel", image, image],
        &["kernels", "fetch", image],
        &["kernels", "lock", image],
    ];
    for arguments in commands {
        run(arguments);
    }
    fs::create_dir(place.path("work")).unwrap();
    fs::write(place.path("work/kernels.lock"), format!("version = 1\n\"{WRITTEN}\" = 1\n")).unwrap();
    let locked = ["vm-test", "--locked", "uts/hostname"];
    let mut xtask = command(&locked);
    assert_calm_command(&locked, &xtask.current_dir(place.path("work")).assert().code(2));
    for arguments in [&["cache"][..], &["kernels"]] {
        let mut xtask = command(arguments);
        assert_calm_command(arguments, &xtask.env("NSPROOF_CACHE", place.hostile("-cache")).assert().code(3));
    }
}

/// What a boot loader finds at the head of a bzImage, and nothing behind it.
fn boot_image(banner: &str) -> Vec<u8> {
    let mut head = vec![0; 0x400];
    head[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    head[0x202..0x206].copy_from_slice(b"HdrS");
    head[0x20e..0x210].copy_from_slice(&0x100u16.to_le_bytes());
    head[0x300..0x300 + banner.len()].copy_from_slice(banner.as_bytes());
    head
}
