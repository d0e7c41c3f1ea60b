//! Actions on processes and on what limits them.

use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd;

use super::super::super::process::{self, Birth, clone, exit};
use super::super::super::{Errno, Result, Signal, credentials, signal};
use super::allowed_if;

/// CAP_KILL: `check_kill_permission` lets only it signal a process of another user. Signal 0 does nothing.
pub fn signal_other(pid: i32) -> Result<()> {
    signal::send(pid, 0)
}

/// CAP_SETGID: `setresgid` lets only it take a group that is none of the process's own.
pub fn change_group() -> Result<()> {
    credentials::set_group(1)
}

/// CAP_SETUID: `setresuid` lets only it take a user id that is none of the process's own.
pub fn change_user() -> Result<()> {
    credentials::set_user(1)
}

/// CAP_SETPCAP: `cap_prctl_drop` checks it. What is dropped: CAP_WAKE_ALARM.
pub fn shrink_bounding_set() -> Result<()> {
    const WAKE_ALARM: libc::c_ulong = 35;
    // SAFETY: numbers are passed, no pointer.
    Errno::result(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, WAKE_ALARM, 0, 0, 0) }).map(drop)
}

/// CAP_IPC_LOCK: `can_do_mlock` lets only it lock memory where RLIMIT_MEMLOCK is 0.
pub fn lock_memory() -> Result<()> {
    setrlimit(Resource::RLIMIT_MEMLOCK, 0, 0)?;
    let page = [0u8; 1];
    // SAFETY: the array is mapped; locking its page changes nothing that the program can see.
    Errno::result(unsafe { libc::mlock(page.as_ptr().cast(), page.len()) }).map(drop)
}

/// CAP_SYS_CHROOT: `ksys_chroot` checks it.
pub fn change_root() -> Result<()> {
    unistd::chroot("/")
}

/// CAP_SYS_PTRACE: `ptrace_may_access` lets only it look into a process that is not dumpable.
pub fn trace_undumpable() -> Result<()> {
    let (ready, child_end) = unistd::pipe()?;
    let child = match clone(&[], None)? {
        Birth::Child => {
            drop(ready);
            let told = process::forbid_inspection().and_then(|()| unistd::write(&child_end, b"x"));
            // The parent kills it.
            exit(if told.is_ok() { wait_for_ever() } else { 1 })
        }
        Birth::Parent(child) => child,
    };
    drop(child_end);
    let told = unistd::read(&ready, &mut [0]);
    // SAFETY: numbers are passed: PTRACE_SEIZE takes neither address nor data.
    let seized = Errno::result(unsafe { libc::ptrace(libc::PTRACE_SEIZE, child, 0, 0) }).map(drop);
    signal::kill(child, Signal::SIGKILL)?;
    process::wait(child)?;
    told.and(seized)
}

fn wait_for_ever() -> ! {
    loop {
        unistd::pause();
    }
}

/// CAP_SYS_ADMIN: `unshare_nsproxy_namespaces` lets only it have a new namespace. Every kernel has those of mounts.
pub fn new_namespace() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)
}

/// CAP_SYS_NICE: `can_nice` lets only it have a better priority than RLIMIT_NICE allows.
pub fn better_priority() -> Result<()> {
    // SAFETY: numbers are passed, no pointer.
    Errno::result(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -1) }).map(drop)
}

/// CAP_SYS_RESOURCE: `do_prlimit` lets only it raise a hard limit.
pub fn raise_limit() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard - 1, hard - 1)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
}

/// CAP_CHECKPOINT_RESTORE (or CAP_SYS_ADMIN): `alloc_pid` lets only it choose the PID of a child. The one that is chosen is
/// taken, so that there is no child: `EEXIST`, after the check.
pub fn choose_pid() -> Result<()> {
    let taken = unistd::getpid().as_raw();
    // SAFETY: every bit pattern of this structure of integers is valid.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.exit_signal = libc::SIGCHLD.cast_unsigned().into();
    arguments.set_tid = (&raw const taken) as u64;
    arguments.set_tid_size = 1;
    let size = std::mem::size_of_val(&arguments);
    // SAFETY: the structure has the size that is told, and points to one integer. Were there a child after all, it would go
    // on in its own copy of this memory, as after fork(2), and ends below.
    let child = Errno::result(unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size) });
    match child {
        Ok(0) => exit(0),
        other => allowed_if(Errno::EEXIST, other.map(drop)),
    }
}
