//! The verdict: a pure function of a scenario and the evidence of one run.
//!
//! A scenario passes only if nothing of the evidence is lost, every step was carried out and came out as expected, and the
//! three oracles saw nothing. There is no other way to `pass` in this file.

mod blame;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::matcher::{Mismatch, Observed};
use crate::options;
use crate::scenario::{Scenario, Step, describe};
use protocol::event::{Oracles, Outcome};
use protocol::evidence::{Carried, Evidence};
use protocol::operation::Operation;
use protocol::plan::{Actor, Need};

/// How it ended; the same words everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything is as expected, on positive evidence.
    Pass,
    /// Isolation is broken, or what a sound kernel carries out could not be.
    Fail,
    /// A need is not met. Of a step: it was not carried out, for a reason that its scenario tells.
    Skip,
    /// The scenario's own fault: no kernel could carry it out.
    Error,
    /// The verdict was lost: a panic, a hang, events that are missing.
    Miss,
}

/// A scenario's verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// How it ended.
    pub status: Status,
    /// Why, in one line; `None` for a pass.
    pub reason: Option<String>,
    /// Every step of the scenario, in its order.
    pub steps: Vec<StepVerdict>,
    /// What the oracles saw; `None` if they did not look.
    pub oracles: Option<Oracles>,
}

/// A step's verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct StepVerdict {
    /// Its name.
    pub name: String,
    /// `host`, or the container's name.
    pub actor: String,
    /// In a fresh process that joined the container.
    pub exec: bool,
    /// The operation in words.
    pub operation: String,
    /// How it ended.
    pub status: Status,
    /// The expectation as the file writes it; `None` if the step only has to succeed.
    pub expected: Option<Value>,
    /// What was observed: a value, `{ errno }`, or `{ broken }`.
    pub observed: Option<Value>,
    /// Each part that is not as expected.
    pub mismatches: Vec<Mismatch>,
    /// Microseconds, if it was carried out.
    pub us: Option<u64>,
}

impl Verdict {
    /// For a scenario whose need was found unmet before anything was sent to a guest.
    pub fn skipped(scenario: &Scenario, need: &Need, reason: &str) -> Self {
        let evidence = Evidence { unmet: Some((need.clone(), reason.to_owned())), ..Evidence::default() };
        let steps = steps(scenario, &evidence);
        Verdict { status: Status::Skip, reason: Some(unmet(need, reason)), steps, oracles: None }
    }
}

/// Judges one run.
pub fn judge(scenario: &Scenario, evidence: &Evidence) -> Verdict {
    let steps = steps(scenario, evidence);
    let (status, reason) = overall(scenario, evidence, &steps);
    Verdict { status, reason, steps, oracles: evidence.oracles.clone() }
}

/// The first of these that applies decides: lost evidence, the oracles, lost records of the kernel log, an unmet need, the
/// first step that did not pass.
fn overall(scenario: &Scenario, evidence: &Evidence, steps: &[StepVerdict]) -> (Status, Option<String>) {
    if let Some(reason) = lost(scenario, evidence) {
        return (Status::Miss, Some(reason));
    }
    if let Some(reason) = evidence.oracles.as_ref().and_then(oracles) {
        return (Status::Fail, Some(reason));
    }
    // After what the rest of the log tells: a fault that was read is one, whatever else was lost.
    if let Some(reason) = evidence.oracles.as_ref().and_then(lost_log) {
        return (Status::Miss, Some(reason));
    }
    if let Some((need, reason)) = &evidence.unmet {
        return (Status::Skip, Some(unmet(need, reason)));
    }
    if let Some((name, not_built)) =
        evidence.not_built.iter().find(|(name, _)| !expects_refusal(scenario, name))
    {
        let reason = format!("the container `{name}` could not be built: {}", not_built.failure);
        return (blame::not_built(not_built), Some(reason));
    }
    match steps.iter().find(|step| step.status != Status::Pass) {
        // No need is unmet: a step was left out whose container was not built, as a step before it allows.
        Some(step) if step.status == Status::Skip => {
            (Status::Error, Some(format!("{}: its container was not built", step.name)))
        }
        Some(step) => (step.status, Some(reason_of(step))),
        None if steps.len() == scenario.steps.len() && !steps.is_empty() => (Status::Pass, None),
        None => (Status::Miss, Some("there are no steps to judge".into())),
    }
}

/// Why the evidence does not allow a verdict.
fn lost(scenario: &Scenario, evidence: &Evidence) -> Option<String> {
    if let Some(reason) = evidence.lost.first() {
        return Some(reason.clone());
    }
    if evidence.scenario.as_ref() != Some(&scenario.name) || !evidence.ended {
        return Some("the guest did not run this scenario to its end".into());
    }
    let unmet = evidence.unmet.as_ref();
    if unmet.is_some_and(|(need, _)| !scenario.needs.contains(need)) {
        return Some("the guest spoke of a need that this scenario does not have".into());
    }
    if unmet.is_some() {
        return None;
    }
    if evidence.oracles.is_none() {
        return Some("the oracles are missing".into());
    }
    let told = |name: &str| evidence.built.contains_key(name) || evidence.not_built.contains_key(name);
    let mut names = scenario.containers.iter().map(|container| container.name.as_str());
    if let Some(name) = names.find(|name| !told(name) && start_of(scenario, name).is_none()) {
        return Some(format!("nothing is known of the container `{name}`"));
    }
    let known = |name: &&String| scenario.containers.iter().any(|container| container.name == **name);
    if let Some(name) = evidence.built.keys().chain(evidence.not_built.keys()).find(|name| !known(name)) {
        return Some(format!("the guest spoke of a container `{name}` that is not in the scenario"));
    }
    if evidence.steps.last_key_value().is_some_and(|(&last, _)| last as usize >= scenario.steps.len()) {
        return Some("the guest sent more steps than the scenario has".into());
    }
    let missing = (0u32..)
        .zip(&scenario.steps)
        .find(|(index, step)| !evidence.steps.contains_key(index) && blocked(step, evidence).is_none());
    missing.map(|(_, step)| format!("the step `{}` is missing", step.name))
}

/// The container without which a step cannot be carried out, if it could not be built.
fn blocked<'a>(step: &'a Step, evidence: &Evidence) -> Option<&'a str> {
    let refused =
        |name: &&String| evidence.not_built.contains_key(*name) && !evidence.built.contains_key(*name);
    match &step.actor {
        Actor::Container(name) => Some(name).filter(refused).map(String::as_str),
        Actor::Host => step.operation.named_container().filter(refused).map(String::as_str),
    }
}

/// The step that starts a container; one without it is built before the first step.
fn start_of<'a>(scenario: &'a Scenario, container: &str) -> Option<&'a Step> {
    scenario.steps.iter().find(|step| matches!(&step.operation, Operation::Start(name) if name == container))
}

/// Whether a step starts that container and says what has to come of it.
fn expects_refusal(scenario: &Scenario, container: &str) -> bool {
    start_of(scenario, container).is_some_and(|step| step.expect.is_some())
}

fn unmet(need: &Need, reason: &str) -> String {
    let option = options::option(need).map(|option| format!(" ({option})")).unwrap_or_default();
    let need = serde_json::to_value(need).expect("a need is plain data");
    let pair = need.as_object().and_then(|table| table.iter().next());
    let words = pair.map(|(kind, what)| format!("{kind} {}", what.as_str().unwrap_or_default()));
    format!("needs {}{option}: {reason}", words.unwrap_or_default())
}

/// What the oracles hold against a scenario, whatever its steps say.
fn oracles(oracles: &Oracles) -> Option<String> {
    if let Some(line) = oracles.kernel_log.first() {
        return Some(format!("the kernel log tells of a fault: {line}"));
    }
    if oracles.taint != 0 {
        return Some(format!("the kernel became tainted: {:#x}", oracles.taint));
    }
    let first = oracles.left_behind.first()?;
    let more = oracles.left_behind.len() - 1;
    let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
    Some(format!("left behind: {first}{more}"))
}

/// What is not known of the kernel log.
fn lost_log(oracles: &Oracles) -> Option<String> {
    let records = match oracles.log_lost {
        0 => return None,
        1 => "1 record of the kernel log was".to_owned(),
        count => format!("{count} records of the kernel log were"),
    };
    Some(format!("{records} overwritten before anybody read it: a fault may have been told of there"))
}

fn reason_of(step: &StepVerdict) -> String {
    let what = match (step.status, step.observed.as_ref().and_then(|observed| observed.get("broken"))) {
        (_, Some(words)) => words.as_str().unwrap_or_default().to_owned(),
        (Status::Fail, None) => "not as expected".into(),
        _ => "was not carried out".into(),
    };
    format!("{}: {what}", step.name)
}

fn steps(scenario: &Scenario, evidence: &Evidence) -> Vec<StepVerdict> {
    let with_index = (0u32..).zip(&scenario.steps);
    with_index.map(|(index, step)| judge_step(scenario, evidence, step, evidence.steps.get(&index))).collect()
}

fn judge_step(
    scenario: &Scenario,
    evidence: &Evidence,
    step: &Step,
    carried: Option<&Carried>,
) -> StepVerdict {
    let mut verdict = StepVerdict {
        name: step.name.clone(),
        actor: step.actor.to_string(),
        exec: step.exec,
        operation: describe(&step.operation),
        status: Status::Miss,
        expected: step.expect.as_ref().map(crate::matcher::Matcher::to_json),
        observed: None,
        mismatches: Vec::new(),
        us: carried.map(|carried| carried.us),
    };
    let observed = match carried.map(|carried| &carried.outcome) {
        None => {
            let explained = evidence.unmet.is_some() || blocked(step, evidence).is_some();
            verdict.status = if explained { Status::Skip } else { Status::Miss };
            return verdict;
        }
        Some(Outcome::Broken(words)) => {
            verdict.status = Status::Error;
            verdict.observed = Some(json!({ "broken": words }));
            return verdict;
        }
        Some(Outcome::NoActor(words)) => {
            verdict.status = blame::no_actor(scenario, step);
            verdict.observed = Some(json!({ "broken": words }));
            return verdict;
        }
        Some(Outcome::Value(value)) => Observed::Value(value),
        Some(Outcome::Errno(errno)) => Observed::Errno(errno, refusal(step, evidence)),
    };
    verdict.observed = observed.to_json();
    verdict.mismatches = mismatches(scenario, evidence, step, observed);
    verdict.status = if verdict.mismatches.is_empty() { Status::Pass } else { Status::Fail };
    verdict
}

/// The runtime's words, for a `start` that was refused.
fn refusal<'a>(step: &Step, evidence: &'a Evidence) -> Option<&'a str> {
    match &step.operation {
        Operation::Start(name) => evidence.not_built.get(name).map(|known| known.failure.as_str()),
        _ => None,
    }
}

fn mismatches(
    scenario: &Scenario,
    evidence: &Evidence,
    step: &Step,
    observed: Observed<'_>,
) -> Vec<Mismatch> {
    let earlier = |name: &str| {
        let index = scenario.steps.iter().position(|step| step.name == name)?;
        match &evidence.steps.get(&u32::try_from(index).ok()?)?.outcome {
            Outcome::Value(value) => Some(value.clone()),
            Outcome::Errno(_) | Outcome::Broken(_) | Outcome::NoActor(_) => None,
        }
    };
    match (&step.expect, observed) {
        (Some(matcher), _) => matcher.mismatches(observed, &earlier),
        (None, Observed::Value(_)) => Vec::new(),
        (None, _) => {
            vec![Mismatch { at: String::new(), expected: json!("success"), observed: observed.to_json() }]
        }
    }
}

#[cfg(test)]
mod tests;
