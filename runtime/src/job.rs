//! What is to be started: a specification, its plan, and what the caller adds.

use std::os::fd::OwnedFd;

use crate::action::{Action, ChildStep, JoinStep, NetworkStep, ParentStep, Planned};
use crate::describe;
use crate::spec::{Namespace, Spec};
use crate::step::{Failure, Fault, Step};

/// What is to be started.
pub(crate) struct Job<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) plan: Vec<Planned<'a>>,
    pub(crate) program: Option<OwnedFd>,
    pub(crate) stdio: Option<[OwnedFd; 3]>,
    /// The terminal that is to control the program's session.
    pub(crate) terminal: Option<OwnedFd>,
    /// Whether the child reports each step and waits for leave to go on.
    pub(crate) traced: bool,
    /// When it has something to read before the program runs, the job is given up.
    pub(crate) cancel: Option<OwnedFd>,
}

impl<'a> Job<'a> {
    /// What is joined, each with its position in the whole plan.
    pub(crate) fn joins(&self) -> impl Iterator<Item = (u16, JoinStep<'a>)> {
        self.positioned(|action| if let Action::Join(step) = action { Some(step) } else { None })
    }

    /// The process whose root directory is entered after joining its namespaces.
    pub(crate) fn entry(&self) -> Option<i32> {
        self.joins().find_map(|(_, step)| if let JoinStep::Root(leader) = step { Some(leader) } else { None })
    }

    /// The child's steps until it has all its namespaces.
    pub(crate) fn isolation(&self) -> impl Iterator<Item = (u16, ChildStep<'a>)> {
        self.positioned(|action| if let Action::Isolate(step) = action { Some(step) } else { None })
    }

    /// The child's steps from then on.
    pub(crate) fn building(&self) -> impl Iterator<Item = (u16, ChildStep<'a>)> {
        self.positioned(|action| if let Action::Build(step) = action { Some(step) } else { None })
    }

    /// The parent's steps for the network that the child enters later.
    pub(crate) fn network(&self) -> impl Iterator<Item = (&Planned<'a>, ParentStep<'a>)> {
        self.of_parent(|action| if let Action::Network(step) = action { Some(step) } else { None })
    }

    /// The parent's steps for the child.
    pub(crate) fn attachments(&self) -> impl Iterator<Item = (&Planned<'a>, ParentStep<'a>)> {
        self.of_parent(|action| if let Action::Attach(step) = action { Some(step) } else { None })
    }

    fn positioned<S>(&self, step: fn(Action<'a>) -> Option<S>) -> impl Iterator<Item = (u16, S)> {
        let plan = (0u16..).zip(&self.plan);
        plan.filter_map(move |(position, planned)| Some((position, step(planned.action)?)))
    }

    fn of_parent(
        &self,
        step: fn(Action<'a>) -> Option<ParentStep<'a>>,
    ) -> impl Iterator<Item = (&Planned<'a>, ParentStep<'a>)> {
        self.plan.iter().filter_map(move |planned| Some((planned, step(planned.action)?)))
    }

    /// The position of a step, for failures of steps that come once.
    pub(crate) fn position(&self, step: Step) -> u16 {
        (0u16..)
            .zip(&self.plan)
            .find(|(_, planned)| planned.action.name() == step)
            .map_or(0, |(position, _)| position)
    }

    /// A step that comes once, and always.
    pub(crate) fn only(&self, step: Step) -> &Planned<'a> {
        &self.plan[usize::from(self.position(step))]
    }

    /// Whether a step of the child builds on what the parent does: on ids and a cgroup every step does, on links and
    /// devices those that give them addresses, on a network that is made beside it the one that enters it. A traced child
    /// takes one step at a time, and one that mounts where others see it begins only when the parent cannot fail any more.
    pub(crate) fn needs_parent(&self, step: ChildStep<'_>) -> bool {
        let late = |step: &ParentStep<'_>| matches!(step, ParentStep::Link(_) | ParentStep::Device(_));
        let early = self.attachments().any(|(_, step)| !late(&step));
        let network = matches!(
            step,
            ChildStep::EnterNetwork | ChildStep::Configure(NetworkStep::Link(_) | NetworkStep::Device(_))
        );
        let own_mounts = self.spec.namespaces.contains(&Namespace::Mount);
        let seen = !own_mounts || self.spec.propagation.reaches_out();
        self.traced || seen || self.entry().is_some() || early || network
    }

    /// Whether the child waits for the parent at all: a message that nobody reads would break the channel (`ECONNRESET`).
    pub(crate) fn is_awaited(&self) -> bool {
        self.building().any(|(_, step)| self.needs_parent(step))
    }

    /// The namespaces that clone(2) itself makes.
    pub(crate) fn born_in(&self) -> Vec<Namespace> {
        let made = |kind: &Namespace| self.spec.namespaces.contains(kind);
        [Namespace::User, Namespace::Pid].into_iter().filter(made).collect()
    }

    /// A fault of a step, told in full.
    pub(crate) fn failure(&self, planned: &Planned<'_>, fault: Fault) -> Failure {
        Failure {
            side: planned.action.side(),
            step: planned.action.name(),
            index: planned.index,
            detail: fault.detail.unwrap_or_else(|| describe::detail(self.spec, planned.action)),
            errno: fault.errno,
        }
    }
}
