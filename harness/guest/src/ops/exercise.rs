//! One action for each capability. That the action succeeds with the capability and is refused without it is what the
//! scenarios below `caps/` assert; what it is, and which check of the kernel it meets, is told in
//! [`sys::probe::privilege`].

use std::path::{Path, PathBuf};

use sys::probe::ipc::{self, Kind};
use sys::probe::privilege::{file, machine, net, task};

use super::{Done, Refusal, done};
use crate::child;

/// How a capability is exercised.
enum Action {
    /// By the actor alone.
    Alone(fn() -> sys::Result<()>),
    /// On a path that is free, in a folder that is writable.
    Path(fn(&Path) -> sys::Result<()>),
    /// On a process of another user in the same container, by its PID.
    OtherUser(fn(i32) -> sys::Result<()>),
    /// On a file of that process.
    OtherUsersFile(fn(&Path) -> sys::Result<()>),
    /// Not at all, and why.
    Never(&'static str),
}
use Action::{Alone, Never, OtherUser, OtherUsersFile, Path as OnPath};

/// In the order of capabilities(7).
const ACTIONS: &[(&str, Action)] = &[
    ("CAP_AUDIT_CONTROL", Alone(net::ask_for_audit_state)),
    ("CAP_AUDIT_READ", Alone(net::listen_to_audit)),
    ("CAP_AUDIT_WRITE", Alone(net::write_to_audit)),
    ("CAP_BLOCK_SUSPEND", Alone(machine::block_suspend)),
    ("CAP_BPF", Alone(machine::make_bpf_map)),
    ("CAP_CHECKPOINT_RESTORE", Alone(task::choose_pid)),
    ("CAP_CHOWN", Alone(file::give_away)),
    ("CAP_DAC_OVERRIDE", OnPath(file::write_to_forbidden)),
    ("CAP_DAC_READ_SEARCH", Alone(|| file::open_by_handle(Path::new("/")))),
    ("CAP_FOWNER", OtherUsersFile(file::open_without_trace)),
    ("CAP_FSETID", Alone(file::keep_set_user_id)),
    ("CAP_IPC_LOCK", Alone(task::lock_memory)),
    ("CAP_IPC_OWNER", Alone(look_at_forbidden_queue)),
    ("CAP_KILL", OtherUser(task::signal_other)),
    ("CAP_LEASE", OtherUsersFile(file::lease)),
    ("CAP_LINUX_IMMUTABLE", Alone(file::make_immutable)),
    ("CAP_MAC_ADMIN", Never("only the policy of a security module that is in use is guarded by it")),
    ("CAP_MAC_OVERRIDE", Never("only Smack looks at it, and no stock kernel uses Smack")),
    ("CAP_MKNOD", OnPath(file::make_device)),
    ("CAP_NET_ADMIN", Alone(net::set_link_flags)),
    ("CAP_NET_BIND_SERVICE", Alone(net::bind_low_port)),
    ("CAP_NET_BROADCAST", Never("no kernel looks at it: capabilities(7), \"(Unused)\"")),
    ("CAP_NET_RAW", Alone(net::raw_socket)),
    ("CAP_PERFMON", Alone(machine::count_events)),
    ("CAP_SETFCAP", Alone(file::give_file_capabilities)),
    ("CAP_SETGID", Alone(task::change_group)),
    ("CAP_SETPCAP", Alone(task::shrink_bounding_set)),
    ("CAP_SETUID", Alone(task::change_user)),
    ("CAP_SYS_ADMIN", Alone(task::new_namespace)),
    ("CAP_SYS_BOOT", Alone(machine::reboot_wrongly)),
    ("CAP_SYS_CHROOT", Alone(task::change_root)),
    ("CAP_SYS_MODULE", Alone(machine::load_garbage)),
    ("CAP_SYS_NICE", Alone(task::better_priority)),
    ("CAP_SYS_PACCT", Alone(machine::stop_accounting)),
    ("CAP_SYS_PTRACE", Alone(task::trace_undumpable)),
    ("CAP_SYS_RAWIO", Alone(machine::have_io_port)),
    ("CAP_SYS_RESOURCE", Alone(task::raise_limit)),
    ("CAP_SYS_TIME", Alone(machine::adjust_clock)),
    ("CAP_SYS_TTY_CONFIG", Alone(machine::hang_up)),
    ("CAP_SYSLOG", Alone(machine::ask_log_size)),
    ("CAP_WAKE_ALARM", Alone(machine::make_alarm)),
];

/// How the kernel says that it lacks something, by call, request or option.
const ABSENT: &[&str] = &["ENOSYS", "ENOTTY", "EOPNOTSUPP"];

/// Folders that may be writable.
const FOLDERS: &[&str] = &["/tmp", "/dev/shm", "/"];

/// Whether it takes a process of another user.
pub(crate) fn needs_other_user(capability: &str) -> bool {
    matches!(find(capability), Some(OtherUser(_) | OtherUsersFile(_)))
}

fn find(capability: &str) -> Option<&'static Action> {
    let name = capability.trim_start_matches("CAP_");
    ACTIONS.iter().find(|(known, _)| known.trim_start_matches("CAP_") == name).map(|(_, action)| action)
}

/// Exercises a capability in a child, so that the actor stays as it is.
pub(super) fn perform(capability: &str, other_user: Option<&crate::order::OtherUser>) -> Done {
    let action = find(capability).ok_or_else(|| Refusal::Broken(format!("no capability `{capability}`")))?;
    let other_user =
        || other_user.ok_or_else(|| Refusal::Broken("there is no process of another user".into()));
    let exercised = match action {
        Alone(act) => child::apart(|| done(act())),
        OnPath(act) => {
            let path = free_path()?;
            child::apart(|| done(act(&path)))
        }
        OtherUser(act) => {
            let pid = other_user()?.pid;
            child::apart(|| done(act(pid)))
        }
        OtherUsersFile(act) => {
            let file = other_user()?.file.as_ref();
            let file = file.ok_or_else(|| Refusal::Broken("another user can make no file here".into()))?;
            child::apart(|| done(act(file)))
        }
        Never(reason) => Err(Refusal::Broken(format!("cannot be exercised: {reason}"))),
    };
    exercised.map_err(|refusal| untried(capability, refusal))
}

/// Why the capability guards nothing here; `None` if its operation was done, or refused.
pub(crate) fn cannot_exercise(capability: &str) -> Option<String> {
    match perform(capability, None) {
        Err(Refusal::Broken(reason)) => Some(reason),
        _ => None,
    }
}

/// What the kernel does not have it neither allows nor refuses.
fn untried(capability: &str, refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Named(name) if ABSENT.contains(&name.as_str()) => {
            Refusal::Broken(format!("{capability}: this kernel lacks what it guards: {name}"))
        }
        Refusal::Broken(reason) => Refusal::Broken(format!("{capability}: {reason}")),
        other => other,
    }
}

/// A path that does not exist, in the first folder in which this process can make files.
fn free_path() -> Result<PathBuf, Refusal> {
    for folder in FOLDERS {
        let path = Path::new(folder).join(format!(".exercise-{}", std::process::id()));
        if std::fs::write(&path, "").is_ok() {
            std::fs::remove_file(&path)?;
            return Ok(path);
        }
    }
    Err(Refusal::Broken(format!("no folder is writable: {FOLDERS:?}")))
}

/// CAP_IPC_OWNER: `ipcperms` lets only it look at an object whose mode forbids it.
fn look_at_forbidden_queue() -> sys::Result<()> {
    let queue = ipc::create_private(Kind::Queue)?;
    let looked = ipc::look_at(Kind::Queue, queue);
    ipc::remove(Kind::Queue, queue)?;
    looked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capability_has_an_action() {
        let mut here: Vec<&str> = ACTIONS.iter().map(|(name, _)| name.trim_start_matches("CAP_")).collect();
        here.sort_unstable();
        assert_eq!(here, runtime::caps::names());
    }

    #[test]
    fn what_is_absent_is_not_refused() {
        let refused = Refusal::Named("EPERM".into());
        assert_eq!(untried("CAP_CHOWN", refused), Refusal::Named("EPERM".into()));
        let Refusal::Broken(reason) = untried("CAP_CHOWN", Refusal::Named("ENOTTY".into())) else {
            panic!("it was not tried");
        };
        assert!(reason.contains("CAP_CHOWN") && reason.contains("ENOTTY"), "{reason}");
    }

    #[test]
    fn a_name_may_lack_its_prefix() {
        assert!(needs_other_user("KILL") && needs_other_user("CAP_KILL"));
        assert!(!needs_other_user("CAP_CHOWN"));
    }
}
