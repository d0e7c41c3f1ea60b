//! What a step does, with all that it does it with. A further step is a variant here, its place in the plan, its doing
//! (`attach`, `network`, `child`) and its words (`step`, `describe`, `explain`): the compiler asks for each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::spec::{Cgroup, Device, Mount, Namespace, Peer, Propagation, Resource, Rlimit, Root, Route, Veth};
use crate::step::{Side, Step};

/// A step at its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planned<'a> {
    /// Which of a list of the specification, from 0, where a reader can count in it.
    pub(crate) index: Option<u16>,
    pub(crate) action: Action<'a>,
}

impl<'a> From<Action<'a>> for Planned<'a> {
    fn from(action: Action<'a>) -> Self {
        Planned { index: None, action }
    }
}

/// What is done, by when it is done. `channel.rs` draws who waits for whom.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action<'a> {
    /// In an intermediate process, which then gives birth to the child.
    Join(JoinStep<'a>),
    /// In the parent or the intermediate process: the child is born. clone(2)
    Clone,
    /// In the parent, while the child goes on: a network for it to enter later.
    Network(ParentStep<'a>),
    /// In the child: its other namespaces.
    Isolate(ChildStep<'a>),
    /// In the parent, what needs rights outside; the child waits before the first step that builds on it.
    Attach(ParentStep<'a>),
    /// In the child, to the end.
    Build(ChildStep<'a>),
}

/// What is done before the child is born, so that it is born there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum JoinStep<'a> {
    Namespace(Namespace, &'a Peer),
    /// The root directory of this process.
    Root(i32),
}

/// What is done from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ParentStep<'a> {
    MakeNetwork,
    IdMap,
    Cgroup(&'a Cgroup),
    EnterCgroup(&'a Cgroup),
    Link(&'a Veth),
    Device(&'a Device),
    Configure(NetworkStep<'a>),
}

/// What is done inside the container's network, by whoever has a socket there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum NetworkStep<'a> {
    Loopback,
    Link(&'a Veth),
    Device(&'a Device),
    Route(&'a Route),
}

/// What the child does with itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ChildStep<'a> {
    ResetSignals,
    Unshare(Namespace),
    BecomeRoot,
    DieWithParent,
    NewSession,
    Terminal,
    Hostname(&'a str),
    Domainname(&'a str),
    EnterNetwork,
    Configure(NetworkStep<'a>),
    Propagation(Propagation),
    Root(&'a Root),
    Skeleton(&'a Root, &'a Path),
    Proc,
    Sysfs,
    Dev,
    Mount(&'a Mount),
    Sysctl(&'a BTreeMap<String, String>),
    Mask(&'a [PathBuf]),
    ReadOnly(&'a [PathBuf]),
    PivotRoot(&'a Root),
    DetachOldRoot,
    Chroot,
    RootReadOnly,
    Confine(Confinement<'a>),
}

/// What only takes away, to the program itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Confinement<'a> {
    Rlimit(&'a BTreeMap<Resource, Rlimit>),
    Bounding,
    Ids,
    Capabilities,
    NoNewPrivileges,
    ForbidTyping,
    WorkingDirectory(&'a Path),
    Umask(u32),
    Stdio,
    CloseDescriptors(&'a BTreeSet<i32>),
    Init,
    Execute,
}

impl Action<'_> {
    /// Where it is done.
    pub(crate) fn side(&self) -> Side {
        match self {
            Action::Clone | Action::Network(_) | Action::Attach(_) => Side::Parent,
            Action::Join(_) | Action::Isolate(_) | Action::Build(_) => Side::Child,
        }
    }

    pub(crate) fn name(&self) -> Step {
        match self {
            Action::Join(JoinStep::Namespace(..)) => Step::Join,
            Action::Join(JoinStep::Root(_)) => Step::EnterRoot,
            Action::Clone => Step::Clone,
            Action::Network(step) | Action::Attach(step) => step.name(),
            Action::Isolate(step) | Action::Build(step) => step.name(),
        }
    }
}

impl ParentStep<'_> {
    fn name(&self) -> Step {
        match self {
            ParentStep::MakeNetwork => Step::Unshare,
            ParentStep::IdMap => Step::IdMap,
            ParentStep::Cgroup(_) => Step::Cgroup,
            ParentStep::EnterCgroup(_) => Step::EnterCgroup,
            ParentStep::Link(_) => Step::Link,
            ParentStep::Device(_) => Step::Device,
            ParentStep::Configure(step) => step.name(),
        }
    }
}

impl NetworkStep<'_> {
    fn name(&self) -> Step {
        match self {
            NetworkStep::Loopback => Step::Loopback,
            NetworkStep::Link(_) => Step::LinkAddress,
            NetworkStep::Device(_) => Step::DeviceAddress,
            NetworkStep::Route(_) => Step::Route,
        }
    }
}

impl ChildStep<'_> {
    fn name(&self) -> Step {
        match self {
            ChildStep::ResetSignals => Step::ResetSignals,
            ChildStep::Unshare(_) => Step::Unshare,
            ChildStep::BecomeRoot => Step::BecomeRoot,
            ChildStep::DieWithParent => Step::DieWithParent,
            ChildStep::NewSession => Step::NewSession,
            ChildStep::Terminal => Step::Terminal,
            ChildStep::Hostname(_) => Step::Hostname,
            ChildStep::Domainname(_) => Step::Domainname,
            ChildStep::EnterNetwork => Step::EnterNetwork,
            ChildStep::Configure(step) => step.name(),
            ChildStep::Propagation(_) => Step::Propagation,
            ChildStep::Root(_) => Step::Root,
            ChildStep::Skeleton(..) => Step::Skeleton,
            ChildStep::Proc => Step::Proc,
            ChildStep::Sysfs => Step::Sysfs,
            ChildStep::Dev => Step::Dev,
            ChildStep::Mount(_) => Step::Mount,
            ChildStep::Sysctl(_) => Step::Sysctl,
            ChildStep::Mask(_) => Step::Mask,
            ChildStep::ReadOnly(_) => Step::ReadOnly,
            ChildStep::PivotRoot(_) => Step::PivotRoot,
            ChildStep::DetachOldRoot => Step::DetachOldRoot,
            ChildStep::Chroot => Step::Chroot,
            ChildStep::RootReadOnly => Step::RootReadOnly,
            ChildStep::Confine(step) => step.name(),
        }
    }
}

impl Confinement<'_> {
    fn name(&self) -> Step {
        match self {
            Confinement::Rlimit(_) => Step::Rlimit,
            Confinement::Bounding => Step::Bounding,
            Confinement::Ids => Step::Ids,
            Confinement::Capabilities => Step::Capabilities,
            Confinement::NoNewPrivileges => Step::NoNewPrivileges,
            Confinement::ForbidTyping => Step::ForbidTyping,
            Confinement::WorkingDirectory(_) => Step::WorkingDirectory,
            Confinement::Umask(_) => Step::Umask,
            Confinement::Stdio => Step::Stdio,
            Confinement::CloseDescriptors(_) => Step::CloseDescriptors,
            Confinement::Init => Step::Init,
            Confinement::Execute => Step::Execute,
        }
    }
}
