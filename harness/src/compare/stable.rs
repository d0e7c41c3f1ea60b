//! Which parts of an observation say something about the kernel.
//!
//! Most do. Some are noise: they differ from one boot to the next (counters, sizes that follow the memory that was free), and
//! are taken out before anything is compared. Others are names that the kernel gave by chance (process ids, inodes of
//! namespaces): the number says nothing, but that two steps saw the same one does.

use std::path::Path;

use serde_json::{Map, Value};

use protocol::operation::{About, Ends, Operation};

/// A name that was given by chance: what it names, and who can read it. The same number read by somebody else may be
/// another thing.
pub(super) type Naming = (&'static str, String);

/// Fields of `/proc/PID/status` that count or measure, or that a process goes through while it starts.
const STATUS_NOISE: [&str; 5] = ["Name", "State", "FDSize", "SigQ", "HugetlbPages"];
/// Fields of `/proc/PID/status` that name processes.
const STATUS_IDS: [&str; 9] =
    ["Pid", "PPid", "Tgid", "Ngid", "TracerPid", "NSpid", "NStgid", "NSpgid", "NSsid"];
/// Limits whose default follows the machine's memory.
const LIMITS_OF_MEMORY: [&str; 2] = ["nproc", "sigpending"];
/// What a process's own files in `/proc` say of how it was set up; the others tell of the moment.
const SETTINGS_IN_PROC: [&str; 8] = [
    "uid_map",
    "gid_map",
    "projid_map",
    "setgroups",
    "oom_score_adj",
    "cgroup",
    "timens_offsets",
    "loginuid",
];

/// The observation without its noise. `private_pids`: the actor sees no processes but the container's.
pub(super) fn without_noise(operation: &Operation, private_pids: bool, mut value: Value) -> Value {
    match operation.meaning().value {
        About::Processes if !private_pids => return Value::Null,
        About::Text(path) if is_live(path) => return Value::Null,
        About::Tree(path) if path.starts_with("/proc") => return Value::Null,
        About::Status => keep_keys(&mut value, |key| !is_status_noise(key)),
        About::Limits => keep_keys(&mut value, |key| !LIMITS_OF_MEMORY.contains(&key)),
        About::FileSystem => keep_keys(&mut value, |key| !matches!(key, "size" | "free")),
        // A size there is nothing that anybody stored: `kcore` is as large as the address space.
        About::Entry(path) if path.starts_with("/proc") => keep_keys(&mut value, |key| key != "size"),
        About::Names(path) if path.starts_with("/proc") || path.ends_with("proc") => {
            keep_items(&mut value, |name| !name.as_str().is_some_and(is_number));
        }
        About::Interfaces => {
            for device in value.as_object_mut().into_iter().flat_map(Map::values_mut) {
                // Made of a random hardware address, and only there once the link was up for a moment.
                let addresses = device.get_mut("addresses");
                addresses.into_iter().for_each(|list| keep_items(list, |item| !is_link_local(item)));
            }
        }
        About::Routes => keep_items(&mut value, |route| !route.get("to").is_some_and(is_link_local)),
        About::Mounts => value.as_array_mut().into_iter().flatten().for_each(without_size),
        About::Setting
        | About::Process
        | About::Processes
        | About::Namespaces
        | About::Names(_)
        | About::Tree(_)
        | About::Entry(_)
        | About::Text(_)
        | About::Connection
        | About::Object
        | About::Orphan
        | About::Container
        | About::Call(_) => {}
    }
    value
}

/// Whether a part of an observation is a name that was given by chance. `at`: the parts of its JSON pointer.
pub(super) fn naming(operation: &Operation, actor: &str, at: &[String], value: &Value) -> Option<Naming> {
    let last = at.last().map_or("", String::as_str);
    let first = at.first().map_or("", String::as_str);
    let read_here = |what| Some((what, actor.to_owned()));
    let about = operation.meaning().value;
    // 0 is nobody, and 1 is init: these are no accident.
    if matches!(value.as_u64(), Some(0 | 1)) && about != About::Object {
        return None;
    }
    match about {
        About::Process if matches!(last, "pid" | "ppid" | "pgid" | "sid") => read_here("process"),
        About::Status if STATUS_IDS.contains(&first) => match last {
            // The second of `NSpid` is the id in the next namespace further in.
            inner if is_number(inner) && inner != "0" => Some(("process", format!("{actor}/{inner}"))),
            _ => read_here("process"),
        },
        About::Processes => read_here("process"),
        About::Container if last == "pid" => read_here("process"),
        About::Orphan if last == "parent" => read_here("process"),
        About::Call("getpid" | "gettid" | "getppid") => read_here("process"),
        About::Namespaces => Some(("namespace", String::new())),
        About::Mounts if at.iter().any(|part| part == "propagation") => Some(("peer group", String::new())),
        About::Object => read_here("object"),
        About::Connection if last == "from" => read_here("port"),
        About::Entry(_) if last == "target" && value.as_str().is_some_and(|text| text.contains(":[")) => {
            Some(("namespace link", String::new()))
        }
        About::Setting
        | About::Process
        | About::Status
        | About::Interfaces
        | About::Routes
        | About::Mounts
        | About::Limits
        | About::Names(_)
        | About::Tree(_)
        | About::Entry(_)
        | About::Text(_)
        | About::FileSystem
        | About::Connection
        | About::Orphan
        | About::Container
        | About::Call(_) => None,
    }
}

/// Whether numbers that were given before may be given again after it: what had them may be gone.
pub(super) fn frees_names(operation: &Operation) -> bool {
    matches!(operation.meaning().ends, Ends::Container(_) | Ends::Reachable | Ends::ReachableOrActor)
}

fn is_status_noise(key: &str) -> bool {
    STATUS_NOISE.contains(&key)
        || key.starts_with("Vm")
        || key.starts_with("Rss")
        || key.ends_with("_ctxt_switches")
}

/// Whether a file tells of the moment.
fn is_live(path: &Path) -> bool {
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    match &parts[..] {
        ["/", "proc", "sys", "kernel", "random" | "ns_last_pid", ..] => true,
        ["/", "proc", "sys", "fs", name] => name.ends_with("-nr") || name.ends_with("-state"),
        ["/", "proc", process, name] if *process == "self" || is_number(process) => {
            !SETTINGS_IN_PROC.contains(name)
        }
        ["/", "proc", _] => true,
        [.., name] => {
            *name == "cgroup.procs"
                || [".current", ".peak", ".stat", ".pressure"].iter().any(|end| name.ends_with(end))
        }
        [] => false,
    }
}

/// The size of a devtmpfs follows the machine's memory; that of a tmpfs is told only if somebody chose it.
fn without_size(mount: &mut Value) {
    if mount.get("type").is_some_and(|kind| kind == "devtmpfs") {
        let is_size = |text: &str| text.starts_with("size=") || text.starts_with("nr_inodes=");
        let options = mount.get_mut("options");
        options.into_iter().for_each(|list| keep_items(list, |item| !item.as_str().is_some_and(is_size)));
    }
}

fn is_link_local(address: &Value) -> bool {
    address.as_str().is_some_and(|text| text.starts_with("fe80:"))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn keep_keys(value: &mut Value, keep: impl Fn(&str) -> bool) {
    if let Value::Object(table) = value {
        table.retain(|key, _| keep(key));
    }
}

fn keep_items(value: &mut Value, keep: impl Fn(&Value) -> bool) {
    if let Value::Array(list) = value {
        list.retain(keep);
    }
}
