//! What is mounted in the new root, what is hidden there, and what is made read-only.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use crate::spec::Mount;
use crate::step::{About, Fault};
use crate::tree::Tree;
use sys::file::{self, Links};
use sys::mount::{self, Flags};
use sys::{self, Errno};

/// The words of [`Mount::options`], sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    set: Flags,
    clear: Flags,
    /// MOUNT_ATTR_* for the whole tree.
    recursive: u64,
    propagation: Vec<Flags>,
}

impl Options {
    /// Reads the words; the first that is none comes back as the error.
    pub(crate) fn parse(words: &[String]) -> Result<Options, String> {
        let (set, clear) = (Flags::empty(), Flags::empty());
        let mut options = Options { set, clear, recursive: 0, propagation: Vec::new() };
        for word in words {
            if let Some((flag, set)) = mount::flag(word) {
                options.set.set(flag, set);
                options.clear.set(flag, !set);
            } else if let Some(attribute) = mount::recursive_attribute(word) {
                options.recursive |= attribute;
            } else if let Some(flags) = mount::propagation(word) {
                options.propagation.push(flags);
            } else {
                return Err(word.clone());
            }
        }
        Ok(options)
    }
}

/// A fresh procfs. A link in its place could lead the rest of the set-up astray (CVE-2019-19921), and is refused.
pub(crate) fn proc(tree: &Tree) -> Result<(), Fault> {
    kernel_filesystem(tree, "proc", "/proc", hardened())
}

/// A read-only sysfs, which shows the devices of the network namespace it is mounted in.
pub(crate) fn sysfs(tree: &Tree) -> Result<(), Fault> {
    kernel_filesystem(tree, "sysfs", "/sys", hardened() | flags(&["ro"]))
}

fn kernel_filesystem(tree: &Tree, kind: &str, target: &str, flags: Flags) -> Result<(), Fault> {
    let at = tree.directory(Path::new(target), Links::Refused)?;
    Ok(mount::filesystem(kind, kind, &file::path_of(&at), flags, "")?)
}

fn hardened() -> Flags {
    flags(&["nosuid", "nodev", "noexec"])
}

/// The flags that mount(8) writes so.
pub(crate) fn flags(words: &[&str]) -> Flags {
    words.iter().filter_map(|word| mount::flag(word)).map(|(flag, _)| flag).collect()
}

/// One of the specification's own mounts.
pub(crate) fn mount(tree: &Tree, wanted: &Mount) -> Result<(), Fault> {
    let options = Options::parse(&wanted.options).map_err(|_| Errno::EINVAL)?;
    if matches!(wanted.kind.as_str(), "bind" | "rbind") {
        bind(tree, wanted, &options)?;
    } else {
        let source = if wanted.source.is_empty() { &wanted.kind } else { &wanted.source };
        let at = tree.directory(&wanted.target, Links::InsideRoot)?;
        mount::filesystem(&wanted.kind, source, &file::path_of(&at), options.set, &wanted.data)?;
    }
    finish(tree, wanted, &options)
}

fn bind(tree: &Tree, wanted: &Mount, options: &Options) -> Result<(), Fault> {
    let source = file::handle(Path::new(&wanted.source))?;
    let at = if file::is_directory(&source)? {
        tree.directory(&wanted.target, Links::InsideRoot)?
    } else {
        tree.file(&wanted.target)?
    };
    mount::bind(&file::path_of(&source), &file::path_of(&at), wanted.kind == "rbind")?;
    if options.set.is_empty() && options.clear.is_empty() {
        return Ok(());
    }
    // mount(2) ignores all other flags next to MS_BIND: they need a second call.
    let top = mounted(tree, &wanted.target)?;
    Ok(mount::remount(&file::path_of(&top), options.set, options.clear)?)
}

fn finish(tree: &Tree, wanted: &Mount, options: &Options) -> Result<(), Fault> {
    if options.recursive == 0 && options.propagation.is_empty() {
        return Ok(());
    }
    let top = mounted(tree, &wanted.target)?;
    if options.recursive != 0 {
        mount::set_attributes_recursively(&file::path_of(&top), options.recursive)?;
    }
    for &propagation in &options.propagation {
        mount::propagate(&file::path_of(&top), propagation)?;
    }
    Ok(())
}

/// The mount on top of a target; the handle that led to it is still the directory below.
fn mounted(tree: &Tree, target: &Path) -> sys::Result<OwnedFd> {
    tree.find(target, Links::InsideRoot)?.ok_or(Errno::ENOENT)
}

/// Writes the sysctls, each only if it is a true one: an image could put another file in its place (CVE-2025-52881).
pub(crate) fn sysctls(tree: &Tree, wanted: &BTreeMap<String, String>) -> Result<(), Fault> {
    for (name, value) in wanted {
        let about = || format!("{name} = {value}");
        let file = tree.open_for_writing(&sysctl_path(name)).about(about)?;
        if !file::is_procfs(&file).about(about)? {
            return Err(Errno::EPERM).about(about);
        }
        File::from(file).write_all(value.as_bytes()).about(about)?;
    }
    Ok(())
}

/// `net.ipv4.ip_forward` and `net/ipv4/ip_forward` are the same; the second form allows dots in a name. sysctl(8)
pub(crate) fn sysctl_path(name: &str) -> PathBuf {
    let name = if name.contains('/') { name.to_owned() } else { name.replace('.', "/") };
    Path::new("/proc/sys").join(name)
}

/// Hides each path that exists: a file under the null device, a directory under an empty read-only tmpfs.
pub(crate) fn mask(tree: &Tree, paths: &[PathBuf]) -> Result<(), Fault> {
    let null = null_device()?;
    for path in paths {
        let about = || path.display().to_string();
        let Some(at) = tree.find(path, Links::InsideRoot).about(about)? else { continue };
        let target = file::path_of(&at);
        if file::is_directory(&at).about(about)? {
            mount::filesystem("tmpfs", "tmpfs", &target, hardened() | flags(&["ro"]), "").about(about)?;
        } else {
            mount::bind(&null, &target, false).about(about)?;
        }
    }
    Ok(())
}

/// The null device, known by its numbers: an image's `/dev/null` may be a link to anything (CVE-2025-31133).
fn null_device() -> Result<PathBuf, Fault> {
    let path = PathBuf::from("/dev/null");
    let about = || "/dev/null is not the null device".to_owned();
    match file::character_device(file::handle(&path).about(about)?).about(about)? {
        Some(number) if number == file::device(1, 3) => Ok(path),
        _ => Err(Errno::ENODEV).about(about),
    }
}

/// Makes each path that exists read-only, by a bind mount on itself.
pub(crate) fn make_read_only(tree: &Tree, paths: &[PathBuf]) -> Result<(), Fault> {
    for path in paths {
        let about = || path.display().to_string();
        let Some(at) = tree.find(path, Links::InsideRoot).about(about)? else { continue };
        let here = file::path_of(&at);
        mount::bind(&here, &here, true).about(about)?;
        let top = mounted(tree, path).about(about)?;
        mount::remount(&file::path_of(&top), flags(&["ro"]), Flags::empty()).about(about)?;
    }
    Ok(())
}
