//! Several reports as one: the shards of a run, the kernels of a fleet, or both. What does not add up is told, never guessed.

mod jobs;

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
pub fn merge(parts: &[Part]) -> Result<Run, String> {
    let [first, rest @ ..] = parts else { return Err("there is no report to merge".into()) };
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

fn same_version(a: &Part, b: &Part) -> Result<(), String> {
    if a.run.nsproof == b.run.nsproof {
        return Ok(());
    }
    let of = |part: &Part| format!("{} was written by nsproof {}", part.file, part.run.nsproof);
    Err(format!("{}, {}: run both with the same one", of(a), of(b)))
}

fn same_scenarios(a: &Part, b: &Part) -> Result<(), String> {
    for (one, other) in [(a, b), (b, a)] {
        if let Some(name) = one.run.scenarios.keys().find(|name| !other.run.scenarios.contains_key(*name)) {
            return Err(format!(
                "{} is of the scenario {name}, {} is not: run both with the same filters and files",
                one.file, other.file
            ));
        }
    }
    let differs = |name: &&String| a.run.scenarios[*name].text != b.run.scenarios[*name].text;
    match a.run.scenarios.keys().find(differs) {
        Some(name) => Err(format!(
            "the scenario {name} is another one in {} than in {}: run both from the same commit",
            b.file, a.file
        )),
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
fn all_shards(kernel: &str, parts: &[&Part]) -> Result<(), String> {
    let total = parts[0].run.shard.total();
    let mut files: BTreeMap<usize, &str> = BTreeMap::new();
    for part in parts {
        let shard = part.run.shard;
        if shard.total() != total {
            let (first, other) = (parts[0], part);
            return Err(format!(
                "{kernel}: {} is shard {}, {} is shard {shard}: split it into the same number everywhere",
                first.file, first.run.shard, other.file
            ));
        }
        if let Some(other) = files.insert(shard.index(), &part.file) {
            return Err(format!("{kernel}: shard {shard} is in {other} and in {}: give it once", part.file));
        }
    }
    let missing: Vec<String> = (1..=total)
        .filter(|index| !files.contains_key(index))
        .map(|index| format!("{index}/{total}"))
        .collect();
    match &missing[..] {
        [] => Ok(()),
        [one] => Err(format!("{kernel}: shard {one} is missing: give its report too")),
        several => {
            Err(format!("{kernel}: shards {} are missing: give their reports too", several.join(", ")))
        }
    }
}

/// What its shards say of a kernel; of the times, the slowest shard's.
fn kernel(name: &str, parts: &[&Part]) -> Result<Kernel, String> {
    let kernels = parts.iter().flat_map(|part| part.run.kernels.iter().map(|kernel| (&*part.file, kernel)));
    let all: Vec<(&str, &Kernel)> = kernels.filter(|(_, kernel)| kernel.name == name).collect();
    let booted: Vec<_> = all.iter().filter(|(_, kernel)| !kernel.release.is_empty()).collect();
    let Some((file, first)) = booted.first() else {
        // One that never booted anywhere is as the first report has it.
        return Ok(all.first().expect("the names are those of the parts").1.clone());
    };
    match booted.iter().find(|(_, kernel)| kernel.release != first.release) {
        Some((other, kernel)) => Err(format!(
            "{name} is {} in {file}, and {} in {other}: run all shards on the same kernel",
            first.release, kernel.release
        )),
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
fn results(parts: &[Part], kernels: &[Kernel]) -> Result<Vec<Outcome>, String> {
    let mut found: BTreeMap<(usize, &str, &str), (&Part, &Outcome)> = BTreeMap::new();
    for part in parts {
        for result in &part.run.results {
            let position = kernels.iter().position(|kernel| kernel.name == result.kernel);
            let kernel = position
                .ok_or_else(|| format!("{}: {} is not among its kernels", part.file, result.kernel))?;
            let key = (kernel, result.runtime.as_str(), result.scenario.as_str());
            if let Some((other, _)) = found.insert(key, (part, result)) {
                return Err(format!(
                    "{} on {} has a result in {} and in {}: these are no shards of one run",
                    result.scenario, result.kernel, other.file, part.file
                ));
            }
        }
    }
    if found.is_empty() {
        return Err("there is no result in any of these reports".into());
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
                return Err(format!("{scenario} on {} has no result in any of these reports", kernel.name));
            }
        }
    }
    Ok(found.into_values().map(|(_, result)| result.clone()).collect())
}

#[cfg(test)]
mod tests;
