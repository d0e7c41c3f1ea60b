//! Checksums of the modules that were unpacked into the cache: a disk that loses data is found out before a guest is
//! blamed for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Closure;
use super::folder::Folder;
use crate::cache::sha256_of_file;
use crate::kernel::sums_in;
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

/// A module that is needed and is not what was unpacked, or is gone: where it is, and what is the matter. `closure`: what was
/// found of those that are needed, if they could be read. A kernel that was not unpacked by us has no checksums.
///
/// # Errors
/// A module cannot be read.
pub(crate) fn damaged(
    kernel: &Kernel,
    closure: Option<&Closure>,
    cache: &Cache,
) -> Result<Option<(PathBuf, &'static str)>> {
    const CHANGED: &str = "is not what was unpacked";
    let sums = kernel.unpacked.as_deref().and_then(|folder| cache.get::<Sums>(&sums_in(folder)));
    let (Some(sums), Some(modules)) = (sums, &kernel.modules) else { return Ok(None) };
    let is_changed =
        |name: &String, path: &Path| -> Result<bool> { Ok(sums.get(name) != Some(&sha256_of_file(path)?)) };
    let Some(closure) = closure else {
        for (name, path) in Folder::open(modules)?.files() {
            if is_changed(name, path)? {
                return Ok(Some((path.clone(), CHANGED)));
            }
        }
        return Ok(None);
    };
    for module in &closure.load_order {
        if is_changed(&module.name, &module.path)? {
            return Ok(Some((module.path.clone(), CHANGED)));
        }
    }
    let gone = closure.missing.keys().find(|name| sums.contains_key(*name));
    Ok(gone.map(|name| (modules.join(name).with_extension("ko"), "was unpacked, and is not there any more")))
}
