//! Good, bad, or not to be told: what runs come to for a bisection, and the search over a list of kernels.

mod search;

pub use self::search::{Found, WrongEnd, search};

use std::collections::BTreeMap;

use crate::judge::Status;
use crate::progress::Progress;
use crate::report::{Outcome, Run};
use crate::run::{self, Isolation, Options};
use crate::scenario::Scenario;

/// What is known of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Every scenario passed, every time.
    Good,
    /// These scenarios are broken.
    Bad(Vec<String>),
    /// Neither, and why.
    CannotTell(String),
}

/// Runs scenarios on the one kernel of the options: `times`, or until it is known to be bad. The last run is given too.
///
/// # Errors
/// As [`run::run`].
pub fn ask(
    scenarios: &[Scenario],
    options: &Options,
    times: u16,
    progress: &Progress,
) -> vm::Result<(Answer, Run)> {
    let mut runs = vec![run::run(scenarios, options, progress)?];
    // A kernel that cannot be had, or that never gets ready, is none the next time either.
    let boots = |run: &Run| run.kernels.iter().any(|kernel| kernel.boot_ms.is_some());
    while runs.len() < times.into() && boots(&runs[0]) && !matches!(answer(&runs), Answer::Bad(_)) {
        runs.push(run::run(scenarios, options, progress)?);
    }
    let answer = answer(&runs);
    Ok((answer, runs.pop().expect("there is a first run")))
}

/// A failure counts once it was seen twice: again in a cold boot, or in another run.
const CERTAIN: usize = 2;

/// What runs of the same scenarios on the same kernel come to together.
pub fn answer(runs: &[Run]) -> Answer {
    let mut failures: BTreeMap<&str, usize> = BTreeMap::new();
    let mut doubt = None;
    let mut passed = false;
    for run in runs {
        for outcome in &run.results {
            *failures.entry(&outcome.scenario).or_default() += seen(run, outcome);
            passed |= outcome.status == Status::Pass;
            // A pass has another run beside it only if KVM lost that one.
            if outcome.status != Status::Pass || outcome.again.is_some() {
                doubt.get_or_insert_with(|| doubtful(outcome));
            }
        }
    }
    let broken: Vec<String> = failures
        .into_iter()
        .filter(|(_, seen)| *seen >= CERTAIN)
        .map(|(scenario, _)| scenario.to_owned())
        .collect();
    match doubt {
        _ if !broken.is_empty() => Answer::Bad(broken),
        Some(doubt) => Answer::CannotTell(doubt),
        None if !passed => Answer::CannotTell("no scenario was run".to_owned()),
        None => Answer::Good,
    }
}

/// How often the scenario was seen to fail. A run that boots for each scenario and gives no second look needs none.
fn seen(run: &Run, outcome: &Outcome) -> usize {
    let cold = run.kernels.iter().any(|kernel| kernel.isolation == Isolation::Boot.word());
    let first = usize::from(outcome.status == Status::Fail);
    match &outcome.again {
        Some(again) => first + usize::from(again.status == Status::Fail),
        None if cold => first * CERTAIN,
        None => first,
    }
}

fn doubtful(outcome: &Outcome) -> String {
    let Outcome { scenario, status, reason, .. } = outcome;
    let reason = reason.as_deref().unwrap_or_default();
    match (status, &outcome.again) {
        (Status::Pass | Status::Fail, Some(again)) => {
            let way_out = if again.accel.is_some() { "with --accel tcg" } else { "more often (--repeat)" };
            let (word, other) = (status.word(), again.status.word());
            format!("{scenario}: {word}, but {other} {}: run it {way_out}", again.how())
        }
        (Status::Skip, _) => format!("{scenario}: skip: {reason}; leave it out of the scenarios to watch"),
        _ => format!("{scenario}: {}: {reason}", status.word()),
    }
}

#[cfg(test)]
mod tests;
