//! The files of the machine's own tree that a scenario could change, with what tells that they are as they were.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File, Metadata};
use std::hash::{Hash, Hasher};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use sys::probe::files;
use sys::{Errno, errno_of, file};

/// File systems that are there to be written to. What is mounted in them is another one, or a leftover.
const TREES: &[&str] = &["/", "/tmp", "/run", "/dev", "/dev/shm", "/dev/mqueue"];
/// Those of them that are a tmpfs.
const IN_MEMORY: &[&str] = &["/", "/tmp", "/run", "/dev/shm"];
/// Bytes up to which a file is read, as all of the machine's own are; of a larger one the times tell.
const SMALL: u64 = 4096;
/// Folders below a tree: deeper than those of the machine's own.
const DEPTH: usize = 8;

/// What is compared of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct State {
    mode: u32,
    owner: (u32, u32),
    size: u64,
    /// A hash of what is in a small file or a link, or the time of the last change of a large one.
    content: u64,
}

/// All of them, by their paths. Of a folder that is not `known` only itself.
pub(super) fn take(known: impl Fn(&Path) -> bool) -> io::Result<Vec<(PathBuf, State)>> {
    let mut found = Vec::new();
    for tree in TREES.iter().map(Path::new) {
        if let Some(root) = present(fs::symlink_metadata(tree).map(Some))? {
            Walk { device: root.dev(), known: &known, found: &mut found }.walk(tree, DEPTH)?;
        }
    }
    Ok(found)
}

/// Bytes and files of each of the machine's own file systems in memory. A path need not lead to all of them: below a mount
/// point there may be what is only seen through another mount.
pub(super) fn used() -> io::Result<BTreeMap<PathBuf, (u64, u64)>> {
    let mut used = BTreeMap::new();
    for tree in IN_MEMORY.iter().map(PathBuf::from) {
        if let Some(found) = present(files::filesystem(&tree).map(Some).map_err(io::Error::from))? {
            used.insert(tree, (found.size.saturating_sub(found.free), found.files));
        }
    }
    Ok(used)
}

/// Through one file system.
struct Walk<'a, K> {
    device: u64,
    known: K,
    found: &'a mut Vec<(PathBuf, State)>,
}

impl<K: Fn(&Path) -> bool> Walk<'_, K> {
    fn walk(&mut self, folder: &Path, depth: usize) -> io::Result<()> {
        for entry in present(fs::read_dir(folder).map(Some))?.into_iter().flatten() {
            let entry = entry?;
            let path = entry.path();
            // The nodes of a devtmpfs are many, and no operation changes what one is.
            let is_node = present(entry.file_type().map(Some))?
                .is_some_and(|kind| kind.is_char_device() || kind.is_block_device());
            if is_node {
                self.found.push((path, State::default()));
                continue;
            }
            let Some(metadata) = present(entry.metadata().map(Some))? else { continue };
            let state = if metadata.dev() == self.device {
                if metadata.is_dir() && depth > 0 && (self.known)(&path) {
                    self.walk(&path, depth - 1)?;
                }
                state(&path, &metadata)?
            } else {
                // What is mounted here is looked at as a mount, and as a tree of its own.
                State::default()
            };
            self.found.push((path, state));
        }
        Ok(())
    }
}

fn state(path: &Path, metadata: &Metadata) -> io::Result<State> {
    let is_file = metadata.is_file();
    let content = if metadata.is_symlink() {
        hash(&present(fs::read_link(path))?)
    } else if is_file && metadata.size() <= SMALL {
        hash(&bytes(path)?)
    } else if is_file {
        hash(&(metadata.ctime(), metadata.ctime_nsec()))
    } else {
        0
    };
    Ok(State {
        mode: metadata.mode(),
        owner: (metadata.uid(), metadata.gid()),
        size: if is_file { metadata.size() } else { 0 },
        content,
    })
}

/// None of one that is no file any more.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match file::open_at_once(path) {
        Err(Errno::ELOOP) => return Ok(bytes),
        other => match present(other.map(Some).map_err(io::Error::from))? {
            Some(file) => File::from(file).take(SMALL).read_to_end(&mut bytes),
            None => Ok(0),
        },
    }
    .or_else(|error| if errno_of(&error) == Errno::EAGAIN { Ok(0) } else { Err(error) })?;
    Ok(bytes)
}

/// What is gone while it is looked at is not there.
pub(super) fn present<T: Default>(result: io::Result<T>) -> io::Result<T> {
    match result {
        // ESRCH is what `/proc` gives for a process, and ENODEV what cgroupfs gives for a group, that ended meanwhile.
        Err(error) if matches!(errno_of(&error), Errno::ENOENT | Errno::ESRCH | Errno::ENODEV) => {
            Ok(T::default())
        }
        other => other,
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn states(root: &Path) -> Vec<(PathBuf, State)> {
        let mut found = Vec::new();
        let device = fs::symlink_metadata(root).unwrap().dev();
        Walk { device, known: |_: &Path| true, found: &mut found }.walk(root, DEPTH).unwrap();
        found.sort_unstable();
        found
    }

    #[rstest::rstest]
    #[case::text(|root: &Path| fs::write(root.join("a/deep/file"), "TEXT"))]
    #[case::mode(|root: &Path| fs::set_permissions(root.join("a"), PermissionsExt::from_mode(0o711)))]
    #[case::link(|root: &Path| fs::remove_file(root.join("link")).and_then(|()| symlink("b", root.join("link"))))]
    #[case::large(|root: &Path| fs::write(root.join("large"), [1; 5000]))]
    #[case::new(|root: &Path| fs::write(root.join("a/deep/new"), ""))]
    fn a_change_is_seen_at_any_depth(#[case] change: fn(&Path) -> io::Result<()>) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("a/deep")).unwrap();
        fs::write(root.join("a/deep/file"), "text").unwrap();
        fs::write(root.join("large"), [0; 5000]).unwrap();
        symlink("a", root.join("link")).unwrap();
        let before = states(root);
        assert_eq!(states(root), before);
        // The kernel's clock for files goes on in ticks.
        std::thread::sleep(std::time::Duration::from_millis(20));
        change(root).unwrap();
        assert_ne!(states(root), before);
    }

    #[test]
    fn what_is_put_back_as_it_was_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "text").unwrap();
        let before = states(folder.path());
        fs::remove_file(&file).unwrap();
        fs::write(&file, "text").unwrap();
        assert_eq!(states(folder.path()), before);
    }
}
