//! Whether an operation's argument can be right, and whether its actor can do it.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use sys::probe::raw::number;

use super::super::reader::{Node, Reader};
use super::super::words::SIGNALS;
use super::{Container, Draft, locate};
use protocol::operation::{Kill, Operation, Syscall};
use protocol::plan::Actor;

pub(super) fn check(reader: &mut Reader, containers: &[Container<'_, '_>], draft: &Draft<'_, '_>) {
    let Some((operation, node)) = &draft.operation else { return };
    if let Some((name, path)) = operation.meaning().container {
        let mut names = vec!["host"];
        names.extend(containers.iter().map(|container| container.name.as_str()));
        let span = locate(node, path);
        if !names.contains(&name.as_str()) {
            reader.unknown(span, "container", name, &names);
        } else if matches!(draft.actor, Some((Actor::Container(_), _))) {
            let help =
                "set `in = \"host\"`, which knows the containers; inside, `self` and `init` can be named"
                    .to_owned();
            reader.problem(span, "a container cannot name containers", "only the host can", help);
        }
    }
    argument(reader, operation, node);
}

fn argument(reader: &mut Reader, operation: &Operation, node: &Node<'_>) {
    match operation {
        Operation::Exercise(name) => capability(reader, node, name),
        Operation::Kill(kill) => signal(reader, node, kill),
        Operation::Ping(address) => address_of(reader, locate(node, "ping"), address),
        Operation::Connect(address) => socket(reader, locate(node, "connect"), address),
        Operation::Listen(address) => socket(reader, locate(node, "listen"), address),
        Operation::AddAddress(add) => {
            prefix(reader, locate(node, "add-address.address"), &add.address);
            interface(reader, locate(node, "add-address.interface"), &add.interface);
        }
        Operation::SetLink(set) => interface(reader, locate(node, "set-link.interface"), &set.interface),
        Operation::AddDummy(name) => interface(reader, locate(node, "add-dummy"), name),
        Operation::RemoveLink(name) => interface(reader, locate(node, "remove-link"), name),
        Operation::Install(program) => {
            let good = u32::from_str_radix(&program.mode, 8).is_ok_and(|mode| mode <= 0o7777);
            let span = locate(node, "install.mode");
            holds(reader, span, good, &program.mode, "a file mode in octal", "4755");
        }
        Operation::Syscall(call) => syscall(reader, node, call),
        // Any text or path may be one; containers and what takes no argument were looked at before.
        Operation::Hostname
        | Operation::Domainname
        | Operation::Process
        | Operation::Pids
        | Operation::Status(_)
        | Operation::Namespaces(_)
        | Operation::Interfaces
        | Operation::Routes
        | Operation::Mounts
        | Operation::Capabilities
        | Operation::Rlimits
        | Operation::Fds
        | Operation::Cgroup
        | Operation::ListDir(_)
        | Operation::Tree(_)
        | Operation::Stat(_)
        | Operation::Read(_)
        | Operation::Filesystem(_)
        | Operation::SetHostname(_)
        | Operation::SetDomainname(_)
        | Operation::Write(_)
        | Operation::Fill(_)
        | Operation::Mkdir(_)
        | Operation::Remove(_)
        | Operation::Mknod(_)
        | Operation::Mount(_)
        | Operation::Umount(_)
        | Operation::Chroot(_)
        | Operation::EscapeChroot
        | Operation::Chdir(_)
        | Operation::Execute(_)
        | Operation::Unshare(_)
        | Operation::Setns(_)
        | Operation::Shm(_)
        | Operation::Sem(_)
        | Operation::Msg(_)
        | Operation::Orphan
        | Operation::WatchJoins
        | Operation::Joins
        | Operation::Start(_)
        | Operation::Stop(_) => {}
    }
}

fn capability(reader: &mut Reader, node: &Node<'_>, name: &str) {
    let names: Vec<String> = runtime::caps::names().iter().map(|name| format!("CAP_{name}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    word(reader, node, "exercise", "capability", name, &names);
}

fn signal(reader: &mut Reader, node: &Node<'_>, kill: &Kill) {
    word(reader, node, "kill.signal", "signal", &kill.signal, SIGNALS);
    if kill.pid.is_some() == kill.container.is_some() {
        let help = "{ pid = 1, signal = \"KILL\" } or { container = \"box\", signal = \"TERM\" }".to_owned();
        reader.problem(node.span(), "`kill` takes a `pid` or a `container`", "one of them", help);
    }
}

fn address_of(reader: &mut Reader, span: Range<usize>, address: &str) {
    holds(reader, span, address.parse::<IpAddr>().is_ok(), address, "an address", "192.168.47.11");
}

fn prefix(reader: &mut Reader, span: Range<usize>, address: &str) {
    holds(reader, span, is_prefix(address), address, "an address with its prefix", "192.168.47.11/24");
}

fn syscall(reader: &mut Reader, node: &Node<'_>, call: &Syscall) {
    if number(&call.name).is_none() {
        let help =
            "syscalls(2) lists the names; the number of one that is too new will do, as a text".to_owned();
        let message = format!("unknown system call `{}`", call.name);
        reader.problem(locate(node, "syscall.name"), message, "not a system call", help);
    }
    if call.args.len() > 6 {
        let message = format!("{} arguments for a system call", call.args.len());
        reader.problem(locate(node, "syscall.args"), message, "at most six", None);
    }
}

fn word(reader: &mut Reader, node: &Node<'_>, path: &str, kind: &str, word: &str, words: &[&str]) {
    if !words.contains(&word) {
        reader.unknown(locate(node, path), kind, word, words);
    }
}

fn socket(reader: &mut Reader, span: Range<usize>, address: &str) {
    holds(
        reader,
        span,
        address.parse::<SocketAddr>().is_ok(),
        address,
        "an address with a port",
        "127.0.0.1:80",
    );
}

fn interface(reader: &mut Reader, span: Range<usize>, name: &str) {
    // IFNAMSIZ is 16, the last byte is zero.
    let good = (1..=15).contains(&name.len()) && !name.contains(['/', ' ', ':']);
    holds(reader, span, good, name, "an interface's name of at most 15 bytes", "mybr0");
}

fn holds(reader: &mut Reader, span: Range<usize>, good: bool, text: &str, what: &str, example: &str) {
    if !good {
        let help = format!("for example \"{example}\"");
        reader.problem(span, format!("`{text}` is not {what}"), format!("not {what}"), help);
    }
}

/// `192.168.47.11/24`
fn is_prefix(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    match (address.parse(), length.parse::<u8>()) {
        (Ok(IpAddr::V4(_)), Ok(length)) => length <= 32,
        (Ok(IpAddr::V6(_)), Ok(length)) => length <= 128,
        _ => false,
    }
}
