//! The shell command that does what an operation does.

use std::path::Path;

use runtime::spec::{Mount, Namespace};

use vm::text::acts;

use crate::scenario::describe;
use protocol::operation::{
    Ipc, Kill, LinkDoor, Mknod, NodeKind, Operation, SetLink, Setns, Subject, Syscall,
};

/// `MY_BOX` for `my-box`.
pub(super) fn variable(container: &str) -> String {
    container.to_uppercase().replace('-', "_")
}

/// What is typed. Where the shell has nothing, a comment that names the system call or what is tried.
pub(super) fn command(operation: &Operation) -> String {
    match operation {
        Operation::Hostname => "hostname".into(),
        Operation::Domainname => "domainname".into(),
        Operation::Process => "echo $$ $PPID; id; pwd; umask; ps -o pgid=,sid= $$".into(),
        Operation::Pids => "ls /proc | grep '^[0-9]'".into(),
        Operation::Status(subject) => format!("cat /proc/{}/status", pid(subject)),
        Operation::Namespaces(subject) => format!("ls -l /proc/{}/ns", pid(subject)),
        Operation::Interfaces => "ip -details addr".into(),
        Operation::Routes => "ip route".into(),
        Operation::Mounts => "cat /proc/self/mountinfo".into(),
        Operation::Capabilities => "grep ^Cap /proc/self/status".into(),
        Operation::Rlimits => "cat /proc/self/limits".into(),
        Operation::Fds => "ls /proc/self/fd".into(),
        Operation::Cgroup => "cat /proc/self/cgroup".into(),
        Operation::ListDir(path) => format!("ls -A {}", path_of(path)),
        Operation::Tree(path) => format!("find {} -xdev {TREE}", path_of(path)),
        Operation::Stat(path) => format!("stat {}", path_of(path)),
        Operation::Read(path) => format!("cat {}", path_of(path)),
        Operation::Filesystem(path) => format!("stat --file-system {}", path_of(path)),
        Operation::SetHostname(name) => format!("hostname {}", typed(name)),
        Operation::SetDomainname(name) => format!("domainname {}", typed(name)),
        Operation::Write(file) => format!("printf %s {} >{}", typed(&file.text), path_of(&file.path)),
        Operation::Fill(fill) => {
            format!("dd if=/dev/zero of={} bs=1M count={}", path_of(&fill.path), fill.mib)
        }
        Operation::Mkdir(path) => format!("mkdir -p {}", path_of(path)),
        Operation::Remove(path) => format!("rm -d {}", path_of(path)),
        Operation::Mknod(node) => mknod(node),
        Operation::Mount(what) => mount(what),
        Operation::Umount(path) => format!("umount -l {}", path_of(path)),
        Operation::Chroot(path) => format!("chroot {}", path_of(path)),
        Operation::EscapeChroot => ESCAPE.into(),
        Operation::Chdir(path) => format!("cd {}", path_of(path)),
        Operation::Install(file) => format!("install -m {} /usr/bin/id {}", file.mode, path_of(&file.path)),
        Operation::Execute(path) => path_of(path),
        Operation::Unshare(kinds) => unshare(kinds),
        Operation::Setns(setns) => join(setns),
        Operation::Ping(address) => format!("ping -c 1 -W 1 {address}"),
        Operation::Connect(address) => format!("nc -z -w 1 {}", address.replacen(':', " ", 1)),
        Operation::Listen(address) => format!("nc -l -k {} &", address.replacen(':', " ", 1)),
        Operation::Shm(ipc) => sysv(ipc, 'm', "shmget", "1, "),
        Operation::Sem(ipc) => sysv(ipc, 's', "semget", "1, "),
        Operation::Msg(ipc) => sysv(ipc, 'q', "msgget", ""),
        Operation::Kill(kill) => format!("kill -{} {}", kill.signal, victim(kill)),
        Operation::Orphan => "sh -c 'sleep 1 & ps -o ppid= $!'; sleep 2; ps -A -o pid,ppid,stat".into(),
        Operation::WatchJoins => WATCH_JOINS.into(),
        Operation::Joins => "kill $!".into(),
        Operation::AddDummy(name) => format!("ip link add {name} type dummy"),
        Operation::RemoveLink(name) => format!("ip link delete {name}"),
        Operation::SetLink(set) => set_link(set),
        Operation::AddAddress(add) => format!("ip addr add {} dev {}", add.address, add.interface),
        Operation::Exercise(capability) => format!("# try what {capability} allows: capabilities(7)"),
        Operation::Syscall(call) => syscall(call),
        // The walk-through tells of a start as what it builds.
        Operation::Start(_) => format!("# {}", describe(operation)),
        Operation::Stop(container) => format!("kill -KILL ${}", variable(container)),
    }
}

const TREE: &str = r"-printf '%P %y %m %U %G %s %l\n'";
const WATCH_JOINS: &str = "while :; do ls -l /proc/[0-9]*/fd; done &";
const ESCAPE: &str = r#"perl -e 'mkdir "x"; chroot "x"; chdir ".." for 1..64; chroot "."; exec "ls"'"#;

/// One command for a program that runs another.
pub(super) fn one_command(command: &str) -> String {
    let simple = |c: char| c.is_ascii_alphanumeric() || " -_/.,:=+@%".contains(c);
    if command.chars().all(simple) { command.to_owned() } else { format!("sh -c {}", typed(command)) }
}

fn mknod(node: &Mknod) -> String {
    let kind = match node.kind {
        NodeKind::CharDevice => "c",
        NodeKind::BlockDevice => "b",
        NodeKind::Fifo => "p",
    };
    let device = node.device.as_deref().map(|device| format!(" {}", device.replace(':', " ")));
    format!("mknod {} {kind}{}", path_of(&node.path), device.unwrap_or_default())
}

fn unshare(kinds: &[Namespace]) -> String {
    let flags: String = kinds.iter().map(|kind| format!(" --{kind}")).collect();
    format!("unshare{flags}")
}

fn set_link(set: &SetLink) -> String {
    let up = if set.up { "up" } else { "down" };
    match set.by {
        LinkDoor::Netlink => format!("ip link set {} {up}", set.interface),
        LinkDoor::Ioctl => format!("ifconfig {} {up}", set.interface),
    }
}

fn syscall(call: &Syscall) -> String {
    let arguments: String = call.args.iter().map(|argument| format!(", {argument}")).collect();
    format!("perl -e 'require \"syscall.ph\"; syscall(SYS_{}(){arguments}) >= 0 or die $!'", call.name)
}

fn mount(what: &Mount) -> String {
    let mut options = what.options.clone();
    options.extend((!what.data.is_empty()).then(|| what.data.clone()));
    let source = if what.source.is_empty() { &what.kind } else { &what.source };
    let (kind, extra) = match what.kind.as_str() {
        "bind" => (String::from("--bind "), None),
        "rbind" => (String::from("--rbind "), None),
        "remount" => (String::new(), Some("remount".to_owned())),
        "none" => (String::new(), None),
        kind => (format!("-t {kind} "), None),
    };
    options.splice(0..0, extra);
    let options = if options.is_empty() { String::new() } else { format!("-o {} ", options.join(",")) };
    format!("mount {kind}{options}{source} {}", path_of(&what.target))
}

fn join(setns: &Setns) -> String {
    let file = match setns.namespace {
        Namespace::Mount => "mnt".to_owned(),
        other => other.to_string(),
    };
    format!("nsenter --{}=/proc/{}/ns/{file}", setns.namespace, pid(&setns.of))
}

/// `ipcs` and `ipcrm` know the kinds by a letter; only a program can choose the key.
fn sysv(ipc: &Ipc, letter: char, get: &str, size: &str) -> String {
    match ipc {
        Ipc::Create(key) => format!("perl -e 'defined {get}({key}, {size}03666) or die $!'"),
        Ipc::Open(key) => format!("ipcs -{letter} | grep $(printf 0x%08x {key})"),
        Ipc::Remove(key) => format!("ipcrm -{} {key}", letter.to_uppercase()),
    }
}

fn pid(subject: &Subject) -> String {
    match subject {
        Subject::Actor => "self".into(),
        Subject::Init => "1".into(),
        Subject::Pid(pid) => pid.to_string(),
        Subject::Container(name) if name == "host" => "1".into(),
        Subject::Container(name) => format!("${}", variable(name)),
    }
}

fn victim(kill: &Kill) -> String {
    match (&kill.container, kill.pid) {
        (Some(container), _) => format!("${}", variable(container)),
        (None, pid) => pid.map(|pid| pid.to_string()).unwrap_or_default(),
    }
}

fn path_of(path: &Path) -> String {
    typed(&path.display().to_string())
}

/// As one word of a shell that people type into. What acts on a terminal is written as its number (`$'…'`, POSIX.1-2024).
pub(crate) fn typed(text: &str) -> String {
    if !text.chars().any(acts) {
        return quoted(text);
    }
    let letter = |c: char| match c {
        '\n' => r"\n".to_owned(),
        '\'' | '\\' => format!("\\{c}"),
        _ if acts(c) => c.to_string().bytes().map(|byte| format!("\\{byte:03o}")).collect(),
        _ => c.to_string(),
    };
    format!("$'{}'", text.chars().map(letter).collect::<String>())
}

/// As one word of every shell.
pub(crate) fn quoted(text: &str) -> String {
    let simple = |c: char| c.is_ascii_alphanumeric() || "-_/.,:=+@%".contains(c);
    if !text.is_empty() && text.chars().all(simple) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
