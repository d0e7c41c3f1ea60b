//! The guest's first files, as the kernel unpacks them: a newc archive
//! (`Documentation/driver-api/early-userspace/buffer-format.rst`). Not compressed: QEMU copies it faster than an
//! emulated CPU unpacks it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cpio::newc::{self, ModeFileType};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cache::{Stamp, sha256_of, sha256_of_file};
use crate::modules::Closure;
use crate::{Cache, Error, Result};

const ARCHIVE: &str = "initramfs.cpio";
const RECORD: &str = "record.json";
/// Disk that all archives together may take.
const LIMIT: u64 = 256 << 20;

/// An archive in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initramfs {
    /// Where it is.
    pub path: PathBuf,
    /// Hexadecimal, of what is in it: two archives of one hash hold the same.
    pub sha256: String,
    /// Of the file.
    pub archive_sha256: String,
}

/// Something to put into the archive. Folders above it are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path in the guest without the leading `/`.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
}

/// Kinds of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// An empty folder.
    Folder,
    /// A file with this content.
    File(Vec<u8>),
    /// A symbolic link to this path.
    Link(String),
    /// A character device.
    Device {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
}

impl Entry {
    /// A file.
    pub fn file(path: impl Into<String>, mode: u32, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), kind: Kind::File(content.into()), mode }
    }

    /// A program of this machine.
    pub fn program(path: impl Into<String>, program: &Path) -> Result<Self> {
        Ok(Self::file(path, 0o755, fs::read(program).map_err(Error::io("read", program))?))
    }

    /// An empty folder.
    pub fn folder(path: impl Into<String>) -> Self {
        Self { path: path.into(), kind: Kind::Folder, mode: 0o755 }
    }

    /// A symbolic link.
    pub fn link(path: impl Into<String>, target: impl Into<String>) -> Self {
        Self { path: path.into(), kind: Kind::Link(target.into()), mode: 0o777 }
    }

    /// A character device (`Documentation/admin-guide/devices.txt`).
    pub fn device(path: impl Into<String>, major: u32, minor: u32) -> Self {
        Self { path: path.into(), kind: Kind::Device { major, minor }, mode: 0o600 }
    }
}

/// Packs `/init`, the modules (`/modules/NAME.ko`, and `/modules/order` with one file name a line), the console's and
/// the serial ports' device nodes, and `extra`. An archive of the same content is taken from the cache.
pub fn build(cache: &Cache, init: &Path, closure: &Closure, extra: &[Entry]) -> Result<Initramfs> {
    let init = fs::read(init).map_err(Error::io("read", init))?;
    let mut entries = vec![Entry::file("init", 0o755, init)];
    entries.extend(devices());
    entries.extend(modules(closure)?);
    entries.extend_from_slice(extra);

    let sha256 = sha256_of_entries(&entries);
    let _lock = cache.lock("initramfs-build")?;
    if let Some(known) = find(cache, &sha256) {
        return Ok(known);
    }
    let place = place(cache, &sha256);
    let scratch = cache.scratch()?;
    let path = scratch.path().join(ARCHIVE);
    let bytes = archive(&entries).map_err(Error::io("write", &path))?;
    fs::write(&path, &bytes).map_err(Error::io("write", &path))?;
    let archive_sha256 = sha256_of(&bytes);
    let record = Record { stamp: Stamp::of(&path)?, sha256: archive_sha256.clone() };
    cache.put(&scratch.path().join(RECORD), &record)?;
    scratch.publish(&place)?;
    cache.prune("initramfs", &place, LIMIT)?;
    Ok(Initramfs { path: place.join(ARCHIVE), sha256, archive_sha256 })
}

/// The archive of this content, if it is in the cache and whole.
pub(crate) fn find(cache: &Cache, sha256: &str) -> Option<Initramfs> {
    let place = place(cache, sha256);
    let path = place.join(ARCHIVE);
    let record = cache.get::<Record>(&place.join(RECORD))?;
    cache.used(&place);
    let sha256 = sha256.to_owned();
    record.is_whole(&path).then_some(Initramfs { path, sha256, archive_sha256: record.sha256 })
}

fn place(cache: &Cache, sha256: &str) -> PathBuf {
    cache.root().join("initramfs").join(sha256)
}

/// What an archive was when it was written.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    stamp: Stamp,
    /// Of the file.
    sha256: String,
}

impl Record {
    fn is_whole(&self, path: &Path) -> bool {
        Stamp::of(path)
            .is_ok_and(|stamp| stamp == self.stamp || sha256_of_file(path).is_ok_and(|is| is == self.sha256))
    }
}

/// The kernel opens `/dev/console` for init before anything is mounted.
pub(crate) fn devices() -> [Entry; 3] {
    [Entry::device("dev/console", 5, 1), Entry::device("dev/ttyS0", 4, 64), Entry::device("dev/ttyS1", 4, 65)]
}

fn modules(closure: &Closure) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut order = String::new();
    for module in &closure.load_order {
        let name = module.file_name();
        order += &name;
        order += "\n";
        entries.push(Entry::file(format!("modules/{name}"), 0o644, module.read()?));
    }
    entries.push(Entry::file("modules/order", 0o644, order));
    Ok(entries)
}

/// The archive's bytes: the same entries give the same bytes.
fn archive(entries: &[Entry]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut folders = std::collections::BTreeSet::new();
    let mut number = 0;
    for entry in entries {
        for folder in Path::new(&entry.path).ancestors().skip(1).collect::<Vec<_>>().into_iter().rev() {
            let folder = folder.to_string_lossy().into_owned();
            if !folder.is_empty() && folders.insert(folder.clone()) {
                number += 1;
                pack(&Entry::folder(folder), number, &mut bytes)?;
            }
        }
        if entry.kind == Kind::Folder && !folders.insert(entry.path.clone()) {
            continue;
        }
        number += 1;
        pack(entry, number, &mut bytes)?;
    }
    newc::trailer(bytes)
}

fn pack(entry: &Entry, number: u32, bytes: &mut Vec<u8>) -> io::Result<()> {
    let head = newc::Builder::new(&entry.path).ino(number).mode(entry.mode);
    let (head, content) = match &entry.kind {
        Kind::Folder => (head.set_mode_file_type(ModeFileType::Directory), &b""[..]),
        Kind::File(content) => (head.set_mode_file_type(ModeFileType::Regular), &content[..]),
        Kind::Link(target) => (head.set_mode_file_type(ModeFileType::Symlink), target.as_bytes()),
        Kind::Device { major, minor } => {
            (head.set_mode_file_type(ModeFileType::Char).rdev_major(*major).rdev_minor(*minor), &b""[..])
        }
    };
    let size = u32::try_from(content.len()).map_err(io::Error::other)?;
    let mut writer = head.write(bytes, size);
    writer.write_all(content)?;
    writer.finish()?;
    Ok(())
}

pub(crate) fn sha256_of_entries(entries: &[Entry]) -> String {
    let mut hash = Sha256::new();
    for Entry { path, kind, mode } in entries {
        let (word, content): (String, &[u8]) = match kind {
            Kind::Folder => ("folder".into(), b""),
            Kind::File(content) => ("file".into(), content),
            Kind::Link(target) => ("link".into(), target.as_bytes()),
            Kind::Device { major, minor } => (format!("device {major} {minor}"), b""),
        };
        hash.update(format!("{path}\0{mode:o}\0{word}\0{}\0", content.len()));
        hash.update(content);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(bytes: &[u8]) -> Vec<String> {
        let mut rest = bytes;
        let mut lines = Vec::new();
        loop {
            let reader = newc::Reader::new(rest).unwrap();
            let entry = reader.entry();
            if entry.is_trailer() {
                return lines;
            }
            let device = format!("{}:{}", entry.rdev_major(), entry.rdev_minor());
            lines.push(format!("{:06o} {:>2} {device} {}", entry.mode(), entry.file_size(), entry.name()));
            rest = reader.finish().unwrap();
        }
    }

    #[test]
    fn an_archive_reads_back() {
        let entries = [
            Entry::file("init", 0o755, "#!"),
            Entry::device("dev/console", 5, 1),
            Entry::device("dev/ttyS1", 4, 65),
            Entry::link("bin/sh", "busybox"),
            Entry::folder("a/b/c"),
            Entry::folder("a/b"),
        ];
        insta::assert_snapshot!(listing(&archive(&entries).unwrap()).join("\n"), @r"
        100755  2 0:0 init
        040755  0 0:0 dev
        020600  0 5:1 dev/console
        020600  0 4:65 dev/ttyS1
        040755  0 0:0 bin
        120777  7 0:0 bin/sh
        040755  0 0:0 a
        040755  0 0:0 a/b
        040755  0 0:0 a/b/c
        ");
        assert_eq!(archive(&entries).unwrap(), archive(&entries).unwrap());
    }

    #[test]
    fn an_archive_that_was_cut_short_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path()).unwrap();
        let init = folder.path().join("init");
        fs::write(&init, "init").unwrap();
        let first = build(&cache, &init, &Closure::default(), &[]).unwrap();
        let whole = fs::read(&first.path).unwrap();
        fs::write(&first.path, &whole[..whole.len() / 2]).unwrap();
        let second = build(&cache, &init, &Closure::default(), &[]).unwrap();
        assert_eq!(second, first);
        assert_eq!(fs::read(&second.path).unwrap(), whole);
    }

    #[test]
    fn another_content_is_another_archive() {
        let one = [Entry::file("a", 0o644, "x")];
        for other in [
            Entry::file("a", 0o644, "y"),
            Entry::file("b", 0o644, "x"),
            Entry::file("a", 0o755, "x"),
            Entry::link("a", "x"),
        ] {
            assert_ne!(sha256_of_entries(&one), sha256_of_entries(&[other]));
        }
    }
}
