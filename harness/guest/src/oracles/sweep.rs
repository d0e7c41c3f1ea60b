//! Takes away what was left behind, so that the next scenario begins as this one did.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::network;
use runtime::output;
use sys::probe::ipc;
use sys::{self, Errno, Signal, mount, process, signal};

use super::inventory::Item;
use crate::world::World;

/// For processes to die of SIGKILL.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Removes what can be removed, processes first: they hold the rest. What stays becomes part of the next baseline; it was
/// reported, and the console tells why it stayed.
///
/// # Errors
/// There is no way to the machine's mounts or back.
pub(super) fn remove(world: &World, items: &[Item]) -> io::Result<()> {
    // In reverse: mounts and groups inside others come after them.
    let processes = |item: &&Item| matches!(item, Item::Process { .. });
    let (first, then): (Vec<_>, Vec<_>) = items.iter().rev().partition(processes);
    for item in first.into_iter().chain(then) {
        let removed = match item {
            Item::Mount { .. } | Item::File { .. } => world.in_machine(|| Ok(remove_one(item)))?,
            _ => remove_one(item),
        };
        if let Err(errno) = removed {
            output::say(format!("guest: {item} stays: {errno}"));
        }
    }
    Ok(())
}

fn remove_one(item: &Item) -> sys::Result<()> {
    match item {
        Item::Process { pid, .. } => end(*pid),
        // It ends with the processes and mounts that hold it.
        Item::Namespace(_) => Ok(()),
        Item::Mount { target, .. } => mount::detach(Path::new(target)),
        Item::Interface(name) => network::remove(name),
        Item::Cgroup(path) => fs::remove_dir(path).map_err(|error| sys::errno_of(&error)),
        Item::Ipc { kind, id, .. } => ipc::remove(kind.kind(), *id),
        Item::File { path, .. } => remove_tree(path).map_err(|error| sys::errno_of(&error)),
    }
}

fn end(pid: i32) -> sys::Result<()> {
    match signal::kill(pid, Signal::SIGKILL) {
        Err(Errno::ESRCH) => return Ok(()),
        other => other?,
    }
    if process::ends_within(pid, TIMEOUT)? { Ok(()) } else { Err(Errno::ETIMEDOUT) }
}

fn remove_tree(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}
