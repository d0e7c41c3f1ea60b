//! Writes a directory.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::Serialize;
use vm::machine::arguments::by_hand;
use vm::text::{one_line, printable};
use vm::{Config, program};

use super::{Error, Hashed, Kernel, Record, SCHEMA, Trace, file};
use crate::explain::quoted;
use crate::inline::escaped;
use crate::isolation::Isolation;
use crate::judge::Status;
use crate::report::{Again, Outcome};
use crate::scenario::Scenario;
use protocol::event;
use protocol::plan::Request;

/// All that is written down.
pub(crate) struct Run<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) config: &'a Config,
    pub(crate) template: Option<String>,
    pub(crate) isolation: Isolation,
    pub(crate) outcome: &'a Outcome,
    pub(crate) trace: &'a Trace,
    /// Of the run in a cold boot, if there was one and its machine got ready.
    pub(crate) again: Option<&'a Trace>,
}

/// Writes the directory; each file of an earlier run is replaced by the new one as a whole.
pub(crate) fn write(root: &Path, place: &Path, run: &Run<'_>) -> Result<(), Error> {
    leads_nowhere_else(root, place)?;
    fs::create_dir_all(place).map_err(Error::io("create", place))?;
    let made = tempfile::Builder::new().prefix(".new-").tempdir_in(place);
    let made = made.map_err(Error::io("write to", place))?;
    let contents = contents(run)?;
    for (name, content) in &contents {
        let path = made.path().join(name);
        fs::write(&path, content).map_err(Error::io("write", &path))?;
    }
    let script = made.path().join(file::QEMU);
    fs::set_permissions(&script, Permissions::from_mode(0o755)).map_err(Error::io("write", script))?;
    for (name, _) in contents {
        let path = place.join(name);
        fs::rename(made.path().join(name), &path).map_err(Error::io("write", path))?;
    }
    made.close().map_err(Error::io("write to", place))
}

/// Removes what an earlier run left.
pub(crate) fn remove(root: &Path, place: &Path) -> Result<(), Error> {
    leads_nowhere_else(root, place)?;
    // A folder of the same name may hold the directories of other scenarios.
    for name in file::ALL {
        let path = place.join(name);
        match fs::remove_file(&path) {
            Err(error) if !is_absent(&error) => return Err(Error::io("delete", path)(error)),
            _ => {}
        }
    }
    match fs::remove_dir(place) {
        Err(error) if !is_absent(&error) && error.kind() != io::ErrorKind::DirectoryNotEmpty => {
            Err(Error::io("delete", place)(error))
        }
        _ => Ok(()),
    }
}

/// An error if a folder on the way from `root` to `place` is a link: what is where it leads is not ours to replace or remove.
fn leads_nowhere_else(root: &Path, place: &Path) -> Result<(), Error> {
    let below = place.ancestors().take_while(|folder| *folder != root);
    match below.into_iter().find(|folder| folder.is_symlink()) {
        None => Ok(()),
        Some(link) => Err(Error::Link { path: link.to_path_buf() }),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn contents(run: &Run<'_>) -> Result<[(&'static str, String); 8], Error> {
    let Trace { request, lines, console, .. } = run.trace;
    let request = Request::Run(Box::new(request.clone()));
    let events =
        lines.iter().filter(|line| !line.is_empty()).map(|line| format!("{}\n", escaped(line))).collect();
    let record = record(run)?;
    Ok([
        (file::README, readme(run)),
        (file::RECORD, json(&record)),
        (file::SCENARIO, run.scenario.text.to_string()),
        (file::REQUEST, json(&request)),
        (file::EVENTS, events),
        (
            file::CONSOLE,
            if console.is_empty() {
                "(The console showed nothing.)\n".into()
            } else {
                printable(console, false)
            },
        ),
        (file::GUEST, json(&guest(run))),
        (file::QEMU, script(run.config, &record)),
    ])
}

fn json(value: &impl Serialize) -> String {
    escaped(&serde_json::to_string_pretty(value).expect("records are plain data")) + "\n"
}

fn record(run: &Run<'_>) -> Result<Record, Error> {
    let Config { kernel, initramfs, qemu, accelerator, .. } = run.config;
    let image = Hashed { path: kernel.image.clone(), sha256: kernel.sha256.clone() };
    Ok(Record {
        schema: SCHEMA,
        nsproof: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: Kernel {
            name: run.outcome.kernel.clone(),
            release: kernel.release.clone(),
            version: kernel.version.clone(),
            image,
            modules: kernel.modules.clone(),
        },
        // It is known by what is in it; the script has to know the file.
        initramfs: Hashed { path: initramfs.path.clone(), sha256: initramfs.archive_sha256.clone() },
        template: run.template.clone(),
        qemu: qemu.version.clone(),
        accel: accelerator.name().to_owned(),
        isolation: run.isolation.word().to_owned(),
        lost: run.trace.lost.clone(),
        outcome: run.outcome.clone(),
    })
}

/// `guest.json`: how everyone looked after the last step.
#[derive(Serialize)]
struct Guest<'a> {
    /// In which run.
    seen: &'static str,
    status: Option<Status>,
    reason: Option<&'a str>,
    /// Whether that run came to what the first one came to.
    same: bool,
    /// By actor and operation; `None` if there was no second run, empty if its machine was lost before.
    actors: Option<&'a BTreeMap<String, BTreeMap<String, event::Outcome>>>,
}

fn guest<'a>(run: &'a Run<'_>) -> Guest<'a> {
    let again = run.outcome.again.as_ref();
    Guest {
        seen: "in the second run, from a cold boot, after the last step and before anything was taken down",
        status: again.map(|again| again.status),
        reason: again.and_then(|again| again.reason.as_deref()),
        same: again.is_some_and(|again| again.status == run.outcome.status),
        actors: run.again.map(|trace| &trace.looks),
    }
}

/// The machine by hand, for whoever has no nsproof at hand or wants to change QEMU's arguments.
fn script(config: &Config, record: &Record) -> String {
    // An option and its value stay on one line.
    let argument = |word: &OsString| {
        let word = word.to_string_lossy();
        let before = if word.starts_with('-') { " \\\n        " } else { " " };
        format!("{before}{}", quoted(&word))
    };
    let arguments: String = by_hand(config).iter().map(argument).collect();
    let checked = |file: &Hashed| format!("{} {}", quoted(&file.path.display().to_string()), file.sha256);
    include_str!("qemu.sh")
        .replace("@PROGRAM@", program::name())
        .replace("@QEMU@", &quoted(&config.qemu.program.display().to_string()))
        .replace("@ARGUMENTS@", &arguments)
        .replace("@KERNEL@", &checked(&record.kernel.image))
        .replace("@INITRAMFS@", &checked(&record.initramfs))
}

fn readme(run: &Run<'_>) -> String {
    let outcome = run.outcome;
    let said = |status: Status, reason: &Option<String>| match reason {
        Some(reason) => format!("{}: {reason}", status.word()),
        None => status.word().to_owned(),
    };
    let again = match &outcome.again {
        Some(Again { status, reason, .. }) => said(*status, reason),
        None => "there was no second run".to_owned(),
    };
    include_str!("readme.txt")
        .replace("@PROGRAM@", program::name())
        .replace("@SCENARIO@", &one_line(&outcome.scenario))
        .replace(
            "@KERNEL@",
            &one_line(&format!(
                "{} ({}, {})",
                outcome.kernel, run.config.kernel.release, run.config.kernel.version
            )),
        )
        .replace("@OUTCOME@", &one_line(&said(outcome.status, &outcome.reason)))
        .replace("@AGAIN@", &one_line(&again))
}
