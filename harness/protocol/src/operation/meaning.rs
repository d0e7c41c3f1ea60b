//! What an operation means to those who do not carry it out: who loads it, takes away what it left, judges whose fault it is
//! that somebody is gone, and compares what it gave. One match, in which the compiler asks for every operation.

use std::path::Path;

use runtime::spec::Namespace;

use super::{Ipc, Kill, Operation, Subject, Syscall, WriteFile};

/// Beside its doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning<'a> {
    /// The container that it names, and where in its own table: `kill.container`.
    pub container: Option<(&'a String, &'static str)>,
    /// The kinds of namespaces that it makes or enters: the scenario needs them.
    pub needs: Vec<Namespace>,
    /// The kinds that it makes, or may make.
    pub may_make: Vec<Namespace>,
    /// What is in the machine after it that was not, or was another.
    pub leaves: Leaves<'a>,
    /// Whom it may end.
    pub ends: Ends<'a>,
    /// What it can do beyond that.
    pub reach: Reach,
    /// What its value is about.
    pub value: About<'a>,
}

/// How far an operation reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// To what is told of it here.
    Told,
    /// To settings of the machine that nobody looks at afterwards: whether a device is up, its addresses.
    Machine,
    /// As far as its actor's rights go, to the memory of processes as well.
    Anywhere,
}

/// What the machine is left with when the host does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaves<'a> {
    /// Nothing, or something that a process or a container takes with it.
    Nothing,
    /// A file, a folder with those above it, or a device node.
    File(&'a Path),
    /// No file where one was.
    NoFile(&'a Path),
    /// A mount at this path.
    Mount(&'a Path),
    /// A network device.
    Interface(&'a str),
    /// A SysV object, by its key.
    Memory(i32),
    /// As [`Leaves::Memory`].
    Semaphore(i32),
    /// As [`Leaves::Memory`].
    Queue(i32),
}

/// Whom an operation may end on a sound kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends<'a> {
    /// Nobody.
    Nobody,
    /// Its own actor, while it is carried out.
    Actor,
    /// Its own actor, then or some time later.
    ActorLater,
    /// Whomever the actor may send a signal, by kill(2).
    Reachable,
    /// The same, by a raw system call, which may end its own actor as well.
    ReachableOrActor,
    /// A container's PID 1, and with it its PID namespace.
    Container(&'a str),
    /// Processes wherever they are.
    Anybody,
}

/// What a value tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About<'a> {
    /// What was asked for, and nothing that is there by chance.
    Setting,
    /// The actor as a process, or a program that it executed.
    Process,
    /// The processes that the actor sees.
    Processes,
    /// `/proc/PID/status`
    Status,
    /// The inodes of namespaces.
    Namespaces,
    /// Network devices.
    Interfaces,
    /// Routes.
    Routes,
    /// Mounts.
    Mounts,
    /// Resource limits.
    Limits,
    /// The names in a folder.
    Names(&'a Path),
    /// All that is below a folder.
    Tree(&'a Path),
    /// What stat(2) tells.
    Entry(&'a Path),
    /// What is in a file.
    Text(&'a Path),
    /// What statfs(2) tells.
    FileSystem,
    /// The end of a connection.
    Connection,
    /// The id of a SysV object.
    Object,
    /// An orphan and its new parent.
    Orphan,
    /// A container that was built.
    Container,
    /// What a system call returned, by the call's name.
    Call(&'a str),
}

/// System calls that make namespaces.
const MAKERS: &[&str] = &["clone", "clone3", "unshare"];
/// System calls that end their caller some time later.
const FUSES: &[&str] = &["alarm", "setitimer", "timer_settime", "seccomp", "prlimit64", "setrlimit", "prctl"];
/// System calls that end other processes.
const KILLERS: &[&str] =
    &["kill", "tkill", "tgkill", "pidfd_send_signal", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "ptrace"];
/// Files that end processes when they are written to. Documentation/admin-guide/cgroup-v2.rst, sysrq.rst
const LETHAL: &[&str] = &["cgroup.kill", "sysrq-trigger"];

/// Files that name a program for the kernel to execute, wherever they are mounted.
const RUN: &[&str] =
    &["core_pattern", "modprobe", "hotplug", "poweroff_cmd", "uevent_helper", "release_agent", "register"];

impl Meaning<'_> {
    const PLAIN: Self = Meaning {
        container: None,
        needs: Vec::new(),
        may_make: Vec::new(),
        leaves: Leaves::Nothing,
        ends: Ends::Nobody,
        reach: Reach::Told,
        value: About::Setting,
    };
}

impl Operation {
    /// Returns the container that it names.
    pub fn named_container(&self) -> Option<&String> {
        self.meaning().container.map(|(name, _)| name)
    }

    /// Returns what it means.
    pub fn meaning(&self) -> Meaning<'_> {
        let plain = Meaning::PLAIN;
        let of = |value| Meaning { value, ..plain.clone() };
        let left = |leaves| Meaning { leaves, ..plain.clone() };
        match self {
            Operation::Hostname
            | Operation::Domainname
            | Operation::Capabilities
            | Operation::Fds
            | Operation::Cgroup
            | Operation::SetHostname(_)
            | Operation::SetDomainname(_)
            | Operation::Umount(_)
            | Operation::Chroot(_)
            | Operation::EscapeChroot
            | Operation::Chdir(_)
            | Operation::Ping(_)
            | Operation::Listen(_)
            | Operation::WatchJoins
            | Operation::Joins
            | Operation::RemoveLink(_) => plain,
            Operation::SetLink(_) | Operation::AddAddress(_) => Meaning { reach: Reach::Machine, ..plain },
            Operation::Process => of(About::Process),
            Operation::Execute(_) => program(of(About::Process)),
            Operation::Pids => of(About::Processes),
            Operation::Status(subject) => Meaning { container: subject.named("status"), ..of(About::Status) },
            Operation::Namespaces(subject) => {
                Meaning { container: subject.named("namespaces"), ..of(About::Namespaces) }
            }
            Operation::Interfaces => of(About::Interfaces),
            Operation::Routes => of(About::Routes),
            Operation::Mounts => of(About::Mounts),
            Operation::Rlimits => of(About::Limits),
            Operation::ListDir(path) => of(About::Names(path)),
            Operation::Tree(path) => of(About::Tree(path)),
            Operation::Stat(path) => of(About::Entry(path)),
            Operation::Read(path) => of(About::Text(path)),
            Operation::Filesystem(_) => of(About::FileSystem),
            Operation::Write(file) => file.meaning(left(Leaves::File(&file.path))),
            Operation::Fill(fill) => left(Leaves::File(&fill.path)),
            Operation::Mkdir(path) => left(Leaves::File(path)),
            Operation::Remove(path) => left(Leaves::NoFile(path)),
            Operation::Mknod(node) => left(Leaves::File(&node.path)),
            Operation::Install(program) => left(Leaves::File(&program.path)),
            Operation::Mount(mount) if matches!(mount.kind.as_str(), "remount" | "none") => plain,
            Operation::Mount(mount) => left(Leaves::Mount(&mount.target)),
            Operation::AddDummy(name) => left(Leaves::Interface(name)),
            Operation::Unshare(kinds) => Meaning { needs: kinds.clone(), may_make: kinds.clone(), ..plain },
            Operation::Setns(setns) => {
                Meaning { container: setns.of.named("setns.of"), needs: vec![setns.namespace], ..plain }
            }
            Operation::Connect(_) => of(About::Connection),
            Operation::Shm(ipc) => Meaning { leaves: created(*ipc, Leaves::Memory), ..of(About::Object) },
            Operation::Sem(ipc) => Meaning { leaves: created(*ipc, Leaves::Semaphore), ..of(About::Object) },
            Operation::Msg(ipc) => Meaning { leaves: created(*ipc, Leaves::Queue), ..of(About::Object) },
            Operation::Kill(kill) => Meaning { container: kill.container(), ends: kill.ends(), ..plain },
            Operation::Orphan => of(About::Orphan),
            // That it is tried is what shows SYS_ADMIN.
            Operation::Exercise(capability) if capability.ends_with("SYS_ADMIN") => {
                Meaning { may_make: vec![Namespace::Mount], ..plain }
            }
            Operation::Exercise(_) => plain,
            Operation::Syscall(call) => {
                let value = About::Call(&call.name);
                Meaning { may_make: call.may_make(), ends: call.ends(), reach: Reach::Anywhere, ..of(value) }
            }
            Operation::Start(name) => Meaning { container: Some((name, "start")), ..of(About::Container) },
            Operation::Stop(name) => {
                Meaning { container: Some((name, "stop")), ends: Ends::Container(name), ..plain }
            }
        }
    }
}

impl Subject {
    fn named(&self, place: &'static str) -> Option<(&String, &'static str)> {
        match self {
            Subject::Container(name) => Some((name, place)),
            Subject::Actor | Subject::Init | Subject::Pid(_) => None,
        }
    }
}

impl WriteFile {
    fn meaning<'a>(&self, plain: Meaning<'a>) -> Meaning<'a> {
        let is_one_of =
            |names: &[&str]| self.path.file_name().is_some_and(|name| names.iter().any(|is| *is == name));
        let ends = if is_one_of(LETHAL) { Ends::Anybody } else { Ends::Nobody };
        let reach = match () {
            // procfs and sysfs, wherever they are mounted: proc_pid_mem(5), and the programs that the kernel itself executes,
            // core(5), `modprobe` and `hotplug` of proc_sys_kernel(5), `uevent_helper`.
            () if self.path.iter().any(|part| part == "proc" || part == "sys") => Reach::Anywhere,
            () if is_one_of(&["mem"]) || is_one_of(RUN) => Reach::Anywhere,
            () => Reach::Told,
        };
        Meaning { ends, reach, ..plain }
    }
}

impl Syscall {
    fn is_one_of(&self, names: &[&str]) -> bool {
        names.contains(&self.name.as_str())
    }

    fn may_make(&self) -> Vec<Namespace> {
        if self.is_one_of(MAKERS) { Namespace::ALL.to_vec() } else { Vec::new() }
    }

    fn ends(&self) -> Ends<'_> {
        match () {
            () if self.is_one_of(KILLERS) => Ends::ReachableOrActor,
            () if self.is_one_of(FUSES) => Ends::ActorLater,
            () => Ends::Actor,
        }
    }
}

impl Kill {
    fn container(&self) -> Option<(&String, &'static str)> {
        self.container.as_ref().map(|name| (name, "kill.container"))
    }

    fn ends(&self) -> Ends<'_> {
        match &self.container {
            _ if self.signal == "0" => Ends::Nobody,
            Some(name) => Ends::Container(name),
            None => Ends::Reachable,
        }
    }
}

/// Of a program that the scenario may have written itself.
fn program(plain: Meaning<'_>) -> Meaning<'_> {
    Meaning { ends: Ends::ReachableOrActor, reach: Reach::Anywhere, ..plain }
}

fn created<'a>(ipc: Ipc, leaves: fn(i32) -> Leaves<'a>) -> Leaves<'a> {
    match ipc {
        Ipc::Create(key) => leaves(key),
        Ipc::Open(_) | Ipc::Remove(_) => Leaves::Nothing,
    }
}
