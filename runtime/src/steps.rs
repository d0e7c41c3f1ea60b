//! The plan: which steps build a container, on which side, in which order. It is executed, traced and explained as it is.

use std::path::PathBuf;

use crate::spec::{MASKED, Namespace, Propagation, READ_ONLY, Spec, Switch};
use crate::step::{Side, Step};

/// When a step runs. `channel.rs` draws who waits for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// In an intermediate process, which then gives birth to the child.
    Join,
    /// In the parent: the child is born.
    Birth,
    /// In the parent, while the child goes on: a network for it to enter later.
    Network,
    /// In the child: its other namespaces.
    Isolate,
    /// In the parent, what needs rights outside; the child waits before the first step that builds on it.
    Attach,
    /// In the child, to the end.
    Build,
}

/// A step at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Planned {
    /// When.
    pub phase: Phase,
    /// What.
    pub step: Step,
    /// Which of several, from 0, in the order of the specification.
    pub index: Option<u16>,
}

impl Planned {
    /// Where it runs.
    pub fn side(&self) -> Side {
        match self.phase {
            Phase::Birth | Phase::Network | Phase::Attach => Side::Parent,
            Phase::Join | Phase::Isolate | Phase::Build => Side::Child,
        }
    }

    /// The index as a position in a list of the specification.
    pub(crate) fn position(&self) -> usize {
        self.index.map_or(0, usize::from)
    }
}

/// Every step of a container, in order.
pub fn steps(spec: &Spec) -> Vec<Planned> {
    let mut plan = Plan { steps: Vec::new(), phase: Phase::Join };
    born(spec, &mut plan);
    attached(spec, &mut plan);
    named(spec, &mut plan);
    mounted(spec, &mut plan);
    connected(spec, &mut plan);
    closed(spec, &mut plan);
    confined(spec, &mut plan);
    if made_beside(spec) {
        entered(spec, &mut plan);
    }
    plan.steps
}

/// The plan for a container with a terminal of its own.
pub(crate) fn with_terminal(mut plan: Vec<Planned>) -> Vec<Planned> {
    // Only the leader of a session can give it a terminal.
    let led = plan.iter().position(|planned| planned.step == Step::NewSession);
    let build = plan.iter().position(|planned| planned.phase == Phase::Build);
    let at = led.map(|at| at + 1).or(build).unwrap_or(plan.len());
    plan.insert(at, Planned { phase: Phase::Build, step: Step::Terminal, index: None });
    plan
}

/// The namespaces that unshare(2) makes before the parent does its part; the cgroup namespace must wait for that.
pub(crate) fn unshared(spec: &Spec) -> Vec<Namespace> {
    use Namespace::{Ipc, Mount, Net, Uts};
    let made = |kind: &Namespace| spec.namespaces.contains(kind) && (*kind != Net || !made_beside(spec));
    [Uts, Ipc, Net, Mount].into_iter().filter(made).collect()
}

/// Whether the parent makes the network while the child builds its root, each on a CPU of its own; the child enters it at
/// the end. A user namespace must own the network of its container, and so its child makes it.
pub(crate) fn made_beside(spec: &Spec) -> bool {
    spec.namespaces.contains(&Namespace::Net) && !in_user_namespace(spec)
}

/// Whether the container has a user namespace of its own, made or joined.
pub(crate) fn in_user_namespace(spec: &Spec) -> bool {
    spec.namespaces.contains(&Namespace::User) || spec.join.contains_key(&Namespace::User)
}

fn born(spec: &Spec, plan: &mut Plan) {
    // Before a user namespace takes away the rights over what is joined.
    plan.at(Phase::Join).each(spec.join.len(), Step::Join);
    // A PID namespace takes only children in, and a user namespace made here owns all that follow.
    plan.at(Phase::Birth).always(Step::Clone);
    if made_beside(spec) {
        plan.at(Phase::Network).always(Step::Unshare);
        linked(spec, plan);
        plan.when(spec.loopback, Step::Loopback);
        addressed(spec, plan);
    }
    plan.at(Phase::Isolate)
        // An ignored SIGCHLD or a blocked SIGTERM would outlive execve.
        .always(Step::ResetSignals)
        .each(unshared(spec).len(), Step::Unshare);
}

fn attached(spec: &Spec, plan: &mut Plan) {
    plan.at(Phase::Attach)
        // Only a process outside may write a map of more than its own id.
        .when(spec.namespaces.contains(&Namespace::User), Step::IdMap)
        // The limits are there before the first process that they bind.
        .when(spec.cgroup.is_some(), Step::Cgroup)
        .when(spec.cgroup.is_some(), Step::EnterCgroup);
    if !made_beside(spec) {
        linked(spec, plan);
    }
}

/// The container's network namespace has to exist, and only the parent sees both.
fn linked(spec: &Spec, plan: &mut Plan) {
    plan.each(spec.links.len(), Step::Link).each(spec.devices.len(), Step::Device);
}

fn addressed(spec: &Spec, plan: &mut Plan) {
    plan.each(spec.links.len(), Step::LinkAddress)
        .each(spec.devices.len(), Step::DeviceAddress)
        // A gateway must be in reach of an address.
        .each(spec.routes.len(), Step::Route);
}

fn named(spec: &Spec, plan: &mut Plan) {
    plan.at(Phase::Build)
        // Files made from here on must belong to an id that the namespace has.
        .when(in_user_namespace(spec), Step::BecomeRoot)
        // Early, so that a parent that dies during a long copy takes the child along.
        .when(spec.die_with_parent, Step::DieWithParent)
        // Without the caller's terminal nothing can be typed into it (CVE-2017-5226).
        .when(spec.new_session, Step::NewSession)
        // The cgroup that a process is in now becomes the namespace's root.
        .when(spec.namespaces.contains(&Namespace::Cgroup), Step::Unshare)
        .when(spec.hostname.is_some(), Step::Hostname)
        .when(spec.domainname.is_some(), Step::Domainname)
        // The kernel makes it down.
        .when(spec.loopback && !made_beside(spec), Step::Loopback);
}

fn mounted(spec: &Spec, plan: &mut Plan) {
    let own = spec.namespaces.contains(&Namespace::Mount);
    let root = spec.root.as_ref();
    plan.at(Phase::Build)
        // Before the first mount, or it would appear outside.
        .when(own && spec.propagation != Propagation::Unchanged, Step::Propagation)
        .when(root.is_some(), Step::Root)
        .when(root.is_some_and(|root| root.skeleton.is_some()), Step::Skeleton)
        .when(spec.proc, Step::Proc)
        .when(spec.sysfs, Step::Sysfs)
        .when(spec.dev, Step::Dev)
        .each(spec.mounts.len(), Step::Mount);
}

/// As late as can be: the parent makes the links meanwhile.
fn connected(spec: &Spec, plan: &mut Plan) {
    if !made_beside(spec) {
        addressed(spec, plan.at(Phase::Build));
    }
}

fn closed(spec: &Spec, plan: &mut Plan) {
    let own = spec.namespaces.contains(&Namespace::Mount);
    let root = spec.root.as_ref();
    let pivot = root.is_some_and(|root| root.switch == Switch::Pivot);
    plan.at(Phase::Build)
        // A device has its parameters only once it is there; before `/proc/sys` is read-only.
        .when(!spec.sysctls.is_empty(), Step::Sysctl)
        // Still from outside, where `/dev/null` is known to be the real one.
        .when(own && !spec.masked.is_empty(), Step::Mask)
        .when(own && !spec.read_only.is_empty(), Step::ReadOnly)
        .when(pivot, Step::PivotRoot)
        // Mounted or in a descriptor, the old root is the way out.
        .when(pivot && root.is_some_and(|root| root.keep_old.is_none()), Step::DetachOldRoot)
        .when(root.is_some() && !pivot, Step::Chroot)
        .when(root.is_some_and(|root| root.read_only), Step::RootReadOnly);
}

fn confined(spec: &Spec, plan: &mut Plan) {
    plan.at(Phase::Build)
        // Raising a limit needs a capability that is about to go.
        .when(!spec.rlimits.is_empty(), Step::Rlimit)
        // A filter takes CAP_SYS_ADMIN, which is about to go too, or no_new_privs.
        .when(!spec.new_session && !spec.no_new_privileges, Step::ForbidTyping)
        // Dropping from the bounding set needs CAP_SETPCAP, which the ids' change may take.
        .always(Step::Bounding)
        .always(Step::Ids)
        .always(Step::Capabilities)
        // The change of the user id cleared it.
        .when(spec.die_with_parent, Step::DieWithParent)
        .when(spec.no_new_privileges, Step::NoNewPrivileges)
        .when(!spec.new_session && spec.no_new_privileges, Step::ForbidTyping)
        // As the user who will work there.
        .always(Step::WorkingDirectory)
        .always(Step::Umask)
        .always(Step::Stdio)
        // Marked, not closed: the channel must live until execve.
        .always(Step::CloseDescriptors)
        .when(spec.init, Step::Init)
        .always(Step::Execute);
}

/// The network is entered as late as can be: the parent makes it meanwhile.
fn entered(spec: &Spec, plan: &mut Plan) {
    let waits = |planned: &Planned| shows_network(spec, planned.step) || planned.step.is_confinement();
    let at = plan.steps.iter().position(|planned| planned.phase == Phase::Build && waits(planned));
    let enter = Planned { phase: Phase::Build, step: Step::EnterNetwork, index: None };
    plan.steps.insert(at.unwrap_or(plan.steps.len()), enter);
}

/// Whether what a step finds or makes depends on the network namespace that it is taken in, as a sysfs does, and all below
/// `/proc/sys/net`.
fn shows_network(spec: &Spec, step: Step) -> bool {
    let are_among = |paths: &[PathBuf], known: &[&str]| {
        paths.iter().all(|path| known.iter().any(|known| path.as_os_str() == *known))
    };
    match step {
        Step::Sysfs | Step::Mount | Step::Sysctl => true,
        Step::Mask => !are_among(&spec.masked, MASKED),
        Step::ReadOnly => !are_among(&spec.read_only, READ_ONLY),
        _ => false,
    }
}

/// A list of steps under construction.
struct Plan {
    steps: Vec<Planned>,
    phase: Phase,
}

impl Plan {
    fn at(&mut self, phase: Phase) -> &mut Self {
        self.phase = phase;
        self
    }

    fn always(&mut self, step: Step) -> &mut Self {
        self.steps.push(Planned { phase: self.phase, step, index: None });
        self
    }

    fn when(&mut self, needed: bool, step: Step) -> &mut Self {
        if needed { self.always(step) } else { self }
    }

    fn each(&mut self, count: usize, step: Step) -> &mut Self {
        let phase = self.phase;
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        self.steps.extend((0..count).map(|index| Planned { phase, step, index: Some(index) }));
        self
    }
}
