//! Files as the actor sees them.

use std::fs::{self, File, FileType};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use serde_json::{Map, Value, json};
use sys::Errno;
use sys::file::{self, Node};
use sys::probe::files;

use super::{Done, Refusal, done};
use protocol::operation::{Fill, Mknod, NodeKind, WriteFile};

const MIB: u64 = 1 << 20;

pub(super) fn list(path: &Path) -> Done {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names.into())
}

pub(super) fn tree(path: &Path) -> Done {
    let mut found = Map::new();
    walk(path, path, fs::symlink_metadata(path)?.dev(), &mut found)?;
    Ok(found.into())
}

/// Other file systems are shown by their mount points and not entered.
fn walk(root: &Path, folder: &Path, device: u64, found: &mut Map<String, Value>) -> Result<(), Refusal> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let metadata = fs::symlink_metadata(&path)?;
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        found.insert(name, describe(&path, &metadata)?);
        if metadata.is_dir() && metadata.dev() == device {
            walk(root, &path, device, found)?;
        }
    }
    Ok(())
}

pub(super) fn stat(path: &Path) -> Done {
    describe(path, &fs::symlink_metadata(path)?)
}

fn describe(path: &Path, metadata: &fs::Metadata) -> Done {
    let kind = metadata.file_type();
    let mut told = json!({
        "kind": kind_word(kind),
        "mode": format!("{:04o}", metadata.mode() & 0o7777),
        "uid": metadata.uid(),
        "gid": metadata.gid(),
    });
    if kind.is_file() {
        told["size"] = metadata.size().into();
    }
    if kind.is_symlink() {
        told["target"] = json!(fs::read_link(path)?);
    }
    if kind.is_char_device() || kind.is_block_device() {
        let (major, minor) = files::major_minor(metadata.rdev());
        told["device"] = format!("{major}:{minor}").into();
    }
    Ok(told)
}

fn kind_word(kind: FileType) -> &'static str {
    match kind {
        _ if kind.is_file() => "file",
        _ if kind.is_dir() => "directory",
        _ if kind.is_symlink() => "link",
        _ if kind.is_char_device() => "char-device",
        _ if kind.is_block_device() => "block-device",
        _ if kind.is_fifo() => "fifo",
        _ => "socket",
    }
}

pub(super) fn read(path: &Path) -> Done {
    let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
    Ok(text.strip_suffix('\n').unwrap_or(&text).into())
}

pub(super) fn filesystem(path: &Path) -> Done {
    let found = files::filesystem(path)?;
    let kind = TYPES.iter().find(|(magic, _)| *magic == found.magic).map(|(_, name)| (*name).to_owned());
    let kind = kind.unwrap_or_else(|| format!("{:#x}", found.magic));
    Ok(json!({ "type": kind, "size": found.size, "free": found.free, "flags": found.flags }))
}

/// Magic numbers of statfs(2), and the names in `/proc/filesystems`.
const TYPES: &[(i64, &str)] = &[
    (0x0102_1994, "tmpfs"),
    (0x8584_58f6, "ramfs"),
    (0x9fa0, "proc"),
    (0x6265_6572, "sysfs"),
    (0x1cd1, "devpts"),
    (0x1980_0202, "mqueue"),
    (0x6e73_6673, "nsfs"),
    (0x6367_7270, "cgroup2"),
    (0x0027_e0eb, "cgroup"),
    (0x794c_7630, "overlay"),
    (0xef53, "ext4"),
    (0x5846_5342, "xfs"),
    (0x9123_683e, "btrfs"),
];

pub(super) fn write(file: &WriteFile) -> Done {
    done(fs::write(&file.path, &file.text))
}

pub(super) fn fill(fill: &Fill) -> Done {
    let mut file = File::create(&fill.path)?;
    for written in 0..u64::from(fill.mib) {
        match files::allocate(&file, written * MIB, MIB) {
            // To write a page is slow where the CPU is emulated, but not every file system can do without.
            Err(Errno::EOPNOTSUPP) => {
                file.seek(SeekFrom::Start(written * MIB))?;
                file.write_all(&[0; MIB as usize])?;
            }
            other => other?,
        }
    }
    Ok(fill.mib.into())
}

pub(super) fn remove(path: &Path) -> Done {
    let folder = fs::symlink_metadata(path)?.is_dir();
    done(if folder { fs::remove_dir(path) } else { fs::remove_file(path) })
}

pub(super) fn make_node(node: &Mknod) -> Done {
    let device = || {
        let (major, minor) = node.device.as_deref()?.split_once(':')?;
        Some(file::device(major.parse().ok()?, minor.parse().ok()?))
    };
    let numbered =
        || device().ok_or_else(|| Refusal::Broken("a device needs its number: `device = \"1:3\"`".into()));
    let kind = match node.kind {
        NodeKind::CharDevice => Node::Character(numbered()?),
        NodeKind::BlockDevice => Node::Block(numbered()?),
        NodeKind::Fifo => Node::Fifo,
    };
    done(files::make_node(&node.path, kind, 0o666))
}
