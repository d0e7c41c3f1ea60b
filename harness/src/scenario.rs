//! A scenario: what is built, what is done, and what is expected. The language is described in scenarios/README.md.

mod check;
mod describe;
mod expect;
mod files;
mod needs;
mod parse;
pub(crate) mod reader;
mod schema;
mod serde_words;
mod words;

use std::path::Path;
use std::sync::Arc;

pub use describe::describe;
pub use schema::schema;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::matcher::Matcher;
use protocol::operation::Operation;
use protocol::plan::{Actor, NamedSpec, Need, Plan};

/// One scenario file, valid in itself.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its path below the scenario folder without `.toml`: `uts/hostname`.
    pub name: String,
    /// The file, as a message shows it: relative to the working directory where it is below that.
    pub file: String,
    /// The file's text.
    pub text: Arc<str>,
    /// One plain sentence.
    pub about: String,
    /// Ids of the catalogue.
    pub covers: Vec<String>,
    /// What must be there, else the scenario is skipped: what the file says, and the namespaces that are made or entered.
    pub needs: Vec<Need>,
    /// Milliseconds.
    pub deadline_ms: u64,
    /// In the file's order.
    pub containers: Vec<NamedSpec>,
    /// In the file's order; at least one.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Unique in the scenario.
    pub name: String,
    /// Whose probe acts.
    pub actor: Actor,
    /// In a fresh process that joined the container.
    pub exec: bool,
    /// What is done.
    pub operation: Operation,
    /// What must come of it; success, whatever the value, if nothing is said.
    pub expect: Option<Matcher>,
    /// Line of the file, from 1, where the step begins.
    pub line: usize,
    /// Line of the file, from 1, of the expectation (of the operation if there is none).
    pub expect_line: usize,
}

impl Scenario {
    /// The kernel modules that it needs.
    pub fn modules(&self) -> Vec<&str> {
        let modules = self.needs.iter().filter_map(|need| match need {
            Need::Module(name) => Some(name.as_str()),
            _ => None,
        });
        modules.collect()
    }

    /// What the guest gets: everything but the expectations.
    pub fn plan(&self) -> Plan {
        let step = |step: &Step| protocol::plan::Step {
            actor: step.actor.clone(),
            exec: step.exec,
            operation: step.operation.clone(),
        };
        Plan {
            scenario: self.name.clone(),
            needs: self.needs.clone(),
            containers: self.containers.clone(),
            steps: self.steps.iter().map(step).collect(),
            deadline_ms: self.deadline_ms,
        }
    }
}

/// Loads the scenarios below `root` that the filters choose (all, without a filter), in the order of their names.
///
/// A filter is a file, a folder, or a part of a name; a file or folder may lie outside of `root`.
///
/// # Errors
/// Every problem of every chosen file at once, and filters that choose nothing.
pub fn load(root: &Path, filters: &[String]) -> Result<Vec<Scenario>, Diagnostics> {
    let files = files::choose(root, filters).map_err(Diagnostics::from)?;
    let mut scenarios = Vec::new();
    let mut problems = Vec::new();
    for file in files {
        match read(&file) {
            Ok(scenario) => scenarios.push(scenario),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(scenarios) } else { Err(problems.into()) }
}

/// The names of all scenarios below `root`, whatever is in their files.
///
/// # Errors
/// A folder that cannot be read.
pub fn names(root: &Path) -> Result<Vec<String>, Diagnostics> {
    let files = files::choose(root, &[]).map_err(Diagnostics::from)?;
    Ok(files.into_iter().map(|file| file.name).collect())
}

fn read(file: &files::Chosen) -> Result<Scenario, Vec<Diagnostic>> {
    let text = files::text(file).map_err(|problem| vec![problem])?;
    parse(&file.name, &file.shown, &text)
}

/// Reads one scenario from its text; `file` is what messages call it.
///
/// # Errors
/// Every problem of the text.
pub fn parse(name: &str, file: &str, text: &str) -> Result<Scenario, Vec<Diagnostic>> {
    parse::scenario(name, reader::Reader::new(file, text))
}

#[cfg(test)]
mod tests;
