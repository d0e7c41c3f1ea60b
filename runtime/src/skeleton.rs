//! A directory copied whole: files, links, devices, with modes, owners, times and file capabilities.

use std::collections::HashMap;
use std::ffi::CStr;
use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::step::{About, Fault};
use sys::file::{self, Node};
use sys::{self, Errno, credentials};

/// The extended attribute that makes a program a privileged one. capabilities(7)
const FILE_CAPABILITIES: &CStr = c"security.capability";

/// Copies what is below `from`, and the attributes of `from` itself, to the existing directory `to`.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Fault> {
    let root = fs::metadata(from).about(|| from.display().to_string())?;
    if !root.is_dir() {
        return Err(Errno::ENOTDIR).about(|| from.display().to_string());
    }
    let mut copier = Copier { own: credentials::effective_ids(), linked: HashMap::new() };
    copier.directory(from, to)?;
    fs::set_permissions(to, Permissions::from_mode(mode(&root)))?;
    copier.attributes(from, to, &root).about(|| from.display().to_string())
}

struct Copier {
    /// User and group of what this process makes.
    own: (u32, u32),
    /// Where the first name of a file with several was copied to, by device and inode.
    linked: HashMap<(u64, u64), PathBuf>,
}

impl Copier {
    fn directory(&mut self, from: &Path, to: &Path) -> Result<(), Fault> {
        for entry in fs::read_dir(from).about(|| from.display().to_string())? {
            let entry = entry.about(|| from.display().to_string())?;
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            let found = entry.metadata().about(|| from.display().to_string())?;
            self.entry(&from, &to, &found)?;
        }
        Ok(())
    }

    /// Everything is made with its mode, for the file mode creation mask is 0.
    fn entry(&mut self, from: &Path, to: &Path, found: &Metadata) -> Result<(), Fault> {
        let about = || from.display().to_string();
        if found.is_dir() {
            DirBuilder::new().mode(mode(found)).create(to).about(about)?;
            self.directory(from, to)?;
        } else if let Some(first) = self.first_name(found, to) {
            return fs::hard_link(first, to).about(about);
        } else if found.is_symlink() {
            symlink(fs::read_link(from).about(about)?, to).about(about)?;
        } else if found.is_file() {
            fs::copy(from, to).about(about)?;
        } else {
            node(to, found).about(about)?;
        }
        self.attributes(from, to, found).about(about)
    }

    fn first_name(&mut self, found: &Metadata, to: &Path) -> Option<PathBuf> {
        if found.nlink() < 2 {
            return None;
        }
        let key = (found.dev(), found.ino());
        let first = self.linked.get(&key).cloned();
        self.linked.entry(key).or_insert_with(|| to.to_path_buf());
        first
    }

    /// Owner before mode, because a change of owner clears the setuid bit, and times last.
    fn attributes(&self, from: &Path, to: &Path, found: &Metadata) -> Result<(), Fault> {
        let other = (found.uid(), found.gid()) != self.own;
        if other {
            match file::change_owner(to, found.uid(), found.gid()) {
                // An owner whom the user namespace does not have becomes its root, who made the copy.
                Ok(()) | Err(Errno::EINVAL) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        // mkdir(2) gives no directory the setuid or setgid bit.
        if (other || found.mode() & 0o6000 != 0) && !found.is_symlink() {
            fs::set_permissions(to, Permissions::from_mode(mode(found)))?;
        }
        if found.is_file() {
            file::copy_attribute(from, to, FILE_CAPABILITIES)?;
        }
        let accessed = (found.atime(), found.atime_nsec());
        Ok(file::change_times(to, accessed, (found.mtime(), found.mtime_nsec()))?)
    }
}

fn node(to: &Path, found: &Metadata) -> sys::Result<()> {
    let kind = found.file_type();
    let node = if kind.is_char_device() {
        Node::Character(found.rdev())
    } else if kind.is_block_device() {
        Node::Block(found.rdev())
    } else if kind.is_fifo() {
        Node::Fifo
    } else {
        Node::Socket
    };
    let (Some(parent), Some(name)) = (to.parent(), to.file_name()) else { return Err(Errno::EINVAL) };
    file::make_node_at(file::handle(parent)?, name, node, mode(found))
}

fn mode(found: &Metadata) -> u32 {
    found.mode() & 0o7777
}
