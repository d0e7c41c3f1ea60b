//! From a kernel and the names of modules to an initramfs, remembered: with everything warm no module is read.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cache::{Stamp, sha256_of};
use crate::initramfs::{self, Entry, Initramfs};
use crate::modules::{Closure, closure, sums};
use crate::{Cache, Error, Kernel, Progress, Result};

/// Raised when what an older version of this program remembered must not be used any more.
const FORMAT: &str = "2";

/// What a kernel boots with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The archive.
    pub initramfs: Initramfs,
    /// The modules in it, and those that could not be had.
    pub closure: Closure,
}

/// [`closure`] and [`initramfs::build`] in one, remembered for as long as no file that they looked at has changed.
///
/// # Errors
/// Also [`Error::Damaged`]: the kernel has to be resolved again.
pub fn prepare(
    cache: &Cache,
    kernel: &Kernel,
    modules: &[&str],
    init: &Path,
    extra: &[Entry],
    progress: &dyn Progress,
) -> Result<Prepared> {
    let key: [&str; 7] = [
        FORMAT,
        &kernel.sha256,
        &kernel.modules.as_deref().unwrap_or(Path::new("")).to_string_lossy(),
        &modules.join(" "),
        &cache.sha256(init)?,
        &initramfs::sha256_of_entries(&initramfs::devices()),
        &initramfs::sha256_of_entries(extra),
    ];
    let memory = cache.folder("prepared")?.join(sha256_of(key.join("\n").as_bytes()) + ".json");
    if let Some(known) = cache.get::<Memory>(&memory)
        && known.files == stamps(kernel, &known.closure)
        && let Some(initramfs) = initramfs::find(cache, &known.initramfs)
    {
        return Ok(Prepared { initramfs, closure: known.closure });
    }
    progress.step("building the initramfs");
    let closure = whole(kernel, closure(kernel, modules), cache)?;
    let initramfs = initramfs::build(cache, init, &closure, extra)?;
    let files = stamps(kernel, &closure);
    cache.put(&memory, &Memory { files, initramfs: initramfs.sha256.clone(), closure: closure.clone() })?;
    Ok(Prepared { initramfs, closure })
}

/// The modules that a guest gets, if they are what was unpacked. A kernel of the cache that is not is deleted.
fn whole(kernel: &Kernel, found: Result<Closure>, cache: &Cache) -> Result<Closure> {
    let Some(folder) = &kernel.unpacked else { return found };
    let Some((path, reason)) = sums::damaged(kernel, found.as_ref().ok(), cache)? else { return found };
    fs::remove_dir_all(folder).map_err(Error::io("delete", folder))?;
    Err(Error::Damaged { path, reason })
}

#[derive(Serialize, Deserialize)]
struct Memory {
    /// The lists of modules, and the modules. `None`: it was not there.
    files: Vec<(PathBuf, Option<Stamp>)>,
    initramfs: String,
    closure: Closure,
}

fn stamps(kernel: &Kernel, closure: &Closure) -> Vec<(PathBuf, Option<Stamp>)> {
    let lists = kernel
        .modules
        .iter()
        .flat_map(|folder| ["", "modules.order", "modules.builtin"].map(|name| folder.join(name)));
    let modules = closure.load_order.iter().map(|module| module.path.clone());
    lists.chain(modules).map(|path| (path.clone(), Stamp::of(&path).ok())).collect()
}
