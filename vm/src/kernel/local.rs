//! Kernels that are on this machine already: a boot image, a built tree, the running kernel.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::file::{file, native, with_release};
use super::{Kernel, archive, folder, package};
use crate::{Cache, Error, Result};
use sys::input;

/// The kernel that this machine runs.
pub(super) fn host(name: &str, cache: &Cache) -> Result<Kernel> {
    let path = Path::new("/proc/sys/kernel/osrelease");
    let release = fs::read_to_string(path).map_err(Error::io("read", path))?.trim().to_owned();
    let modules = PathBuf::from("/lib/modules").join(&release);
    let places = [PathBuf::from("/boot").join(format!("vmlinuz-{release}")), modules.join("vmlinuz")];
    let Some(image) = places.iter().find(|path| path.exists()) else {
        return Err(Error::unusable(
            &places[0],
            "is not there: the image of the running kernel is not on this machine",
            "give the path of a bzImage, or use the distribution's kernel (--kernel distro)",
        ));
    };
    file(name, image, None, cache)
}

/// Bytes that an image or a package may have: a vmlinux with debug information has half a gigabyte.
const LARGEST: u64 = 4 << 30;

/// The path of a file or folder that may be a kernel, without links.
///
/// # Errors
/// It is not there, or it is what one would wait for, or read without end: a pipe, a device.
pub(super) fn given(path: &Path) -> Result<PathBuf> {
    let path = path.canonicalize().map_err(Error::io("find", path))?;
    let data = fs::metadata(&path).map_err(Error::io("read", &path))?;
    if !data.is_dir() && !data.is_file() {
        return Err(Error::unusable(&path, "is no regular file, and no folder", A_KERNEL));
    }
    if data.is_file() && data.len() > LARGEST {
        let reason = format!("has {} MB, which is more than any kernel has", data.len() / 1_000_000);
        return Err(Error::unusable(&path, reason, A_KERNEL));
    }
    Ok(path)
}

const A_KERNEL: &str =
    "give a bzImage, a package, or the folder of a kernel that was built, installed or unpacked";

/// A boot image, a package, or the folder of a kernel that was built, installed or unpacked.
pub(super) fn path(name: &str, path: &Path, modules: Option<&Path>, cache: &Cache) -> Result<Kernel> {
    let path = given(path)?;
    if path.is_dir() {
        return folder(name, &path, cache);
    }
    let mut head = Vec::new();
    let read = fs::File::open(&path).and_then(|file| file.take(8).read_to_end(&mut head));
    read.map_err(Error::io("read", &path))?;
    if !archive::is_package(&head) {
        return file(name, &path, modules, cache);
    }
    match modules {
        None => package::in_file(name, &path, cache),
        Some(_) => {
            let way_out = "unpack them into one folder, and give that";
            Err(Error::unusable(&path, "is a package, whose modules are its own", way_out))
        }
    }
}

/// A tree that has something of a kernel's source in it is one; else there may be an image where one is installed.
fn folder(name: &str, root: &Path, cache: &Cache) -> Result<Kernel> {
    if !root.join("Kbuild").exists()
        && !root.join("arch").exists()
        && let Some(image) = folder::image(root)?
    {
        let has_modules = ["lib/modules", "usr/lib/modules"].iter().any(|below| root.join(below).is_dir());
        return file(name, &image, has_modules.then_some(root), cache);
    }
    tree(name, root, cache)
}

/// A kernel tree after `make`: modules need not be installed.
fn tree(name: &str, tree: &Path, cache: &Cache) -> Result<Kernel> {
    let image = tree.join(if cfg!(target_arch = "aarch64") {
        "arch/arm64/boot/Image"
    } else {
        "arch/x86/boot/bzImage"
    });
    if !image.exists() {
        let (reason, way_out) = if tree.join("Kbuild").exists() {
            (format!("has no {}", image.display()), "build it first (make bzImage modules)")
        } else {
            (
                "is no kernel tree, and has no boot/vmlinuz-RELEASE and no lib/modules/RELEASE/vmlinuz"
                    .to_owned(),
                A_KERNEL,
            )
        };
        return Err(Error::unusable(tree, reason, way_out));
    }
    let head = native(&image)?;
    let path = tree.join("include/config/kernel.release");
    let release = input::read_text(&path, input::TEXT).map_err(Error::io("read", &path))?.trim().to_owned();
    with_release(name, &image, &head, release, Some(tree.to_path_buf()), Some(tree.join(".config")), cache)
}
