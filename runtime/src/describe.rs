//! What a step is, and what it is about, in a few words: for failures, traces and explanations.

use crate::action::{Action, ChildStep, Confinement, JoinStep, NetworkStep, ParentStep};
use crate::identity;
use crate::names::file_of;
use crate::spec::{Mount, Namespace, Peer, Root, Spec, Veth};

/// The words between the parentheses of a failure; may be none.
pub(crate) fn detail(spec: &Spec, action: Action<'_>) -> String {
    match action {
        Action::Join(JoinStep::Namespace(kind, peer)) => joined(kind, peer),
        Action::Join(JoinStep::Root(_)) => String::new(),
        Action::Clone => born(spec),
        Action::Network(step) | Action::Attach(step) => detail_outside(spec, step),
        Action::Isolate(step) | Action::Build(step) => detail_inside(spec, step),
    }
}

fn detail_outside(spec: &Spec, step: ParentStep<'_>) -> String {
    match step {
        ParentStep::MakeNetwork => Namespace::Net.to_string(),
        ParentStep::IdMap => id_maps(spec),
        ParentStep::Cgroup(group) | ParentStep::EnterCgroup(group) => group.name.clone(),
        ParentStep::Link(wanted) => link(wanted),
        ParentStep::Device(device) => device.name.clone(),
        ParentStep::Configure(step) => detail_of_network(step),
    }
}

fn detail_of_network(step: NetworkStep<'_>) -> String {
    match step {
        NetworkStep::Loopback => String::new(),
        NetworkStep::Link(link) => link_address(link),
        NetworkStep::Device(device) => device.name.clone(),
        NetworkStep::Route(route) => format!("{} via {}", route.to, route.via),
    }
}

fn detail_inside(spec: &Spec, step: ChildStep<'_>) -> String {
    match step {
        ChildStep::Unshare(kind) => kind.to_string(),
        ChildStep::Hostname(name) | ChildStep::Domainname(name) => name.to_owned(),
        ChildStep::Configure(step) => detail_of_network(step),
        ChildStep::Propagation(propagation) => format!("{propagation:?}").to_lowercase(),
        ChildStep::Root(new) => root(new),
        ChildStep::Skeleton(_, path) => path.display().to_string(),
        ChildStep::Mount(wanted) => mount(wanted),
        ChildStep::Confine(Confinement::Ids) => format!("{}:{}", spec.uid, spec.gid),
        ChildStep::Confine(Confinement::WorkingDirectory(path)) => path.display().to_string(),
        ChildStep::Confine(Confinement::Umask(mask)) => format!("{mask:04o}"),
        ChildStep::Confine(Confinement::Execute) => spec.args.first().cloned().unwrap_or_default(),
        ChildStep::Confine(
            Confinement::Rlimit(_)
            | Confinement::Bounding
            | Confinement::Capabilities
            | Confinement::NoNewPrivileges
            | Confinement::ForbidTyping
            | Confinement::Stdio
            | Confinement::CloseDescriptors(_)
            | Confinement::Init,
        )
        | ChildStep::ResetSignals
        | ChildStep::BecomeRoot
        | ChildStep::DieWithParent
        | ChildStep::NewSession
        | ChildStep::Terminal
        | ChildStep::EnterNetwork
        | ChildStep::Proc
        | ChildStep::Sysfs
        | ChildStep::Dev
        | ChildStep::Sysctl(_)
        | ChildStep::Mask(_)
        | ChildStep::ReadOnly(_)
        | ChildStep::PivotRoot(_)
        | ChildStep::DetachOldRoot
        | ChildStep::Chroot
        | ChildStep::RootReadOnly => String::new(),
    }
}

/// What a step does, for a reader.
pub(crate) fn purpose(action: Action<'_>) -> &'static str {
    match action {
        Action::Join(JoinStep::Namespace(..)) => "enter the namespace",
        Action::Join(JoinStep::Root(_)) => "enter the root directory of the process there",
        Action::Clone => "make the child process, born in new namespaces",
        Action::Network(step) | Action::Attach(step) => match step {
            ParentStep::MakeNetwork => "make a namespace outside, for the child to enter",
            ParentStep::IdMap => "tell which ids inside are which outside",
            ParentStep::Cgroup(_) => "make the cgroup with its limits",
            ParentStep::EnterCgroup(_) => "put the child into the cgroup",
            ParentStep::Link(_) => "make a veth pair, the peer inside",
            ParentStep::Device(_) => "move the device inside",
            ParentStep::Configure(step) => purpose_in_network(step),
        },
        Action::Isolate(step) | Action::Build(step) => purpose_inside(step),
    }
}

fn purpose_in_network(step: NetworkStep<'_>) -> &'static str {
    match step {
        NetworkStep::Loopback => "bring lo up",
        NetworkStep::Link(_) => "give the container's end its address",
        NetworkStep::Device(_) => "set up the moved device",
        NetworkStep::Route(_) => "add the route",
    }
}

fn purpose_inside(step: ChildStep<'_>) -> &'static str {
    match step {
        ChildStep::ResetSignals => "block no signal and ignore none",
        ChildStep::Unshare(_) => "leave the parent's namespace for a new one",
        ChildStep::BecomeRoot => "become user 0 of the user namespace",
        ChildStep::DieWithParent => "ask to be killed when the parent dies",
        ChildStep::NewSession => "leave the caller's terminal",
        ChildStep::Terminal => "take control of the own terminal",
        ChildStep::Hostname(_) => "set the hostname",
        ChildStep::Domainname(_) => "set the NIS domain name",
        ChildStep::EnterNetwork => "enter the network that the parent made",
        ChildStep::Configure(step) => purpose_in_network(step),
        ChildStep::Propagation(_) => "let no mount event cross",
        ChildStep::Root(_) => "mount the new root",
        ChildStep::Skeleton(..) => "copy the skeleton into it",
        ChildStep::Proc => "mount a procfs of the own PID namespace",
        ChildStep::Sysfs => "mount a sysfs of the own network namespace",
        ChildStep::Dev => "make a minimal /dev",
        ChildStep::Mount(_) => "mount",
        ChildStep::Sysctl(_) => "set kernel parameters",
        ChildStep::Mask(_) => "hide what tells of the host",
        ChildStep::ReadOnly(_) => "forbid writing to the host's knobs",
        ChildStep::PivotRoot(_) => "make the new root /",
        ChildStep::DetachOldRoot => "take the old root away",
        ChildStep::Chroot => "make the new root /, for this process only",
        ChildStep::RootReadOnly => "make the root read-only",
        ChildStep::Confine(step) => purpose_of_confinement(step),
    }
}

fn purpose_of_confinement(step: Confinement<'_>) -> &'static str {
    match step {
        Confinement::Rlimit(_) => "set resource limits",
        Confinement::Bounding => "give up capabilities for good",
        Confinement::Ids => "become the user",
        Confinement::Capabilities => "set the capability sets",
        Confinement::NoNewPrivileges => "never gain privileges by execve",
        Confinement::ForbidTyping => "refuse to type into the caller's terminal (TIOCSTI, TIOCLINUX)",
        Confinement::WorkingDirectory(_) => "go to the working directory",
        Confinement::Umask(_) => "set the file mode creation mask",
        Confinement::Stdio => "connect the standard descriptors",
        Confinement::CloseDescriptors(_) => "close all other descriptors",
        Confinement::Init => "leave an init behind as the first process",
        Confinement::Execute => "become the program",
    }
}

fn joined(kind: Namespace, peer: &Peer) -> String {
    match file_of(peer, kind) {
        Some(path) => format!("{kind}, {}", path.display()),
        None => format!("{kind} of {}", String::from(peer.clone())),
    }
}

fn born(spec: &Spec) -> String {
    let born = [Namespace::User, Namespace::Pid].into_iter().filter(|kind| spec.namespaces.contains(kind));
    born.map(|kind| kind.to_string()).collect::<Vec<_>>().join(", ")
}

fn id_maps(spec: &Spec) -> String {
    let (users, groups) = identity::maps(spec);
    let line = |rows| identity::rows(rows).trim_end().replace('\n', ", ");
    format!("uid {}; gid {}", line(&users), line(&groups))
}

fn link(link: &Veth) -> String {
    let address = link.host_address.as_ref().map(|address| format!(" {address}")).unwrap_or_default();
    format!("{}{address} to {}", link.host, link.container)
}

fn link_address(link: &Veth) -> String {
    let address = link.container_address.as_deref().unwrap_or("no address");
    format!("{address} on {}", link.container)
}

fn root(root: &Root) -> String {
    match (&root.tmpfs, &root.dir) {
        (Some(size), _) => format!("tmpfs of {size}"),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => String::new(),
    }
}

fn mount(mount: &Mount) -> String {
    let target = mount.target.display();
    match mount.kind.as_str() {
        "bind" | "rbind" => format!("{} of {} on {target}", mount.kind, mount.source),
        kind => format!("{kind} on {target}"),
    }
}
