//! Checksums of the modules that were unpacked into the cache: a disk that loses data is found out before a guest is
//! blamed for it.

use std::path::PathBuf;

use super::Closure;
use crate::cache::sha256_of_file;
use crate::kernel::{Sums, sums_in};
use crate::module_files::Folder;
use crate::{Cache, Kernel, Result};

/// A module that is not what was unpacked, or is gone: where it is, and what is the matter. Of those that are there only the
/// needed ones are read, which are in `closure`; without one, because they could not be, all are. A kernel that was not unpacked
/// by us has no checksums.
///
/// # Errors
/// A module cannot be read.
pub(crate) fn damaged(
    kernel: &Kernel,
    closure: Option<&Closure>,
    cache: &Cache,
) -> Result<Option<(PathBuf, &'static str)>> {
    let sums = kernel.unpacked.as_deref().and_then(|folder| cache.get::<Sums>(&sums_in(folder)));
    let (Some(sums), Some(modules)) = (sums, &kernel.modules) else { return Ok(None) };
    let folder = Folder::open(modules)?;
    if let Some(name) = sums.keys().find(|name| folder.find(name).is_none()) {
        let path = modules.join(name).with_extension("ko");
        return Ok(Some((path, "was unpacked, and is not there any more")));
    }
    let read: Vec<(&String, &PathBuf)> = match closure {
        Some(closure) => closure.load_order.iter().map(|module| (&module.name, &module.path)).collect(),
        None => folder.files().collect(),
    };
    for (name, path) in read {
        if sums.get(name) != Some(&sha256_of_file(path)?) {
            return Ok(Some((path.clone(), "is not what was unpacked")));
        }
    }
    Ok(None)
}
