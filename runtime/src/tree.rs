//! The container's root directory while it is built: every path in it is found without a way out.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use sys::file::{self, Links};
use sys::{self, Errno};

/// A directory that counts as `/`.
#[derive(Debug)]
pub(crate) struct Tree(OwnedFd);

impl Tree {
    /// The tree at a path of the process's own root.
    pub(crate) fn at(path: &Path) -> sys::Result<Tree> {
        file::handle(path).map(Tree)
    }

    /// The tree at an open handle.
    pub(crate) fn of(handle: OwnedFd) -> Tree {
        Tree(handle)
    }

    /// What is at a path of the tree; `None` if nothing is.
    pub(crate) fn find(&self, path: &Path, links: Links) -> sys::Result<Option<OwnedFd>> {
        match file::handle_in(self.0.as_fd(), &relative(path), links) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// A directory, made with its parents if it is missing.
    pub(crate) fn directory(&self, path: &Path, links: Links) -> sys::Result<OwnedFd> {
        let mut reached = PathBuf::from(".");
        let mut parent = file::handle_in(self.0.as_fd(), &reached, links)?;
        for name in names(path) {
            reached.push(name);
            parent = match file::handle_in(self.0.as_fd(), &reached, links) {
                Err(Errno::ENOENT) => {
                    // A dangling link is here, and is not followed to where it would lead outside.
                    file::make_directory_at(&parent, name, 0o755)?;
                    file::handle_in(self.0.as_fd(), &reached, links)?
                }
                found => found?,
            };
        }
        Ok(parent)
    }

    /// A file (or whatever else is there), made empty with its parent directories if it is missing.
    pub(crate) fn file(&self, path: &Path) -> sys::Result<OwnedFd> {
        if let Some(found) = self.find(path, Links::InsideRoot)? {
            return Ok(found);
        }
        let name = path.file_name().ok_or(Errno::EINVAL)?;
        let parent = self.directory(path.parent().unwrap_or(Path::new("/")), Links::InsideRoot)?;
        file::make_file_at(&parent, name)?;
        self.find(path, Links::InsideRoot)?.ok_or(Errno::ENOENT)
    }

    /// Opens an existing file for writing, through no link.
    pub(crate) fn open_for_writing(&self, path: &Path) -> sys::Result<OwnedFd> {
        file::write_in(self.0.as_fd(), &relative(path))
    }
}

impl AsFd for Tree {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn relative(path: &Path) -> PathBuf {
    Path::new(".").join(path.strip_prefix("/").unwrap_or(path))
}

/// The names on the way; `..` is refused by [`crate::spec::Spec::check`] and left out here.
fn names(path: &Path) -> impl Iterator<Item = &OsStr> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    })
}
