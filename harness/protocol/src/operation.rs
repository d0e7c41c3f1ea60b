//! What a step does. An operation returns a JSON value, or the errno that the kernel refused it with.
//!
//! In a scenario an operation is a word (`"hostname"`) or a table with one key (`{ ping = "192.168.47.11" }`).

mod meaning;

use std::path::PathBuf;

use runtime::spec::Namespace;
use serde::{Deserialize, Serialize};

pub use meaning::{About, Ends, Leaves, Meaning, Reach};

/// One operation. Each runs in the probe of its actor, which keeps its state from step to step (working directory, root,
/// namespaces, open sockets); with `via = "exec"` it runs in a fresh process that joined the container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Operation {
    // Observe.
    /// `"mycontainer"`, from uname(2).
    Hostname,
    /// `"(none)"`, from uname(2).
    Domainname,
    /// `{ pid, ppid, pgid, sid, uid, euid, gid, egid, groups: [], cwd, umask: "0022" }` as the actor sees itself.
    Process,
    /// `[1, 7]`: the numbers in `/proc`, the probe's own included.
    Pids,
    /// `/proc/PID/status`, numbers as numbers and rows as lists: `{ "Name": "probe", "NSpid": [93, 1], "Uid": [0, 0, 0, 0] }`.
    /// Sizes are in kB; masks (`CapEff`) and modes are texts.
    Status(Subject),
    /// `{ uts: 4026531838, ipc: …, pid, net, mount, user, cgroup }`: the inodes of `/proc/PID/ns/*`.
    Namespaces(Subject),
    /// `{ lo: { up: false, mtu: 65536, addresses: ["127.0.0.1/8"], kind: "veth" } }`, from rtnetlink(7).
    Interfaces,
    /// `[{ to: "default", via: "192.168.47.11", interface: "mybr1" }]`, from rtnetlink(7).
    Routes,
    /// `[{ root, target, type, source, options: [], propagation: ["shared:1"] }]`, from `/proc/self/mountinfo`.
    Mounts,
    /// `{ bounding: ["CAP_CHOWN"], permitted: [], effective: [], inheritable: [], ambient: [] }`, sorted.
    Capabilities,
    /// `{ nofile: { soft: 1024, hard: 4096 } }`; an unlimited one is `"unlimited"`.
    Rlimits,
    /// `[0, 1, 2]`: the open descriptors of the actor below 1024.
    Fds,
    /// `"0::/"` without the newline: `/proc/self/cgroup`.
    Cgroup,
    /// Sorted names.
    ListDir(PathBuf),
    /// Every path below one, relative to it, as of `stat`; other file systems are not entered:
    /// `{ "bin/sh": { kind: "file", mode: "0755", uid: 0, gid: 0, size: 12 }, "dev/null": { kind: "char-device", device: "1:3", … } }`.
    Tree(PathBuf),
    /// `{ kind, mode: "0755", uid, gid, size, device: "1:3", target }` without following a symbolic link; `kind` is `file`,
    /// `directory`, `link`, `char-device`, `block-device`, `fifo` or `socket`; only files have a `size`.
    Stat(PathBuf),
    /// The text of a file, its last newline removed.
    Read(PathBuf),
    /// `{ type: "tmpfs", size: bytes, free: bytes, flags: ["nosuid"] }`, from statfs(2).
    Filesystem(PathBuf),

    // Act.
    /// sethostname(2)
    SetHostname(String),
    /// setdomainname(2)
    SetDomainname(String),
    /// Write a text into a file, made if it is missing, emptied before.
    Write(WriteFile),
    /// Take room, as writing zeroes does; gives the MiB, or ENOSPC when there are fewer than asked. The file is made or
    /// emptied before.
    Fill(Fill),
    /// mkdir(2), with parents.
    Mkdir(PathBuf),
    /// unlink(2) or rmdir(2).
    Remove(PathBuf),
    /// mknod(2)
    Mknod(Mknod),
    /// mount(2): nothing is made that is missing. Beside file systems and `bind`, the type may be `remount` (flags of the
    /// one mount) or `none` (propagation alone).
    Mount(runtime::spec::Mount),
    /// umount2(2) with MNT_DETACH.
    Umount(PathBuf),
    /// chroot(2), without chdir.
    Chroot(PathBuf),
    /// The classic way out of a chroot: mkdir, chroot, `..` up to the true root. `{ root: [names] }` seen afterwards. Done in
    /// a child: the actor stays where it is.
    EscapeChroot,
    /// chdir(2)
    Chdir(PathBuf),
    /// Place a program, the probe's own, at a path: of the actor's user and group, with exactly this mode. Needs `/proc`.
    Install(Install),
    /// execve(2) of an installed program in a child: `process` and `capabilities` as that program sees them,
    /// `{ process: { euid, … }, capabilities: { effective: [], … } }`.
    Execute(PathBuf),
    /// unshare(2)
    Unshare(Vec<Namespace>),
    /// setns(2) into one namespace of a process.
    Setns(Setns),
    /// ICMP echo requests, ten a second, until one is answered, for 2 s at the most: `{ from: "192.168.47.11" }`, else an
    /// errno (ETIMEDOUT, ENETUNREACH). By a raw socket, or one of `net.ipv4.ping_group_range` if the actor has no CAP_NET_RAW (then EACCES is
    /// the refusal).
    Ping(String),
    /// A TCP connection to `ADDRESS:PORT` within 1 s, closed again: `{ from: "192.168.47.12:40000" }`.
    Connect(String),
    /// A TCP listener on `ADDRESS:PORT`, kept until the scenario ends; the kernel completes connections to it. Its address.
    Listen(String),
    /// SysV shared memory: `{ create = 4711 }`. The id of the object.
    Shm(Ipc),
    /// SysV semaphores.
    Sem(Ipc),
    /// SysV message queues.
    Msg(Ipc),
    /// kill(2)
    Kill(Kill),
    /// A child forks a grandchild and exits: `{ parent: PID of the new parent, reaped: true }` once the grandchild, in its
    /// turn, ended and left no zombie; `reaped` is false if it is there after 1 s.
    Orphan,
    /// Begin to look, many times a millisecond, at each process that comes into the `/proc` that the actor sees, and to follow
    /// the descriptors that its creator left it, those above 2. Needs CAP_SYS_NICE (SCHED_FIFO).
    WatchJoins,
    /// What was seen since `watch-joins`: `{ joined: 2, refused: true, reached: [] }`: the number of processes that came,
    /// whether a descriptor could not be followed, and where those led that could.
    Joins,
    /// Make a dummy network device.
    AddDummy(String),
    /// Delete a network device; with one end of a veth pair goes the other.
    RemoveLink(String),
    /// Bring a device up or down.
    SetLink(SetLink),
    /// Give a device an address.
    AddAddress(AddAddress),
    /// Do what the named capability allows, with the least effect, in a child: `{ exercise = "CAP_SYS_TIME" }`. Without it
    /// EPERM, but EACCES for DAC_OVERRIDE, IPC_OWNER, LEASE, NET_BIND_SERVICE, PERFMON and SYS_NICE. For BPF,
    /// CHECKPOINT_RESTORE, PERFMON and SYSLOG the kernel also takes SYS_ADMIN. MAC_ADMIN, MAC_OVERRIDE and NET_BROADCAST
    /// cannot be exercised on a stock kernel. FOWNER, KILL and LEASE need user 1000 to be there in the container,
    /// FOWNER and LEASE a folder that everybody can write to as well (`/tmp`, `/dev/shm`).
    Exercise(String),
    /// A raw system call by name; arguments are numbers, or texts passed as pointers. The number it returns.
    Syscall(Syscall),

    // Only `in = "host"`: the life of a container. One that has a `start` step is not built before it.
    /// Build a container now.
    Start(String),
    /// Kill a container and take it down.
    Stop(String),
}

/// Which process is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(from = "String", into = "String")]
pub enum Subject {
    /// `"self"`: the actor.
    Actor,
    /// `"init"`: PID 1 of the PID namespace whose `/proc` the actor sees.
    Init,
    /// A number: the process of that id in the `/proc` that the actor sees.
    Pid(i32),
    /// A container's PID 1, by the container's name; only from the host.
    Container(String),
}

impl From<String> for Subject {
    fn from(text: String) -> Self {
        match text.as_str() {
            "self" => Subject::Actor,
            "init" => Subject::Init,
            _ => match text.parse() {
                Ok(pid) => Subject::Pid(pid),
                Err(_) => Subject::Container(text),
            },
        }
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        match subject {
            Subject::Actor => "self".into(),
            Subject::Init => "init".into(),
            Subject::Pid(pid) => pid.to_string(),
            Subject::Container(name) => name,
        }
    }
}

/// `{ path = "/x", text = "1" }`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "said by the type")]
pub struct WriteFile {
    pub path: PathBuf,
    pub text: String,
}

/// `{ path = "/tmp/id", mode = "4755" }`, the mode as chmod(1) takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "said by the type")]
pub struct Install {
    pub path: PathBuf,
    pub mode: String,
}

/// `{ path = "/big", mib = 51 }`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "said by the type")]
pub struct Fill {
    pub path: PathBuf,
    pub mib: u32,
}

/// `{ path = "/dev/x", kind = "char-device", device = "1:3" }`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "said by the type")]
pub struct Mknod {
    pub path: PathBuf,
    pub kind: NodeKind,
    #[serde(default)]
    pub device: Option<String>,
}

/// What mknod(2) makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the words of inode(7)")]
pub enum NodeKind {
    CharDevice,
    BlockDevice,
    Fifo,
}

/// `{ of = "host", namespace = "net" }`; from the host: a container's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "said by the type")]
pub struct Setns {
    pub of: Subject,
    pub namespace: Namespace,
}

/// What is done with a SysV IPC key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Ipc {
    /// IPC_CREAT | IPC_EXCL, mode 0666: EEXIST if the key is taken in this namespace.
    Create(i32),
    /// Open an existing one: ENOENT if this namespace has none.
    Open(i32),
    /// IPC_RMID by key.
    Remove(i32),
}

/// `{ pid = 1, signal = "KILL" }`, or `{ container = "box", signal = "TERM" }` from the host. Signal 0 is `"0"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "said by the type")]
pub struct Kill {
    #[serde(default)]
    pub pid: Option<i32>,
    #[serde(default)]
    pub container: Option<String>,
    pub signal: String,
}

/// `{ interface = "lo", up = true }`, `{ interface = "lo", up = true, by = "ioctl" }`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "said by the type")]
pub struct SetLink {
    pub interface: String,
    pub up: bool,
    #[serde(default, skip_serializing_if = "LinkDoor::is_usual")]
    pub by: LinkDoor,
}

/// The kernel's two doors to a device's flags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LinkDoor {
    /// rtnetlink(7), as ip(8) has it.
    #[default]
    Netlink,
    /// SIOCSIFFLAGS of netdevice(7), as ifconfig(8) has it.
    Ioctl,
}

impl LinkDoor {
    fn is_usual(&self) -> bool {
        *self == LinkDoor::Netlink
    }
}

/// `{ interface = "mybr0", address = "192.168.47.11/24" }`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "said by the type")]
pub struct AddAddress {
    pub interface: String,
    pub address: String,
}

/// `{ name = "swapon", args = ["/dev/x", 0] }`, at most six arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "said by the type")]
pub struct Syscall {
    pub name: String,
    #[serde(default)]
    pub args: Vec<serde_json::Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("self", Subject::Actor)]
    #[case("init", Subject::Init)]
    #[case("93", Subject::Pid(93))]
    #[case("box", Subject::Container("box".into()))]
    fn a_subject_is_a_word_a_number_or_a_name(#[case] text: &str, #[case] subject: Subject) {
        assert_eq!(Subject::from(text.to_owned()), subject);
        assert_eq!(String::from(subject), text);
    }
}
