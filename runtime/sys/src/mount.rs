//! mount(2), umount2(2), pivot_root(2), chroot(2), mount_setattr(2).

use std::ffi::OsStr;
use std::path::Path;

use nix::mount::{self, MntFlags, MsFlags};
use nix::sys::statvfs;
use nix::unistd;

use super::{Errno, Result};

/// Flags of mount(2), by the names of [`flag`].
pub type Flags = MsFlags;

/// MS_NOSYMFOLLOW (Linux 5.10), which libc does not name.
const MS_NOSYMFOLLOW: libc::c_ulong = 256;

/// The flag that mount(8) writes so, and whether it is cleared rather than set: `ro`, `rw`, `nosuid`, …
pub fn flag(word: &str) -> Option<(Flags, bool)> {
    let set = |flag| Some((flag, true));
    let clear = |flag| Some((flag, false));
    match word {
        "ro" => set(MsFlags::MS_RDONLY),
        "rw" => clear(MsFlags::MS_RDONLY),
        "nosuid" => set(MsFlags::MS_NOSUID),
        "suid" => clear(MsFlags::MS_NOSUID),
        "nodev" => set(MsFlags::MS_NODEV),
        "dev" => clear(MsFlags::MS_NODEV),
        "noexec" => set(MsFlags::MS_NOEXEC),
        "exec" => clear(MsFlags::MS_NOEXEC),
        "nosymfollow" => set(MsFlags::from_bits_retain(MS_NOSYMFOLLOW)),
        "noatime" => set(MsFlags::MS_NOATIME),
        "nodiratime" => set(MsFlags::MS_NODIRATIME),
        "relatime" => set(MsFlags::MS_RELATIME),
        "strictatime" => set(MsFlags::MS_STRICTATIME),
        "sync" => set(MsFlags::MS_SYNCHRONOUS),
        "dirsync" => set(MsFlags::MS_DIRSYNC),
        _ => None,
    }
}

/// The propagation that mount(8) writes so: `private`, `rprivate`, `slave`, …
pub fn propagation(word: &str) -> Option<Flags> {
    let (recursive, kind) = match word.strip_prefix('r') {
        Some(kind) => (MsFlags::MS_REC, kind),
        None => (MsFlags::empty(), word),
    };
    let kind = match kind {
        "private" => MsFlags::MS_PRIVATE,
        "slave" => MsFlags::MS_SLAVE,
        "shared" => MsFlags::MS_SHARED,
        "unbindable" => MsFlags::MS_UNBINDABLE,
        _ => return None,
    };
    Some(kind | recursive)
}

/// The attribute that a word like `rro` gives to a whole tree of mounts: MOUNT_ATTR_*.
pub fn recursive_attribute(word: &str) -> Option<u64> {
    match word {
        "rro" => Some(libc::MOUNT_ATTR_RDONLY),
        "rnosuid" => Some(libc::MOUNT_ATTR_NOSUID),
        "rnodev" => Some(libc::MOUNT_ATTR_NODEV),
        "rnoexec" => Some(libc::MOUNT_ATTR_NOEXEC),
        "rnosymfollow" => Some(libc::MOUNT_ATTR_NOSYMFOLLOW),
        _ => None,
    }
}

/// Mounts a file system of that type.
pub fn filesystem(kind: &str, source: &str, target: &Path, flags: Flags, data: &str) -> Result<()> {
    let data = (!data.is_empty()).then(|| OsStr::new(data));
    mount::mount(Some(source), target, Some(kind), flags, data)
}

/// Binds `source` on `target`, with everything mounted below it when `recursive`.
pub fn bind(source: &Path, target: &Path, recursive: bool) -> Result<()> {
    let mut flags = MsFlags::MS_BIND;
    flags.set(MsFlags::MS_REC, recursive);
    mount::mount(Some(source), target, None::<&Path>, flags, None::<&Path>)
}

/// Changes the propagation of the mount at `target`.
pub fn propagate(target: &Path, flags: Flags) -> Result<()> {
    mount::mount(None::<&Path>, target, None::<&Path>, flags, None::<&Path>)
}

/// Sets and clears flags of the one mount at `target`. Flags it already has stay: a user namespace may not clear those
/// that it inherited, and mount(2) refuses a remount that leaves them out.
pub fn remount(target: &Path, set: Flags, clear: Flags) -> Result<()> {
    let present = MsFlags::from_bits_truncate(statvfs::statvfs(target)?.flags().bits());
    let kept = MsFlags::MS_RDONLY
        | MsFlags::MS_NOSUID
        | MsFlags::MS_NODEV
        | MsFlags::MS_NOEXEC
        | MsFlags::MS_NOATIME
        | MsFlags::MS_NODIRATIME;
    let flags = ((present & kept) - clear) | set | MsFlags::MS_BIND | MsFlags::MS_REMOUNT;
    mount::mount(None::<&Path>, target, None::<&Path>, flags, None::<&Path>)
}

/// Gives MOUNT_ATTR_* to the mount at `target` and to every mount below it. `ENOSYS` before Linux 5.12.
pub fn set_attributes_recursively(target: &Path, attributes: u64) -> Result<()> {
    let target = std::ffi::CString::new(target.as_os_str().as_encoded_bytes()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: every bit pattern of this structure of integers is valid.
    let mut attr: libc::mount_attr = unsafe { std::mem::zeroed() };
    attr.attr_set = attributes;
    let size = std::mem::size_of::<libc::mount_attr>();
    // SAFETY: the path is terminated, and the structure has the size that is told; both outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            target.as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attr,
            size,
        )
    };
    Errno::result(result).map(drop)
}

/// Takes the tree of mounts at `target` out of sight at once; it ends when nobody uses it any more. MNT_DETACH
pub fn detach(target: &Path) -> Result<()> {
    mount::umount2(target, MntFlags::MNT_DETACH)
}

/// pivot_root(2): the working directory's mount becomes the root, the old root is mounted at `old`, below it or on it.
pub fn pivot(new: &Path, old: &Path) -> Result<()> {
    unistd::pivot_root(new, old)
}

/// chroot(2)
pub fn chroot(path: &Path) -> Result<()> {
    unistd::chroot(path)
}
