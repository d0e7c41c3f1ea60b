//! Reads a JSON report back: for every command that takes one.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use serde_json::error::Category;
use vm::program;
use vm::text::Shown;

use super::{Outcome, Run, SCHEMA, Totals};
use crate::judge::Status;
use crate::scenario;
use sys::input;

/// Why a file is no report that can be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is not there, or cannot be opened.
    #[error(
        "cannot read the report {}: {source}; `{} vm-test --report json=PATH` writes one",
        Shown(file),
        program::name()
    )]
    File {
        /// As it was given.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error(
        "{} is empty: the run that was to write it was killed, or had no room for it; `{} vm-test --report json=PATH` writes one",
        Shown(file),
        program::name()
    )]
    Empty {
        /// As it was given.
        file: PathBuf,
    },
    /// It ends too early.
    #[error(
        "{}:{line}:{column}: the report is cut off here: its run was killed, or the copy is not whole; take it anew",
        Shown(file)
    )]
    Cut {
        /// As it was given.
        file: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// It is something else: another format, another program's.
    #[error("{}: {what}; a report is what `{} vm-test --report json=PATH` writes", place(file, *at), program::name())]
    Foreign {
        /// As it was given.
        file: PathBuf,
        /// Line and column, from 1, if one is to blame.
        at: Option<(usize, usize)>,
        /// What it is not.
        what: String,
    },
    /// Another nsproof wrote it.
    #[error(
        "{} was written with schema {found}, this nsproof reads {SCHEMA}: use the nsproof that wrote it, or run vm-test again with this one",
        Shown(file)
    )]
    Schema {
        /// As it was given.
        file: PathBuf,
        /// The schema that it names.
        found: u64,
    },
    /// The schema is right, but what follows is not.
    #[error("{}: {what}; it was changed after nsproof wrote it, or another version did: run vm-test again", place(file, *at))]
    Damaged {
        /// As it was given.
        file: PathBuf,
        /// Line and column, from 1, if one is to blame.
        at: Option<(usize, usize)>,
        /// What is wrong.
        what: String,
    },
}

fn place(file: &Path, at: Option<(usize, usize)>) -> String {
    match at {
        Some((line, column)) => format!("{}:{line}:{column}", Shown(file)),
        None => Shown(file).to_string(),
    }
}

/// Reads a report.
///
/// # Errors
/// A file that is missing, empty, cut off, of another schema, or no report.
pub fn read(file: &Path) -> Result<Run, Unreadable> {
    let text = input::read_or_receive(file, input::RECORD)
        .map_err(|source| Unreadable::File { file: file.to_owned(), source })?;
    if text.trim_ascii().is_empty() {
        return Err(Unreadable::Empty { file: file.to_owned() });
    }
    let json: Value = serde_json::from_slice(&text).map_err(|error| syntax(file, &error))?;
    match json.get("schema").and_then(Value::as_u64) {
        // What follows means something only if the schema is known.
        Some(found) if found == u64::from(SCHEMA) => {}
        Some(found) => return Err(Unreadable::Schema { file: file.to_owned(), found }),
        None => return Err(foreign(file, None, "this JSON is not a report of nsproof: it has no `schema`")),
    }
    let run: Run = serde_json::from_slice(&text)
        .map_err(|error| damaged(file, Some((error.line(), error.column())), words(&error)))?;
    match contradiction(&run) {
        Some(what) => Err(damaged(file, None, what)),
        None => Ok(run),
    }
}

fn syntax(file: &Path, error: &serde_json::Error) -> Unreadable {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        Category::Eof => Unreadable::Cut { file: file.to_owned(), line, column },
        _ => foreign(file, Some((line, column)), &format!("this is not JSON: {}", words(error))),
    }
}

fn foreign(file: &Path, at: Option<(usize, usize)>, what: &str) -> Unreadable {
    Unreadable::Foreign { file: file.to_owned(), at, what: what.to_owned() }
}

fn damaged(file: &Path, at: Option<(usize, usize)>, what: String) -> Unreadable {
    Unreadable::Damaged { file: file.to_owned(), at, what }
}

/// The error without its place, which is told in front of it.
fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

/// What cannot be true of any run, though every word of it is known.
fn contradiction(run: &Run) -> Option<String> {
    let kernel = |name: &str| run.kernels.iter().any(|kernel| kernel.name == name);
    if let Some(result) = run.results.iter().find(|result| !kernel(&result.kernel)) {
        return Some(format!("{} ran on {}, which is not in `kernels`", result.scenario, result.kernel));
    }
    if let Some(result) = run.results.iter().find(|result| !run.scenarios.contains_key(&result.scenario)) {
        return Some(format!("{} has a result, but is not in `scenarios`", result.scenario));
    }
    let covers = covers(run);
    if let Some(what) = run.results.iter().find_map(|result| no_pass(&covers, result)) {
        return Some(what);
    }
    let differs = Totals::of(&run.results) != run.totals;
    differs.then(|| "`totals` does not count what is in `results`".to_owned())
}

/// What each scenario covers, of those that this version understands: one for all kernels.
fn covers(run: &Run) -> BTreeMap<&str, Vec<String>> {
    let understood = run.scenarios.iter().filter_map(|(name, source)| {
        let scenario = scenario::parse(name, &source.file, &source.text).ok()?;
        Some((name.as_str(), scenario.covers))
    });
    understood.collect()
}

/// What of a result that is called a pass is none.
fn no_pass(covers: &BTreeMap<&str, Vec<String>>, result: &Outcome) -> Option<String> {
    let what = match result {
        Outcome { status, .. } if *status != Status::Pass => return None,
        Outcome { steps, .. } if steps.is_empty() => "has no steps",
        Outcome { steps, .. } if steps.iter().any(|step| step.status != Status::Pass) => {
            "has a step that did not pass"
        }
        Outcome { taint: 1.., .. } => "tainted the kernel",
        Outcome { kernel_log, .. } if !kernel_log.is_empty() => "has faults in the kernel log",
        Outcome { left_behind, .. } if !left_behind.is_empty() => "left something behind",
        Outcome { scenario, .. }
            if covers.get(scenario.as_str()).is_some_and(|known| *known != result.covers) =>
        {
            "covers other properties than its scenario"
        }
        _ => return None,
    };
    Some(format!("{} is called a pass on {}, and {what}", result.scenario, result.kernel))
}
