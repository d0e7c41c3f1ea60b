//! The ids and capability sets of this process. credentials(7), capabilities(7)

use caps::CapSet;
use nix::unistd::{self, Pid};

use super::super::{Errno, Result};

/// Who this process is, as it sees itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of credentials(7)")]
pub struct Ids {
    pub pid: i32,
    pub ppid: i32,
    pub pgid: i32,
    pub sid: i32,
    pub uid: u32,
    pub euid: u32,
    pub gid: u32,
    pub egid: u32,
    pub groups: Vec<u32>,
}

/// getpid(2) and its like.
pub fn ids() -> Result<Ids> {
    Ok(Ids {
        pid: unistd::getpid().as_raw(),
        ppid: unistd::getppid().as_raw(),
        pgid: unistd::getpgrp().as_raw(),
        sid: unistd::getsid(None).map(Pid::as_raw)?,
        uid: unistd::getuid().as_raw(),
        euid: unistd::geteuid().as_raw(),
        gid: unistd::getgid().as_raw(),
        egid: unistd::getegid().as_raw(),
        groups: unistd::getgroups()?.into_iter().map(unistd::Gid::as_raw).collect(),
    })
}

/// gettid(2)
pub fn thread() -> i32 {
    unistd::gettid().as_raw()
}

/// A set of capabilities.
pub type Set = caps::CapsHashSet;

/// The five sets of capabilities(7).
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of capabilities(7)")]
pub struct Sets {
    pub bounding: Set,
    pub permitted: Set,
    pub effective: Set,
    pub inheritable: Set,
    pub ambient: Set,
}

/// The capability sets of this thread. capget(2), prctl(2)
pub fn capabilities() -> Result<Sets> {
    // The crate's errors are texts: the errno is taken from the call that failed.
    let read = |set| caps::read(None, set).map_err(|_| Errno::last());
    Ok(Sets {
        bounding: read(CapSet::Bounding)?,
        permitted: read(CapSet::Permitted)?,
        effective: read(CapSet::Effective)?,
        inheritable: read(CapSet::Inheritable)?,
        ambient: read(CapSet::Ambient)?,
    })
}

/// A signal's name: `SIGKILL`. `None` for a real-time one, or no signal at all.
pub fn signal_name(number: i32) -> Option<&'static str> {
    nix::sys::signal::Signal::try_from(number).ok().map(nix::sys::signal::Signal::as_str)
}

/// The name of this process in `/proc/PID/status`; at most 15 bytes count. PR_SET_NAME
pub fn set_name(name: &std::ffi::CStr) -> Result<()> {
    nix::sys::prctl::set_name(name)
}
