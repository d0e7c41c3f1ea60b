//! What a run came to, as data, and the formats that it is told in: one small pure function each.

mod blind;
mod coverage;
pub(crate) mod details;
mod expected;
pub mod github;
pub mod html;
pub mod json;
pub mod junit;
mod kernel;
pub mod ktap;
pub mod markdown;
pub(crate) mod paint;
mod plain;
mod read;
pub mod terminal;

pub(crate) use blind::of as blind;
pub(crate) use coverage::proven;
pub use coverage::{coverage, nothing_proven, skipped};
pub use expected::Expected;
pub use kernel::Kernel;
pub use read::{Unreadable, read};

use std::collections::BTreeMap;
use std::path::PathBuf;
use strum::{EnumString, VariantNames};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vm::text::printable;

use crate::judge::{Status, StepVerdict, Verdict};
use crate::matcher::Mismatch;
use crate::scenario::Scenario;
use crate::shard::Shard;

/// The version of this format; it changes when a reader of the old one would misread the new one.
pub const SCHEMA: u32 = 1;

/// A run: the JSON report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// [`SCHEMA`]
    pub schema: u32,
    /// Version of nsproof.
    pub nsproof: String,
    /// When the run began: RFC 3339, UTC.
    pub started: String,
    /// The part of the run that this is: of all the scenarios on all the kernels below.
    pub shard: Shard,
    /// The kernels, in the order of the command line.
    pub kernels: Vec<Kernel>,
    /// The scenario files, by scenario.
    pub scenarios: BTreeMap<String, Source>,
    /// By kernel, runtime and scenario.
    pub results: Vec<Outcome>,
    /// How many results of each status.
    pub totals: Totals,
}

/// In milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "said by their names")]
pub struct Percentiles {
    pub p50: f64,
    pub p99: f64,
}

impl Percentiles {
    /// By the nearest rank: an observed value, not one between two. `None` of nothing.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let rank = |percent: usize| (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        let at = |percent: usize| sorted.get(rank(percent)).copied();
        Some(Percentiles { p50: at(50)?, p99: at(99)? })
    }
}

/// A scenario file as it was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The file, relative to where the run was started.
    pub file: String,
    /// Its sentence.
    pub about: String,
    /// Its text.
    pub text: String,
}

/// What one scenario came to on one kernel with one runtime.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The kernel's name.
    pub kernel: String,
    /// The runtime's name.
    pub runtime: String,
    /// The scenario's name.
    pub scenario: String,
    /// Ids of the catalogue.
    pub covers: Vec<String>,
    /// How it ended.
    pub status: Status,
    /// Why, in one line; `None` for a pass.
    pub reason: Option<String>,
    /// From the request to the last event.
    pub duration_ms: u64,
    /// Every step, in the file's order.
    pub steps: Vec<Step>,
    /// Lines of the kernel log that tell of a fault.
    pub kernel_log: Vec<String>,
    /// Bits of the taint mask that the scenario set.
    pub taint: u64,
    /// What was there afterwards and not before.
    pub left_behind: Vec<String>,
    /// The console's last lines, if the machine was lost.
    pub console: Vec<String>,
    /// What another run came to, if there was one: a confirmation in a cold boot, or else one that KVM lost before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
    /// The directory with all that is known of a scenario that did not pass, if one was left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repro: Option<PathBuf>,
    /// What the baseline expects, if it speaks of this scenario on this kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Expected>,
}

/// Another run: a second one in a cold boot of its own, or the one on KVM that was lost before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Again {
    /// How it ended.
    pub status: Status,
    /// Why, in one line; `None` for a pass.
    pub reason: Option<String>,
    /// `kvm`, if the machine was lost on it, and the result is of another one without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accel: Option<String>,
}

impl Again {
    /// `again in a cold boot`
    pub fn how(&self) -> &'static str {
        if self.accel.is_some() { "before that on KVM" } else { "again in a cold boot" }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// `host`, or a container.
    #[serde(rename = "in")]
    pub actor: String,
    /// In a fresh process that joined the container.
    pub exec: bool,
    /// The operation in words.
    #[serde(rename = "do")]
    pub operation: String,
    /// How it ended.
    pub status: Status,
    /// The expectation as the file writes it; `None` if the step only has to succeed.
    pub expected: Option<Value>,
    /// What was observed.
    pub observed: Option<Value>,
    /// Each part that is not as expected.
    pub mismatches: Vec<Mismatch>,
    /// Milliseconds, if it was carried out.
    pub ms: Option<f64>,
    /// Line of the scenario file, from 1, that tells what is expected.
    pub line: usize,
}

/// How many results of each status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the status words")]
pub struct Totals {
    pub pass: usize,
    pub fail: usize,
    pub skip: usize,
    pub error: usize,
    pub miss: usize,
}

impl Totals {
    /// Counts.
    pub fn of(results: &[Outcome]) -> Self {
        let count = |status| results.iter().filter(|result| result.status == status).count();
        Totals {
            pass: count(Status::Pass),
            fail: count(Status::Fail),
            skip: count(Status::Skip),
            error: count(Status::Error),
            miss: count(Status::Miss),
        }
    }

    /// How many ended so.
    pub fn get(&self, status: Status) -> usize {
        match status {
            Status::Pass => self.pass,
            Status::Fail => self.fail,
            Status::Skip => self.skip,
            Status::Error => self.error,
            Status::Miss => self.miss,
        }
    }
}

impl Run {
    /// A run of this version; `started` is RFC 3339 in UTC.
    pub fn new(started: String, kernels: Vec<Kernel>, scenarios: &[Scenario], results: Vec<Outcome>) -> Self {
        let source = |scenario: &Scenario| Source {
            file: scenario.file.clone(),
            about: scenario.about.clone(),
            text: scenario.text.to_string(),
        };
        Run {
            schema: SCHEMA,
            nsproof: env!("CARGO_PKG_VERSION").to_owned(),
            started,
            shard: Shard::WHOLE,
            kernels,
            scenarios: scenarios.iter().map(|scenario| (scenario.name.clone(), source(scenario))).collect(),
            totals: Totals::of(&results),
            results,
        }
    }
}

impl Outcome {
    /// The result of a verdict.
    pub fn new(kernel: &str, runtime: &str, scenario: &Scenario, verdict: Verdict, duration_ms: u64) -> Self {
        let oracles = verdict.oracles.unwrap_or_default();
        let lines = scenario.steps.iter().map(|step| step.expect_line);
        Outcome {
            kernel: kernel.to_owned(),
            runtime: runtime.to_owned(),
            scenario: scenario.name.clone(),
            covers: scenario.covers.clone(),
            status: verdict.status,
            reason: verdict.reason,
            duration_ms,
            steps: verdict.steps.into_iter().zip(lines).map(|(step, line)| Step::new(step, line)).collect(),
            kernel_log: oracles.kernel_log,
            taint: oracles.taint,
            left_behind: oracles.left_behind,
            console: Vec::new(),
            again: None,
            repro: None,
            baseline: None,
        }
    }

    /// The status and its reason: `miss: QEMU ended`.
    pub fn told(&self) -> String {
        let word = self.status.word();
        self.reason.as_ref().map_or_else(|| word.to_owned(), |reason| format!("{word}: {reason}"))
    }

    /// The second run, if it came to something else.
    pub fn disagreement(&self) -> Option<&Again> {
        self.again.as_ref().filter(|again| again.status != self.status)
    }
}

impl Step {
    fn new(verdict: StepVerdict, line: usize) -> Self {
        Step {
            name: verdict.name,
            actor: verdict.actor,
            exec: verdict.exec,
            operation: verdict.operation,
            status: verdict.status,
            expected: verdict.expected,
            observed: verdict.observed,
            mismatches: verdict.mismatches,
            // Whole microseconds below 2^53 lose nothing.
            ms: verdict.us.map(|us| us as f64 / 1000.0),
            line,
        }
    }
}

impl Status {
    /// In the order in which they are counted.
    pub const ALL: [Status; 5] = [Status::Pass, Status::Fail, Status::Skip, Status::Error, Status::Miss];

    /// `pass`
    pub fn word(self) -> &'static str {
        match self {
            Status::Pass => "pass",
            Status::Fail => "fail",
            Status::Skip => "skip",
            Status::Error => "error",
            Status::Miss => "miss",
        }
    }
}

/// A format that a report can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
#[allow(missing_docs, reason = "the formats' own names")]
pub enum Format {
    Github,
    Json,
    Junit,
    Ktap,
    Markdown,
    Html,
}

impl Format {
    /// The run in this format. Nothing in it acts on a terminal or on the log of a CI, where it may be printed; but for GitHub's
    /// own commands.
    pub fn render(self, run: &Run) -> String {
        let plain = || run.plain();
        match self {
            // Every fact, as it is.
            Format::Json => json::render(run),
            Format::Github => github::render(&plain()),
            Format::Html => html::render(&plain()),
            Format::Junit => printable(&junit::render(&plain()), false),
            Format::Ktap => printable(&ktap::render(&plain()), false),
            Format::Markdown => printable(&markdown::render(&plain()), false),
        }
    }

    /// Returns the format of this name.
    ///
    /// # Errors
    /// There is none, and which there are.
    pub fn named(word: &str) -> Result<Self, String> {
        word.parse().map_err(|_| {
            let near = crate::diagnostic::suggest(word, "format", Self::VARIANTS);
            format!("unknown format `{word}`: {near}")
        })
    }
}

#[cfg(test)]
mod tests;
