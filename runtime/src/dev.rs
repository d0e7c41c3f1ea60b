//! The minimal `/dev`. What the OCI runtime specification calls the default devices.

use std::os::fd::OwnedFd;
use std::path::Path;

use crate::mounts::flags;
use crate::spec::{Namespace, Spec};
use crate::step::{About, Fault};
use crate::steps::in_user_namespace;
use crate::tree::Tree;
use sys::file::{self, Links, Node};
use sys::{Errno, mount};

/// Name, major and minor number. devices.txt of the kernel's documentation.
const NODES: [(&str, u64, u64); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// Name and target.
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Mounts `/dev` in the tree.
pub(crate) fn make(tree: &Tree, spec: &Spec) -> Result<(), Fault> {
    let about = |what: &'static str| move || what.to_owned();
    // In a user namespace no device node can be made: the caller's own are bound, found before a new /dev hides them.
    let originals = if in_user_namespace(spec) { originals()? } else { Vec::new() };
    // An image's link in its place would put the devices elsewhere, and is refused.
    let below = tree.directory(Path::new("/dev"), Links::Refused)?;
    mount::filesystem(
        "tmpfs",
        "tmpfs",
        &file::path_of(&below),
        flags(&["nosuid", "noexec"]),
        "mode=755,size=64k",
    )?;
    let dev = Tree::of(tree.find(Path::new("/dev"), Links::Refused)?.ok_or(Errno::ENOENT)?);
    for (name, major, minor) in NODES {
        if originals.is_empty() {
            let node = Node::Character(file::device(major, minor));
            file::make_node_at(&dev, name.as_ref(), node, 0o666).about(about(name))?;
        }
    }
    for (name, original) in &originals {
        bind(&dev, name, original).about(about(name))?;
    }
    for (name, target) in LINKS {
        file::make_link_at(target, &dev, name).about(about(name))?;
    }
    terminals(&dev, spec).about(about("pts"))?;
    shared_memory(&dev).about(about("shm"))?;
    queues(&dev, spec).about(about("mqueue"))
}

/// The caller's devices, known by their numbers: a name alone proves nothing (CVE-2025-31133).
fn originals() -> Result<Vec<(&'static str, OwnedFd)>, Fault> {
    let find = |(name, major, minor): (&'static str, u64, u64)| {
        let about = || format!("{name} of the caller");
        let found = file::handle(&Path::new("/dev").join(name)).about(about)?;
        match file::character_device(&found).about(about)? {
            Some(device) if device == file::device(major, minor) => Ok((name, found)),
            _ => Err(Errno::ENODEV).about(about),
        }
    };
    NODES.into_iter().map(find).collect()
}

fn bind(dev: &Tree, name: &str, original: &OwnedFd) -> Result<(), Fault> {
    let here = dev.file(Path::new(name))?;
    Ok(mount::bind(&file::path_of(original), &file::path_of(&here), false)?)
}

/// An own instance of devpts: no terminal of another one can be opened through it. pts(4)
fn terminals(dev: &Tree, spec: &Spec) -> Result<(), Fault> {
    let at = dev.directory(Path::new("pts"), Links::Refused)?;
    // Group 5 is `tty` everywhere, but a user namespace need not have it.
    let group = if in_user_namespace(spec) { "" } else { ",gid=5" };
    let data = format!("newinstance,ptmxmode=0666,mode=0620{group}");
    Ok(mount::filesystem("devpts", "devpts", &file::path_of(&at), flags(&["nosuid", "noexec"]), &data)?)
}

fn shared_memory(dev: &Tree) -> Result<(), Fault> {
    let at = dev.directory(Path::new("shm"), Links::Refused)?;
    Ok(mount::filesystem(
        "tmpfs",
        "shm",
        &file::path_of(&at),
        flags(&["nosuid", "nodev", "noexec"]),
        "mode=1777",
    )?)
}

/// The message queues of the IPC namespace; without an own one they are the caller's, and not shown. mq_overview(7)
fn queues(dev: &Tree, spec: &Spec) -> Result<(), Fault> {
    if !spec.namespaces.contains(&Namespace::Ipc) {
        return Ok(());
    }
    let at = dev.directory(Path::new("mqueue"), Links::Refused)?;
    Ok(mount::filesystem("mqueue", "mqueue", &file::path_of(&at), flags(&["nosuid", "nodev", "noexec"]), "")?)
}
