//! Namespaces by name and inode. `/proc/PID/ns`

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::spec::{Namespace, Peer};
use sys::{self, Errno, file};

/// The namespaces of a process, or of the caller for `None`, each by its inode number. One that the kernel lacks is absent.
pub fn namespaces(pid: Option<i32>) -> sys::Result<BTreeMap<Namespace, u64>> {
    let directory = pid.map_or_else(|| "/proc/self/ns".to_owned(), |pid| format!("/proc/{pid}/ns"));
    let mut found = BTreeMap::new();
    for &kind in Namespace::ALL {
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
