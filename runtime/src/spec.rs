//! What a container is: pure data, read from TOML or JSON, executed by [`crate::Container`].
//!
//! Everything that makes a container weaker is a field here, and its default is the safe value.

mod network;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::network::{Device, Route, Veth};
pub use sys::credentials::Resource;
pub use sys::namespace::Namespace;

/// One container. An empty `Spec` shares every namespace and root with its parent, and still drops capabilities,
/// sets `no_new_privs`, closes inherited descriptors and dies with its parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Spec {
    /// Namespaces to create. namespaces(7).
    pub namespaces: BTreeSet<Namespace>,
    /// Namespaces to enter instead of creating: of a process, a file, or another container. setns(2).
    pub join: BTreeMap<Namespace, Peer>,

    /// Needs `uts`; at most 64 bytes. sethostname(2).
    pub hostname: Option<String>,
    /// Needs `uts`; at most 64 bytes. setdomainname(2).
    pub domainname: Option<String>,

    /// Rows of `/proc/PID/uid_map`; needs `user`. Empty with a user namespace: 0 inside is the caller outside.
    pub uid_map: Vec<IdMap>,
    /// Rows of `/proc/PID/gid_map`.
    pub gid_map: Vec<IdMap>,
    /// Whether setgroups(2) stays allowed in the user namespace (CVE-2014-8989).
    pub setgroups: bool,

    /// The container's root directory; without one it keeps the parent's.
    pub root: Option<Root>,
    /// Propagation given to every mount before anything is mounted. mount_namespaces(7).
    pub propagation: Propagation,
    /// Mount a fresh procfs on `/proc` (nosuid, nodev, noexec).
    pub proc: bool,
    /// Mount sysfs on `/sys`, read-only; needs an own network namespace.
    pub sysfs: bool,
    /// A minimal `/dev`: null zero full random urandom tty, devpts (own instance), shm, mqueue, fd links.
    pub dev: bool,
    /// Further mounts, in order, after `/proc`, `/sys` and `/dev`.
    pub mounts: Vec<Mount>,
    /// Paths hidden under an empty read-only file or directory, where they exist; needs `mount`.
    pub masked: Vec<PathBuf>,
    /// Paths remounted read-only, where they exist; needs `mount`.
    pub read_only: Vec<PathBuf>,
    /// Sysctls written in the container before `/proc/sys` becomes read-only, `net.ipv4.ip_forward = "1"`.
    pub sysctls: BTreeMap<String, String>,

    /// Bring `lo` up; the kernel makes it down.
    pub loopback: bool,
    /// veth pairs between the parent's network namespace and the container's.
    pub links: Vec<Veth>,
    /// Existing devices of the parent's network namespace, moved into the container's.
    pub devices: Vec<Device>,
    /// Routes added in the container, in order, after every address.
    pub routes: Vec<Route>,

    /// The five capability sets of the container's program.
    pub capabilities: Capabilities,
    /// PR_SET_NO_NEW_PRIVS before the program starts.
    pub no_new_privileges: bool,
    /// Resource limits by name without the prefix: `nofile`, `nproc`, … getrlimit(2).
    pub rlimits: BTreeMap<Resource, Rlimit>,
    /// A cgroup (version 2) made for the container and removed with it.
    pub cgroup: Option<Cgroup>,

    /// The program and its arguments.
    pub args: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub env: BTreeMap<String, String>,
    /// Working directory, inside the container.
    pub cwd: PathBuf,
    /// User id inside the container.
    pub uid: u32,
    /// Group id inside the container.
    pub gid: u32,
    /// Supplementary groups; always set, so that none is inherited (unless setgroups(2) is denied).
    pub groups: Vec<u32>,
    /// File mode creation mask.
    pub umask: u32,
    /// Start a new session, so that the container has no controlling terminal of the caller (CVE-2017-5226). Without it a filter
    /// of system calls (seccomp) refuses to type into a terminal: TIOCSTI and TIOCLINUX.
    pub new_session: bool,
    /// Run as PID 1 a small init that forwards signals and reaps orphans; the program is its child.
    pub init: bool,
    /// The container is killed when the process that spawned it dies. PR_SET_PDEATHSIG.
    pub die_with_parent: bool,
    /// Descriptors beyond 0–2 that the program keeps; all others are closed.
    pub keep_fds: BTreeSet<i32>,
}

impl Default for Spec {
    fn default() -> Self {
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect();
        Spec {
            namespaces: BTreeSet::new(),
            join: BTreeMap::new(),
            hostname: None,
            domainname: None,
            uid_map: Vec::new(),
            gid_map: Vec::new(),
            setgroups: false,
            root: None,
            propagation: Propagation::Private,
            proc: false,
            sysfs: false,
            dev: false,
            mounts: Vec::new(),
            masked: paths(MASKED),
            read_only: paths(READ_ONLY),
            sysctls: BTreeMap::new(),
            loopback: false,
            links: Vec::new(),
            devices: Vec::new(),
            routes: Vec::new(),
            capabilities: Capabilities::default(),
            no_new_privileges: true,
            rlimits: BTreeMap::new(),
            cgroup: None,
            args: vec!["/bin/sh".into()],
            env: BTreeMap::from([
                ("PATH".into(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()),
                ("HOME".into(), "/".into()),
            ]),
            cwd: PathBuf::from("/"),
            uid: 0,
            gid: 0,
            groups: Vec::new(),
            umask: 0o022,
            new_session: true,
            init: false,
            die_with_parent: true,
            keep_fds: BTreeSet::new(),
        }
    }
}

/// Hidden by default: what the OCI runtimes mask, and the newer files that leak host state (P124, P127).
pub const MASKED: &[&str] = &[
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// Read-only by default, as in the OCI runtimes (P125, P126).
pub const READ_ONLY: &[&str] = &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Whose namespace to join. Written as text: a number is a PID, a text with a `/` a file, any other a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(from = "String", into = "String")]
pub enum Peer {
    /// A process, by its id in the caller's PID namespace.
    Pid(i32),
    /// A namespace file: `/proc/PID/ns/net`, or a bind mount of one.
    Path(PathBuf),
    /// Another container; whoever keeps containers by name turns it into a `Pid` first.
    Container(String),
}

impl From<String> for Peer {
    fn from(text: String) -> Self {
        match text.parse() {
            Ok(pid) => Peer::Pid(pid),
            Err(_) if text.contains('/') => Peer::Path(text.into()),
            Err(_) => Peer::Container(text),
        }
    }
}

impl From<Peer> for String {
    fn from(peer: Peer) -> Self {
        match peer {
            Peer::Pid(pid) => pid.to_string(),
            Peer::Path(path) => path.display().to_string(),
            Peer::Container(name) => name,
        }
    }
}

/// One row of an id map: `count` ids from `inside` are those from `outside`. user_namespaces(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the columns of uid_map")]
pub struct IdMap {
    pub inside: u32,
    pub outside: u32,
    pub count: u32,
}

/// Where the container's root comes from, and how it becomes `/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Root {
    /// A directory to use as it is (bind-mounted on itself). Not together with `tmpfs`.
    pub dir: Option<PathBuf>,
    /// Size of a tmpfs that becomes the root, as tmpfs(5) takes it: `50M`.
    pub tmpfs: Option<String>,
    /// A directory copied into the tmpfs, with modes, owners, times, links and device nodes.
    pub skeleton: Option<PathBuf>,
    /// How the new tree becomes `/`.
    pub switch: Switch,
    /// Keep the old root mounted here, inside the container, instead of detaching it.
    pub keep_old: Option<PathBuf>,
    /// Remount the root read-only once everything is mounted.
    pub read_only: bool,
}

impl Default for Root {
    fn default() -> Self {
        Root {
            dir: None,
            tmpfs: None,
            skeleton: None,
            switch: Switch::Pivot,
            keep_old: None,
            read_only: false,
        }
    }
}

/// How the new tree becomes `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    /// pivot_root(2): the old root can be detached.
    Pivot,
    /// chroot(2): a process with CAP_SYS_CHROOT can leave it.
    Chroot,
}

/// What mount events cross between the container's mounts and the parent's. mount_namespaces(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Propagation {
    /// None.
    Private,
    /// From the parent to the container.
    Slave,
    /// Both ways.
    Shared,
    /// None, and it cannot be bind-mounted.
    Unbindable,
    /// As the parent has it.
    Unchanged,
}

impl Propagation {
    /// Whether what is mounted in the container may be seen outside.
    pub(crate) fn reaches_out(self) -> bool {
        matches!(self, Propagation::Shared | Propagation::Unchanged)
    }
}

/// One mount in the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mount {
    /// File system type: `tmpfs`, `overlay`, … ; `bind` or `rbind` for a bind mount.
    #[serde(rename = "type")]
    pub kind: String,
    /// Device, or for a bind mount the path outside. The type's name when empty.
    #[serde(default)]
    pub source: String,
    /// Absolute path inside; made if missing, and never through a symbolic link that leaves the root.
    pub target: PathBuf,
    /// Flags as mount(8) writes them: `ro nosuid nodev noexec nosymfollow noatime private slave …`.
    #[serde(default)]
    pub options: Vec<String>,
    /// The file system's own options: `size=50M,mode=755`.
    #[serde(default)]
    pub data: String,
}

/// Capability sets of the program, each list by names with or without `CAP_`, or the one word `ALL`.
/// capabilities(7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Capabilities {
    /// What is kept in the bounding, permitted and effective sets; all others are dropped.
    pub keep: Vec<String>,
    /// Taken away from `keep`.
    pub drop: Vec<String>,
    /// Overrides `keep` less `drop` for this one set.
    pub bounding: Option<Vec<String>>,
    /// Overrides `keep` less `drop` for this one set.
    pub permitted: Option<Vec<String>>,
    /// Overrides `keep` less `drop` for this one set.
    pub effective: Option<Vec<String>>,
    /// Empty unless given (CVE-2022-29162).
    pub inheritable: Vec<String>,
    /// Empty unless given.
    pub ambient: Vec<String>,
}

impl Default for Capabilities {
    fn default() -> Self {
        Capabilities {
            keep: KEPT.iter().map(ToString::to_string).collect(),
            drop: Vec::new(),
            bounding: None,
            permitted: None,
            effective: None,
            inheritable: Vec::new(),
            ambient: Vec::new(),
        }
    }
}

/// The fourteen capabilities that container engines keep by default.
pub const KEPT: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Soft and hard limit, in the resource's own unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the words of getrlimit(2)")]
pub struct Rlimit {
    pub soft: u64,
    pub hard: u64,
}

/// A cgroup of version 2 under the caller's own one. cgroups(7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cgroup {
    /// The new group's name.
    pub name: String,
    /// Files written before the container enters: `memory.max = "64M"`, `pids.max = "16"`.
    #[serde(default)]
    pub limits: BTreeMap<String, String>,
}
