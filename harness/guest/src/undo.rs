//! What the host's own steps made is taken away after the last one: it is the scenario's doing, not the container's, and
//! the oracles look for what containers leave behind.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::network;
use sys::probe::files;
use sys::probe::ipc::{self, Kind};
use sys::{self, Errno, mount};

use protocol::operation::{Leaves, Operation};

/// Bytes of a file that are kept to put it back.
const LARGEST: u64 = 1 << 16;
/// statfs(2)
const TMPFS: i64 = 0x0102_1994;

/// What there is to take away or to put back, in the order of making.
#[derive(Debug, Default)]
pub(super) struct Undo(Vec<Made>);

#[derive(Debug, PartialEq, Eq)]
enum Made {
    Path(PathBuf),
    /// A small file that was there, as it was.
    Changed(PathBuf, Kept),
    Mount(PathBuf),
    Interface(String),
    Ipc(Kind, i32),
}

impl Undo {
    /// Remembers what the operation is about to make.
    pub(super) fn before(&mut self, operation: &Operation) {
        // The step takes away itself what an earlier one mounted: what is mounted below that stays.
        if let Operation::Umount(path) = operation {
            let earlier =
                self.0.iter().rposition(|made| matches!(made, Made::Mount(target) if target == path));
            earlier.map(|index| self.0.remove(index));
        }
        let made = match operation.meaning().leaves {
            Leaves::Nothing => None,
            Leaves::File(path) => first_missing(path).or_else(|| kept(path)),
            Leaves::NoFile(path) => kept(path),
            Leaves::Mount(target) => Some(Made::Mount(target.to_owned())),
            Leaves::Interface(name) => Some(Made::Interface(name.to_owned())),
            Leaves::Memory(key) => Some(Made::Ipc(Kind::Memory, key)),
            Leaves::Semaphore(key) => Some(Made::Ipc(Kind::Semaphore, key)),
            Leaves::Queue(key) => Some(Made::Ipc(Kind::Queue, key)),
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
            Made::Changed(path, kept) => {
                (kept.put_back(path).map_err(|error| sys::errno_of(&error)), Errno::ENOENT)
            }
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

/// What makes a file what it is.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    bytes: Vec<u8>,
    mode: u32,
    owner: (u32, u32),
}

impl Kept {
    /// What is there now is replaced, whatever it is.
    fn put_back(&self, path: &Path) -> io::Result<()> {
        match remove_tree(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::write(path, &self.bytes)?,
        }
        // The owner first: chown(2) clears the set-user-ID bit.
        chown(path, Some(self.owner.0), Some(self.owner.1))?;
        fs::set_permissions(path, Permissions::from_mode(self.mode))
    }
}

/// A file of the machine's own tree, before it is written over or removed. What a write to a file of procfs, sysfs or cgroupfs
/// changes cannot be told from what can be read there.
fn kept(path: &Path) -> Option<Made> {
    let metadata = fs::symlink_metadata(path).ok()?;
    let is_kept =
        metadata.is_file() && metadata.len() <= LARGEST && files::filesystem(path).ok()?.magic == TMPFS;
    let owner = (metadata.uid(), metadata.gid());
    let kept = || Some(Kept { bytes: fs::read(path).ok()?, mode: metadata.mode() & 0o7777, owner });
    is_kept.then(kept).flatten().map(|kept| Made::Changed(path.to_owned(), kept))
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
    network::remove(name)
}

#[cfg(test)]
mod tests {
    use protocol::operation::WriteFile;

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

    #[test]
    fn a_file_that_was_there_is_put_back() {
        let root = tempfile::tempdir_in("/dev/shm").unwrap();
        let path = root.path().join("file");
        fs::write(&path, "before").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o4711)).unwrap();
        let mut undo = Undo::default();
        undo.before(&Operation::Remove(path.clone()));
        fs::remove_file(&path).unwrap();
        let after = WriteFile { path: path.clone(), text: "after".into() };
        undo.before(&Operation::Write(after));
        fs::write(&path, "after").unwrap();
        assert_eq!(undo.all(), []);
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o4711);
    }
}
