//! The jobs of a fleet, and what stands in for the report of one that gave none.

use serde::{Deserialize, Serialize};

use super::{Error, Part};
use crate::judge::judge;
use crate::report::{Kernel, Outcome, Run, Totals};
use crate::scenario;
use crate::shard::Shard;
use protocol::evidence::Evidence;

/// A job that is to give a report: a part of the scenarios on a kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// As for `vm-test --kernel`.
    pub kernel: String,
    /// As for `vm-test --shard`.
    pub shard: Shard,
    /// What to call it.
    pub name: String,
}

/// Adds a part for each job that gave none: its scenarios are a miss, for no verdict is never a pass.
///
/// # Errors
/// A scenario of the other parts that cannot be read any more.
pub fn stand_in(parts: &mut Vec<Part>, jobs: &[Job]) -> Result<(), Error> {
    let gave = |parts: &[Part], job: &Job| {
        let of_kernel = |part: &Part| part.run.kernels.iter().any(|kernel| kernel.name == job.kernel);
        parts.iter().any(|part| part.run.shard == job.shard && of_kernel(part))
    };
    for job in jobs {
        if !gave(parts, job) {
            parts.push(lost(parts, job)?);
        }
    }
    Ok(())
}

/// All that no part tells of the job's kernel: of several jobs that are lost, the first takes it.
fn lost(parts: &[Part], job: &Job) -> Result<Part, Error> {
    let first = parts.first().ok_or(Error::NoReport)?;
    let reason = format!("the job {} gave no report", job.name);
    let mut evidence = Evidence::default();
    evidence.lose(&reason);
    let told = || parts.iter().flat_map(|part| &part.run.results);
    let mut runtimes: Vec<&str> = told().map(|result| result.runtime.as_str()).collect();
    runtimes.sort_unstable();
    runtimes.dedup();
    let mut results = Vec::new();
    for (name, source) in &first.run.scenarios {
        let scenario = scenario::parse(name, &source.file, &source.text)
            .map_err(|_| Error::UnreadableScenario { file: first.file.clone(), scenario: name.clone() })?;
        let is_told = |runtime: &str| {
            told().any(|it| it.kernel == job.kernel && it.runtime == runtime && it.scenario == *name)
        };
        let miss = |runtime| Outcome::new(&job.kernel, runtime, &scenario, judge(&scenario, &evidence), 0);
        results.extend(runtimes.iter().filter(|runtime| !is_told(runtime)).map(|runtime| miss(runtime)));
    }
    let kernels = vec![Kernel::unused(&job.kernel, &reason)];
    let totals = Totals::of(&results);
    let run = Run { shard: job.shard, kernels, results, totals, ..first.run.clone() };
    Ok(Part { file: job.name.clone(), run })
}
