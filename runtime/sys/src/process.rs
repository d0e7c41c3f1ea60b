//! Birth and death of processes. clone(2), execveat(2), waitpid(2), prctl(2).

use std::ffi::{CStr, CString, OsStr};
use std::num::NonZero;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::linux::fs::MetadataExt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use nix::fcntl::AtFlags;
use nix::sched::{self, CloneFlags};
use nix::sys::mman::{self, MapFlags, ProtFlags};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{self, Pid};

use super::{Errno, Result, credentials, descriptor, errno_of};
use crate::namespace::Namespace;

/// Which side of [`clone`] this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Birth {
    /// The new process.
    Child,
    /// The caller, with the child's id as the caller's PID namespace numbers it.
    Parent(i32),
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It exited with this code.
    Exited(i32),
    /// A signal, by number, killed it.
    Signaled(i32),
}

impl Status {
    /// The code a shell would report: the program's own, or 128 and the signal's number.
    pub fn code(self) -> i32 {
        match self {
            Status::Exited(code) => code,
            Status::Signaled(signal) => 128 + signal,
        }
    }
}

/// Whether this process has one thread: only such a one may ask for CLONE_THREAD, and then there is nothing to do. unshare(2)
pub fn has_one_thread() -> bool {
    sched::unshare(CloneFlags::CLONE_THREAD).is_ok()
}

/// Threads of this process, by `/proc/self/task`.
pub fn threads() -> Result<u64> {
    let task = std::fs::metadata("/proc/self/task").map_err(|error| errno_of(&error))?;
    // A directory has a link for itself, one from its parent, and one for each subdirectory.
    Ok(task.st_nlink().saturating_sub(2))
}

/// The id of a process to be, in memory that this process and those that it makes have in common. mmap(2), MAP_SHARED
#[derive(Debug)]
pub struct Shared(NonNull<AtomicI32>);

impl Shared {
    /// Of no process yet.
    pub fn new() -> Result<Shared> {
        let size = NonZero::<usize>::MIN;
        let (access, kind) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED);
        // SAFETY: the kernel chooses a place where nothing is mapped yet.
        let page = unsafe { mman::mmap_anonymous(None, size, access, kind) }?;
        Ok(Shared(page.cast()))
    }

    /// The id, once there is one.
    pub fn pid(&self) -> Option<i32> {
        // SAFETY: the page is mapped as long as this object is there, aligned, and zeroes are a valid number.
        let pid = unsafe { self.0.as_ref() }.load(Ordering::SeqCst);
        (pid != 0).then_some(pid)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: `new` mapped this page, and nothing borrows from it any more. What cannot be unmapped is a page too much.
        let _ = unsafe { mman::munmap(self.0.cast(), size_of::<AtomicI32>()) };
    }
}

/// clone(2) without a new stack: like fork(2), and the child is born in `namespaces`. A `sibling` belongs to the caller's
/// parent (CLONE_PARENT), and its id is noted before clone(2) returns, whatever becomes of the caller then.
///
/// The caller must have one thread: a lock that another thread holds would stay locked in the child for ever.
pub fn clone(namespaces: &[Namespace], sibling: Option<&Shared>) -> Result<Birth> {
    let flags: CloneFlags = namespaces.iter().map(|&kind| super::namespace::flag(kind)).collect();
    let related = sibling.map_or(0, |_| libc::CLONE_PARENT | libc::CLONE_PARENT_SETTID);
    let flags = libc::c_long::from(flags.bits() | related | libc::SIGCHLD);
    let noted = sibling.map_or(std::ptr::null_mut(), |shared| shared.0.as_ptr());
    // SAFETY: without CLONE_VM and without a stack the child goes on in its own copy of this memory, as after fork(2); the
    // kernel writes one int to a page that is mapped as long as `sibling` is there, and only if there is one.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, noted, 0, 0) };
    match Errno::result(pid)? {
        0 => Ok(Birth::Child),
        pid => Ok(Birth::Parent(i32::try_from(pid).map_err(|_| Errno::ERANGE)?)),
    }
}

/// Ends this process at once: no destructor runs and no buffer of the parent is flushed twice. `_exit(2)`.
pub fn exit(code: i32) -> ! {
    // SAFETY: _exit never returns and runs no code of this process.
    unsafe { libc::_exit(code) }
}

/// Replaces the program by the one open as `program`. execveat(2) with AT_EMPTY_PATH.
pub fn execute_descriptor(program: BorrowedFd<'_>, args: &[CString], env: &[CString]) -> Errno {
    match unistd::execveat(program, c"", args, env, AtFlags::AT_EMPTY_PATH) {
        Err(errno) => errno,
    }
}

/// A child of this process, with no namespaces of its own, that executes the program open as `program`: with this input,
/// output and error, with the descriptors `kept`, as this user and group alone if one is given, and without an environment. Its
/// id. One whose program cannot be executed exits with 127.
///
/// The caller must have one thread, as for [`clone`], and `stdio` numbers above 2.
pub fn spawn(
    program: BorrowedFd<'_>,
    args: &[CString],
    stdio: &[OwnedFd; 3],
    kept: &[RawFd],
    user: Option<u32>,
) -> Result<i32> {
    let begin = || -> Result<()> {
        descriptor::set_standard(stdio)?;
        descriptor::close_on_exec_from(3)?;
        kept.iter().try_for_each(|&fd| descriptor::set_inheritable(fd, true))?;
        if let Some(id) = user {
            credentials::set_groups(&[])?;
            credentials::set_group(id)?;
            credentials::set_user(id)?;
        }
        Ok(())
    };
    match clone(&[], None)? {
        Birth::Parent(pid) => Ok(pid),
        Birth::Child => {
            if begin().is_ok() {
                execute_descriptor(program, args, &[]);
            }
            exit(127)
        }
    }
}

/// Replaces the program by the one at `path`. execve(2).
pub fn execute(path: &CStr, args: &[CString], env: &[CString]) -> Errno {
    match unistd::execve(path, args, env) {
        Err(errno) => errno,
    }
}

/// The path that this program was executed by; relative to the working directory at its start. getauxval(3), AT_EXECFN
pub fn executed_as() -> Result<PathBuf> {
    // SAFETY: no pointer is passed.
    let path = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const libc::c_char;
    if path.is_null() {
        return Err(Errno::ENOENT);
    }
    // SAFETY: the kernel put a string there, above this process's stack, where it stays.
    let path = unsafe { CStr::from_ptr(path) };
    Ok(PathBuf::from(OsStr::from_bytes(path.to_bytes())))
}

/// Wipes what the caller gave this process beside its name: its arguments and its whole environment, which
/// `/proc/PID/cmdline` and `/proc/PID/environ` show to whoever may look at it. What reads them later in this process finds
/// nothing. The kernel puts arguments, environment and [`executed_as`] into one piece of memory, in this order (fs/exec.c).
pub fn forget_arguments_and_environment() {
    // SAFETY: the C library sets it to the first argument before `main`, and nobody writes to it.
    let name = unsafe { program_invocation_name };
    // SAFETY: no pointer is passed.
    let end = unsafe { libc::getauxval(libc::AT_EXECFN) } as usize;
    if name.is_null() || end == 0 {
        return;
    }
    // SAFETY: the first argument is a string that lives as long as the process.
    let begin = name as usize + unsafe { CStr::from_ptr(name) }.to_bytes_with_nul().len();
    // MAX_ARG_STRLEN and a quarter of the stack's limit bound it (execve(2)); else this is not that piece.
    if begin < end && end - begin <= 6 << 20 {
        // SAFETY: between the end of the first argument and the name of the program's file are the other arguments and the
        // environment, on this process's own stack, above every frame; no reference into them is held by anybody.
        unsafe { std::ptr::write_bytes(begin as *mut u8, 0, end - begin) };
    }
}

unsafe extern "C" {
    /// The first argument, of glibc and musl. program_invocation_name(3)
    static program_invocation_name: *const libc::c_char;
}

/// A file that has something to read once the process has ended. pidfd_open(2), Linux 5.3.
pub fn watch(pid: i32) -> Result<OwnedFd> {
    // SAFETY: two numbers are passed, no pointer.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    let fd = RawFd::try_from(fd).map_err(|_| Errno::ERANGE)?;
    // SAFETY: the kernel just made this descriptor, which execve(2) closes, and nothing else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Waits until a process has ended, at most so long. Whether it has. It need not be a child; a child is not reaped. One that is
/// not there has ended.
pub fn ends_within(pid: i32, timeout: Duration) -> Result<bool> {
    match watch(pid) {
        Err(Errno::ESRCH) => Ok(true),
        other => super::socket::is_readable_within(other?, timeout),
    }
}

/// Waits for the end of a child and reaps it. waitpid(2)
pub fn wait(pid: i32) -> Result<Status> {
    loop {
        match waitpid(Pid::from_raw(pid), None) {
            Err(Errno::EINTR) => continue,
            other => {
                if let Some((_, status)) = ended(other?) {
                    return Ok(status);
                }
            }
        }
    }
}

/// Waits for the end of any child and reaps it: its id too. waitpid(2)
pub fn wait_any() -> Result<(i32, Status)> {
    loop {
        match waitpid(None, None) {
            Err(Errno::EINTR) => continue,
            other => {
                if let Some(ended) = ended(other?) {
                    return Ok(ended);
                }
            }
        }
    }
}

/// Reaps a child that ended, if there is one: the one named, or any for `None`.
pub fn reap(pid: Option<i32>) -> Result<Option<(i32, Status)>> {
    match waitpid(pid.map(Pid::from_raw), Some(WaitPidFlag::WNOHANG)) {
        Ok(status) => Ok(ended(status)),
        Err(Errno::ECHILD) if pid.is_none() => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn ended(status: WaitStatus) -> Option<(i32, Status)> {
    match status {
        WaitStatus::Exited(pid, code) => Some((pid.as_raw(), Status::Exited(code))),
        WaitStatus::Signaled(pid, signal, _) => Some((pid.as_raw(), Status::Signaled(signal as i32))),
        _ => None,
    }
}

/// SCHED_FIFO for this thread, and for the processes that it makes: they run before all that have no such wish. sched(7)
pub fn run_first() -> Result<()> {
    // SAFETY: every bit pattern of this structure of integers is valid.
    let mut wish: libc::sched_param = unsafe { std::mem::zeroed() };
    wish.sched_priority = 1;
    // SAFETY: the kernel reads one `sched_param`, which outlives the call.
    Errno::result(unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const wish) }).map(drop)
}

/// setsid(2)
pub fn new_session() -> Result<()> {
    unistd::setsid().map(drop)
}

/// The session of a process; 0 if it is in another PID namespace. getsid(2)
pub fn session(pid: Option<i32>) -> Result<i32> {
    unistd::getsid(pid.map(Pid::from_raw)).map(Pid::as_raw)
}

/// PR_SET_PDEATHSIG: SIGKILL when the parent's thread ends. A change of the user id in the kernel's eyes clears it.
pub fn die_with_parent() -> Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL)
}

/// PR_SET_CHILD_SUBREAPER: orphans below this process become its children.
pub fn adopt_orphans() -> Result<()> {
    prctl::set_child_subreaper(true)
}

/// PR_SET_DUMPABLE 0: neither ptrace(2) nor `/proc/PID/exe` nor `/proc/PID/fd` works on this process, until its execve(2).
pub fn forbid_inspection() -> Result<()> {
    prctl::set_dumpable(false)
}

/// PR_SET_NO_NEW_PRIVS
pub fn no_new_privileges() -> Result<()> {
    prctl::set_no_new_privs()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn a_second_thread_is_noticed() {
        let second = std::thread::spawn(super::has_one_thread);
        assert!(!second.join().unwrap());
        assert!(super::threads().unwrap() > 0);
    }

    #[test]
    fn an_end_is_waited_for() {
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = child.id().cast_signed();
        assert!(!super::ends_within(pid, Duration::from_millis(20)).unwrap());
        // The end of its input ends it.
        drop(child.stdin.take());
        assert!(super::ends_within(pid, Duration::from_secs(60)).unwrap());
        // It stays to be reaped, and has ended for good afterwards.
        assert!(super::ends_within(pid, Duration::ZERO).unwrap());
        assert!(child.wait().unwrap().success());
        assert!(super::ends_within(pid, Duration::ZERO).unwrap());
    }
}
