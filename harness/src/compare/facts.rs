//! Facts that differ although both sides pass.

use runtime::spec::Namespace;
use serde_json::Value;

use super::diff::{Names, Walk};
use super::stable;
use crate::report::details::place;
use crate::report::{Outcome, Run, Step};
use crate::scenario::{self, Scenario};
use protocol::operation::{About, Operation};
use protocol::plan::Actor;

/// A fact that is another one now.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// The operation's word: `status`.
    pub operation: String,
    /// JSON pointer into what was observed; an element of a list is called by what it is known by: `/[/dev/shm]/options`.
    pub at: String,
    /// Then; `None` if it was not there.
    pub base: Option<Value>,
    /// Now; `None` if it is not there.
    pub new: Option<Value>,
    /// `FILE:LINE` of the step.
    pub place: String,
    /// The step's name.
    pub step: String,
    /// What makes it one and the same change, wherever it is seen.
    key: (String, Vec<String>),
}

/// One change, and where it was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Behaviour {
    /// The first place.
    pub fact: Fact,
    /// How many times it was seen elsewhere.
    pub more: usize,
    /// How many other scenario files it was seen in.
    pub files: usize,
}

/// The facts of a scenario that both sides pass; `None` if its text cannot be understood.
pub(super) fn of(base: &Run, new: &Run, then: &Outcome, now: &Outcome) -> Option<Vec<Fact>> {
    let scenario = [new, base].into_iter().find_map(|run| understood(run, &now.scenario))?;
    let mut names = Names::default();
    let mut facts = Vec::new();
    for step in &now.steps {
        let before = then.steps.iter().find(|before| is_same(before, step));
        let known = scenario.steps.iter().find(|known| known.name == step.name);
        let (Some(before), Some(known)) = (before, known) else { continue };
        if stable::frees_names(&known.operation) {
            names.forget();
        }
        let place = place(new, now, step);
        facts.extend(
            of_step(&scenario, known, before, step, &mut names)
                .into_iter()
                .map(|fact| Fact { place: place.clone(), ..fact }),
        );
    }
    Some(facts)
}

fn understood(run: &Run, name: &str) -> Option<Scenario> {
    let source = run.scenarios.get(name)?;
    scenario::parse(name, &source.file, &source.text).ok()
}

/// Whether two steps of two reports did the same: the scenario may have been edited in between.
fn is_same(a: &Step, b: &Step) -> bool {
    (&a.name, &a.actor, a.exec, &a.operation) == (&b.name, &b.actor, b.exec, &b.operation)
}

fn of_step(
    scenario: &Scenario,
    known: &scenario::Step,
    then: &Step,
    now: &Step,
    names: &mut Names,
) -> Vec<Fact> {
    let private = sees_its_own_processes_only(scenario, &known.actor);
    let clean = |step: &Step| {
        let observed = step.observed.clone().unwrap_or(Value::Null);
        stable::without_noise(&known.operation, private, observed)
    };
    let naming = |at: &[String], value: &Value| stable::naming(&known.operation, &now.actor, at, value);
    let mut walk = Walk { naming: &naming, names, found: Vec::new() };
    walk.walk(&mut Vec::new(), &clean(then), &clean(now));
    let word = word(&known.operation);
    let fact = |difference: super::diff::Difference| Fact {
        operation: word.clone(),
        at: pointer(&difference.at),
        key: (
            subject(&known.operation, &word),
            difference.at.into_iter().filter(|part| !part.starts_with('[')).collect(),
        ),
        base: difference.base,
        new: difference.new,
        place: String::new(),
        step: now.name.clone(),
    };
    walk.found.into_iter().map(fact).collect()
}

/// Its own PID namespace, and a `/proc` of that.
fn sees_its_own_processes_only(scenario: &Scenario, actor: &Actor) -> bool {
    let Actor::Container(name) = actor else { return false };
    let container = scenario.containers.iter().find(|container| container.name == *name);
    container
        .is_some_and(|container| container.spec.proc && container.spec.namespaces.contains(&Namespace::Pid))
}

/// `status`, of `{ status = "self" }`.
fn word(operation: &Operation) -> String {
    match serde_json::to_value(operation) {
        Ok(Value::String(word)) => word,
        Ok(Value::Object(table)) => table.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

/// What an operation looks at, as far as the same change elsewhere is one change: the same field of another process is, the
/// content of another file is not.
fn subject(operation: &Operation, word: &str) -> String {
    match operation.meaning().value {
        About::Status | About::Namespaces => word.to_owned(),
        _ => scenario::describe(operation),
    }
}

/// As RFC 6901 has it, but for elements that are known by more than their index.
fn pointer(at: &[String]) -> String {
    let part = |part: &String| match part.starts_with('[') {
        true => format!("/{part}"),
        false => format!("/{}", part.replace('~', "~0").replace('/', "~1")),
    };
    at.iter().map(part).collect()
}

impl Fact {
    /// Whether the kernel refuses what it did not, or the other way round, or for another reason.
    fn is_of_a_refusal(&self) -> bool {
        let refused = |side: &Option<Value>| side.as_ref().is_some_and(|value| value.get("errno").is_some());
        self.at == "/errno" || refused(&self.base) || refused(&self.new)
    }
}

/// Each change once, in the order in which it was first seen; what was refused or not before all others.
pub(super) fn grouped(facts: Vec<Fact>) -> Vec<Behaviour> {
    let mut groups: Vec<(Behaviour, Vec<String>)> = Vec::new();
    for fact in facts {
        let file = fact.place.rsplit_once(':').map_or("", |(file, _)| file).to_owned();
        let same = |group: &&mut (Behaviour, Vec<String>)| {
            let known = &group.0.fact;
            (&known.key, &known.base, &known.new) == (&fact.key, &fact.base, &fact.new)
        };
        match groups.iter_mut().find(same) {
            Some((behaviour, files)) => {
                behaviour.more += 1;
                if !files.contains(&file) {
                    files.push(file);
                    behaviour.files += 1;
                }
            }
            None => groups.push((Behaviour { fact, more: 0, files: 0 }, vec![file])),
        }
    }
    let mut changes: Vec<Behaviour> = groups.into_iter().map(|(behaviour, _)| behaviour).collect();
    changes.sort_by_key(|change| !change.fact.is_of_a_refusal());
    changes
}
