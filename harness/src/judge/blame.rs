//! Whose fault it is that a container or an actor is not there: the kernel's (and its runtime's), or the scenario's own.
//!
//! A sound kernel builds what is specified and ends no process unasked. Where it does not, isolation is broken: `fail`.
//! What no kernel could carry out, since the scenario itself is wrong, is an `error`.

use super::Status;
use crate::scenario::{Scenario, Step};
use protocol::evidence::NotBuilt;
use protocol::operation::Ends;
use protocol::plan::Actor;
use runtime::spec::{Namespace, Peer};

/// Refusals that a scenario brings on itself: whatever the step, or for these steps.
const OWN: &[(&[&str], &[&str])] = &[
    // A specification that contradicts itself, and what the runtime needs before it asks the kernel for anything.
    (&["check", "one-thread", "channel"], &[]),
    // The kernel was built without it, and the scenario does not say that it needs it.
    (&[], &["ENOSYS", "EOPNOTSUPP", "EPROTONOSUPPORT"]),
    // A path that the specification names and that is not there, or is something else.
    (
        &[
            "root",
            "skeleton",
            "proc",
            "sysfs",
            "dev",
            "mount",
            "sysctl",
            "mask",
            "read-only",
            "chroot",
            "working-directory",
            "cgroup",
            "enter-cgroup",
            "execute",
        ],
        &["ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG"],
    ),
    // A file system that the kernel does not know; a device that was never made.
    (&["proc", "sysfs", "dev", "mount", "device"], &["ENODEV"]),
    // A name that another scenario's step or container took.
    (&["link", "device", "cgroup"], &["EEXIST"]),
];

/// How a scenario ends whose container could not be built.
pub(super) fn not_built(not_built: &NotBuilt) -> Status {
    let Some(refused) = &not_built.refused else { return Status::Error };
    let among = |list: &[&str], word: &str| list.is_empty() || list.contains(&word);
    let own = OWN.iter().any(|(steps, errnos)| among(steps, &refused.step) && among(errnos, &refused.errno));
    if own { Status::Error } else { Status::Fail }
}

/// How a step ends whose actor is not there any more.
pub(super) fn no_actor(scenario: &Scenario, step: &Step) -> Status {
    let index = scenario.steps.iter().position(|other| std::ptr::eq(other, step));
    let so_far = &scenario.steps[..=index.expect("a step is one of its scenario's")];
    let own = so_far.iter().any(|earlier| match earlier.operation.meaning().ends {
        Ends::Nobody => false,
        Ends::Anybody => true,
        Ends::Actor => std::ptr::eq(earlier, step),
        Ends::ActorLater => earlier.actor == step.actor,
        Ends::Reachable => reaches(scenario, earlier, step),
        Ends::ReachableOrActor => std::ptr::eq(earlier, step) || reaches(scenario, earlier, step),
        Ends::Container(name) => ends_with(scenario, &step.actor, name),
    });
    if own { Status::Error } else { Status::Fail }
}

/// Whether the end of the container `name` is that of the actor: it is its own, or its PID 1 is that of the actor's PID
/// namespace. pid_namespaces(7)
fn ends_with(scenario: &Scenario, actor: &Actor, name: &str) -> bool {
    let Actor::Container(mut own) = actor.clone() else { return false };
    // Each joins at most one; a scenario that goes round in a circle was refused.
    for _ in &scenario.containers {
        if own == name {
            return true;
        }
        let spec = scenario.containers.iter().find(|container| container.name == own);
        match spec.and_then(|container| container.spec.join.get(&Namespace::Pid)) {
            Some(Peer::Container(peer)) => own.clone_from(peer),
            _ => return false,
        }
    }
    own == name
}

/// Whether a sound kernel lets a signal from one step's actor end the actor of `step`.
fn reaches(scenario: &Scenario, by: &Step, step: &Step) -> bool {
    match &by.actor {
        Actor::Host => true,
        // No signal leaves a PID namespace, and its PID 1 is immune to those from inside; who joined it is not.
        Actor::Container(name) => {
            let spec = scenario.containers.iter().find(|container| container.name == *name);
            let own_pids = spec.is_some_and(|container| {
                container.spec.namespaces.contains(&Namespace::Pid) && !container.spec.init
            });
            let same_place = by.actor == step.actor;
            let inside = if same_place { step.exec } else { ends_with(scenario, &step.actor, name) };
            !own_pids || inside
        }
    }
}
