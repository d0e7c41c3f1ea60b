//! Packages of distributions, unpacked without their programs and without privilege: only regular files, and only those that
//! a kernel consists of. No link is made, so that nothing can be written outside of the folder.
//!
//! deb(5): an ar(1) archive with `data.tar.*`. rpm: a lead, two headers, a compressed cpio archive (RPM's documentation, "RPM
//! V4 package format"). Of rpm there is a crate, with forty others behind it, for what is thirty lines here.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use object::ReadCache;
use object::read::archive::ArchiveFile;

use crate::compression;
use crate::{Error, Result};

/// How a Debian package begins (ar(5)).
pub(super) const DEB: &[u8] = b"!<arch>\n";
/// How an RPM package begins.
pub(super) const RPM: &[u8] = b"\xed\xab\xee\xdb";

/// Where a kernel's files lie in its package.
const KEPT: [&str; 3] = ["boot", "lib/modules", "usr/lib/modules"];
/// Bytes that may come out of a package: a kernel with all its modules has one gigabyte, and some with debug information.
const MOST: u64 = 8 << 30;
/// How many times its own size may come out of a package. What a kernel consists of is packed to a fifth, with debug
/// information to a tenth; what is made to fill a disk, to a thousandth.
const TIMES: u64 = 40;

const WHOLE: &str = "take a whole one, or another version";

/// Whether a file that begins so is a package.
pub(super) fn is_package(head: &[u8]) -> bool {
    head.starts_with(DEB) || head.starts_with(RPM)
}

/// Unpacks the files of a kernel's package into a folder.
///
/// # Errors
/// It cannot be read or written, or is no whole package.
pub(super) fn unpack(package: &Path, folder: &Path) -> Result<()> {
    let mut file = File::open(package).map_err(Error::io("read", package))?;
    let size = file.metadata().map_err(Error::io("read", package))?.len();
    let most = size.saturating_mul(TIMES).min(MOST);
    let mut into = Into { folder: folder.to_path_buf(), most, left: most };
    let mut head = [0; 8];
    let unpacked = file
        .read_exact(&mut head)
        .and_then(|()| if head.starts_with(RPM) { rpm(file, &mut into) } else { deb(file, &mut into) });
    unpacked.map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            Error::unusable(package, "is a damaged package: it ends too early", WHOLE)
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::io("write to", folder)(error),
        _ => Error::unusable(package, format!("is a damaged package: {error}"), WHOLE),
    })
}

fn deb(mut file: File, into: &mut Into) -> io::Result<()> {
    let (start, size) = {
        let cache = ReadCache::new(&mut file);
        let archive = ArchiveFile::parse(&cache).map_err(io::Error::other)?;
        let members =
            archive.members().collect::<std::result::Result<Vec<_>, _>>().map_err(io::Error::other)?;
        let data = members.iter().find(|member| member.name().starts_with(b"data.tar"));
        data.ok_or_else(|| io::Error::other("it has no data.tar"))?.file_range()
    };
    file.seek(SeekFrom::Start(start))?;
    let mut archive = tar::Archive::new(compression::reader(BufReader::new(file.take(size)))?);
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_file() {
            let path = entry.path()?.into_owned();
            into.write(&path, &mut entry)?;
        }
    }
    // To its end: there is its checksum.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map(drop)
}

fn rpm(file: File, into: &mut Into) -> io::Result<()> {
    let mut file = BufReader::new(file);
    file.seek(SeekFrom::Start(96))?;
    // The first header has the signatures, and is followed by as much as aligns the second one.
    let size = header(&mut file)?;
    file.seek_relative(i64::from((8 - size % 8) % 8))?;
    header(&mut file)?;
    let mut payload = compression::reader(file)?;
    loop {
        let mut entry = cpio::newc::Reader::new(payload)?;
        if entry.entry().is_trailer() {
            payload = entry.finish()?;
            return io::copy(&mut payload, &mut io::sink()).map(drop);
        }
        // The upper four bits of the mode: a regular file (inode(7)).
        if entry.entry().mode() & 0o170_000 == 0o100_000 {
            let path = PathBuf::from(entry.entry().name());
            into.write(&path, &mut entry)?;
        }
        payload = entry.finish()?;
    }
}

/// Passes over a header. Returns how many bytes it has.
fn header(file: &mut BufReader<File>) -> io::Result<u32> {
    let mut start = [0; 16];
    file.read_exact(&mut start)?;
    if !start.starts_with(b"\x8e\xad\xe8\x01") {
        return Err(io::Error::other("it has no header"));
    }
    let number = |at: usize| u32::from_be_bytes([start[at], start[at + 1], start[at + 2], start[at + 3]]);
    // What it lists, 16 bytes each, and the values. RPM itself takes no more than these (HEADER_TAGS_MAX, HEADER_DATA_MAX).
    let (listed, values) = (number(8), number(12));
    if listed > 0xffff || values > 0x0fff_ffff {
        return Err(io::Error::other("its header is too long"));
    }
    let size = 16 * listed + values;
    file.seek_relative(size.into())?;
    Ok(size)
}

/// Where files are written.
struct Into {
    folder: PathBuf,
    /// Bytes that may come.
    most: u64,
    /// Bytes that may still come.
    left: u64,
}

impl Into {
    /// Writes a file, if it belongs to a kernel.
    fn write(&mut self, path: &Path, content: &mut dyn Read) -> io::Result<()> {
        let Some(path) = kept(path) else { return Ok(()) };
        let place = self.folder.join(path);
        fs::create_dir_all(place.parent().unwrap_or(&self.folder))?;
        let written = io::copy(&mut content.take(self.left + 1), &mut File::create_new(place)?)?;
        self.left = self
            .left
            .checked_sub(written)
            .ok_or_else(|| io::Error::other(format!("more than {} bytes come out of it", self.most)))?;
        Ok(())
    }
}

/// Where below the folder a file goes: `./boot/vmlinuz-1` → `boot/vmlinuz-1`. `None` for what is no part of a kernel, and for
/// a path that leads elsewhere.
fn kept(path: &Path) -> Option<PathBuf> {
    let mut below = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => below.push(name),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    KEPT.iter().any(|folder| below.starts_with(folder)).then_some(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("./boot/vmlinuz-1", Some("boot/vmlinuz-1"))]
    #[case("/usr/lib/modules/1/vmlinuz", Some("usr/lib/modules/1/vmlinuz"))]
    #[case("usr/share/doc/x", None)]
    #[case("boot/../../etc/passwd", None)]
    #[case("../boot/vmlinuz", None)]
    #[case("bootleg/vmlinuz", None)]
    fn only_a_kernels_files_are_kept(#[case] path: &str, #[case] place: Option<&str>) {
        assert_eq!(kept(Path::new(path)).as_deref(), place.map(Path::new));
    }

    #[test]
    fn what_is_made_to_fill_a_disk_is_no_package() {
        let folder = tempfile::tempdir().unwrap();
        let (package, out) = (folder.path().join("package"), folder.path().join("out"));
        let zeros = vec![0; 64 << 20];
        let mut tar =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_size(zeros.len() as u64);
        tar.append_data(&mut header, "boot/config-1", &zeros[..]).unwrap();
        let data = tar.into_inner().unwrap().finish().unwrap();
        let head = format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "data.tar.gz", 0, 0, 0, 644, data.len());
        fs::write(&package, [DEB, head.as_bytes(), &data].concat()).unwrap();
        let error = unpack(&package, &out).unwrap_err().to_string();
        assert!(
            error.contains("is a damaged package: more than") && error.contains("come out of it"),
            "{error}"
        );
        let written = fs::metadata(out.join("boot/config-1")).unwrap().len();
        assert!(written <= TIMES * fs::metadata(&package).unwrap().len() + 1, "{written}");
    }

    #[test]
    fn what_is_no_package_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("package");
        for content in
            [&b"!<arch>\ndebian-binary"[..], b"\xed\xab\xee\xdb\x03\0\0\0", &[RPM, &[0; 400]].concat()]
        {
            fs::write(&path, content).unwrap();
            let error = unpack(&path, folder.path()).unwrap_err().to_string();
            assert!(
                error.contains("is a damaged package: ") && error.contains("take a whole one"),
                "{error}"
            );
        }
    }
}
