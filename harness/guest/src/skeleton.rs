//! `/skeleton`: a small tree with one of everything, that scenarios copy into a container's root.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use sys::file::{self, Node};
use sys::probe::files;

/// Where the machine has it.
pub(super) const ROOT: &str = "/skeleton";

/// What is in the tree.
enum Entry {
    Folder,
    File(&'static str),
    Link(&'static str),
    /// Major and minor number.
    Character(u64, u64),
}
use Entry::{Character, File, Folder, Link};

/// Path, what it is, permission bits, and owner and group.
const TREE: &[(&str, Entry, u32, u32)] = &[
    ("bin", Folder, 0o755, 0),
    ("bin/suid", File("#!/bin/sh\n"), 0o4755, 0),
    ("dev", Folder, 0o755, 0),
    ("dev/null", Character(1, 3), 0o666, 0),
    ("etc", Folder, 0o755, 0),
    ("etc/motd", File("nsproof\n"), 0o644, 0),
    ("etc/secret", File("secret\n"), 0o600, 0),
    ("lib", Link("bin"), 0o777, 0),
    ("owned", File("owned\n"), 0o644, 1000),
    ("proc", Folder, 0o755, 0),
    ("sys", Folder, 0o755, 0),
    ("tmp", Folder, 0o1777, 0),
];

/// Makes the machine's own anew.
pub(super) fn renew() -> io::Result<()> {
    match fs::remove_dir_all(ROOT) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => make(Path::new(ROOT)),
    }
}

/// Makes the tree at `root`, which must not exist.
pub(super) fn make(root: &Path) -> io::Result<()> {
    fs::create_dir(root)?;
    for (path, entry, mode, owner) in TREE {
        let path = root.join(path);
        match entry {
            Folder => fs::create_dir(&path)?,
            File(text) => fs::write(&path, text)?,
            Character(major, minor) => {
                files::make_node(&path, Node::Character(file::device(*major, *minor)), *mode)?;
            }
            Link(target) => {
                symlink(target, &path)?;
                continue;
            }
        }
        // The owner first: chown(2) clears the set-user-ID bit.
        chown(&path, Some(*owner), Some(*owner))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode))?;
    }
    Ok(())
}
