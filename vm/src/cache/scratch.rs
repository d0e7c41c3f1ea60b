//! Folders in the making, and what is left of those whose maker was killed.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::{Error, Result};

/// A folder in the making. It is locked, so that another run does not take it for the remains of one that was killed.
#[derive(Debug)]
pub(crate) struct Scratch {
    _lock: File,
    folder: tempfile::TempDir,
}

impl Scratch {
    pub(super) fn new(parent: &Path) -> Result<Self> {
        sweep(parent)?;
        let folder = tempfile::Builder::new().prefix("make-").tempdir_in(parent);
        let folder = folder.map_err(Error::io("create", parent))?;
        let lock = File::open(folder.path()).and_then(|file| file.lock().map(|()| file));
        Ok(Self { _lock: lock.map_err(Error::io("lock", folder.path()))?, folder })
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

/// Deletes what runs that were killed left behind: what nobody holds a lock on and nobody has touched for a while (it
/// takes a moment from a folder's birth to its lock).
fn sweep(parent: &Path) -> Result<()> {
    for entry in fs::read_dir(parent).map_err(Error::io("read", parent))?.flatten() {
        let path = entry.path();
        let Ok(file) = File::open(&path) else { continue };
        let old = file.metadata().and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
        if old.is_none_or(|age| age < SWEPT_AFTER) || file.try_lock().is_err() {
            continue;
        }
        let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
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
        let [remains, fresh] = ["make-dead", "make-fresh"].map(|name| parent.path().join(name));
        fs::create_dir(&remains).unwrap();
        fs::write(remains.join("half"), "x").unwrap();
        fs::create_dir(&fresh).unwrap();
        let busy = Scratch::new(parent.path()).unwrap();
        age(&remains);
        age(busy.path());
        Scratch::new(parent.path()).unwrap();
        assert!(!remains.exists() && fresh.exists() && busy.path().exists());
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
