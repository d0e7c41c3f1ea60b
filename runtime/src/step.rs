//! The names of the steps, and how a failed one is told.

use std::fmt;

use sys::{self, Errno};

/// Where a step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// In the process that called `spawn`.
    Parent,
    /// In the container.
    Child,
}

macro_rules! steps {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A step of a container's set-up. Its name is the error, the trace and the explanation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Step { $($(#[$doc])* $variant,)* }

        impl Step {
            /// Its name: `pivot-root`.
            pub fn name(self) -> &'static str {
                match self { $(Step::$variant => $name,)* }
            }
        }
    };
}

steps! {
    /// The specification is looked over.
    Check = "check",
    /// The caller must have one thread: a namespace cannot be left to the others.
    OneThread = "one-thread",
    /// The socket pair between parent and child.
    Channel = "channel",
    /// clone(2): the process, in its user and PID namespaces.
    Clone = "clone",
    /// setns(2)
    Join = "join",
    /// The root directory of the container that is joined. chroot(2)
    EnterRoot = "enter-root",
    /// The signal mask and dispositions of a new program.
    ResetSignals = "reset-signals",
    /// unshare(2)
    Unshare = "unshare",
    /// setns(2) into the network that the parent made meanwhile.
    EnterNetwork = "enter-network",
    /// `/proc/PID/uid_map`, `gid_map`, `setgroups`.
    IdMap = "id-map",
    /// mkdir(2) in cgroupfs, with the limits.
    Cgroup = "cgroup",
    /// `cgroup.procs`
    EnterCgroup = "enter-cgroup",
    /// A veth pair, its host end up and with its address.
    Link = "link",
    /// A device that moves into the container.
    Device = "device",
    /// Become user 0 of the user namespace.
    BecomeRoot = "become-root",
    /// PR_SET_PDEATHSIG
    DieWithParent = "die-with-parent",
    /// setsid(2)
    NewSession = "new-session",
    /// The terminal that was made for the container becomes its controlling one. TIOCSCTTY
    Terminal = "terminal",
    /// sethostname(2)
    Hostname = "hostname",
    /// setdomainname(2)
    Domainname = "domainname",
    /// `lo` up.
    Loopback = "loopback",
    /// The address of a link's container end.
    LinkAddress = "link-address",
    /// Address, MTU and state of a moved device.
    DeviceAddress = "device-address",
    /// A route.
    Route = "route",
    /// How mount events cross. MS_PRIVATE and its like
    Propagation = "propagation",
    /// The new root's own mount.
    Root = "root",
    /// The skeleton, copied.
    Skeleton = "skeleton",
    /// procfs
    Proc = "proc",
    /// sysfs
    Sysfs = "sysfs",
    /// The minimal `/dev`.
    Dev = "dev",
    /// A further mount.
    Mount = "mount",
    /// A file below `/proc/sys`.
    Sysctl = "sysctl",
    /// A path hidden.
    Mask = "mask",
    /// A path made read-only.
    ReadOnly = "read-only",
    /// pivot_root(2)
    PivotRoot = "pivot-root",
    /// umount2(2) of the old root.
    DetachOldRoot = "detach-old-root",
    /// chroot(2)
    Chroot = "chroot",
    /// The root remounted read-only.
    RootReadOnly = "root-read-only",
    /// setrlimit(2)
    Rlimit = "rlimit",
    /// PR_CAPBSET_DROP
    Bounding = "bounding",
    /// setgroups(2), setresgid(2), setresuid(2)
    Ids = "ids",
    /// capset(2), PR_CAP_AMBIENT
    Capabilities = "capabilities",
    /// PR_SET_NO_NEW_PRIVS
    NoNewPrivileges = "no-new-privileges",
    /// seccomp(2): nothing is typed into the terminal that is shared.
    ForbidTyping = "forbid-typing",
    /// chdir(2)
    WorkingDirectory = "working-directory",
    /// umask(2)
    Umask = "umask",
    /// dup2(2)
    Stdio = "stdio",
    /// close_range(2)
    CloseDescriptors = "close-descriptors",
    /// fork(2) of the program, with the container's init as its parent.
    Init = "init",
    /// execve(2)
    Execute = "execute",
    /// Taking the container down.
    Teardown = "teardown",
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A step that failed: `mount[3] (tmpfs on /tmp): EPERM`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Failure {
    /// Where it ran.
    pub side: Side,
    /// Which.
    pub step: Step,
    /// Which of several, from 0, in the order of the specification.
    pub index: Option<u16>,
    /// What it was about; may be empty.
    pub detail: String,
    /// What the kernel said.
    pub errno: Errno,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.step)?;
        if let Some(index) = self.index {
            write!(f, "[{index}]")?;
        }
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        write!(f, ": {}", sys::errno_name(self.errno))
    }
}

/// What a step itself can tell of its failure; the plan knows which step it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) errno: Errno,
    /// Said instead of the plan's own words, where the step knows better.
    pub(crate) detail: Option<String>,
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Self {
        Fault { errno, detail: None }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        sys::errno_of(&error).into()
    }
}

/// Says what a failure was about.
pub(crate) trait About<T> {
    /// `about` is only asked for on failure.
    fn about(self, about: impl FnOnce() -> String) -> Result<T, Fault>;
}

impl<T, E: Into<Fault>> About<T> for Result<T, E> {
    fn about(self, about: impl FnOnce() -> String) -> Result<T, Fault> {
        self.map_err(|error| {
            let fault = error.into();
            Fault { errno: fault.errno, detail: fault.detail.or_else(|| Some(about())) }
        })
    }
}
