//! What is to be started: a specification, its plan, and what the caller adds.

use std::os::fd::OwnedFd;

use crate::describe;
use crate::spec::{Namespace, Spec};
use crate::step::{Failure, Fault, Step};
use crate::steps::{Phase, Planned};

/// What is to be started.
pub(crate) struct Job<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) plan: Vec<Planned>,
    /// The process whose root directory is entered after joining its namespaces.
    pub(crate) entry: Option<i32>,
    pub(crate) program: Option<OwnedFd>,
    pub(crate) stdio: Option<[OwnedFd; 3]>,
    /// The terminal that is to control the program's session.
    pub(crate) terminal: Option<OwnedFd>,
    /// Whether the child reports each step and waits for leave to go on.
    pub(crate) traced: bool,
    /// When it has something to read before the program runs, the job is given up.
    pub(crate) cancel: Option<OwnedFd>,
}

impl Job<'_> {
    /// The steps of one phase, each with its position in the whole plan.
    pub(crate) fn phase(&self, phase: Phase) -> impl Iterator<Item = (u16, &Planned)> {
        (0u16..).zip(&self.plan).filter(move |(_, planned)| planned.phase == phase)
    }

    /// The position of a step, for failures of steps that come once.
    pub(crate) fn position(&self, step: Step) -> u16 {
        (0u16..).zip(&self.plan).find(|(_, planned)| planned.step == step).map_or(0, |(position, _)| position)
    }

    /// A step that comes once, and always.
    pub(crate) fn only(&self, step: Step) -> &Planned {
        &self.plan[usize::from(self.position(step))]
    }

    /// Whether a step of the child builds on what the parent does: on ids and a cgroup every step does, on links and
    /// devices those that give them addresses, on a network that is made beside it the one that enters it. A traced child
    /// takes one step at a time, and one that mounts where others see it begins only when the parent cannot fail any more.
    pub(crate) fn needs_parent(&self, step: Step) -> bool {
        let late = |planned: &Planned| matches!(planned.step, Step::Link | Step::Device);
        let early = self.phase(Phase::Attach).any(|(_, planned)| !late(planned));
        let network = matches!(step, Step::LinkAddress | Step::DeviceAddress | Step::EnterNetwork);
        let own_mounts = self.spec.namespaces.contains(&Namespace::Mount);
        let seen = !own_mounts || self.spec.propagation.reaches_out();
        self.traced || seen || self.entry.is_some() || early || network
    }

    /// Whether the child waits for the parent at all: a message that nobody reads would break the channel (`ECONNRESET`).
    pub(crate) fn is_awaited(&self) -> bool {
        self.phase(Phase::Build).any(|(_, planned)| self.needs_parent(planned.step))
    }

    /// The namespaces that clone(2) itself makes.
    pub(crate) fn born_in(&self) -> Vec<Namespace> {
        let made = |kind: &Namespace| self.spec.namespaces.contains(kind);
        [Namespace::User, Namespace::Pid].into_iter().filter(made).collect()
    }

    /// A fault of a step, told in full.
    pub(crate) fn failure(&self, planned: &Planned, fault: Fault) -> Failure {
        Failure {
            side: planned.side(),
            step: planned.step,
            index: describe::shown_index(planned),
            detail: fault.detail.unwrap_or_else(|| describe::detail(self.spec, planned)),
            errno: fault.errno,
        }
    }
}
