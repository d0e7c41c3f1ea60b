//! Checksums of the modules that are unpacked into the cache.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cache::sha256_of_file;
use crate::module_files::Folder;
use crate::{Cache, Result};

/// Module → SHA-256 of its file.
pub(crate) type Sums = BTreeMap<String, String>;

/// Writes the checksums of all modules in a folder.
pub(super) fn write(path: &Path, modules: &Path, cache: &Cache) -> Result<()> {
    let folder = Folder::open(modules)?;
    let sum = |(name, path): (&String, &PathBuf)| Ok((name.clone(), sha256_of_file(path)?));
    let sums: Sums = folder.files().map(sum).collect::<Result<_>>()?;
    cache.put(path, &sums)
}
