//! Actions on files. Most work on a file in memory that has no name (memfd_create(2)), whatever the root directory is.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use nix::sys::memfd::{self, MFdFlags};
use nix::sys::stat::{self, Mode, SFlag};

use super::super::super::{Errno, Result, errno_of};

/// A file of this process's own that has no name. memfd_create(2)
pub fn nameless() -> Result<File> {
    memfd::memfd_create(c"nsproof", MFdFlags::MFD_CLOEXEC).map(File::from)
}

/// CAP_CHOWN: `setattr_prepare` lets only it give a file away.
pub fn give_away() -> Result<()> {
    fchown(nameless()?, Some(1), None).map_err(errno)
}

/// CAP_DAC_OVERRIDE: `generic_permission` lets only it write to what its own mode forbids. Needs a folder to write in.
pub fn write_to_forbidden(file: &Path) -> Result<()> {
    let open = |mode| File::options().write(true).create(true).mode(mode).open(file);
    drop(open(0).map_err(errno)?);
    let opened = open(0).map(drop).map_err(errno);
    std::fs::remove_file(file).map_err(errno)?;
    opened
}

/// CAP_DAC_READ_SEARCH: open_by_handle_at(2) does without the folders on the way.
pub fn open_by_handle(path: &Path) -> Result<()> {
    /// `struct file_handle`, with the room that every file system here needs.
    #[repr(C)]
    struct Handle {
        bytes: libc::c_uint,
        kind: libc::c_int,
        handle: [u8; 128],
    }
    let mount = File::open(path).map_err(errno)?;
    let path = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| Errno::EINVAL)?;
    let mut handle = Handle { bytes: 128, kind: 0, handle: [0; 128] };
    let mut mount_id = 0;
    let pointer = (&raw mut handle).cast();
    // SAFETY: the path is terminated, the handle has the room that it tells of, and the kernel writes one integer.
    let found =
        unsafe { libc::name_to_handle_at(libc::AT_FDCWD, path.as_ptr(), pointer, &raw mut mount_id, 0) };
    Errno::result(found)?;
    // SAFETY: the kernel reads the handle that it wrote.
    let fd = unsafe { libc::open_by_handle_at(mount.as_raw_fd(), pointer, libc::O_PATH | libc::O_CLOEXEC) };
    let fd = Errno::result(fd)?;
    // SAFETY: the call above just made this descriptor and nothing else knows it.
    drop(unsafe { <std::os::fd::OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(fd) });
    Ok(())
}

/// CAP_FOWNER: `may_open` lets nobody but a file's owner leave its time of access alone (O_NOATIME).
pub fn open_without_trace(others: &Path) -> Result<()> {
    File::options().read(true).custom_flags(libc::O_NOATIME).open(others).map(drop).map_err(errno)
}

/// CAP_FSETID: `should_remove_suid` leaves the set-user-ID bit alone when it writes. The kernel says nothing when it clears
/// the bit; that is told as `EPERM`.
pub fn keep_set_user_id() -> Result<()> {
    let mut file = nameless()?;
    file.set_permissions(std::fs::Permissions::from_mode(0o4755)).map_err(errno)?;
    file.write_all(b"x").map_err(errno)?;
    let kept = file.metadata().map_err(errno)?.mode() & libc::S_ISUID != 0;
    if kept { Ok(()) } else { Err(Errno::EPERM) }
}

/// CAP_LINUX_IMMUTABLE: `fileattr_set_prepare` checks it. `ENOTTY` where tmpfs has no such attributes (before Linux 6.0).
pub fn make_immutable() -> Result<()> {
    /// FS_IMMUTABLE_FL of `linux/fs.h`.
    const IMMUTABLE: libc::c_int = 0x10;
    let file = nameless()?;
    let flags = IMMUTABLE;
    // SAFETY: the kernel reads one integer: the request's name says long, but it never was one.
    Errno::result(unsafe { libc::ioctl(file.as_raw_fd(), libc::FS_IOC_SETFLAGS, &raw const flags) }).map(drop)
}

/// CAP_LEASE: `generic_setlease` lets only it have a lease on another's file.
pub fn lease(others: &Path) -> Result<()> {
    let file = File::open(others).map_err(errno)?;
    // SAFETY: numbers are passed, no pointer.
    Errno::result(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_RDLCK) }).map(drop)
}

/// CAP_MKNOD: `vfs_mknod` checks it for a device.
pub fn make_device(path: &Path) -> Result<()> {
    stat::mknod(path, SFlag::S_IFCHR, Mode::S_IRUSR, stat::makedev(1, 3))?;
    std::fs::remove_file(path).map_err(errno)
}

/// CAP_SETFCAP: `cap_convert_nscap` checks it for the attribute `security.capability`.
pub fn give_file_capabilities() -> Result<()> {
    /// `struct vfs_cap_data`: VFS_CAP_REVISION_2 and two empty sets.
    static NONE: [u32; 5] = [0x0200_0000, 0, 0, 0, 0];
    let file = nameless()?;
    let (value, size) = ((&raw const NONE).cast(), std::mem::size_of_val(&NONE));
    // SAFETY: the name is terminated, and the kernel reads `size` bytes of the value.
    let set = unsafe { libc::fsetxattr(file.as_raw_fd(), c"security.capability".as_ptr(), value, size, 0) };
    Errno::result(set).map(drop)
}

fn errno(error: io::Error) -> Errno {
    errno_of(&error)
}
