//! The plan: which steps build a container, on which side, in which order. It is executed, traced and explained as it is.

use std::path::PathBuf;

use crate::action::{Action, ChildStep, Confinement, JoinStep, NetworkStep, ParentStep, Planned};
use crate::spec::{MASKED, Namespace, Propagation, READ_ONLY, Spec, Switch};

/// Every step of a container, in order.
pub(crate) fn steps(spec: &Spec) -> Vec<Planned<'_>> {
    let mut plan = Vec::new();
    born(spec, &mut plan);
    attached(spec, &mut plan);
    let build = &mut Stage { plan: &mut plan, place: Action::Build };
    named(spec, build);
    mounted(spec, build);
    if !made_beside(spec) {
        // As late as can be: the parent makes the links meanwhile.
        addressed(spec, build, ChildStep::Configure);
    }
    closed(spec, build);
    confined(spec, build);
    if made_beside(spec) {
        entered(&mut plan);
    }
    plan
}

/// The plan for a container with a terminal of its own.
pub(crate) fn with_terminal(mut plan: Vec<Planned<'_>>) -> Vec<Planned<'_>> {
    // Only the leader of a session can give it a terminal.
    let led = plan.iter().position(|planned| matches!(planned.action, Action::Build(ChildStep::NewSession)));
    let build = plan.iter().position(|planned| matches!(planned.action, Action::Build(_)));
    let at = led.map(|at| at + 1).or(build).unwrap_or(plan.len());
    plan.insert(at, Action::Build(ChildStep::Terminal).into());
    plan
}

/// The namespaces that unshare(2) makes before the parent does its part: the child is born in those of users and processes, and
/// the cgroup namespace must wait for that part.
fn unshared(spec: &Spec) -> impl Iterator<Item = Namespace> {
    let here = |kind: &Namespace| match kind {
        Namespace::Uts | Namespace::Ipc | Namespace::Mount => true,
        Namespace::Net => !made_beside(spec),
        Namespace::User | Namespace::Pid | Namespace::Cgroup => false,
    };
    Namespace::ALL.iter().copied().filter(move |kind| spec.namespaces.contains(kind) && here(kind))
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

fn born<'a>(spec: &'a Spec, plan: &mut Vec<Planned<'a>>) {
    // Before a user namespace takes away the rights over what is joined.
    Stage { plan, place: Action::Join }
        .each(spec.join.iter().map(|(&kind, peer)| JoinStep::Namespace(kind, peer)));
    // A PID namespace takes only children in, and a user namespace made here owns all that follow.
    plan.push(Action::Clone.into());
    if made_beside(spec) {
        let network = &mut Stage { plan, place: Action::Network };
        network.always(ParentStep::MakeNetwork);
        linked(spec, network);
        network.when(spec.loopback, ParentStep::Configure(NetworkStep::Loopback));
        addressed(spec, network, ParentStep::Configure);
    }
    Stage { plan, place: Action::Isolate }
        // An ignored SIGCHLD or a blocked SIGTERM would outlive execve.
        .always(ChildStep::ResetSignals)
        .each(unshared(spec).map(ChildStep::Unshare));
}

fn attached<'a>(spec: &'a Spec, plan: &mut Vec<Planned<'a>>) {
    let attach = &mut Stage { plan, place: Action::Attach };
    attach
        // Only a process outside may write a map of more than its own id.
        .when(spec.namespaces.contains(&Namespace::User), ParentStep::IdMap)
        // The limits are there before the first process that they bind.
        .each(spec.cgroup.as_ref().map(ParentStep::Cgroup))
        .each(spec.cgroup.as_ref().map(ParentStep::EnterCgroup));
    if !made_beside(spec) {
        linked(spec, attach);
    }
}

/// The container's network namespace has to exist, and only the parent sees both.
fn linked<'a>(spec: &'a Spec, stage: &mut Stage<'_, 'a, ParentStep<'a>>) {
    stage.listed(spec.links.iter().map(ParentStep::Link)).listed(spec.devices.iter().map(ParentStep::Device));
}

fn addressed<'a, S>(spec: &'a Spec, stage: &mut Stage<'_, 'a, S>, by: fn(NetworkStep<'a>) -> S) {
    stage
        .listed(spec.links.iter().map(NetworkStep::Link).map(by))
        .listed(spec.devices.iter().map(NetworkStep::Device).map(by))
        // A gateway must be in reach of an address.
        .listed(spec.routes.iter().map(NetworkStep::Route).map(by));
}

fn named<'a>(spec: &'a Spec, build: &mut Stage<'_, 'a, ChildStep<'a>>) {
    build
        // Files made from here on must belong to an id that the namespace has.
        .when(in_user_namespace(spec), ChildStep::BecomeRoot)
        // Early, so that a parent that dies during a long copy takes the child along.
        .when(spec.die_with_parent, ChildStep::DieWithParent)
        // Without the caller's terminal nothing can be typed into it (CVE-2017-5226).
        .when(spec.new_session, ChildStep::NewSession)
        // The cgroup that a process is in now becomes the namespace's root.
        .when(spec.namespaces.contains(&Namespace::Cgroup), ChildStep::Unshare(Namespace::Cgroup))
        .each(spec.hostname.as_deref().map(ChildStep::Hostname))
        .each(spec.domainname.as_deref().map(ChildStep::Domainname))
        // The kernel makes it down.
        .when(spec.loopback && !made_beside(spec), ChildStep::Configure(NetworkStep::Loopback));
}

fn mounted<'a>(spec: &'a Spec, build: &mut Stage<'_, 'a, ChildStep<'a>>) {
    let own = spec.namespaces.contains(&Namespace::Mount);
    let root = spec.root.as_ref();
    let skeleton = root.and_then(|root| Some(ChildStep::Skeleton(root, root.skeleton.as_deref()?)));
    build
        // Before the first mount, or it would appear outside.
        .when(own && spec.propagation != Propagation::Unchanged, ChildStep::Propagation(spec.propagation))
        .each(root.map(ChildStep::Root))
        .each(skeleton)
        .when(spec.proc, ChildStep::Proc)
        .when(spec.sysfs, ChildStep::Sysfs)
        .when(spec.dev, ChildStep::Dev)
        .listed(spec.mounts.iter().map(ChildStep::Mount));
}

fn closed<'a>(spec: &'a Spec, build: &mut Stage<'_, 'a, ChildStep<'a>>) {
    let own = spec.namespaces.contains(&Namespace::Mount);
    let root = spec.root.as_ref();
    let pivot = root.filter(|root| root.switch == Switch::Pivot);
    build
        // A device has its parameters only once it is there; before `/proc/sys` is read-only.
        .when(!spec.sysctls.is_empty(), ChildStep::Sysctl(&spec.sysctls))
        // Still from outside, where `/dev/null` is known to be the real one.
        .when(own && !spec.masked.is_empty(), ChildStep::Mask(&spec.masked))
        .when(own && !spec.read_only.is_empty(), ChildStep::ReadOnly(&spec.read_only))
        .each(pivot.map(ChildStep::PivotRoot))
        // Mounted or in a descriptor, the old root is the way out.
        .when(pivot.is_some_and(|root| root.keep_old.is_none()), ChildStep::DetachOldRoot)
        .when(root.is_some() && pivot.is_none(), ChildStep::Chroot)
        .when(root.is_some_and(|root| root.read_only), ChildStep::RootReadOnly);
}

fn confined<'a>(spec: &'a Spec, build: &mut Stage<'_, 'a, ChildStep<'a>>) {
    use Confinement::{
        Bounding, Capabilities, CloseDescriptors, Execute, ForbidTyping, Ids, Init, NoNewPrivileges, Rlimit,
        Stdio, Umask, WorkingDirectory,
    };
    let of = ChildStep::Confine;
    build
        // Raising a limit needs a capability that is about to go.
        .when(!spec.rlimits.is_empty(), of(Rlimit(&spec.rlimits)))
        // A filter takes CAP_SYS_ADMIN, which is about to go too, or no_new_privs.
        .when(!spec.new_session && !spec.no_new_privileges, of(ForbidTyping))
        // Dropping from the bounding set needs CAP_SETPCAP, which the ids' change may take.
        .always(of(Bounding))
        .always(of(Ids))
        .always(of(Capabilities))
        // The change of the user id cleared it.
        .when(spec.die_with_parent, ChildStep::DieWithParent)
        .when(spec.no_new_privileges, of(NoNewPrivileges))
        .when(!spec.new_session && spec.no_new_privileges, of(ForbidTyping))
        // As the user who will work there.
        .always(of(WorkingDirectory(&spec.cwd)))
        .always(of(Umask(spec.umask)))
        .always(of(Stdio))
        // Marked, not closed: the channel must live until execve.
        .always(of(CloseDescriptors(&spec.keep_fds)))
        .when(spec.init, of(Init))
        .always(of(Execute));
}

/// The network is entered as late as can be: the parent makes it meanwhile.
fn entered(plan: &mut Vec<Planned<'_>>) {
    let waits = |planned: &Planned<'_>| matches!(&planned.action, Action::Build(step) if shows_network(step));
    let at = plan.iter().position(waits).unwrap_or(plan.len());
    plan.insert(at, Action::Build(ChildStep::EnterNetwork).into());
}

/// Whether what a step finds or makes depends on the network namespace that it is taken in, as a sysfs does, and all below
/// `/proc/sys/net`; or whether the program itself is next.
fn shows_network(step: &ChildStep<'_>) -> bool {
    let are_among = |paths: &[PathBuf], known: &[&str]| {
        paths.iter().all(|path| known.iter().any(|known| path.as_os_str() == *known))
    };
    match step {
        ChildStep::Sysfs | ChildStep::Mount(_) | ChildStep::Sysctl(_) | ChildStep::Confine(_) => true,
        ChildStep::Mask(paths) => !are_among(paths, MASKED),
        ChildStep::ReadOnly(paths) => !are_among(paths, READ_ONLY),
        _ => false,
    }
}

/// The end of a plan under construction, where the steps of one kind are added.
struct Stage<'p, 'a, S> {
    plan: &'p mut Vec<Planned<'a>>,
    place: fn(S) -> Action<'a>,
}

impl<S> Stage<'_, '_, S> {
    fn always(&mut self, step: S) -> &mut Self {
        self.plan.push((self.place)(step).into());
        self
    }

    fn when(&mut self, needed: bool, step: S) -> &mut Self {
        if needed { self.always(step) } else { self }
    }

    fn each(&mut self, steps: impl IntoIterator<Item = S>) -> &mut Self {
        self.plan.extend(steps.into_iter().map(|step| Planned::from((self.place)(step))));
        self
    }

    /// Steps of a list in which a reader can count.
    fn listed(&mut self, steps: impl IntoIterator<Item = S>) -> &mut Self {
        let indexed = (0u16..).zip(steps);
        self.plan
            .extend(indexed.map(|(index, step)| Planned { index: Some(index), action: (self.place)(step) }));
        self
    }
}
