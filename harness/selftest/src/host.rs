//! Faults of the machine that everything runs on: no room on its disk, no memory.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use vm::{Cache, Qemu};

use super::fault::FRESH;
use super::{Row, scenario_of};
use harness::judge::Status;
use harness::progress::Progress;
use harness::run::{self, Isolation};

/// The exit code for a run that could not be had.
const LOST: i32 = 3;
/// What the script gives when it could not prepare the disk.
const NOT_PREPARED: i32 = 125;
/// Bytes of address space that QEMU gets: enough for itself, and not for a guest.
const ADDRESS_SPACE: u32 = 300_000_000;
/// Marks every process of a run, so that one that it left behind is found.
const MARK: &str = "NSPROOF_SELF_TEST";

/// Makes them all. A kernel that is named differently needs a template of its own.
pub(super) fn faults(
    options: &run::Options,
    command: &[OsString],
    kernel: &str,
    progress: &Progress,
) -> Vec<Row> {
    let disk = full_disk(command, kernel).unwrap_or_else(|error| Came::impossible(&error));
    let memory = no_memory(options, progress).unwrap_or_else(|error| Came::impossible(&error));
    vec![
        disk.row("disk-full", "There is no room for a template.", &["no room left", "NSPROOF_CACHE"]),
        memory.row(
            "no-memory",
            "QEMU gets no memory for a guest.",
            &["QEMU ended", "Cannot allocate memory"],
        ),
    ]
}

/// What came of a fault.
struct Came {
    /// What was said.
    text: String,
    wrong: Vec<String>,
    skipped: bool,
}

impl Came {
    /// The fault cannot be made here.
    fn impossible(error: &io::Error) -> Came {
        Came { text: format!("skip: {error}"), wrong: Vec::new(), skipped: true }
    }

    fn row(mut self, fault: &str, about: &str, words: &[&str]) -> Row {
        if !self.skipped {
            let missing = words.iter().filter(|word| !self.text.contains(**word));
            self.wrong.extend(missing.map(|word| format!("the error does not tell of {word:?}")));
        }
        Row {
            fault: fault.to_owned(),
            about: about.to_owned(),
            expected: format!("exit {LOST}"),
            came: self.text,
            wrong: self.wrong,
            skipped: self.skipped,
        }
    }
}

/// Runs the command with a cache on a disk that is too small.
fn full_disk(command: &[OsString], kernel: &str) -> io::Result<Came> {
    let cache = Cache::open().map_err(io::Error::other)?;
    let whole = tempfile::tempdir()?;
    let mark = format!("{}-{}", std::process::id(), whole.path().display());
    let output = Command::new("unshare")
        // Root in a user namespace may mount, whoever it is outside; root itself needs none.
        .args(if is_root()? { &["--mount"][..] } else { &["--mount", "--map-root-user"] })
        .args(["--", "sh", "-c", include_str!("full-disk.sh"), "full-disk.sh"])
        .args([cache.root(), whole.path()])
        .args(command)
        .args(["--kernel", kernel])
        .env("NSPROOF_CACHE", cache.root())
        .env(MARK, &mark)
        .output()?;
    let Output { status, stdout, stderr } = output;
    let said = String::from_utf8_lossy(&stderr).trim().to_owned();
    if status.code() == Some(NOT_PREPARED) || said.contains("unshare failed") {
        return Err(io::Error::other(said));
    }
    let error = said.lines().skip_while(|line| !line.starts_with("error: ")).collect::<Vec<_>>().join("\n");
    let mut wrong = processes_with(&mark)?;
    if status.code() != Some(LOST) {
        wrong.push(format!("it ended with {status}: {said}"));
    }
    let left = String::from_utf8_lossy(&stdout);
    wrong.extend(left.lines().filter(|line| line.starts_with("left behind")).map(str::to_owned));
    Ok(Came { text: format!("{}: {error}", exit(status.code())), wrong, skipped: false })
}

/// Runs a scenario with a QEMU whose address space is too small for a guest.
fn no_memory(options: &run::Options, progress: &Progress) -> io::Result<Came> {
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("qemu");
    let real = options.qemu.program.display();
    fs::write(&program, format!("#!/bin/sh\nexec prlimit --as={ADDRESS_SPACE} -- '{real}' \"$@\"\n"))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let qemu = Qemu { program, ..options.qemu.clone() };
    let options = run::Options { qemu, isolation: Isolation::Clone, ..options.clone() };
    let untouched = scenario_of(&FRESH[0]);
    let run = run::run(&[untouched], &options, progress).map_err(io::Error::other)?;
    let mut wrong = children()?;
    let came = run.results.iter().map(|outcome| {
        if outcome.status != Status::Miss {
            wrong.push("QEMU got its memory".to_owned());
        }
        format!("{}: {}; {}", exit(Some(LOST)), outcome.told(), outcome.console.join("; "))
    });
    Ok(Came { text: came.collect(), wrong, skipped: false })
}

fn exit(code: Option<i32>) -> String {
    code.map_or_else(|| "no exit code".to_owned(), |code| format!("exit {code}"))
}

fn is_root() -> io::Result<bool> {
    Ok(std::os::unix::fs::MetadataExt::uid(&File::open("/proc/self")?.metadata()?) == 0)
}

/// Processes that carry a mark.
fn processes_with(mark: &str) -> io::Result<Vec<String>> {
    let marked = |folder: &Path| {
        let environment = fs::read(folder.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == format!("{MARK}={mark}").as_bytes())
    };
    processes(marked)
}

/// Children of this process: a run that is over has none.
fn children() -> io::Result<Vec<String>> {
    let parent = format!("PPid:\t{}\n", std::process::id());
    processes(|folder| fs::read_to_string(folder.join("status")).is_ok_and(|text| text.contains(&parent)))
}

/// Processes with something about them, in words. One that ends meanwhile is not there.
fn processes(with: impl Fn(&Path) -> bool) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let folder: PathBuf = entry?.path();
        let is_process = folder.file_name().is_some_and(|name| name.to_string_lossy().parse::<u32>().is_ok());
        if is_process && with(&folder) {
            let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
            found.push(format!("left behind: {} ({})", folder.display(), name.trim()));
        }
    }
    Ok(found)
}
