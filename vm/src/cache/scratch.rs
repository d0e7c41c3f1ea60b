//! Folders in the making, and what is left of those whose maker was killed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

use crate::{Error, Result};

/// A folder in the making. It is locked, so that another run does not take it for the remains of one that was killed.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// Deleted before the lock is let go.
    folder: tempfile::TempDir,
    _lock: File,
}

impl Scratch {
    /// A folder below `parent`. The caller keeps others from sweeping it until it has its lock.
    pub(super) fn new(parent: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("make-").tempdir_in(parent);
        let folder = folder.map_err(Error::io("create", parent))?;
        let lock = File::open(folder.path()).and_then(|file| file.lock().map(|()| file));
        let lock = lock.map_err(Error::io("lock", folder.path()))?;
        Ok(Self { folder, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Moves the finished folder into its place; what is there is replaced.
    pub(crate) fn publish(self, place: &Path) -> Result<()> {
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
        }
        if place.exists() {
            fs::remove_dir_all(place).map_err(Error::io("delete", place))?;
        }
        fs::rename(self.folder.path(), place).map_err(Error::io("create", place))?;
        // Renamed away: there is nothing left to delete.
        let _ = self.folder.keep();
        Ok(())
    }
}

/// Deletes what runs that were killed left behind: folders that nobody holds a lock on, and files that nobody has written to
/// for a while (they have no lock, and are written within a moment). Only for who keeps others from making folders.
pub(super) fn sweep(parent: &Path) -> Result<()> {
    for entry in fs::read_dir(parent).map_err(Error::io("read", parent))?.flatten() {
        let path = entry.path();
        let Ok(file) = File::options().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(&path) else {
            continue;
        };
        let Ok(data) = file.metadata() else { continue };
        let age = data.modified().ok().and_then(|time| time.elapsed().ok());
        let in_use =
            if data.is_dir() { file.try_lock().is_err() } else { age.is_none_or(|age| age < SWEPT_AFTER) };
        if in_use {
            continue;
        }
        let gone = if data.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match gone {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("delete", path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

const SWEPT_AFTER: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn age(path: &Path) {
        let past = std::time::SystemTime::now() - 2 * SWEPT_AFTER;
        File::open(path).unwrap().set_modified(past).unwrap();
    }

    #[test]
    fn remains_of_a_killed_run_are_swept_and_work_in_progress_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let [remains, old, fresh] = ["make-dead", ".old", ".fresh"].map(|name| parent.path().join(name));
        fs::create_dir(&remains).unwrap();
        fs::write(remains.join("half"), "x").unwrap();
        fs::write(&old, "x").unwrap();
        fs::write(&fresh, "x").unwrap();
        let busy = Scratch::new(parent.path()).unwrap();
        age(&old);
        age(busy.path());
        sweep(parent.path()).unwrap();
        assert!(!remains.exists() && !old.exists() && fresh.exists() && busy.path().exists());
        let path = busy.path().to_owned();
        drop(busy);
        assert!(!path.exists());
    }

    #[test]
    fn a_published_folder_replaces_what_was_there() {
        let root = tempfile::tempdir().unwrap();
        let parent = root.path().join("tmp");
        fs::create_dir(&parent).unwrap();
        let place = root.path().join("below/place");
        for content in ["one", "two"] {
            let scratch = Scratch::new(&parent).unwrap();
            fs::write(scratch.path().join("file"), content).unwrap();
            scratch.publish(&place).unwrap();
            assert_eq!(fs::read_to_string(place.join("file")).unwrap(), content);
        }
        assert_eq!(fs::read_dir(parent).unwrap().count(), 0);
    }
}
