//! Checksums of the modules that were unpacked into the cache: a disk that loses data is found out before a guest is
//! blamed for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::folder::Folder;
use super::{Closure, file};
use crate::cache::sha256_of_file;
use crate::{Cache, Kernel, Result};

/// Module → SHA-256 of its file.
type Sums = BTreeMap<String, String>;

/// Writes the checksums of all modules in a folder.
pub(crate) fn write(path: &Path, modules: &Path, cache: &Cache) -> Result<()> {
    let folder = Folder::open(modules)?;
    let sum = |(name, path): (&String, &PathBuf)| Ok((name.clone(), sha256_of_file(path)?));
    let sums: Sums = folder.files().map(sum).collect::<Result<_>>()?;
    cache.put(path, &sums)
}

/// Compares the modules of a closure with what was unpacked. A kernel that was not unpacked by us has no checksums.
pub(crate) fn verify(kernel: &Kernel, closure: &Closure, cache: &Cache) -> Result<()> {
    let Some(sums) = kernel.sums.as_deref().and_then(|path| cache.get::<Sums>(path)) else { return Ok(()) };
    for module in &closure.load_order {
        if sums.get(&module.name) != Some(&sha256_of_file(&module.path)?) {
            return Err(file::damaged(&module.path, "it is not what was unpacked"));
        }
    }
    Ok(())
}
