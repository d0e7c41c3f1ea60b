//! The plan in words, each step with the shell command that does the same.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::action::{Action, ChildStep, Confinement, JoinStep, NetworkStep, ParentStep, Planned};
use crate::describe;
use crate::identity;
use crate::shell::{self, word};
use crate::spec::{
    Cgroup, Device, Mount, Namespace, Peer, Propagation, Resource, Rlimit, Root, Spec, Switch, Veth,
};
use crate::steps::{made_beside, steps};

/// A step for a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The step's name: `pivot-root`.
    pub step: &'static str,
    /// What it does.
    pub what: String,
    /// The shell's way. `$PID` is the container's process, `$NET` the network that is made for it. Empty if the shell has
    /// none.
    pub shell: String,
}

/// Every step of a container, in order, with the equivalent shell command.
pub fn explain(spec: &Spec) -> Vec<Explained> {
    let explained = |&Planned { action, .. }: &Planned<'_>| Explained {
        step: action.name().name(),
        what: what(spec, action),
        shell: shell(spec, action),
    };
    steps(spec).iter().map(explained).collect()
}

fn what(spec: &Spec, action: Action<'_>) -> String {
    let (purpose, detail) = (describe::purpose(action), describe::detail(spec, action));
    if detail.is_empty() { purpose.to_owned() } else { format!("{purpose}: {detail}") }
}

fn shell(spec: &Spec, action: Action<'_>) -> String {
    match action {
        Action::Join(JoinStep::Namespace(kind, peer)) => join(kind, peer),
        Action::Join(JoinStep::Root(leader)) => format!("chroot /proc/{leader}/root"),
        Action::Clone => clone(spec),
        Action::Network(step) | Action::Attach(step) => outside(spec, step),
        Action::Isolate(step) | Action::Build(step) => inside(spec, step),
    }
}

fn inside(spec: &Spec, step: ChildStep<'_>) -> String {
    let root = prefix(spec);
    match step {
        ChildStep::ResetSignals | ChildStep::Terminal => String::new(),
        ChildStep::Unshare(kind) => format!("unshare --{kind}"),
        ChildStep::BecomeRoot => "setpriv --reuid 0 --regid 0".into(),
        ChildStep::DieWithParent => "setpriv --pdeathsig KILL".into(),
        ChildStep::NewSession => "setsid".into(),
        ChildStep::Hostname(name) => format!("hostname {}", word(name)),
        ChildStep::Domainname(name) => format!("domainname {}", word(name)),
        ChildStep::EnterNetwork if enters_from_new_root(spec) => "nsenter --net=/proc/self/fd/9".into(),
        ChildStep::EnterNetwork => "nsenter --net=/run/netns/$NET".into(),
        ChildStep::Configure(step) => connected(spec, step),
        ChildStep::Propagation(propagation) => propagated(propagation),
        ChildStep::Root(root) => made(root),
        ChildStep::Skeleton(_, from) => format!("cp -a {}/. $ROOT", shell::path(from)),
        ChildStep::Proc => format!("mount -t proc -o nosuid,nodev,noexec proc {root}/proc"),
        ChildStep::Sysfs => format!("mount -t sysfs -o ro,nosuid,nodev,noexec sysfs {root}/sys"),
        ChildStep::Dev => format!(
            "mount -t tmpfs -o nosuid,noexec,mode=755 tmpfs {root}/dev; mknod -m 666 {root}/dev/null c 1 3; …; \
             mount -t devpts -o newinstance,ptmxmode=0666 devpts {root}/dev/pts"
        ),
        ChildStep::Mount(wanted) => mount(root, wanted),
        ChildStep::Sysctl(wanted) => sysctls(wanted),
        ChildStep::Mask(hidden) => format!(
            "for path in {}; do mount --bind /dev/null {root}$path || mount -t tmpfs -o ro tmpfs {root}$path; done",
            paths(hidden)
        ),
        ChildStep::ReadOnly(closed) => format!(
            "for path in {}; do mount --rbind {root}$path {root}$path && mount -o remount,bind,ro {root}$path; done",
            paths(closed)
        ),
        ChildStep::PivotRoot(root) => pivoted(spec, root),
        ChildStep::DetachOldRoot => "umount -l .; cd /".into(),
        ChildStep::Chroot => format!("{}chroot $ROOT", keeps_network(spec)),
        ChildStep::RootReadOnly => "mount -o remount,bind,ro /".into(),
        ChildStep::Confine(step) => confined(spec, step),
    }
}

fn join(kind: Namespace, peer: &Peer) -> String {
    match crate::names::file_of(peer, kind) {
        Some(path) => format!("nsenter --{kind}={}", shell::path(&path)),
        None => {
            let name = word(&String::from(peer.clone()));
            format!("nsenter --{kind}=/proc/$(pidof {name})/ns/{}", kind.file())
        }
    }
}

fn clone(spec: &Spec) -> String {
    let born = [Namespace::User, Namespace::Pid].into_iter().filter(|kind| spec.namespaces.contains(kind));
    let flags: String = born.map(|kind| format!(" --{kind}")).collect();
    format!("unshare{flags} --fork")
}

fn outside(spec: &Spec, step: ParentStep<'_>) -> String {
    match step {
        ParentStep::MakeNetwork => "ip netns add $NET".into(),
        ParentStep::IdMap => id_map(spec),
        ParentStep::Cgroup(group) => cgroup(group),
        ParentStep::EnterCgroup(group) => format!("echo $PID >$CGROUP/{}/cgroup.procs", word(&group.name)),
        ParentStep::Link(wanted) => link(spec, wanted),
        ParentStep::Device(device) => moved(spec, device),
        ParentStep::Configure(step) => connected(spec, step),
    }
}

fn id_map(spec: &Spec) -> String {
    let (users, groups) = identity::maps(spec);
    let deny = if spec.setgroups { "" } else { "echo deny >/proc/$PID/setgroups; " };
    let line = |rows: &[_]| identity::rows(rows).trim_end().replace('\n', "\\n");
    format!(
        "{deny}printf '{}' >/proc/$PID/gid_map; printf '{}' >/proc/$PID/uid_map",
        line(&groups),
        line(&users)
    )
}

fn cgroup(group: &Cgroup) -> String {
    let name = word(&group.name);
    let limit =
        |(file, value): (&String, &String)| format!("; echo {} >$CGROUP/{name}/{}", word(value), word(file));
    format!("mkdir $CGROUP/{name}{}", group.limits.iter().map(limit).collect::<String>())
}

fn moved(spec: &Spec, device: &Device) -> String {
    let rename = device.rename.as_ref().map(|name| format!(" name {}", word(name))).unwrap_or_default();
    format!("ip link set {} netns {}{rename}", word(&device.name), network(spec))
}

fn link(spec: &Spec, link: &Veth) -> String {
    let mtu = link.mtu.map(|mtu| format!(" mtu {mtu}")).unwrap_or_default();
    let (host, peer, network) = (word(&link.host), word(&link.container), network(spec));
    let mut shell = format!("ip link add {host}{mtu} type veth peer name {peer}{mtu} netns {network}");
    if let Some(address) = &link.host_address {
        shell += &format!("; ip addr add {} dev {host}", word(address));
    }
    if !link.down {
        shell += &format!("; ip link set {host} up");
    }
    shell
}

/// The container's network as ip(8) names it from outside: that of a process, or one that no process is in yet.
fn network(spec: &Spec) -> &'static str {
    if made_beside(spec) { "$NET" } else { "$PID" }
}

/// What is done inside the container's network, there or from outside.
fn connected(spec: &Spec, step: NetworkStep<'_>) -> String {
    let ip = if made_beside(spec) { "ip -n $NET" } else { "ip" };
    let add =
        |address: &String, device: &str| format!("{ip} addr add {} dev {}", word(address), word(device));
    let commands: Vec<String> = match step {
        NetworkStep::Loopback => vec![format!("{ip} link set lo up")],
        NetworkStep::Route(route) => {
            vec![format!("{ip} route add {} via {}", word(&route.to), word(&route.via))]
        }
        NetworkStep::Link(link) => {
            let added = link.container_address.as_ref().map(|address| add(address, &link.container));
            let up = (!link.down).then(|| format!("{ip} link set {} up", word(&link.container)));
            added.into_iter().chain(up).collect()
        }
        NetworkStep::Device(device) => {
            let name = device.rename.as_ref().unwrap_or(&device.name);
            let mtu = device.mtu.map(|mtu| format!(" mtu {mtu}")).unwrap_or_default();
            let added = device.address.as_ref().map(|address| add(address, name));
            added.into_iter().chain([format!("{ip} link set {}{mtu} up", word(name))]).collect()
        }
    };
    commands.join("; ")
}

fn propagated(propagation: Propagation) -> String {
    let word = match propagation {
        Propagation::Private => "rprivate",
        Propagation::Slave => "rslave",
        Propagation::Shared => "rshared",
        Propagation::Unbindable => "runbindable",
        Propagation::Unchanged => return String::new(),
    };
    format!("mount --make-{word} /")
}

fn made(root: &Root) -> String {
    match (&root.tmpfs, &root.dir) {
        (Some(size), _) => {
            format!(
                "ROOT=$(mktemp -d); mount -t tmpfs -o {} tmpfs $ROOT",
                word(&format!("size={size},mode=755"))
            )
        }
        (None, Some(dir)) if root.switch == Switch::Pivot => {
            format!("ROOT={0}; mount --rbind {0} {0}", shell::path(dir))
        }
        (None, Some(dir)) => format!("ROOT={}", shell::path(dir)),
        (None, None) => String::new(),
    }
}

/// The new root as the shell names it while it is built.
fn prefix(spec: &Spec) -> &'static str {
    if spec.root.is_some() { "$ROOT" } else { "" }
}

fn sysctls(wanted: &BTreeMap<String, String>) -> String {
    let set = |(name, value): (&String, &String)| format!("sysctl -w {}", word(&format!("{name}={value}")));
    wanted.iter().map(set).collect::<Vec<_>>().join("; ")
}

fn paths(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| shell::path(path)).collect::<Vec<_>>().join(" ")
}

fn mount(root: &str, mount: &Mount) -> String {
    let target = shell::path(&mount.target);
    let options = mount.options.join(",");
    let data = [options.as_str(), mount.data.as_str()];
    let all: Vec<&str> = data.into_iter().filter(|text| !text.is_empty()).collect();
    let option = if all.is_empty() { String::new() } else { format!(" -o {}", word(&all.join(","))) };
    match mount.kind.as_str() {
        kind @ ("bind" | "rbind") => format!("mount --{kind}{option} {} {root}{target}", word(&mount.source)),
        kind => {
            let source = if mount.source.is_empty() { kind } else { &mount.source };
            format!("mount -t {}{option} {} {root}{target}", word(kind), word(source))
        }
    }
}

fn pivoted(spec: &Spec, root: &Root) -> String {
    let open = keeps_network(spec);
    match &root.keep_old {
        None => format!("{open}cd $ROOT; pivot_root . ."),
        Some(old) => format!("{open}cd $ROOT; mkdir -p .{0}; pivot_root . .{0}", shell::path(old)),
    }
}

/// Opens the network's name before it is out of sight.
fn keeps_network(spec: &Spec) -> &'static str {
    if enters_from_new_root(spec) { "exec 9</run/netns/$NET; " } else { "" }
}

/// Whether the network is entered when its name is out of sight.
fn enters_from_new_root(spec: &Spec) -> bool {
    let switches = |action| matches!(action, Action::Build(ChildStep::PivotRoot(_) | ChildStep::Chroot));
    let steps = steps(spec);
    let mut after = steps.iter().skip_while(|planned| !switches(planned.action));
    after.any(|planned| matches!(planned.action, Action::Build(ChildStep::EnterNetwork)))
}

fn confined(spec: &Spec, step: Confinement<'_>) -> String {
    match step {
        Confinement::Rlimit(limits) => {
            let set = |(kind, limit): (&Resource, &Rlimit)| {
                format!(" --{}={}:{}", format!("{kind:?}").to_lowercase(), limit.soft, limit.hard)
            };
            format!("prlimit --pid $${}", limits.iter().map(set).collect::<String>())
        }
        Confinement::Bounding => format!("setpriv --bounding-set={}", kept(spec)),
        Confinement::Ids => {
            let groups: Vec<String> = spec.groups.iter().map(ToString::to_string).collect();
            let groups = if groups.is_empty() {
                "--clear-groups".into()
            } else {
                format!("--groups {}", groups.join(","))
            };
            format!("setpriv --reuid {} --regid {} {groups}", spec.uid, spec.gid)
        }
        Confinement::Capabilities => "setpriv --inh-caps=-all --ambient-caps=-all".into(),
        Confinement::NoNewPrivileges => "setpriv --no-new-privs".into(),
        Confinement::WorkingDirectory(path) => format!("cd {}", shell::path(path)),
        Confinement::Umask(mask) => format!("umask {mask:04o}"),
        Confinement::CloseDescriptors(_) => "exec 3>&- 4>&- …".into(),
        Confinement::Execute => {
            format!("exec {}", spec.args.iter().map(|arg| word(arg)).collect::<Vec<_>>().join(" "))
        }
        Confinement::ForbidTyping | Confinement::Stdio | Confinement::Init => String::new(),
    }
}

fn kept(spec: &Spec) -> String {
    let sets = crate::caps::sets(&spec.capabilities, spec.uid, &::caps::all());
    let mut names: Vec<String> = sets
        .bounding
        .iter()
        .map(|&capability| format!(",+{}", crate::caps::short(capability).to_lowercase()))
        .collect();
    names.sort();
    format!("-all{}", names.concat())
}
