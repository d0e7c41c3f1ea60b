//! Files: mknod(2), statfs(2), umask(2).

use std::fs::File;
use std::path::Path;

use nix::fcntl::{self, FallocateFlags};
use nix::sys::stat::{self, Mode, SFlag};
use nix::sys::statfs;
use nix::sys::statvfs::FsFlags;

use super::super::file::Node;
use super::super::{Errno, Result};

/// mknod(2), with permission bits to which the umask applies.
pub fn make_node(path: &Path, node: Node, mode: u32) -> Result<()> {
    let (kind, device) = match node {
        Node::Character(device) => (SFlag::S_IFCHR, device),
        Node::Block(device) => (SFlag::S_IFBLK, device),
        Node::Fifo => (SFlag::S_IFIFO, 0),
        Node::Socket => (SFlag::S_IFSOCK, 0),
    };
    stat::mknod(path, kind, Mode::from_bits_truncate(mode), device)
}

/// The two halves of a device's number. makedev(3)
pub fn major_minor(device: u64) -> (u64, u64) {
    (stat::major(device), stat::minor(device))
}

/// The file mode creation mask, which can only be read by setting it. umask(2)
pub fn umask() -> u32 {
    let mask = stat::umask(Mode::empty());
    stat::umask(mask);
    mask.bits()
}

/// Gives a file room, as writing zeroes would: `ENOSPC` if there is none. fallocate(2)
pub fn allocate(file: &File, offset: u64, length: u64) -> Result<()> {
    let number = |value| i64::try_from(value).map_err(|_| Errno::EFBIG);
    fcntl::fallocate(file, FallocateFlags::empty(), number(offset)?, number(length)?)
}

/// What statfs(2) tells of a mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filesystem {
    /// The magic number of its type.
    pub magic: i64,
    /// Bytes in all.
    pub size: u64,
    /// Bytes that are free.
    pub free: u64,
    /// How many files and folders are on it.
    pub files: u64,
    /// The mount's flags, as mount(8) writes them.
    pub flags: Vec<&'static str>,
}

/// statfs(2)
pub fn filesystem(path: &Path) -> Result<Filesystem> {
    let found = statfs::statfs(path)?;
    let block = u64::try_from(found.block_size()).unwrap_or_default();
    let words = [
        (FsFlags::ST_RDONLY, "ro"),
        (FsFlags::ST_NOSUID, "nosuid"),
        (FsFlags::ST_NODEV, "nodev"),
        (FsFlags::ST_NOEXEC, "noexec"),
        (FsFlags::ST_SYNCHRONOUS, "sync"),
        (FsFlags::ST_NOATIME, "noatime"),
        (FsFlags::ST_NODIRATIME, "nodiratime"),
        (FsFlags::ST_RELATIME, "relatime"),
    ];
    let flags = found.flags();
    Ok(Filesystem {
        magic: found.filesystem_type().0,
        size: found.blocks() * block,
        free: found.blocks_free() * block,
        files: found.files().saturating_sub(found.files_free()),
        flags: words.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, word)| *word).collect(),
    })
}
