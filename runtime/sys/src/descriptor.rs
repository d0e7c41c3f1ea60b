//! File descriptors: inheritance, copies. close_range(2), fcntl(2), dup3(2).

use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd;

use super::{Errno, Result};

/// Input, output and error of this process. It never closes them, and the standard library opens what is closed at its start.
pub const STANDARD: [BorrowedFd<'static>; 3] = [standard(0), standard(1), standard(2)];

const fn standard(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: as said, it is open as long as this process lives.
    unsafe { BorrowedFd::borrow_raw(number) }
}

/// Marks every descriptor from `first` on as closed by execve(2).
pub fn close_on_exec_from(first: RawFd) -> Result<()> {
    match range(first, RawFd::MAX, libc::CLOSE_RANGE_CLOEXEC) {
        // ENOSYS before Linux 5.9, EINVAL before 5.11, which brought the flag.
        Err(Errno::ENOSYS | Errno::EINVAL) => {
            each_open(|fd| if fd >= first { set_inheritable(fd, false) } else { Ok(()) })
        }
        other => other,
    }
}

/// close_range(2)
fn range(first: RawFd, last: RawFd, flags: u32) -> Result<()> {
    // SAFETY: three numbers are passed, no pointer; what is closed is in the callers' contracts.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) }).map(drop)
}

fn each_open(mut act: impl FnMut(RawFd) -> Result<()>) -> Result<()> {
    let open: Vec<RawFd> = match std::fs::read_dir("/proc/self/fd") {
        Ok(listed) => listed.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect(),
        // A root without a procfs: every number that may be open. getrlimit(2)
        Err(_) => (0..RawFd::try_from(getrlimit(Resource::RLIMIT_NOFILE)?.1).unwrap_or(RawFd::MAX)).collect(),
    };
    for fd in open {
        match act(fd) {
            // The listing's own descriptor is gone by now.
            Err(Errno::EBADF) => {}
            other => other?,
        }
    }
    Ok(())
}

/// Whether execve(2) leaves the descriptor open. `EBADF` if there is none of that number.
pub fn set_inheritable(fd: RawFd, inheritable: bool) -> Result<()> {
    let flags = if inheritable { 0 } else { libc::FD_CLOEXEC };
    // SAFETY: three numbers are passed, no pointer; nothing is closed, and the kernel answers EBADF if nothing is open there.
    Errno::result(unsafe { libc::fcntl(fd, libc::F_SETFD, flags) }).map(drop)
}

/// `EBADF` unless a descriptor of that number is open.
pub fn check_open(fd: RawFd) -> Result<()> {
    // SAFETY: two numbers are passed, no pointer; the kernel answers EBADF if nothing is open there.
    Errno::result(unsafe { libc::fcntl(fd, libc::F_GETFD) }).map(drop)
}

/// A copy with a number of at least `least`, closed by execve(2).
pub fn copy_above(fd: impl AsFd, least: RawFd) -> Result<OwnedFd> {
    let copy = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(least))?;
    // SAFETY: fcntl just made this descriptor and nothing else knows it.
    Ok(unsafe { std::os::fd::FromRawFd::from_raw_fd(copy) })
}

/// Makes three descriptors this process's standard ones. Each must have a number above 2.
pub fn set_standard(stdio: &[OwnedFd; 3]) -> Result<()> {
    unistd::dup2_stdin(&stdio[0])?;
    unistd::dup2_stdout(&stdio[1])?;
    unistd::dup2_stderr(&stdio[2])
}

/// Closes every descriptor from `first` on. For a process that uses none of them any more and never drops their owners.
pub fn close_from(first: RawFd) -> Result<()> {
    close_from_but(first, &BTreeSet::new())
}

/// Closes every descriptor that is neither a standard one nor in `kept`: what a caller left open. For a program that has opened
/// nothing yet.
pub fn close_inherited(kept: &BTreeSet<RawFd>) -> Result<()> {
    close_from_but(3, kept)
}

fn close_from_but(least: RawFd, kept: &BTreeSet<RawFd>) -> Result<()> {
    let closed = |fd: RawFd| fd >= least && !kept.contains(&fd);
    let one_by_one = || each_open(|fd| if closed(fd) { close(fd) } else { Ok(()) });
    let mut first = least;
    for &fd in kept.range(least..) {
        if fd > first {
            match range(first, fd - 1, 0) {
                Err(Errno::ENOSYS) => return one_by_one(),
                other => other?,
            }
        }
        first = fd + 1;
    }
    match range(first, RawFd::MAX, 0) {
        Err(Errno::ENOSYS) => one_by_one(),
        other => other,
    }
}

fn close(fd: RawFd) -> Result<()> {
    // SAFETY: a number is passed, no pointer; the contract is that of `close_from`.
    Errno::result(unsafe { libc::close(fd) }).map(drop)
}
