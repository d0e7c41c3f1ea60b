//! Packages of distributions, unpacked without their programs and without privilege: only regular files, and only those that
//! a kernel consists of. No link is made, so that nothing can be written outside of the folder.
//!
//! deb(5): an ar(1) archive with `data.tar.*`. rpm: a lead, two headers, a compressed cpio archive (RPM's documentation, "RPM
//! V4 package format"). Of rpm there is a crate, with forty others behind it, for what is thirty lines here.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStringExt;
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

/// Files that may come out of one: a kernel has some four thousand modules.
const MOST_FILES: u32 = 50_000;
/// Bytes of a file's name: PATH_MAX.
const LONGEST_NAME: u64 = 4096;
/// Bytes of what comes before a file in a cpio archive of the new format, cpio(5).
const CPIO_HEADER: usize = 110;

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
    let mut into = Into { folder: folder.to_path_buf(), files: 0 };
    let mut head = [0; 8];
    let unpacked = file.read_exact(&mut head).and_then(|()| {
        if head.starts_with(RPM) { rpm(file, most, &mut into) } else { deb(file, most, &mut into) }
    });
    unpacked.map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            Error::unusable(package, "is a damaged package: it ends too early", WHOLE)
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::io("write to", folder)(error),
        _ => Error::unusable(package, format!("is a damaged package: {error}"), WHOLE),
    })
}

fn deb(mut file: File, most: u64, into: &mut Into) -> io::Result<()> {
    let (start, size) = {
        let cache = ReadCache::new(&mut file);
        let archive = ArchiveFile::parse(&cache).map_err(io::Error::other)?;
        let members =
            archive.members().collect::<std::result::Result<Vec<_>, _>>().map_err(io::Error::other)?;
        let data = members.iter().find(|member| member.name().starts_with(b"data.tar"));
        data.ok_or_else(|| io::Error::other("it has no data.tar"))?.file_range()
    };
    file.seek(SeekFrom::Start(start))?;
    let content = compression::reader(BufReader::new(file.take(size)))?;
    let mut archive = tar::Archive::new(Bounded { content, most, left: most });
    let mut long_name = None;
    // Raw: of a name that comes as a file of its own, the crate would take any length.
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        if kind.is_gnu_longname() {
            long_name = Some(PathBuf::from(OsString::from_vec(name(&mut entry)?)));
        } else if kind.is_pax_local_extensions() {
            return Err(io::Error::other("it has names of the pax format, which deb(5) does not know"));
        } else if kind.is_file() {
            let path = long_name.take().map_or_else(|| entry.path().map(Cow::into_owned), Ok)?;
            into.write(&path, &mut entry)?;
        } else if !kind.is_gnu_longlink() {
            long_name = None;
        }
    }
    // To its end: there is its checksum.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map(drop)
}

/// Reads a name to its zero.
fn name(content: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut name = Vec::new();
    content.take(LONGEST_NAME + 1).read_to_end(&mut name)?;
    if name.len() as u64 > LONGEST_NAME {
        return Err(io::Error::other(format!("it has a name of more than {LONGEST_NAME} bytes")));
    }
    name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
    Ok(name)
}

fn rpm(file: File, most: u64, into: &mut Into) -> io::Result<()> {
    let mut file = BufReader::new(file);
    file.seek(SeekFrom::Start(96))?;
    // The first header has the signatures, and is followed by as much as aligns the second one.
    let size = header(&mut file)?;
    file.seek_relative(i64::from((8 - size % 8) % 8))?;
    header(&mut file)?;
    let content = Bounded { content: compression::reader(file)?, most, left: most };
    let mut payload = BufReader::with_capacity(CPIO_HEADER, content);
    loop {
        named_shortly(payload.fill_buf()?)?;
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

/// Whether the name that follows a header is one: a cpio archive's reader would take any length. Of a header that is cut here,
/// the reader tells.
fn named_shortly(header: &[u8]) -> io::Result<()> {
    let size = header.get(94..102).and_then(|digits| std::str::from_utf8(digits).ok());
    match size.and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
        Some(size) if size > LONGEST_NAME => {
            Err(io::Error::other(format!("it has a name of more than {LONGEST_NAME} bytes")))
        }
        _ => Ok(()),
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

/// What comes out of a package, as long as it is not too much.
struct Bounded<R> {
    content: R,
    most: u64,
    /// Bytes that may still come.
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other(format!("more than {} bytes come out of it", self.most)))?;
        Ok(count)
    }
}

/// Where files are written.
struct Into {
    folder: PathBuf,
    /// How many there are.
    files: u32,
}

impl Into {
    /// Writes a file, if it belongs to a kernel.
    fn write(&mut self, path: &Path, content: &mut dyn Read) -> io::Result<()> {
        let Some(path) = kept(path) else { return Ok(()) };
        let place = self.folder.join(path);
        fs::create_dir_all(place.parent().unwrap_or(&self.folder))?;
        self.files += 1;
        if self.files > MOST_FILES {
            return Err(io::Error::other(format!("more than {MOST_FILES} files come out of it")));
        }
        io::copy(content, &mut File::create_new(place)?).map(drop)
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

    /// A Debian package with this tar archive.
    fn package(folder: &Path, fill: impl FnOnce(&mut tar::Builder<&mut dyn io::Write>)) -> PathBuf {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        fill(&mut tar::Builder::new(&mut packed));
        let data = packed.finish().unwrap();
        let head = format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "data.tar.gz", 0, 0, 0, 644, data.len());
        let path = folder.join("package.deb");
        fs::write(&path, [DEB, head.as_bytes(), &data].concat()).unwrap();
        path
    }

    fn add(tar: &mut tar::Builder<&mut dyn io::Write>, kind: tar::EntryType, path: &str, content: &[u8]) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path, content).unwrap();
    }

    #[rstest::rstest]
    #[case::in_a_file(tar::EntryType::Regular, "boot/config-1")]
    #[case::in_a_file_that_is_left_out(tar::EntryType::Regular, "usr/share/doc/x")]
    #[case::in_a_name(tar::EntryType::GNULongName, "././@LongLink")]
    #[case::in_extended_names(tar::EntryType::XHeader, "boot/x")]
    fn what_is_made_to_fill_a_disk_is_no_package(#[case] kind: tar::EntryType, #[case] path: &str) {
        let folder = tempfile::tempdir().unwrap();
        let package = package(folder.path(), |tar| add(tar, kind, path, &vec![b'a'; 64 << 20]));
        let out = folder.path().join("out");
        let error = unpack(&package, &out).unwrap_err().to_string();
        let words = ["bytes come out of it", "it has a name of more than 4096 bytes", "of the pax format"];
        assert!(error.contains("is a damaged package: "), "{error}");
        assert!(words.iter().any(|words| error.contains(words)), "{error}");
        let written = fs::metadata(out.join("boot/config-1")).map_or(0, |file| file.len());
        assert!(written <= TIMES * fs::metadata(&package).unwrap().len(), "{written}");
    }

    #[test]
    fn many_files_are_no_kernel() {
        let folder = tempfile::tempdir().unwrap();
        let package = package(folder.path(), |tar| {
            for number in 0..=MOST_FILES {
                add(tar, tar::EntryType::Regular, &format!("boot/{number:x}"), b"");
            }
            // Some that is not packed so well, or it were too much first.
            let noise: Vec<u8> =
                (0..4u64 << 20).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8).collect();
            add(tar, tar::EntryType::Regular, "usr/noise", &noise);
        });
        let error = unpack(&package, &folder.path().join("out")).unwrap_err().to_string();
        assert!(error.contains("more than 50000 files come out of it"), "{error}");
    }

    #[test]
    fn a_name_may_be_as_long_as_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let long = format!("lib/modules/{}/a.ko", "x".repeat(200));
        let package = package(folder.path(), |tar| {
            add(tar, tar::EntryType::Regular, &long, b"module");
            add(tar, tar::EntryType::Regular, "boot/vmlinuz", b"image");
        });
        let out = folder.path().join("out");
        unpack(&package, &out).unwrap();
        assert_eq!(fs::read(out.join(long)).unwrap(), b"module");
        assert_eq!(fs::read(out.join("boot/vmlinuz")).unwrap(), b"image");
    }

    #[rstest::rstest]
    #[case(b"", true)]
    #[case(&[b'0'; 110], true)]
    #[case(&[b'F'; 110], false)]
    fn a_name_of_an_rpm_is_short(#[case] header: &[u8], #[case] good: bool) {
        assert_eq!(named_shortly(header).is_ok(), good);
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
