//! The new root: made, filled, and switched to. pivot_root(2), chroot(2)

use std::fs;
use std::path::{Path, PathBuf};

use crate::mounts::flags;
use crate::skeleton;
use crate::spec::{Namespace, Propagation, Root, Spec, Switch};
use crate::step::{About, Fault};
use crate::tree::Tree;
use sys::{self, Errno, file, mount, mountinfo};

/// Where a tmpfs root is mounted until it becomes `/`: every procfs has this directory and no container's specification
/// names a path below it, so nothing is hidden.
const STAGE: &str = "/proc/driver";

/// Gives every mount of the new namespace its propagation.
pub(crate) fn propagate(propagation: Propagation) -> sys::Result<()> {
    let word = match propagation {
        Propagation::Private => "rprivate",
        Propagation::Slave => "rslave",
        Propagation::Shared => "rshared",
        Propagation::Unbindable => "runbindable",
        Propagation::Unchanged => return Ok(()),
    };
    mount::propagate(Path::new("/"), mount::propagation(word).ok_or(Errno::EINVAL)?)
}

/// Where the new root is until it becomes `/`.
fn place(root: &Root) -> PathBuf {
    root.dir.clone().unwrap_or_else(|| PathBuf::from(STAGE))
}

/// Mounts the new root, or takes the directory as it is where the mounts are the caller's own.
pub(crate) fn prepare(spec: &Spec, root: &Root) -> Result<Tree, Fault> {
    let own_mounts = spec.namespaces.contains(&Namespace::Mount);
    let target = place(root);
    let pivot_from_shared = own_mounts && root.switch == Switch::Pivot && spec.propagation.reaches_out();
    let private = mount::propagation("private").ok_or(Errno::EINVAL)?;
    if pivot_from_shared {
        // pivot_root(2) refuses a new root on a shared parent.
        mount::propagate(&mount_point_of(&target)?, private)?;
    }
    match &root.tmpfs {
        Some(size) => {
            let data = format!("size={size},mode=755");
            mount::filesystem("tmpfs", "tmpfs", &target, mount::Flags::empty(), &data)?;
        }
        // pivot_root(2) wants a mount point.
        None if own_mounts => mount::bind(&target, &target, true)?,
        None => {}
    }
    if pivot_from_shared {
        mount::propagate(&target, private)?;
    }
    Ok(Tree::at(&target)?)
}

/// Copies the skeleton into the new root, which is found by its short path: the tree's own leads through procfs.
pub(crate) fn fill(root: &Root, skeleton: &Path) -> Result<(), Fault> {
    skeleton::copy(skeleton, &place(root))
}

/// Makes the tree's mount the root of the mount namespace.
pub(crate) fn pivot(tree: &Tree, root: &Root) -> Result<(), Fault> {
    if let Some(old) = &root.keep_old {
        tree.directory(old, file::Links::InsideRoot).about(|| old.display().to_string())?;
    }
    file::change_directory_to(tree)?;
    match &root.keep_old {
        // The old root is mounted over the new one, to be taken away next: no directory is needed for it.
        None => mount::pivot(Path::new("."), Path::new("."))?,
        Some(old) => {
            mount::pivot(Path::new("."), &Path::new(".").join(old.strip_prefix("/").unwrap_or(old)))?;
            file::change_directory(Path::new("/"))?;
        }
    }
    Ok(())
}

/// Takes the old root away, with every mount below it.
pub(crate) fn detach_old() -> sys::Result<()> {
    mount::detach(Path::new("."))?;
    file::change_directory(Path::new("/"))
}

/// Makes the tree the root directory of this process.
pub(crate) fn change(tree: &Tree) -> sys::Result<()> {
    file::change_directory_to(tree)?;
    mount::chroot(Path::new("."))?;
    file::change_directory(Path::new("/"))
}

/// Remounts the root read-only.
pub(crate) fn make_read_only() -> sys::Result<()> {
    mount::remount(Path::new("/"), flags(&["ro"]), mount::Flags::empty())
}

/// The mount that holds a path.
fn mount_point_of(path: &Path) -> Result<PathBuf, Fault> {
    let path = fs::canonicalize(path).about(|| path.display().to_string())?;
    let mounts = mountinfo::own().about(|| "/proc/self/mountinfo".into())?;
    Ok(mountinfo::holding(&mounts, &path).ok_or(Errno::ENOENT)?.target.clone())
}
