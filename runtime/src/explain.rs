//! The plan in words, each step with the shell command that does the same.

use std::path::PathBuf;

use crate::describe;
use crate::identity;
use crate::shell::{self, word};
use crate::spec::{Mount, Namespace, Propagation, Root, Spec, Switch};
use crate::step::Step;
use crate::steps::made_beside;
use crate::steps::{Phase, Planned, steps, unshared};

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
    let explained = |planned: &Planned| Explained {
        step: planned.step.name(),
        what: what(spec, planned),
        shell: shell(spec, planned),
    };
    steps(spec).iter().map(explained).collect()
}

fn what(spec: &Spec, planned: &Planned) -> String {
    let detail = describe::detail(spec, planned);
    let said = match planned.step {
        Step::Join => "enter the namespace",
        Step::Clone => "make the child process, born in new namespaces",
        Step::Unshare if planned.phase == Phase::Network => {
            "make a namespace outside, for the child to enter"
        }
        Step::Unshare => "leave the parent's namespace for a new one",
        Step::ResetSignals => "block no signal and ignore none",
        Step::IdMap => "tell which ids inside are which outside",
        Step::Cgroup => "make the cgroup with its limits",
        Step::EnterCgroup => "put the child into the cgroup",
        Step::Link => "make a veth pair, the peer inside",
        Step::EnterNetwork => "enter the network that the parent made",
        Step::Device => "move the device inside",
        Step::BecomeRoot => "become user 0 of the user namespace",
        Step::DieWithParent => "ask to be killed when the parent dies",
        Step::NewSession => "leave the caller's terminal",
        Step::Terminal => "take control of the own terminal",
        Step::Hostname => "set the hostname",
        Step::Domainname => "set the NIS domain name",
        Step::Loopback => "bring lo up",
        Step::LinkAddress => "give the container's end its address",
        Step::DeviceAddress => "set up the moved device",
        Step::Route => "add the route",
        Step::Propagation => "let no mount event cross",
        Step::Root => "mount the new root",
        Step::Skeleton => "copy the skeleton into it",
        Step::Proc => "mount a procfs of the own PID namespace",
        Step::Sysfs => "mount a sysfs of the own network namespace",
        Step::Dev => "make a minimal /dev",
        Step::Mount => "mount",
        Step::Sysctl => "set kernel parameters",
        Step::Mask => "hide what tells of the host",
        Step::ReadOnly => "forbid writing to the host's knobs",
        Step::PivotRoot => "make the new root /",
        Step::DetachOldRoot => "take the old root away",
        Step::Chroot => "make the new root /, for this process only",
        Step::RootReadOnly => "make the root read-only",
        Step::Rlimit => "set resource limits",
        Step::Bounding => "give up capabilities for good",
        Step::Ids => "become the user",
        Step::Capabilities => "set the capability sets",
        Step::NoNewPrivileges => "never gain privileges by execve",
        Step::ForbidTyping => "refuse to type into the caller's terminal (TIOCSTI, TIOCLINUX)",
        Step::WorkingDirectory => "go to the working directory",
        Step::Umask => "set the file mode creation mask",
        Step::Stdio => "connect the standard descriptors",
        Step::CloseDescriptors => "close all other descriptors",
        Step::Init => "leave an init behind as the first process",
        Step::Execute => "become the program",
        Step::Check | Step::OneThread | Step::Channel | Step::EnterRoot | Step::Teardown => "",
    };
    if detail.is_empty() { said.to_owned() } else { format!("{said}: {detail}") }
}

fn shell(spec: &Spec, planned: &Planned) -> String {
    let position = planned.position();
    match planned.step {
        Step::Join => join(spec, position),
        Step::Clone => clone(spec),
        Step::Unshare if planned.phase == Phase::Network => "ip netns add $NET".into(),
        Step::Unshare if planned.phase == Phase::Build => "unshare --cgroup".into(),
        Step::EnterNetwork if enters_from_new_root(spec) => "nsenter --net=/proc/self/fd/9".into(),
        Step::EnterNetwork => "nsenter --net=/run/netns/$NET".into(),
        Step::Unshare => format!("unshare --{}", unshared(spec)[position]),
        Step::IdMap | Step::Cgroup | Step::EnterCgroup | Step::Link | Step::Device => outside(spec, planned),
        Step::NewSession => "setsid".into(),
        Step::BecomeRoot => "setpriv --reuid 0 --regid 0".into(),
        Step::DieWithParent => "setpriv --pdeathsig KILL".into(),
        Step::Hostname => format!("hostname {}", word(spec.hostname.as_deref().unwrap_or_default())),
        Step::Domainname => format!("domainname {}", word(spec.domainname.as_deref().unwrap_or_default())),
        Step::Loopback | Step::LinkAddress | Step::DeviceAddress | Step::Route => connected(spec, planned),
        Step::PivotRoot | Step::DetachOldRoot | Step::Chroot | Step::RootReadOnly => {
            switched(spec, planned.step)
        }
        Step::Propagation | Step::Root | Step::Skeleton => new_root(spec, planned.step),
        Step::Proc | Step::Sysfs | Step::Dev | Step::Mount | Step::Sysctl | Step::Mask | Step::ReadOnly => {
            mounted(spec, planned)
        }
        _ => confined(spec, planned.step),
    }
}

fn join(spec: &Spec, position: usize) -> String {
    let Some((&kind, peer)) = spec.join.iter().nth(position) else { return String::new() };
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

fn outside(spec: &Spec, planned: &Planned) -> String {
    let group = spec.cgroup.as_ref();
    match planned.step {
        Step::IdMap => {
            let (users, groups) = identity::maps(spec);
            let deny = if spec.setgroups { "" } else { "echo deny >/proc/$PID/setgroups; " };
            let line = |rows: &[_]| identity::rows(rows).trim_end().replace('\n', "\\n");
            format!(
                "{deny}printf '{}' >/proc/$PID/gid_map; printf '{}' >/proc/$PID/uid_map",
                line(&groups),
                line(&users)
            )
        }
        Step::Cgroup => group.map_or_else(String::new, |group| {
            let name = word(&group.name);
            let limit = |(file, value): (&String, &String)| {
                format!("; echo {} >$CGROUP/{name}/{}", word(value), word(file))
            };
            format!("mkdir $CGROUP/{name}{}", group.limits.iter().map(limit).collect::<String>())
        }),
        Step::EnterCgroup => group.map_or_else(String::new, |group| {
            format!("echo $PID >$CGROUP/{}/cgroup.procs", word(&group.name))
        }),
        Step::Link => link(spec, planned.position()),
        _ => {
            let device = &spec.devices[planned.position()];
            let rename =
                device.rename.as_ref().map(|name| format!(" name {}", word(name))).unwrap_or_default();
            format!("ip link set {} netns {}{rename}", word(&device.name), network(spec))
        }
    }
}

fn link(spec: &Spec, position: usize) -> String {
    let link = &spec.links[position];
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
fn connected(spec: &Spec, planned: &Planned) -> String {
    let ip = if made_beside(spec) { "ip -n $NET" } else { "ip" };
    let add =
        |address: &String, device: &str| format!("{ip} addr add {} dev {}", word(address), word(device));
    let commands: Vec<String> = match planned.step {
        Step::Loopback => vec![format!("{ip} link set lo up")],
        Step::Route => {
            let route = &spec.routes[planned.position()];
            vec![format!("{ip} route add {} via {}", word(&route.to), word(&route.via))]
        }
        Step::LinkAddress => {
            let link = &spec.links[planned.position()];
            let added = link.container_address.as_ref().map(|address| add(address, &link.container));
            let up = (!link.down).then(|| format!("{ip} link set {} up", word(&link.container)));
            added.into_iter().chain(up).collect()
        }
        _ => {
            let device = &spec.devices[planned.position()];
            let name = device.rename.as_ref().unwrap_or(&device.name);
            let mtu = device.mtu.map(|mtu| format!(" mtu {mtu}")).unwrap_or_default();
            let added = device.address.as_ref().map(|address| add(address, name));
            added.into_iter().chain([format!("{ip} link set {}{mtu} up", word(name))]).collect()
        }
    };
    commands.join("; ")
}

fn new_root(spec: &Spec, step: Step) -> String {
    let root = spec.root.as_ref();
    match step {
        Step::Propagation => {
            let word = match spec.propagation {
                Propagation::Private => "rprivate",
                Propagation::Slave => "rslave",
                Propagation::Shared => "rshared",
                Propagation::Unbindable => "runbindable",
                Propagation::Unchanged => return String::new(),
            };
            format!("mount --make-{word} /")
        }
        Step::Root => root.map_or_else(String::new, made),
        _ => {
            let skeleton = root.and_then(|root| root.skeleton.as_ref());
            skeleton.map_or_else(String::new, |from| format!("cp -a {}/. $ROOT", shell::path(from)))
        }
    }
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

fn mounted(spec: &Spec, planned: &Planned) -> String {
    let root = prefix(spec);
    match planned.step {
        Step::Proc => format!("mount -t proc -o nosuid,nodev,noexec proc {root}/proc"),
        Step::Sysfs => format!("mount -t sysfs -o ro,nosuid,nodev,noexec sysfs {root}/sys"),
        Step::Dev => format!(
            "mount -t tmpfs -o nosuid,noexec,mode=755 tmpfs {root}/dev; mknod -m 666 {root}/dev/null c 1 3; …; \
             mount -t devpts -o newinstance,ptmxmode=0666 devpts {root}/dev/pts"
        ),
        Step::Mount => mount(root, &spec.mounts[planned.position()]),
        Step::Sysctl => {
            let set =
                |(name, value): (&String, &String)| format!("sysctl -w {}", word(&format!("{name}={value}")));
            spec.sysctls.iter().map(set).collect::<Vec<_>>().join("; ")
        }
        Step::Mask => format!(
            "for path in {}; do mount --bind /dev/null {root}$path || mount -t tmpfs -o ro tmpfs {root}$path; done",
            paths(&spec.masked)
        ),
        _ => format!(
            "for path in {}; do mount --rbind {root}$path {root}$path && mount -o remount,bind,ro {root}$path; done",
            paths(&spec.read_only)
        ),
    }
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

fn switched(spec: &Spec, step: Step) -> String {
    let old = spec.root.as_ref().and_then(|root| root.keep_old.as_ref());
    let open = if enters_from_new_root(spec) { "exec 9</run/netns/$NET; " } else { "" };
    match (step, old) {
        (Step::PivotRoot, None) => format!("{open}cd $ROOT; pivot_root . ."),
        (Step::PivotRoot, Some(old)) => {
            format!("{open}cd $ROOT; mkdir -p .{0}; pivot_root . .{0}", shell::path(old))
        }
        (Step::DetachOldRoot, _) => "umount -l .; cd /".into(),
        (Step::Chroot, _) => format!("{open}chroot $ROOT"),
        _ => "mount -o remount,bind,ro /".into(),
    }
}

/// Whether the network is entered when its name is out of sight.
fn enters_from_new_root(spec: &Spec) -> bool {
    let steps = steps(spec);
    let mut after =
        steps.iter().skip_while(|planned| !matches!(planned.step, Step::PivotRoot | Step::Chroot));
    after.any(|planned| planned.step == Step::EnterNetwork)
}

fn confined(spec: &Spec, step: Step) -> String {
    match step {
        Step::Rlimit => {
            let set = |(kind, limit): (&_, &crate::spec::Rlimit)| {
                format!(" --{}={}:{}", format!("{kind:?}").to_lowercase(), limit.soft, limit.hard)
            };
            format!("prlimit --pid $${}", spec.rlimits.iter().map(set).collect::<String>())
        }
        Step::Bounding => format!("setpriv --bounding-set={}", kept(spec)),
        Step::Ids => {
            let groups: Vec<String> = spec.groups.iter().map(ToString::to_string).collect();
            let groups = if groups.is_empty() {
                "--clear-groups".into()
            } else {
                format!("--groups {}", groups.join(","))
            };
            format!("setpriv --reuid {} --regid {} {groups}", spec.uid, spec.gid)
        }
        Step::Capabilities => "setpriv --inh-caps=-all --ambient-caps=-all".into(),
        Step::NoNewPrivileges => "setpriv --no-new-privs".into(),
        Step::WorkingDirectory => format!("cd {}", shell::path(&spec.cwd)),
        Step::Umask => format!("umask {:04o}", spec.umask),
        Step::CloseDescriptors => "exec 3>&- 4>&- …".into(),
        Step::Execute => {
            format!("exec {}", spec.args.iter().map(|arg| word(arg)).collect::<Vec<_>>().join(" "))
        }
        _ => String::new(),
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
