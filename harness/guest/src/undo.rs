//! What the host's own steps made is taken away after the last one: it is the scenario's doing, not the container's, and
//! the oracles look for what containers leave behind.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use runtime::net::Net;
use sys::probe::ipc::{self, Kind};
use sys::{self, Errno, mount};

use protocol::operation::{Ipc, Operation};

/// What there is to take away, in the order of making.
#[derive(Debug, Default)]
pub(super) struct Undo(Vec<Made>);

#[derive(Debug, PartialEq, Eq)]
enum Made {
    Path(PathBuf),
    Mount(PathBuf),
    Interface(String),
    Ipc(Kind, i32),
}

impl Undo {
    /// Remembers what the operation is about to make.
    pub(super) fn before(&mut self, operation: &Operation) {
        let made = match operation {
            Operation::Mkdir(path) => first_missing(path),
            Operation::Write(file) => first_missing(&file.path),
            Operation::Fill(fill) => first_missing(&fill.path),
            Operation::Mknod(node) => first_missing(&node.path),
            Operation::Mount(mount) if mount.kind != "remount" && mount.kind != "none" => {
                Some(Made::Mount(mount.target.clone()))
            }
            Operation::AddDummy(name) => Some(Made::Interface(name.clone())),
            Operation::Shm(Ipc::Create(key)) => Some(Made::Ipc(Kind::Memory, *key)),
            Operation::Sem(Ipc::Create(key)) => Some(Made::Ipc(Kind::Semaphore, *key)),
            Operation::Msg(Ipc::Create(key)) => Some(Made::Ipc(Kind::Queue, *key)),
            _ => None,
        };
        self.0.extend(made);
    }

    /// Takes everything away that is still there. What could not be.
    pub(super) fn all(&mut self) -> Vec<(String, Errno)> {
        let mut faults = Vec::new();
        while let Some(made) = self.0.pop() {
            if let Err(errno) = made.remove() {
                faults.push((format!("{made:?}"), errno));
            }
        }
        faults
    }
}

impl Made {
    /// A step or the kernel itself may have taken it away before: then there is nothing to do.
    fn remove(&self) -> sys::Result<()> {
        let (removed, gone) = match self {
            Made::Path(path) => (remove_tree(path).map_err(|error| sys::errno_of(&error)), Errno::ENOENT),
            Made::Mount(target) => (mount::detach(target), Errno::EINVAL),
            Made::Interface(name) => (remove_interface(name), Errno::ENODEV),
            Made::Ipc(kind, key) => {
                (ipc::open(*kind, *key).and_then(|id| ipc::remove(*kind, id)), Errno::ENOENT)
            }
        };
        match removed {
            Err(errno) if errno == gone || errno == Errno::ENOENT => Ok(()),
            other => other,
        }
    }
}

/// The topmost folder on the way that is not there yet, or the file itself. `None` if it is all there.
fn first_missing(path: &Path) -> Option<Made> {
    let missing = path.ancestors().take_while(|path| fs::symlink_metadata(path).is_err()).last()?;
    Some(Made::Path(missing.to_owned()))
}

fn remove_tree(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

fn remove_interface(name: &str) -> sys::Result<()> {
    let net = Net::open()?;
    net.delete_link(net.index(name)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_were_there_stay() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b");
        assert_eq!(first_missing(&deep), Some(Made::Path(root.path().join("a"))));
        assert_eq!(first_missing(root.path()), None);

        let mut undo = Undo::default();
        undo.before(&Operation::Mkdir(deep.clone()));
        fs::create_dir_all(&deep).unwrap();
        undo.before(&Operation::Mkdir(deep));
        assert_eq!(undo.all(), []);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        assert!(root.path().exists());
    }
}
