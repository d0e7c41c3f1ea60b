//! credentials(7): ids, groups, file mode creation mask, resource limits.

use nix::sys::stat::{self, Mode};
use nix::sys::{prctl, resource};
use nix::unistd;

use serde::{Deserialize, Serialize};

use super::{Errno, Result};

/// A resource of getrlimit(2), without its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are the kernel's")]
pub enum Resource {
    As,
    Core,
    Cpu,
    Data,
    Fsize,
    Locks,
    Memlock,
    Msgqueue,
    Nice,
    Nofile,
    Nproc,
    Rss,
    Rtprio,
    Rttime,
    Sigpending,
    Stack,
}

/// setresuid(2) of the one thread there is. Raw: glibc's wrapper waits for threads which a process born by clone(2) in a
/// threaded parent does not have.
pub fn set_user(id: u32) -> Result<()> {
    meant(id)?;
    // SAFETY: three numbers are passed, no pointer.
    Errno::result(unsafe { libc::syscall(libc::SYS_setresuid, id, id, id) }).map(drop)
}

/// The kernel takes −1 for the id that there is: who asked for it would stay root. `EINVAL`
fn meant(id: u32) -> Result<()> {
    if id == u32::MAX { Err(Errno::EINVAL) } else { Ok(()) }
}

/// setresgid(2), raw for the same reason.
pub fn set_group(id: u32) -> Result<()> {
    meant(id)?;
    // SAFETY: three numbers are passed, no pointer.
    Errno::result(unsafe { libc::syscall(libc::SYS_setresgid, id, id, id) }).map(drop)
}

/// setgroups(2), raw for the same reason.
pub fn set_groups(ids: &[u32]) -> Result<()> {
    // SAFETY: the kernel reads `len` ids of 32 bits from the slice, which outlives the call.
    Errno::result(unsafe { libc::syscall(libc::SYS_setgroups, ids.len(), ids.as_ptr()) }).map(drop)
}

/// The effective user and group id of this process.
pub fn effective_ids() -> (u32, u32) {
    (unistd::geteuid().as_raw(), unistd::getegid().as_raw())
}

/// PR_SET_KEEPCAPS: a change of the user id away from 0 leaves the permitted set alone.
pub fn keep_capabilities() -> Result<()> {
    prctl::set_keepcaps(true)
}

/// umask(2), which cannot fail.
pub fn set_umask(mask: u32) {
    stat::umask(Mode::from_bits_truncate(mask));
}

/// Every resource.
pub const RESOURCES: [Resource; 16] = [
    Resource::As,
    Resource::Core,
    Resource::Cpu,
    Resource::Data,
    Resource::Fsize,
    Resource::Locks,
    Resource::Memlock,
    Resource::Msgqueue,
    Resource::Nice,
    Resource::Nofile,
    Resource::Nproc,
    Resource::Rss,
    Resource::Rtprio,
    Resource::Rttime,
    Resource::Sigpending,
    Resource::Stack,
];

/// setrlimit(2), in the resource's own unit.
pub fn set_limit(kind: Resource, soft: u64, hard: u64) -> Result<()> {
    resource::setrlimit(limit(kind), soft, hard)
}

/// Soft and hard limit of another process. prlimit(2)
///
/// # Errors
/// `EPERM` for a process of another user without CAP_SYS_RESOURCE.
pub fn limits_of(pid: i32, kind: Resource) -> Result<(u64, u64)> {
    let mut found = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    let kind = limit(kind) as libc::c_uint;
    let (call, none) = (libc::SYS_prlimit64, std::ptr::null::<libc::rlimit64>());
    // SAFETY: no new limit is given, and the kernel writes the old one to a structure of its type, which outlives the call.
    Errno::result(unsafe { libc::syscall(call, pid, kind, none, &raw mut found) })?;
    Ok((found.rlim_cur, found.rlim_max))
}

/// Soft and hard limit. getrlimit(2)
pub fn limits(kind: Resource) -> Result<(u64, u64)> {
    resource::getrlimit(limit(kind))
}

fn limit(kind: Resource) -> resource::Resource {
    use resource::Resource as Limit;
    match kind {
        Resource::As => Limit::RLIMIT_AS,
        Resource::Core => Limit::RLIMIT_CORE,
        Resource::Cpu => Limit::RLIMIT_CPU,
        Resource::Data => Limit::RLIMIT_DATA,
        Resource::Fsize => Limit::RLIMIT_FSIZE,
        Resource::Locks => Limit::RLIMIT_LOCKS,
        Resource::Memlock => Limit::RLIMIT_MEMLOCK,
        Resource::Msgqueue => Limit::RLIMIT_MSGQUEUE,
        Resource::Nice => Limit::RLIMIT_NICE,
        Resource::Nofile => Limit::RLIMIT_NOFILE,
        Resource::Nproc => Limit::RLIMIT_NPROC,
        Resource::Rss => Limit::RLIMIT_RSS,
        Resource::Rtprio => Limit::RLIMIT_RTPRIO,
        Resource::Rttime => Limit::RLIMIT_RTTIME,
        Resource::Sigpending => Limit::RLIMIT_SIGPENDING,
        Resource::Stack => Limit::RLIMIT_STACK,
    }
}
