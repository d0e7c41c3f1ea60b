//! namespaces(7): unshare(2), setns(2), sethostname(2).

use std::fmt;
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sched::{self, CloneFlags};
use nix::unistd;

use serde::{Deserialize, Serialize};
use strum::VariantArray;

use super::{Errno, Result, netlink};

/// A kind of namespace, named as in `/proc/PID/ns`, but for `mount` (there `mnt`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, VariantArray)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are the kernel's")]
pub enum Namespace {
    User,
    Pid,
    Uts,
    Ipc,
    Net,
    Mount,
    Cgroup,
}

impl Namespace {
    /// Every kind, in the order in which they are listed.
    pub const ALL: &[Namespace] = Namespace::VARIANTS;

    /// The file's name in `/proc/PID/ns`.
    pub fn file(self) -> &'static str {
        match self {
            Namespace::User => "user",
            Namespace::Pid => "pid",
            Namespace::Uts => "uts",
            Namespace::Ipc => "ipc",
            Namespace::Net => "net",
            Namespace::Mount => "mnt",
            Namespace::Cgroup => "cgroup",
        }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Namespace::Mount { "mount" } else { self.file() })
    }
}

/// The namespace's CLONE_NEW* bit.
pub(super) fn flag(namespace: Namespace) -> CloneFlags {
    match namespace {
        Namespace::User => CloneFlags::CLONE_NEWUSER,
        Namespace::Pid => CloneFlags::CLONE_NEWPID,
        Namespace::Uts => CloneFlags::CLONE_NEWUTS,
        Namespace::Ipc => CloneFlags::CLONE_NEWIPC,
        Namespace::Net => CloneFlags::CLONE_NEWNET,
        Namespace::Mount => CloneFlags::CLONE_NEWNS,
        Namespace::Cgroup => CloneFlags::CLONE_NEWCGROUP,
    }
}

/// unshare(2) of one namespace. For `Pid` the next child is born in the new one.
pub fn unshare(namespace: Namespace) -> Result<()> {
    sched::unshare(flag(namespace))
}

/// setns(2) into a namespace of that kind. For `Pid` the next child is born in it.
pub fn join(file: BorrowedFd<'_>, namespace: Namespace) -> Result<()> {
    sched::setns(file, flag(namespace))
}

/// sethostname(2) of the own UTS namespace.
pub fn set_hostname(name: &str) -> Result<()> {
    unistd::sethostname(name)
}

/// setdomainname(2) of the own UTS namespace.
pub fn set_domainname(name: &str) -> Result<()> {
    // SAFETY: the kernel reads `len` bytes from `name`, which outlives the call; no terminator is needed.
    let result = unsafe { libc::setdomainname(name.as_ptr().cast(), name.len()) };
    Errno::result(result).map(drop)
}

/// The network namespace of this thread.
///
/// # Errors
/// `EPERM` without a procfs and without CAP_NET_ADMIN.
pub fn network() -> Result<OwnedFd> {
    match File::open("/proc/thread-self/ns/net") {
        Ok(file) => Ok(file.into()),
        Err(error) if error.kind() == ErrorKind::NotFound => netlink::namespace(netlink::routing()?.as_fd()),
        Err(error) => Err(super::errno_of(&error)),
    }
}

/// Calls `act` in another network namespace and comes back. A socket that it opens stays there.
///
/// # Errors
/// `EPERM` without CAP_SYS_ADMIN over both. If there is no way back the process ends: all that follows would be wrong.
pub fn within_network<T>(file: BorrowedFd<'_>, act: impl FnOnce() -> T) -> Result<T> {
    away(|| join(file, Namespace::Net), act)
}

/// The same in a new network namespace, which lasts as long as what `act` opens there.
///
/// # Errors
/// `EPERM` without CAP_SYS_ADMIN; otherwise as of [`within_network`].
pub fn within_new_network<T>(act: impl FnOnce() -> T) -> Result<T> {
    away(|| unshare(Namespace::Net), act)
}

fn away<T>(leave: impl FnOnce() -> Result<()>, act: impl FnOnce() -> T) -> Result<T> {
    let home = network()?;
    leave()?;
    let result = act();
    if join(home.as_fd(), Namespace::Net).is_err() {
        std::process::abort();
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_new_network_is_left_again() {
        let network = || std::fs::read_link("/proc/thread-self/ns/net").unwrap();
        let act = || {
            let inside: PathBuf = match within_new_network(network) {
                Err(Errno::EPERM) => return eprintln!("SKIP: this user cannot make a network namespace"),
                other => other.unwrap(),
            };
            assert_ne!(inside, network());
        };
        let before = network();
        // A thread that could not come back would not take the others along.
        std::thread::scope(|scope| {
            let after = scope.spawn(|| {
                act();
                network()
            });
            assert_eq!(after.join().unwrap(), before);
        });
    }
}
