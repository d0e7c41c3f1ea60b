//! Reads a directory back, and runs it again.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use vm::{Cache, Progress};

use super::{Error, Record, SCHEMA, file};
use crate::diagnostic::Diagnostics;
use crate::judge::{Status, Verdict, judge};
use crate::report::{Outcome, Step};
use crate::scenario::{self, Scenario};
use protocol::evidence::Evidence;
use protocol::plan::{self, Request};
use sys::input;

/// A directory that a scenario left.
#[derive(Debug, Clone)]
pub struct Recording {
    /// What was run, and what came of it.
    pub record: Record,
    /// The scenario, as it was then.
    pub scenario: Scenario,
    request: plan::Run,
    /// Lines of the guest, as they came.
    lines: Vec<String>,
}

/// What tells whether the rest can be read.
#[derive(Deserialize)]
struct Head {
    schema: u64,
    #[serde(default)]
    nsproof: String,
}

impl Recording {
    /// Reads a directory.
    ///
    /// # Errors
    /// A file that is missing or damaged, a directory of another schema, a scenario that is none any more.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(file::RECORD);
        let value: Value = json(&path)?;
        let head = Head::deserialize(&value);
        let Head { schema, nsproof } = head.map_err(|error| Error::damaged(path.clone(), error))?;
        if schema != u64::from(SCHEMA) {
            return Err(Error::Schema { path, found: schema, nsproof });
        }
        let record: Record = serde_json::from_value(value).map_err(|error| Error::damaged(path, error))?;
        let path = folder.join(file::REQUEST);
        let Request::Run(request) = json(&path)? else {
            return Err(Error::damaged(path, "this asks for no scenario"));
        };
        let path = folder.join(file::SCENARIO);
        let name = &record.outcome.scenario;
        let scenario = scenario::parse(name, &path.display().to_string(), &text(&path)?)
            .map_err(|problems| Error::Scenario(Diagnostics::from(problems)))?;
        if request.plan.scenario != *name || request.plan.steps.len() != scenario.steps.len() {
            return Err(Error::damaged(
                path,
                format!("this is not the scenario that {} asks for", file::REQUEST),
            ));
        }
        let lines = text(&folder.join(file::EVENTS))?.lines().map(str::to_owned).collect();
        Ok(Recording { record, scenario, request: *request, lines })
    }

    /// Judges the recorded events anew.
    pub fn judge(&self) -> Outcome {
        let recorded = &self.record.outcome;
        let mut evidence = Evidence::collect(&self.request.key, &self.lines);
        if let Some(ending) = &self.record.lost {
            evidence.lose(ending);
        }
        let verdict: Verdict = judge(&self.scenario, &evidence);
        let (kernel, runtime) = (&recorded.kernel, &recorded.runtime);
        Outcome::new(kernel, runtime, &self.scenario, verdict, recorded.duration_ms)
    }

    /// What to call the recorded kernel here, so that `vm::kernel::resolve` finds it: by what is given, by its name, or by
    /// where its image was. Its image is the same, byte for byte.
    ///
    /// # Errors
    /// None of them is the recorded kernel.
    pub fn kernel(
        &self,
        given: Option<&str>,
        cache: &Cache,
        progress: &dyn Progress,
    ) -> Result<String, Error> {
        let recorded = &self.record.kernel;
        let by_path = match &recorded.modules {
            Some(modules) => format!("{}:{}", recorded.image.path.display(), modules.display()),
            None => recorded.image.path.display().to_string(),
        };
        let specs =
            given.map_or_else(|| vec![recorded.name.clone(), by_path], |given| vec![given.to_owned()]);
        let mut why = String::new();
        for spec in specs {
            match vm::kernel::resolve(&spec, cache, progress) {
                Ok(kernel) if kernel.sha256 == recorded.image.sha256 => return Ok(spec),
                Ok(kernel) if why.is_empty() => {
                    why = format!(
                        "{spec} is {}, {}, with SHA-256 {}",
                        kernel.release, kernel.version, kernel.sha256
                    );
                }
                Err(error) if why.is_empty() => why = error.to_string(),
                _ => {}
            }
        }
        Err(Error::Kernel {
            why,
            release: recorded.release.clone(),
            version: recorded.version.clone(),
            sha256: recorded.image.sha256.clone(),
            scenario: self.scenario.file.clone(),
        })
    }
}

/// What is not as it was recorded: the status, and that of each step. Nothing, if the same came again. A step that was
/// lost with its machine says nothing: how much comes through before a panic is chance.
pub fn differences(recorded: &Outcome, now: &Outcome) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, recorded: &str, now: &str| {
        if recorded != now {
            found.push(format!("{what}: {recorded} was recorded, and now it is {now}"));
        }
    };
    compare("result", recorded.status.word(), now.status.word());
    let lost = |step: &Step| step.status == Status::Miss;
    for (before, after) in recorded.steps.iter().zip(&now.steps).filter(|(a, b)| !lost(a) && !lost(b)) {
        compare(&format!("step `{}`", before.name), before.status.word(), after.status.word());
    }
    found
}

fn text(path: &PathBuf) -> Result<String, Error> {
    let bytes = input::read(path, input::RECORD).map_err(Error::io("read", path))?;
    String::from_utf8(bytes).map_err(|error| Error::damaged(path, error))
}

fn json<T: DeserializeOwned>(path: &PathBuf) -> Result<T, Error> {
    serde_json::from_str(&text(path)?).map_err(|error| Error::damaged(path, error))
}
