//! Which parts of an observation say something about the kernel.
//!
//! Most do. Some are noise: they differ from one boot to the next (counters, sizes that follow the memory that was free), and
//! are taken out before anything is compared. Others are names that the kernel gave by chance (process ids, inodes of
//! namespaces): the number says nothing, but that two steps saw the same one does.

use std::path::Path;

use serde_json::{Map, Value};

use protocol::operation::Operation;

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
    match operation {
        Operation::Pids if !private_pids => return Value::Null,
        Operation::Read(path) if is_live(path) => return Value::Null,
        Operation::Tree(path) if path.starts_with("/proc") => return Value::Null,
        Operation::Status(_) => keep_keys(&mut value, |key| !is_status_noise(key)),
        Operation::Rlimits => keep_keys(&mut value, |key| !LIMITS_OF_MEMORY.contains(&key)),
        Operation::Filesystem(_) => keep_keys(&mut value, |key| !matches!(key, "size" | "free")),
        // A size there is nothing that anybody stored: `kcore` is as large as the address space.
        Operation::Stat(path) if path.starts_with("/proc") => keep_keys(&mut value, |key| key != "size"),
        Operation::ListDir(path) if path.starts_with("/proc") || path.ends_with("proc") => {
            keep_items(&mut value, |name| !name.as_str().is_some_and(is_number));
        }
        Operation::Interfaces => {
            for device in value.as_object_mut().into_iter().flat_map(Map::values_mut) {
                // Made of a random hardware address, and only there once the link was up for a moment.
                let addresses = device.get_mut("addresses");
                addresses.into_iter().for_each(|list| keep_items(list, |item| !is_link_local(item)));
            }
        }
        Operation::Routes => keep_items(&mut value, |route| !route.get("to").is_some_and(is_link_local)),
        Operation::Mounts => value.as_array_mut().into_iter().flatten().for_each(without_size),
        _ => {}
    }
    value
}

/// Whether a part of an observation is a name that was given by chance. `at`: the parts of its JSON pointer.
pub(super) fn naming(operation: &Operation, actor: &str, at: &[String], value: &Value) -> Option<Naming> {
    let last = at.last().map_or("", String::as_str);
    let first = at.first().map_or("", String::as_str);
    let read_here = |what| Some((what, actor.to_owned()));
    match operation {
        // 0 is nobody, and 1 is init: these are no accident.
        _ if matches!(value.as_u64(), Some(0 | 1)) => match operation {
            Operation::Shm(_) | Operation::Sem(_) | Operation::Msg(_) => read_here("object"),
            _ => None,
        },
        Operation::Process | Operation::Execute(_) if matches!(last, "pid" | "ppid" | "pgid" | "sid") => {
            read_here("process")
        }
        Operation::Status(_) if STATUS_IDS.contains(&first) => match last {
            // The second of `NSpid` is the id in the next namespace further in.
            inner if is_number(inner) && inner != "0" => Some(("process", format!("{actor}/{inner}"))),
            _ => read_here("process"),
        },
        Operation::Pids => read_here("process"),
        Operation::Start(_) if last == "pid" => read_here("process"),
        Operation::Orphan if last == "parent" => read_here("process"),
        Operation::Syscall(call) if matches!(&*call.name, "getpid" | "gettid" | "getppid") => {
            read_here("process")
        }
        Operation::Namespaces(_) => Some(("namespace", String::new())),
        Operation::Mounts if at.iter().any(|part| part == "propagation") => {
            Some(("peer group", String::new()))
        }
        Operation::Shm(_) | Operation::Sem(_) | Operation::Msg(_) => read_here("object"),
        Operation::Connect(_) if last == "from" => read_here("port"),
        Operation::Stat(_) if last == "target" && value.as_str().is_some_and(|text| text.contains(":[")) => {
            Some(("namespace link", String::new()))
        }
        _ => None,
    }
}

/// Whether numbers that were given before may be given again after it: what had them may be gone.
pub(super) fn frees_names(operation: &Operation) -> bool {
    matches!(operation, Operation::Stop(_) | Operation::Kill(_))
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
