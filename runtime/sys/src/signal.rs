//! signal(7): masks, dispositions, waiting, sending.

use std::os::fd::OwnedFd;

use nix::sys::signal::{self, SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

use super::{Errno, Result};

/// The highest number of a signal, SIGRTMAX.
const LAST: i32 = 64;

/// A signal that came to [`wait`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    /// Its number.
    pub signal: i32,
    /// The kernel sent it, as the terminal does for Ctrl-C, and not a process.
    pub from_kernel: bool,
}

/// Blocks every signal of this thread, so that [`wait`] gets them, but those that the caller was started to ignore, as
/// nohup(1) does: blocked, they would come all the same. SIGCHLD comes in any case: while it is ignored, a child that ended
/// leaves nothing to wait for (wait(2)). That SIGPIPE is ignored is Rust's own doing.
pub fn block_all() -> Result<()> {
    keep_children()?;
    let mut blocked = SigSet::all();
    for signal in Signal::iterator().filter(|signal| *signal != Signal::SIGPIPE) {
        if is_ignored(signal)? {
            blocked.remove(signal);
        }
    }
    signal::sigprocmask(SigmaskHow::SIG_SETMASK, Some(&blocked), None)
}

/// Ignores a signal by its number, and so does every program that is executed from here on, unless it is reset.
pub fn ignore(signal: i32) -> Result<()> {
    set_disposition(signal, libc::SIG_IGN)
}

/// Blocks a signal, and so does every program that is executed from here on, unless it is reset.
pub fn block(signal: Signal) -> Result<()> {
    signal::sigprocmask(SigmaskHow::SIG_BLOCK, Some(&SigSet::from(signal)), None)
}

fn is_ignored(signal: Signal) -> Result<bool> {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: no new action is given, and the old one is written to an object of its type, alive for the call.
    let asked = unsafe { libc::sigaction(signal as i32, std::ptr::null(), action.as_mut_ptr()) };
    Errno::result(asked)?;
    // SAFETY: the call succeeded, so it was filled in.
    Ok(unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN)
}

/// Every signal's default disposition, and none blocked: what a program expects to start with.
pub fn reset() -> Result<()> {
    for signal in (1..=LAST).filter(|signal| !matches!(*signal, libc::SIGKILL | libc::SIGSTOP)) {
        set_disposition(signal, libc::SIG_DFL)?;
    }
    signal::sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
}

/// Has the end of a child be told, whatever the caller's caller ignored: with SIGCHLD ignored it is gone before anybody waits
/// for it. To be called while there is one thread, or soon.
pub fn keep_children() -> Result<()> {
    set_disposition(libc::SIGCHLD, libc::SIG_DFL)
}

/// Default or ignored.
fn set_disposition(signal: i32, disposition: libc::sighandler_t) -> Result<()> {
    // The kernel's own structure of four words: the disposition, no flags, no restorer, empty mask. glibc's function refuses the
    // signals that it keeps for itself, and those may be ignored as well as any other.
    let action = [disposition as u64, 0, 0, 0];
    let none = std::ptr::null_mut::<u64>();
    let size = std::mem::size_of::<u64>();
    // SAFETY: the kernel reads at most four words from the array; neither SIG_DFL nor SIG_IGN runs code of this process.
    let set = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), none, size) };
    Errno::result(set).map(drop)
}

/// Waits for the next signal that somebody else sends; they must be blocked ([`block_all`]), and then SIGPIPE stays pending
/// even if it is ignored: a process that writes where nobody reads sends it to itself. sigtimedwait(2)
pub fn wait() -> Result<Arrived> {
    loop {
        if let Some(arrived) = next(None)? {
            return Ok(arrived);
        }
    }
}

/// Takes a pending signal that somebody else sent, if there is one. Does not wait.
pub fn take() -> Result<Option<Arrived>> {
    next(Some(libc::timespec { tv_sec: 0, tv_nsec: 0 }))
}

fn next(patience: Option<libc::timespec>) -> Result<Option<Arrived>> {
    let all = SigSet::all();
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::uninit();
    let patience = patience.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    loop {
        // SAFETY: the pointers are to objects of the type that the call takes, alive for the call; without a timeout there is none.
        match Errno::result(unsafe { libc::sigtimedwait(all.as_ref(), info.as_mut_ptr(), patience) }) {
            Err(Errno::EINTR) => continue,
            Err(Errno::EAGAIN) => return Ok(None),
            Err(errno) => return Err(errno),
            Ok(signal) => {
                // SAFETY: the call succeeded, so the kernel filled it in.
                let info = unsafe { info.assume_init() };
                // SAFETY: whatever is there is a number. That it is the sender's id is known once a process is, see below.
                let sender = unsafe { info.si_pid() };
                if info.si_code == libc::SI_USER && sender.cast_unsigned() == std::process::id() {
                    continue;
                }
                return Ok(Some(Arrived { signal, from_kernel: info.si_code == libc::SI_KERNEL }));
            }
        }
    }
}

/// A file that has something to read while any signal is pending; they must be blocked. signalfd(2)
pub fn watch() -> Result<OwnedFd> {
    SignalFd::with_flags(&SigSet::all(), SfdFlags::SFD_CLOEXEC).map(OwnedFd::from)
}

/// What somebody sends who wants a program to end.
fn endings() -> SigSet {
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM].into_iter().collect()
}

/// A file that has something to read while a signal is pending that means the end; they must be blocked. signalfd(2)
pub fn watch_for_end() -> Result<OwnedFd> {
    SignalFd::with_flags(&endings(), SfdFlags::SFD_CLOEXEC).map(OwnedFd::from)
}

/// Takes a pending signal that means the end, if there is one, by its number. Does not wait. sigtimedwait(2)
pub fn take_end() -> Result<Option<i32>> {
    let (set, at_once) = (endings(), libc::timespec { tv_sec: 0, tv_nsec: 0 });
    // SAFETY: both pointers are to objects of the type that the call takes, alive for the call; it need not tell more.
    let taken = unsafe { libc::sigtimedwait(set.as_ref(), std::ptr::null_mut(), &raw const at_once) };
    match Errno::result(taken) {
        Ok(signal) => Ok(Some(signal)),
        Err(Errno::EAGAIN) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// kill(2), by the signal's number; 0 sends nothing and tells whether it could.
pub fn send(pid: i32, signal: i32) -> Result<()> {
    // SAFETY: two numbers are passed, no pointer.
    Errno::result(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// kill(2)
pub fn kill(pid: i32, signal: Signal) -> Result<()> {
    signal::kill(Pid::from_raw(pid), signal)
}

/// SIGCHLD's number.
pub const CHILD: i32 = libc::SIGCHLD;
/// SIGWINCH's number.
pub const RESIZED: i32 = libc::SIGWINCH;
/// SIGCONT's number.
pub const CONTINUED: i32 = libc::SIGCONT;

/// Whether a process that does not handle the signal ends by it. signal(7)
pub fn ends_by_default(signal: i32) -> bool {
    !matches!(
        signal,
        libc::SIGCHLD
            | libc::SIGCONT
            | libc::SIGSTOP
            | libc::SIGTSTP
            | libc::SIGTTIN
            | libc::SIGTTOU
            | libc::SIGURG
            | libc::SIGWINCH
    )
}
