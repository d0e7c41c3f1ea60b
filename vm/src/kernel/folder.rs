//! A folder that a kernel was installed or unpacked into: `make install modules_install` with `INSTALL_PATH` and
//! `INSTALL_MOD_PATH`, or the content of a package.

use std::fs;
use std::path::{Path, PathBuf};

use super::file;
use super::image::Image;
use crate::{Error, Result};

/// The image of the only kernel in a folder; `None` if there is none.
///
/// # Errors
/// There are several: all of them are named.
pub(super) fn image(root: &Path) -> Result<Option<PathBuf>> {
    let mut kernels: Vec<(String, PathBuf)> = Vec::new();
    for path in images(root) {
        // Fedora has one image in two places.
        if !kernels.iter().any(|(_, known)| is_copy(known, &path)) {
            kernels.push((release(&path), path));
        }
    }
    kernels.sort();
    if kernels.len() > 1 {
        let below = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
        let named: Vec<_> =
            kernels.iter().map(|(release, path)| format!("{release} ({})", below(path))).collect();
        let first = kernels[0].1.display();
        let way_out = format!("give one of them with the folder of its modules: {first}:{}", root.display());
        return Err(Error::unusable(root, format!("has several kernels: {}", named.join(", ")), way_out));
    }
    Ok(kernels.into_iter().next().map(|(_, path)| path))
}

/// `boot/vmlinuz-RELEASE`, `vmlinuz-RELEASE`, `vmlinuz`, or `lib/modules/RELEASE/vmlinuz` where the modules are.
fn images(root: &Path) -> Vec<PathBuf> {
    let modules =
        ["usr/lib/modules", "lib/modules"].into_iter().flat_map(|folder| entries(&root.join(folder)));
    let beside = modules.map(|folder| folder.join("vmlinuz"));
    let named = ["boot", ""].into_iter().flat_map(|folder| entries(&root.join(folder)));
    named.filter(|path| is_named_so(path)).chain(beside).filter(|path| path.is_file()).collect()
}

/// installkernel(8) keeps the image before as `.old`.
fn is_named_so(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("vmlinuz") && !name.ends_with(".old")
}

/// What an image tells of its release, or what its name does. One that tells nothing is told of when it is read.
fn release(image: &Path) -> String {
    let head = Image::read(image).ok();
    head.and_then(|head| file::release_of(&head, image).ok()).unwrap_or_else(|| image.display().to_string())
}

/// Whether two images are one, byte by byte. What cannot be read is told of when it is used.
fn is_copy(one: &Path, other: &Path) -> bool {
    let size = |path: &Path| fs::metadata(path).map(|data| data.len()).ok();
    size(one) == size(other) && fs::read(one).ok() == fs::read(other).ok()
}

/// In the order of their names; nothing of what is no folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}
