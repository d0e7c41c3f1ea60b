//! What is fetched or built once, kept on disk. Nothing is ever seen half-written: files and folders are made aside
//! and renamed into place, and two runs at once wait for each other on a lock.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

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

    /// Waits for the lock of this name.
    pub(crate) fn lock(&self, name: &str) -> Result<Lock> {
        let path = self.folder("locks")?.join(name);
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        file.lock().map_err(Error::io("lock", &path))?;
        Ok(Lock { _file: file })
    }

    /// A folder to make something in; gone when dropped, unless [`publish`]ed. On the cache's own file system.
    pub(crate) fn scratch(&self) -> Result<tempfile::TempDir> {
        let parent = self.folder("tmp")?;
        tempfile::Builder::new().prefix("make-").tempdir_in(&parent).map_err(Error::io("create", &parent))
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
        let name = sha256_of(path.as_os_str().as_encoded_bytes());
        let record = self.root.join("hashes").join(name + ".json");
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

/// Moves a finished folder into its place. If another run was faster, its folder stays.
pub(crate) fn publish(made: tempfile::TempDir, place: &Path) -> Result<()> {
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    }
    fs::rename(made.path(), place).map_err(Error::io("create", place))?;
    // Renamed away: there is nothing left to delete.
    let _ = made.keep();
    Ok(())
}

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
