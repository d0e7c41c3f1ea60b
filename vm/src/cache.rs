//! What is fetched or built once, kept on disk. Nothing is ever seen half-written: files and folders are made aside
//! and renamed into place, and two runs at once wait for each other on a lock.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// The cache's folder.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

/// Held while something is made; another run waits. Released when dropped, or when the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Cache {
    /// `$NSPROOF_CACHE`, else `$XDG_CACHE_HOME/nsproof`, else `~/.cache/nsproof`. Made if absent.
    pub fn open() -> Result<Self> {
        let variable =
            |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let root = variable("NSPROOF_CACHE")
            .or_else(|| variable("XDG_CACHE_HOME").map(|path| path.join("nsproof")))
            .or_else(|| variable("HOME").map(|path| path.join(".cache/nsproof")))
            .unwrap_or_else(|| std::env::temp_dir().join("nsproof"));
        Self::at(&root)
    }

    /// A cache in a given folder.
    pub fn at(root: &Path) -> Result<Self> {
        fs::create_dir_all(root).map_err(Error::io("create", root))?;
        let root = root.canonicalize().map_err(Error::io("find", root))?;
        Ok(Self { root })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A folder in the cache, made if absent.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        fs::create_dir_all(&path).map_err(Error::io("create", &path))?;
        Ok(path)
    }

    /// What was [`Cache::remember`]ed under this name; `None` if nothing was, or if it cannot be read: it is only a memory.
    pub fn recall<T: for<'a> Deserialize<'a>>(&self, name: &str) -> Option<T> {
        self.get(&self.memory(name))
    }

    /// Keeps a caller's own record under a name.
    pub fn remember<T: Serialize>(&self, name: &str, record: &T) -> Result<()> {
        self.put(&self.memory(name), record)
    }

    fn memory(&self, name: &str) -> PathBuf {
        self.root.join("memories").join(sha256_of(name.as_bytes()) + ".json")
    }

    /// Waits for the lock of this name.
    pub(crate) fn lock(&self, name: &str) -> Result<Lock> {
        let path = self.folder("locks")?.join(name);
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        file.lock().map_err(Error::io("lock", &path))?;
        Ok(Lock { _file: file })
    }

    /// A folder to make something in; gone when dropped, unless published. On the cache's own file system.
    pub(crate) fn scratch(&self) -> Result<Scratch> {
        let parent = self.folder("tmp")?;
        sweep(&parent)?;
        let folder = tempfile::Builder::new().prefix("make-").tempdir_in(&parent);
        let folder = folder.map_err(Error::io("create", &parent))?;
        let lock = File::open(folder.path()).and_then(|file| file.lock().map(|()| file));
        Ok(Scratch { _lock: lock.map_err(Error::io("lock", folder.path()))?, folder })
    }

    /// Writes a file so that it is there whole or not at all.
    pub(crate) fn write(&self, path: &Path, content: &[u8]) -> Result<()> {
        let parent = self.folder("tmp")?;
        let mut file = tempfile::NamedTempFile::new_in(&parent).map_err(Error::io("create", &parent))?;
        file.write_all(content).map_err(Error::io("write", path))?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        }
        file.persist(path).map_err(|error| Error::io("write", path)(error.error))?;
        Ok(())
    }

    /// A record that was [`Cache::put`]; `None` if there is none or if it cannot be read: it is only a memory.
    pub(crate) fn get<T: for<'a> Deserialize<'a>>(&self, path: &Path) -> Option<T> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Remembers a record.
    pub(crate) fn put<T: Serialize>(&self, path: &Path, record: &T) -> Result<()> {
        let json =
            serde_json::to_vec_pretty(record).map_err(|error| Error::io("write", path)(error.into()))?;
        self.write(path, &json)
    }

    /// SHA-256 of a file in hexadecimal. Remembered with the file's [`Stamp`], so that an unchanged file is not read.
    pub(crate) fn sha256(&self, path: &Path) -> Result<String> {
        let stamp = Stamp::of(path)?;
        // By inode and not by path: it stays right when the file is moved into its place.
        let record = self.root.join("hashes").join(format!("{}-{}.json", stamp.device, stamp.inode));
        if let Some(Hashed { stamp: then, sha256 }) = self.get::<Hashed>(&record)
            && then == stamp
        {
            return Ok(sha256);
        }
        let sha256 = sha256_of_file(path)?;
        self.put(&record, &Hashed { stamp, sha256: sha256.clone() })?;
        Ok(sha256)
    }
}

/// A folder in the making. It is locked, so that another run does not take it for the remains of one that was killed.
#[derive(Debug)]
pub(crate) struct Scratch {
    _lock: File,
    folder: tempfile::TempDir,
}

impl Scratch {
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

/// Deletes what runs that were killed left behind: what nobody holds a lock on and nobody has touched for a minute (it
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

const SWEPT_AFTER: Duration = Duration::from_secs(60);

/// What changes whenever a file does: any write sets ctime, which no program can set back (inode(7)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified_ns: i128,
    changed_ns: i128,
}

impl Stamp {
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let data = fs::metadata(path).map_err(Error::io("read", path))?;
        let ns = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
        Ok(Self {
            device: data.dev(),
            inode: data.ino(),
            size: data.size(),
            modified_ns: ns(data.mtime(), data.mtime_nsec()),
            changed_ns: ns(data.ctime(), data.ctime_nsec()),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Hashed {
    stamp: Stamp,
    sha256: String,
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256_of(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// SHA-256 of a file in hexadecimal, read whole.
pub(crate) fn sha256_of_file(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hexadecimal(&hash.finalize())),
            Ok(read) => hash.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", path)(error)),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path()).unwrap();
        (folder, cache)
    }

    fn age(path: &Path) {
        let past = std::time::SystemTime::now() - 2 * SWEPT_AFTER;
        File::open(path).unwrap().set_modified(past).unwrap();
    }

    #[test]
    fn remains_of_a_killed_run_are_swept_and_work_in_progress_is_not() {
        let (_folder, cache) = cache();
        let remains = cache.folder("tmp/make-dead").unwrap();
        fs::write(remains.join("half"), "x").unwrap();
        let fresh = cache.folder("tmp/make-fresh").unwrap();
        let busy = cache.scratch().unwrap();
        age(&remains);
        age(busy.path());
        cache.scratch().unwrap();
        assert!(!remains.exists() && fresh.exists() && busy.path().exists());
    }

    #[test]
    fn a_changed_file_has_another_hash() {
        let (folder, cache) = cache();
        let path = folder.path().join("file");
        fs::write(&path, "one").unwrap();
        let one = cache.sha256(&path).unwrap();
        assert_eq!(one, sha256_of(b"one"));
        assert_eq!(cache.sha256(&path).unwrap(), one);
        // The same size, and the modification time set back: ctime still tells.
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        fs::write(&path, "two").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_eq!(cache.sha256(&path).unwrap(), sha256_of(b"two"));
    }

    #[test]
    fn a_published_folder_replaces_what_was_there() {
        let (folder, cache) = cache();
        let place = folder.path().join("place");
        for content in ["one", "two"] {
            let scratch = cache.scratch().unwrap();
            fs::write(scratch.path().join("file"), content).unwrap();
            scratch.publish(&place).unwrap();
            assert_eq!(fs::read_to_string(place.join("file")).unwrap(), content);
        }
        assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
    }
}
