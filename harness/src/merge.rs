//! Several reports as one: the shards of a run, the kernels of a fleet, or both. What does not add up is told, never guessed.

mod error;
mod jobs;

pub use error::Error;
pub use jobs::{Job, stand_in};

use std::collections::BTreeMap;

use crate::report::{Kernel, Outcome, Percentiles, Run, Totals};
use crate::shard::Shard;

/// A report, and the file that it came from.
#[derive(Debug, Clone)]
pub struct Part {
    /// As it was given.
    pub file: String,
    /// What is in it.
    pub run: Run,
}

/// Joins reports. Each kernel must have all of its shards, each once; all reports must be of the same nsproof and scenarios.
///
/// # Errors
/// What does not add up, and in which files.
pub fn merge(parts: &[Part]) -> Result<Run, Error> {
    let [first, rest @ ..] = parts else { return Err(Error::NoReport) };
    for other in rest {
        same_version(first, other)?;
        same_scenarios(first, other)?;
    }
    let mut kernels = Vec::new();
    for name in kernel_names(parts) {
        let having = |part: &&Part| part.run.kernels.iter().any(|kernel| kernel.name == name);
        let of_kernel: Vec<&Part> = parts.iter().filter(having).collect();
        all_shards(name, &of_kernel)?;
        kernels.push(kernel(name, &of_kernel)?);
    }
    let results = results(parts, &kernels)?;
    let started = parts.iter().map(|part| &part.run.started).min().cloned().unwrap_or_default();
    Ok(Run {
        started,
        shard: Shard::WHOLE,
        kernels,
        totals: Totals::of(&results),
        results,
        ..first.run.clone()
    })
}

fn files(a: &Part, b: &Part) -> [String; 2] {
    [a.file.clone(), b.file.clone()]
}

fn same_version(a: &Part, b: &Part) -> Result<(), Error> {
    if a.run.nsproof == b.run.nsproof {
        return Ok(());
    }
    Err(Error::OfOtherVersions {
        files: files(a, b),
        versions: [a.run.nsproof.clone(), b.run.nsproof.clone()],
    })
}

fn same_scenarios(a: &Part, b: &Part) -> Result<(), Error> {
    for (one, other) in [(a, b), (b, a)] {
        if let Some(name) = one.run.scenarios.keys().find(|name| !other.run.scenarios.contains_key(*name)) {
            let [with, without] = files(one, other);
            return Err(Error::OfOtherScenarios { scenario: name.clone(), with, without });
        }
    }
    let differs = |name: &&String| a.run.scenarios[*name].text != b.run.scenarios[*name].text;
    match a.run.scenarios.keys().find(differs) {
        Some(name) => Err(Error::OtherText { scenario: name.clone(), files: files(a, b) }),
        None => Ok(()),
    }
}

/// In the order in which they first appear.
fn kernel_names(parts: &[Part]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for kernel in parts.iter().flat_map(|part| &part.run.kernels) {
        if !names.contains(&kernel.name.as_str()) {
            names.push(&kernel.name);
        }
    }
    names
}

/// `parts`: those that have the kernel; at least one.
fn all_shards(kernel: &str, parts: &[&Part]) -> Result<(), Error> {
    let total = parts[0].run.shard.total();
    let mut found: BTreeMap<usize, &Part> = BTreeMap::new();
    let kernel = kernel.to_owned();
    for part in parts {
        let shard = part.run.shard;
        if shard.total() != total {
            let (files, shards) = (files(parts[0], part), [parts[0].run.shard, shard]);
            return Err(Error::SplitOtherwise { kernel, files, shards });
        }
        if let Some(other) = found.insert(shard.index(), part) {
            return Err(Error::ShardTwice { kernel, shard, files: files(other, part) });
        }
    }
    let missing: Vec<String> = (1..=total)
        .filter(|index| !found.contains_key(index))
        .map(|index| format!("{index}/{total}"))
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(Error::MissingShards { kernel, missing }) }
}

/// What its shards say of a kernel; of the times, the slowest shard's.
fn kernel(name: &str, parts: &[&Part]) -> Result<Kernel, Error> {
    let kernels = parts.iter().flat_map(|part| part.run.kernels.iter().map(|kernel| (&*part.file, kernel)));
    let all: Vec<(&str, &Kernel)> = kernels.filter(|(_, kernel)| kernel.name == name).collect();
    let booted: Vec<_> = all.iter().filter(|(_, kernel)| !kernel.release.is_empty()).collect();
    let Some((file, first)) = booted.first() else {
        // One that never booted anywhere is as the first report has it.
        return Ok(all.first().expect("the names are those of the parts").1.clone());
    };
    match booted.iter().find(|(_, kernel)| kernel.release != first.release) {
        Some((other, kernel)) => Err(Error::OtherReleases {
            kernel: name.to_owned(),
            files: [(*file).to_owned(), (*other).to_owned()],
            releases: [first.release.clone(), kernel.release.clone()],
        }),
        None => Ok(together(&booted.iter().map(|(_, kernel)| *kernel).collect::<Vec<_>>())),
    }
}

/// At least one kernel.
fn together(kernels: &[&Kernel]) -> Kernel {
    let each_once = |of: fn(&Kernel) -> &str| {
        let mut words: Vec<&str> = Vec::new();
        for word in kernels.iter().map(|kernel| of(kernel)) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words.join(", ")
    };
    let slowest =
        |a: Percentiles, b: Percentiles| Percentiles { p50: a.p50.max(b.p50), p99: a.p99.max(b.p99) };
    Kernel {
        accel: each_once(|kernel| &kernel.accel),
        accel_reason: each_once(|kernel| &kernel.accel_reason),
        isolation: each_once(|kernel| &kernel.isolation),
        boot_ms: kernels.iter().filter_map(|kernel| kernel.boot_ms).max(),
        clone_ms: kernels.iter().filter_map(|kernel| kernel.clone_ms).reduce(slowest),
        blind: kernels.iter().flat_map(|kernel| kernel.blind.clone()).collect(),
        ..kernels[0].clone()
    }
}

/// By kernel, runtime and scenario: every one, and each once.
fn results(parts: &[Part], kernels: &[Kernel]) -> Result<Vec<Outcome>, Error> {
    let mut found: BTreeMap<(usize, &str, &str), (&Part, &Outcome)> = BTreeMap::new();
    for part in parts {
        for result in &part.run.results {
            let position = kernels.iter().position(|kernel| kernel.name == result.kernel);
            let kernel = position.ok_or_else(|| Error::UnknownKernel {
                file: part.file.clone(),
                kernel: result.kernel.clone(),
            })?;
            let key = (kernel, result.runtime.as_str(), result.scenario.as_str());
            if let Some((other, _)) = found.insert(key, (part, result)) {
                let Outcome { scenario, kernel, .. } = result.clone();
                return Err(Error::ResultTwice { scenario, kernel, files: files(other, part) });
            }
        }
    }
    if found.is_empty() {
        return Err(Error::NoResult);
    }
    let mut runtimes: Vec<&str> = found.keys().map(|(_, runtime, _)| *runtime).collect();
    runtimes.sort_unstable();
    runtimes.dedup();
    for (number, kernel) in kernels.iter().enumerate() {
        for (runtime, scenario) in runtimes
            .iter()
            .flat_map(|runtime| parts[0].run.scenarios.keys().map(move |name| (*runtime, name)))
        {
            if !found.contains_key(&(number, runtime, scenario.as_str())) {
                let (scenario, kernel) = (scenario.clone(), kernel.name.clone());
                return Err(Error::MissingResult { scenario, kernel });
            }
        }
    }
    Ok(found.into_values().map(|(_, result)| result.clone()).collect())
}

#[cfg(test)]
mod tests;
