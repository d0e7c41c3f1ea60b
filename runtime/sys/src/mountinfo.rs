//! The mounts that a process sees. proc_pid_mountinfo(5)

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::{Errno, Result, errno_of};

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Unique in the machine while the mount is there.
    pub id: u32,
    /// The directory of the file system that is mounted.
    pub root: PathBuf,
    /// Where, below the root of the process.
    pub target: PathBuf,
    /// Of the mount itself: `rw`, `nosuid`.
    pub options: Vec<String>,
    /// `shared:1`, `master:1`, …
    pub propagation: Vec<String>,
    /// The file system: `tmpfs`.
    pub kind: String,
    /// What it was mounted from: a device, or any word.
    pub source: OsString,
    /// Of the file system: `rw`, `size=1024k`.
    pub super_options: Vec<String>,
}

/// Returns the mounts of this process, the lowest first.
///
/// # Errors
/// `ENOENT` without a procfs; as [`parse`].
pub fn own() -> Result<Vec<Entry>> {
    parse(&fs::read("/proc/self/mountinfo").map_err(|error| errno_of(&error))?)
}

/// Returns the mounts that a text of the kernel tells of. A path may have any byte but zero.
///
/// # Errors
/// `EPROTO` for a line of another form.
pub fn parse(text: &[u8]) -> Result<Vec<Entry>> {
    let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| entry(line).ok_or(Errno::EPROTO)).collect()
}

/// Returns the mount that holds a path, which has no links in it: of those in its place the topmost.
pub fn holding<'e>(entries: &'e [Entry], path: &Path) -> Option<&'e Entry> {
    let above = entries.iter().filter(|entry| path.starts_with(&entry.target));
    // Of equals `max_by_key` gives the last, which was mounted on the others.
    above.max_by_key(|entry| entry.target.components().count())
}

fn entry(line: &[u8]) -> Option<Entry> {
    let mut fields = line.split(|&byte| byte == b' ');
    let id = text(fields.next()?).parse().ok()?;
    // The parent's id, and the device.
    let mut fields = fields.skip(2);
    let (root, target, options) = (fields.next()?, fields.next()?, fields.next()?);
    let propagation = fields.by_ref().take_while(|field| *field != b"-").map(text).collect();
    let (kind, source, super_options) = (fields.next()?, fields.next()?, fields.next()?);
    Some(Entry {
        id,
        root: OsString::from_vec(unescaped(root)).into(),
        target: OsString::from_vec(unescaped(target)).into(),
        options: listed(options),
        propagation,
        kind: text(kind),
        source: OsString::from_vec(unescaped(source)),
        super_options: listed(super_options),
    })
}

fn listed(field: &[u8]) -> Vec<String> {
    text(field).split(',').map(str::to_owned).collect()
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).into_owned()
}

/// Space, tab, newline and backslash are written as `\040` and the like.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(code) if byte == b'\\' => {
                bytes.push(code);
                rest = &after[3..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"22 1 0:21 / / rw - tmpfs root rw,mode=755\n\
        36 22 98:0 /a\\040b /m\\134n\xff rw,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue\n\
        37 22 98:0 / /with\\040space rw - tmpfs none rw\n\
        38 37 98:0 / /with\\040space rw - ramfs none rw\n";

    #[test]
    fn a_mount_may_have_any_number_of_optional_fields() {
        let mounts = parse(TEXT).unwrap();
        assert_eq!((mounts[0].id, mounts[1].id), (22, 36));
        assert_eq!(mounts[0].propagation, Vec::<String>::new());
        assert_eq!(
            (mounts[0].options.as_slice(), mounts[0].super_options.as_slice()),
            (["rw".to_owned()].as_slice(), ["rw".to_owned(), "mode=755".to_owned()].as_slice())
        );
        assert_eq!(mounts[1].root, Path::new("/a b"));
        assert_eq!(mounts[1].target.as_os_str().as_encoded_bytes(), b"/m\\n\xff");
        assert_eq!(mounts[1].propagation, ["shared:1", "master:2"]);
        assert_eq!((mounts[1].kind.as_str(), mounts[1].source.to_str()), ("ext3", Some("/dev/root")));
    }

    #[test]
    fn a_path_is_held_by_the_nearest_and_topmost_mount() {
        let mounts = parse(TEXT).unwrap();
        let held = |path: &str| holding(&mounts, Path::new(path)).map(|entry| entry.id);
        assert_eq!(held("/with space/file"), Some(38));
        assert_eq!(held("/with spaces"), Some(22));
        assert_eq!(held("/"), Some(22));
    }

    #[test]
    fn what_is_no_mount_is_told_of() {
        assert_eq!(parse(b"22 1 0:21 / / rw\n"), Err(Errno::EPROTO));
        assert_eq!(parse(b"x 1 0:21 / / rw - tmpfs root rw\n"), Err(Errno::EPROTO));
        assert_eq!(parse(b""), Ok(Vec::new()));
    }

    #[test]
    fn this_process_has_a_root() {
        assert!(own().unwrap().iter().any(|entry| entry.target == Path::new("/")));
    }
}
