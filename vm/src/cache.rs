//! What is fetched or built once, kept on disk. Nothing is ever seen half-written: files and folders are made aside
//! and renamed into place, and two runs at once wait for each other on a lock.

mod folder;
mod record;
mod room;
mod scratch;
mod stamp;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};
pub use room::Part;
pub(crate) use scratch::Scratch;
pub(crate) use stamp::{Stamp, sha256_of, sha256_of_file};

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

/// The lock under which a folder in the making is begun: one that has no lock of its own then is abandoned.
const MAKING: &str = "making";

/// The variables that say where the cache is, the first one first, and where below their value.
const PLACES: [(&str, &str); 3] =
    [("NSPROOF_CACHE", ""), ("XDG_CACHE_HOME", "nsproof"), ("HOME", ".cache/nsproof")];

/// The cache cannot be where a variable says.
fn impossible(variable: &str, root: &Path, error: Error) -> Error {
    let (reason, way_out) = match error {
        Error::Io { doing, path, source } => {
            let way_out = "set NSPROOF_CACHE to a folder that you may write to; it is made if it is missing";
            let file = folder::file_above(root);
            let file = file.map(|file| format!("{} is a file, and no folder", file.display()));
            let refused = if path == root {
                source.to_string()
            } else {
                format!("cannot {doing} {}: {source}", path.display())
            };
            (file.unwrap_or(refused), way_out.to_owned())
        }
        Error::Unusable { path, reason, way_out } if path == root => (reason, way_out),
        other => return other,
    };
    let reason = format!("the cache cannot be there, as {variable} says: {reason}");
    Error::unusable(root, reason, way_out)
}

/// What says where the cache is, and where that is.
///
/// # Errors
/// Nothing says it.
fn place() -> Result<(&'static str, PathBuf)> {
    let below = |above: &OsStr, below: &str| -> PathBuf {
        Path::new(above).components().chain(Path::new(below).components()).collect()
    };
    let value = |(name, rest): (&'static str, &str)| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
        Some((name, below(&value, rest)))
    };
    if let Some(place) = PLACES.into_iter().find_map(value) {
        return Ok(place);
    }
    // A service, or what cron starts, may have no HOME. No folder for all users takes its place: there anybody may have put
    // what this user would take for their own.
    let home = std::env::home_dir().filter(|home| home.is_absolute());
    let home = home.ok_or_else(|| {
        let reason = "there is no place for it: NSPROOF_CACHE, XDG_CACHE_HOME and HOME are not set";
        Error::unusable("the cache", reason, "set NSPROOF_CACHE to a folder that you may write to")
    })?;
    Ok(("the user database", below(home.as_os_str(), ".cache/nsproof")))
}

impl Cache {
    /// `$NSPROOF_CACHE`, else `$XDG_CACHE_HOME/nsproof`, else `~/.cache/nsproof`. Made if absent.
    ///
    /// # Errors
    /// What keeps it from being made there or from being believed, and which variable says so.
    pub fn open() -> Result<Self> {
        let (variable, root) = place()?;
        Self::at(&root).map_err(|error| impossible(variable, &root, error))
    }

    /// A cache in a given folder, which is this user's alone. What runs that were killed left half-made in it is deleted.
    ///
    /// # Errors
    /// It cannot be made, others may write to it, or it is not for the cache alone.
    pub fn at(root: &Path) -> Result<Self> {
        let cache = Self { root: folder::private(root)? };
        // What exists already may still be no place for anything new.
        let tmp = cache.root.join("tmp");
        fs::create_dir_all(&tmp).map_err(Error::io("create", root))?;
        let _lock = cache.lock(MAKING)?;
        scratch::sweep(&tmp)?;
        Ok(cache)
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

    /// Returns a folder with these files, each by its path there. They are written once, and again if one is not whole.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn unfold<'f>(
        &self,
        name: &str,
        files: impl IntoIterator<Item = (&'f Path, &'f [u8])>,
    ) -> Result<PathBuf> {
        let files: Vec<_> = files.into_iter().collect();
        let sums: Vec<_> =
            files.iter().map(|(path, bytes)| (path.display().to_string(), sha256_of(bytes))).collect();
        let key = sha256_of(format!("{sums:?}").as_bytes());
        let place = self.folder("program")?.join(format!("{name}-{key}"));
        let _lock = self.lock("program")?;
        let is_whole = |((path, _), (_, sum)): (&(&Path, &[u8]), &(String, String))| {
            self.sha256(&place.join(path)).is_ok_and(|is| is == *sum)
        };
        if files.iter().zip(&sums).all(is_whole) {
            return Ok(place);
        }
        if place.exists() {
            fs::remove_dir_all(&place).map_err(Error::io("delete", &place))?;
        }
        let scratch = self.scratch()?;
        for (path, bytes) in files {
            let path = scratch.path().join(path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
            }
            fs::write(&path, bytes).map_err(Error::io("write", &path))?;
        }
        scratch.publish(&place)?;
        Ok(place)
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
        let path = self.folder(room::LOCKS)?.join(name);
        let file = folder::lock_file(&path).map_err(Error::io("open", &path))?;
        file.lock().map_err(Error::io("lock", &path))?;
        Ok(Lock { _file: file })
    }

    /// A folder to make something in; gone when dropped, unless published. On the cache's own file system.
    pub(crate) fn scratch(&self) -> Result<Scratch> {
        let _lock = self.lock(MAKING)?;
        Scratch::new(&self.folder("tmp")?)
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

    /// A record that was [`Cache::put`]; `None` if there is none, or if it is not whole: it is only a memory.
    pub(crate) fn get<T: for<'a> Deserialize<'a>>(&self, path: &Path) -> Option<T> {
        record::parse(&fs::read(path).ok()?)
    }

    /// Remembers a record.
    pub(crate) fn put<T: Serialize>(&self, path: &Path, record: &T) -> Result<()> {
        let text = record::text(record).map_err(|error| Error::io("write", path)(error.into()))?;
        self.write(path, &text)
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

#[derive(Serialize, Deserialize)]
struct Hashed {
    stamp: Stamp,
    sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_has_another_hash() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path()).unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "one").unwrap();
        let one = cache.sha256(&path).unwrap();
        assert_eq!(one, sha256_of(b"one"));
        assert_eq!(cache.sha256(&path).unwrap(), one);
        // The same size, and the modification time set back: ctime still tells.
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(&path, "two").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_eq!(cache.sha256(&path).unwrap(), sha256_of(b"two"));
    }

    #[test]
    fn a_file_is_hashed_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content = b"0123456789".repeat(100_000);
        fs::write(&path, &content).unwrap();
        assert_eq!(sha256_of_file(&path).unwrap(), sha256_of(&content));
    }
}
