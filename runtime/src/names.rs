//! Namespaces by name and inode. `/proc/PID/ns`

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::spec::{Namespace, Peer};
use crate::sys::{self, Errno, file};

impl Namespace {
    /// Every kind, in the order in which they are listed.
    pub const ALL: [Namespace; 7] = [
        Namespace::User,
        Namespace::Pid,
        Namespace::Uts,
        Namespace::Ipc,
        Namespace::Net,
        Namespace::Mount,
        Namespace::Cgroup,
    ];

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

/// The namespaces of a process, or of the caller for `None`, each by its inode number. One that the kernel lacks is absent.
pub fn namespaces(pid: Option<i32>) -> sys::Result<BTreeMap<Namespace, u64>> {
    let directory = pid.map_or_else(|| "/proc/self/ns".to_owned(), |pid| format!("/proc/{pid}/ns"));
    let mut found = BTreeMap::new();
    for kind in Namespace::ALL {
        match file::identity(format!("{directory}/{}", kind.file()).as_ref()) {
            Ok((_, inode)) => drop(found.insert(kind, inode)),
            Err(Errno::ENOENT) if !found.is_empty() => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(found)
}

/// The file of a peer's namespace. `None` for a container's name: who keeps the names turns it into a PID.
pub(crate) fn file_of(peer: &Peer, kind: Namespace) -> Option<PathBuf> {
    match peer {
        Peer::Pid(pid) => Some(format!("/proc/{pid}/ns/{}", kind.file()).into()),
        Peer::Path(path) => Some(path.clone()),
        Peer::Container(_) => None,
    }
}
