//! Paths and what is at them: openat2(2), mknod(2), fchownat(2), utimensat(2), xattr(7).

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::{self, AtFlags, OFlag, OpenHow, ResolveFlag};
use nix::sys::stat::{self, Mode, SFlag};
use nix::sys::time::TimeSpec;
use nix::sys::{stat::UtimensatFlags, statfs};
use nix::unistd::{self, Gid, Uid};

use super::{Errno, Result};

/// What may be at a path on the way to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Symbolic links are followed, as if the directory were the root.
    InsideRoot,
    /// A symbolic link anywhere is `ELOOP`.
    Refused,
}

/// What mknod(2) makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// A character device, by its number (makedev(3)).
    Character(u64),
    /// A block device, by its number.
    Block(u64),
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
}

/// The major and minor numbers as one. makedev(3)
pub fn device(major: u64, minor: u64) -> u64 {
    stat::makedev(major, minor)
}

/// A handle on a path of the caller's own root (O_PATH): no right to read is needed. The last link is followed.
pub fn handle(path: &Path) -> Result<OwnedFd> {
    fcntl::open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
}

/// A handle on a path below `root`, which nothing on the way can lead out of. openat2(2), Linux 5.6.
pub fn handle_in(root: BorrowedFd<'_>, path: &Path, links: Links) -> Result<OwnedFd> {
    let resolve = match links {
        Links::InsideRoot => ResolveFlag::RESOLVE_IN_ROOT,
        Links::Refused => ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_SYMLINKS,
    };
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(resolve);
    fcntl::openat2(root, path, how)
}

/// Opens an existing file below `root` for writing, through no symbolic link.
pub fn write_in(root: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(OFlag::O_WRONLY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_SYMLINKS);
    fcntl::openat2(root, path, how)
}

/// Opens what is at `path` below the handle, to read it.
pub fn open_in(folder: BorrowedFd<'_>, path: &OsStr) -> Result<OwnedFd> {
    fcntl::openat(folder, path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
}

/// Opens what is at `path` to read it, whatever it is: a FIFO without a writer is not waited for, and a link is `ELOOP`.
pub fn open_at_once(path: &Path) -> Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    fcntl::open(path, flags, Mode::empty())
}

/// Reads a text of procfs. What is no UTF-8 is replaced: the name of a process, for one, is any fifteen bytes. prctl(2)
pub fn read_text(path: impl AsRef<Path>) -> io::Result<String> {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Opens a device below the handle to read and write. It does not become the controlling terminal. O_NOCTTY, open(2)
pub fn open_terminal_in(folder: BorrowedFd<'_>, path: &OsStr) -> Result<OwnedFd> {
    fcntl::openat(folder, path, OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC, Mode::empty())
}

/// The path under which a handle can be used by calls that take none. Needs `/proc`.
pub fn path_of(fd: impl AsFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd()))
}

/// mkdirat(2) of one name.
pub fn make_directory_at(parent: impl AsFd, name: &OsStr, mode: u32) -> Result<()> {
    stat::mkdirat(parent, name, Mode::from_bits_truncate(mode))
}

/// Makes an empty file; one that exists is left alone.
pub fn make_file_at(parent: impl AsFd, name: &OsStr) -> Result<()> {
    let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_WRONLY;
    match fcntl::openat(parent, name, flags, Mode::from_bits_truncate(0o644)) {
        Ok(_) | Err(Errno::EEXIST) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// symlinkat(2)
pub fn make_link_at(target: &str, parent: impl AsFd, name: &str) -> Result<()> {
    unistd::symlinkat(target, parent, name)
}

/// mknodat(2), with permission bits to which the umask applies.
pub fn make_node_at(parent: impl AsFd, name: &OsStr, node: Node, mode: u32) -> Result<()> {
    let (kind, device) = match node {
        Node::Character(device) => (SFlag::S_IFCHR, device),
        Node::Block(device) => (SFlag::S_IFBLK, device),
        Node::Fifo => (SFlag::S_IFIFO, 0),
        Node::Socket => (SFlag::S_IFSOCK, 0),
    };
    stat::mknodat(parent, name, kind, Mode::from_bits_truncate(mode), device)
}

/// Whether the handle is a directory.
pub fn is_directory(fd: impl AsFd) -> Result<bool> {
    Ok(kind(stat::fstat(fd)?.st_mode) == SFlag::S_IFDIR)
}

/// The number of the character device that the handle is on, if it is one.
pub fn character_device(fd: impl AsFd) -> Result<Option<u64>> {
    let found = stat::fstat(fd)?;
    Ok((kind(found.st_mode) == SFlag::S_IFCHR).then_some(found.st_rdev))
}

fn kind(mode: libc::mode_t) -> SFlag {
    SFlag::from_bits_truncate(mode & libc::S_IFMT)
}

/// Device and inode: what tells two files, or two namespaces, apart.
pub fn identity(path: &Path) -> Result<(u64, u64)> {
    let found = stat::stat(path)?;
    Ok((found.st_dev, found.st_ino))
}

/// Whether the handle is on a procfs: a file of another one could only pretend to be a sysctl.
pub fn is_procfs(fd: impl AsFd) -> Result<bool> {
    Ok(statfs::fstatfs(fd)?.filesystem_type() == statfs::PROC_SUPER_MAGIC)
}

/// Changes owner and group of what is at `path`, not of what a link points to.
pub fn change_owner(path: &Path, user: u32, group: u32) -> Result<()> {
    let (user, group) = (Some(Uid::from_raw(user)), Some(Gid::from_raw(group)));
    unistd::fchownat(fcntl::AT_FDCWD, path, user, group, AtFlags::AT_SYMLINK_NOFOLLOW)
}

/// Sets the times of access and modification, as (seconds, nanoseconds) since 1970, of what is at `path` itself.
pub fn change_times(path: &Path, accessed: (i64, i64), modified: (i64, i64)) -> Result<()> {
    let accessed = TimeSpec::new(accessed.0, accessed.1);
    let modified = TimeSpec::new(modified.0, modified.1);
    stat::utimensat(fcntl::AT_FDCWD, path, &accessed, &modified, UtimensatFlags::NoFollowSymlink)
}

/// Copies one extended attribute of what is at `from` itself, if it has it. `ERANGE` for a value of more than 256 bytes.
pub fn copy_attribute(from: &Path, to: &Path, name: &CStr) -> Result<()> {
    let (from, to) = (c_path(from)?, c_path(to)?);
    let mut value = [0u8; 256];
    // SAFETY: both texts are terminated; the kernel writes at most `len` bytes into the buffer.
    let length =
        unsafe { libc::lgetxattr(from.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
    let length = match Errno::result(length) {
        // It has none, or its file system has no such thing.
        Err(Errno::ENODATA | Errno::ENOTSUP) => return Ok(()),
        other => other?.unsigned_abs(),
    };
    // SAFETY: both texts are terminated; the kernel reads `length` bytes, which the call above filled in.
    let result = unsafe { libc::lsetxattr(to.as_ptr(), name.as_ptr(), value.as_ptr().cast(), length, 0) };
    Errno::result(result).map(drop)
}

fn c_path(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| Errno::EINVAL)
}

/// chdir(2)
pub fn change_directory(path: &Path) -> Result<()> {
    unistd::chdir(path)
}

/// fchdir(2)
pub fn change_directory_to(fd: impl AsFd) -> Result<()> {
    unistd::fchdir(fd)
}

/// The working directory as the kernel tells it: one that is out of reach of the root does not begin with `/`, and is
/// `ENOENT` here.
pub fn working_directory() -> Result<PathBuf> {
    let path = unistd::getcwd()?;
    if path.is_absolute() { Ok(path) } else { Err(Errno::ENOENT) }
}
