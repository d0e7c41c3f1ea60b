//! How much room the cache takes, and how it is bounded.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Cache;
use crate::{Error, Result};

/// A part of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The folder's name.
    pub name: &'static str,
    /// What it holds.
    pub what: &'static str,
    /// How many of them.
    pub entries: usize,
    /// Bytes on disk.
    pub bytes: u64,
}

/// Where locks are held, of files that hold nothing.
pub(super) const LOCKS: &str = "locks";

const PARTS: [(&str, &str); 13] = [
    ("kernels", "unpacked kernel packages"),
    ("apt", "package indices"),
    ("configs", "configurations out of kernel images"),
    ("templates", "machines saved when they were ready"),
    ("initramfs", "what guests boot with"),
    ("prepared", "which modules an initramfs holds"),
    ("names", "which package a kernel's name stands for"),
    ("hashes", "checksums of files that have not changed since"),
    ("kvm", "whether KVM works"),
    ("qemu", "QEMU's version"),
    ("memories", "how long scenarios took"),
    ("program", "what a program has inside, as files"),
    ("tmp", "in the making, or left by a run that was killed"),
];

/// Whether this is the name of a part of a cache.
pub(super) fn is_part(name: &OsStr) -> bool {
    name == LOCKS || PARTS.iter().any(|(part, _)| name == *part)
}

impl Cache {
    /// What takes room.
    pub fn parts(&self) -> Vec<Part> {
        let part = |(name, what)| {
            let path = self.root().join(name);
            Part { name, what, entries: folders(&path).len(), bytes: size_on_disk(&path) }
        };
        PARTS.into_iter().map(part).filter(|part| part.entries > 0).collect()
    }

    /// Deletes everything. A run that is under way may fail.
    pub fn clear(&self) -> Result<()> {
        for (name, _) in PARTS {
            let path = self.root().join(name);
            match fs::remove_dir_all(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("delete", path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Remembers that a folder of the cache was used now. One that cannot be marked is only deleted earlier.
    pub(crate) fn used(&self, folder: &Path) {
        let _ = File::open(folder).and_then(|file| file.set_modified(SystemTime::now()));
    }

    /// Deletes the folders of a part that were not used for longest, until the rest is within the limit in bytes.
    pub(crate) fn prune(&self, part: &str, newest: &Path, limit: u64) -> Result<()> {
        let _lock = self.lock(part)?;
        let mut folders = folders(&self.root().join(part));
        folders.sort_by_key(|path| {
            let used = fs::metadata(path).and_then(|data| data.modified());
            std::cmp::Reverse(used.unwrap_or(SystemTime::UNIX_EPOCH))
        });
        let mut sum = 0;
        for path in folders {
            sum += size_on_disk(&path);
            if sum > limit && path != newest {
                fs::remove_dir_all(&path).map_err(Error::io("delete", &path))?;
            }
        }
        Ok(())
    }
}

/// What is in a folder; nothing, if it cannot be read.
fn folders(path: &Path) -> Vec<PathBuf> {
    fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Bytes below a path. What vanishes meanwhile takes none.
fn size_on_disk(path: &Path) -> u64 {
    let Ok(data) = fs::symlink_metadata(path) else { return 0 };
    // st_blocks counts 512 bytes, whatever the file system's own blocks are (stat(2)).
    let own = data.blocks() * 512;
    if data.is_dir() { folders(path).iter().map(|below| size_on_disk(below)).sum::<u64>() + own } else { own }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn with_folders(ages_s: &[u64]) -> (tempfile::TempDir, Cache, Vec<PathBuf>) {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path()).unwrap();
        let make = |age_s: &u64| {
            let folder = cache.folder(&format!("templates/{age_s}")).unwrap();
            fs::write(folder.join("ram"), vec![1; 1 << 20]).unwrap();
            let used = SystemTime::now() - Duration::from_secs(*age_s);
            File::open(&folder).unwrap().set_modified(used).unwrap();
            folder
        };
        let folders = ages_s.iter().map(make).collect();
        (root, cache, folders)
    }

    #[test]
    fn the_longest_unused_go_first() {
        let (_root, cache, folders) = with_folders(&[300, 200, 100]);
        cache.used(&folders[0]);
        cache.prune("templates", &folders[2], 5 << 19).unwrap();
        assert_eq!(folders.iter().map(|folder| folder.exists()).collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn the_newest_stays_however_large() {
        let (_root, cache, folders) = with_folders(&[300, 200]);
        cache.prune("templates", &folders[0], 1).unwrap();
        assert!(folders[0].exists() && !folders[1].exists());
    }

    #[test]
    fn a_cleared_cache_is_empty() {
        let (root, cache, _) = with_folders(&[1, 2]);
        cache.remember("durations", &7).unwrap();
        fs::create_dir(root.path().join("tmp/make-dead")).unwrap();
        let parts = cache.parts();
        let named: Vec<_> = parts.iter().map(|part| (part.name, part.entries)).collect();
        assert_eq!(named, [("templates", 2), ("memories", 1), ("tmp", 1)]);
        assert!(parts[0].bytes >= 2 << 20);
        cache.clear().unwrap();
        assert_eq!(cache.recall::<u8>("durations"), None);
        let left = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(left.collect::<Vec<_>>(), [LOCKS], "nothing is left but what another run may hold");
    }
}
