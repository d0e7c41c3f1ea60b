//! A process that is forked from outside, with all of its threads.
//!
//! fork(2) copies no thread but the one that calls it, and QEMU needs its others. So all of them are stopped by ptrace(2) while
//! they wait; the first is made to fork; and its copy is made to make the others again, each with the stack, the variables
//! and the registers of the one that it copies.
//!
//! ```text
//! we                     the original               its copy
//! seize, interrupt ────▶ (all threads stand still)
//! clone            ────▶ clone(CLONE_PARENT) ─────▶ (born as our child, with one thread)
//! each of these    ───────────────────────────────▶ prctl(PR_SET_PDEATHSIG)
//!                                                   eventfd2, dup3, close         for each eventfd
//!                                                   recvmsg, dup3, close          for our new files
//!                                                   epoll_create1, epoll_ctl, …   for each epoll instance
//!                                                   clone(CLONE_THREAD)           for each other thread
//! detach           ────▶ (waits on)        ───────▶ (each thread makes its call again)
//! ```
//! Memory is shared until one of them writes to it: guest's memory, and code that QEMU has translated.
//!
//! - `original`: the process that is forked; `elsewhere` is what there is of it where registers are not known
//! - `tracee`, `proc`: one thread under ptrace(2), and what `/proc` says of it
//! - [`seccomp`]: what a process may not call, so that it can be forked
//! - `process`: the copy, a child of this process

#![forbid(unsafe_code)]

#[cfg_attr(not(target_arch = "x86_64"), path = "elsewhere.rs")]
mod original;
#[cfg(target_arch = "x86_64")]
mod proc;
mod process;
pub mod seccomp;
#[cfg(target_arch = "x86_64")]
mod tracee;

use std::io;
use std::os::fd::RawFd;

use nix::errno::Errno;

pub use original::Original;
pub use process::Process;

/// Why a process cannot be forked.
#[derive(Debug, thiserror::Error)]
pub enum Unforkable {
    /// Nobody has written down the registers.
    #[error("threads can be copied on x86-64 only")]
    Architecture,
    /// A thread was found to be at work again and again.
    #[error("its threads do not come to rest")]
    NotWaiting,
    /// What was sent to an earlier copy, which could not be made, would reach the next one.
    #[error("an earlier copy of it could not be made")]
    HalfCopied,
    /// What the descriptor stands for lies in the kernel, and both would use it.
    #[error("its descriptor {fd} is {what}, of which a copy cannot have its own")]
    Descriptor {
        /// Its number.
        fd: RawFd,
        /// As the link in `/proc/PID/fd` has it.
        what: String,
    },
    /// The kernel refused.
    #[error("{step}: {errno}")]
    Step {
        /// The call, or what it was for.
        step: &'static str,
        /// Why.
        errno: Errno,
    },
    /// `/proc` could not be read.
    #[error("/proc: {0}")]
    Proc(#[from] io::Error),
}
