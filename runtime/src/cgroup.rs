//! A cgroup of version 2 for a container. cgroups(7)

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::spec::Cgroup;
use crate::step::{About, Fault};
use sys::{self, Errno, mountinfo, socket};

/// How long the last processes of a killed group may take to end, in milliseconds.
const DEADLINE: u16 = 5_000;

/// A group made for a container.
#[derive(Debug)]
pub(crate) struct Group(PathBuf);

impl Group {
    /// Makes the group below the caller's own one, with its limits.
    pub(crate) fn make(wanted: &Cgroup) -> Result<Group, Fault> {
        let parent = directory_of("self")?;
        enable(&parent, wanted)?;
        let path = parent.join(&wanted.name);
        // Whatever the caller's umask: who may write here makes groups of its own below.
        fs::DirBuilder::new().mode(0o755).create(&path).about(|| path.display().to_string())?;
        let group = Group(path);
        match group.limit(wanted) {
            Ok(()) => Ok(group),
            Err(fault) => {
                // The fault is what the caller must hear of; the group is empty, so nothing keeps it from going.
                let _ = fs::remove_dir(&group.0);
                Err(fault)
            }
        }
    }

    fn limit(&self, wanted: &Cgroup) -> Result<(), Fault> {
        for (file, value) in &wanted.limits {
            fs::write(self.0.join(file), value).about(|| format!("{}/{file} = {value}", wanted.name))?;
        }
        Ok(())
    }

    /// Puts a process into the group.
    pub(crate) fn enter(&self, pid: i32) -> Result<(), Fault> {
        enter(&self.0, pid)
    }

    /// Kills what is in the group, waits until it is empty, and removes it with all groups below it.
    pub(crate) fn remove(&self) -> Result<(), Fault> {
        match fs::remove_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::ResourceBusy => self.kill_all()?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => return other.about(|| self.0.display().to_string()),
        }
        remove_all(&self.0).about(|| self.0.display().to_string())
    }

    fn kill_all(&self) -> Result<(), Fault> {
        let about = || self.0.display().to_string();
        let events = fs::File::open(self.0.join("cgroup.events")).about(about)?;
        // cgroup.kill is Linux 5.14; a group of an older kernel with processes left is an error that names it.
        fs::write(self.0.join("cgroup.kill"), "1").about(about)?;
        while fs::read_to_string(self.0.join("cgroup.events")).about(about)?.contains("populated 1") {
            if !socket::wait_for_change(&events, DEADLINE).about(about)? {
                return Err(Errno::ETIMEDOUT).about(about);
            }
        }
        Ok(())
    }
}

/// Removes an empty group, and those that were made below it, first.
fn remove_all(group: &Path) -> io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_all(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}

/// Puts a process into the cgroup of another one, by cgroup version 2; without that there is nothing to do.
pub(crate) fn follow(pid: i32, leader: i32) -> Result<(), Fault> {
    let (Ok(own), Ok(theirs)) = (directory_of("self"), directory_of(&leader.to_string())) else {
        return Ok(());
    };
    if own == theirs { Ok(()) } else { enter(&theirs, pid) }
}

fn enter(group: &Path, pid: i32) -> Result<(), Fault> {
    fs::write(group.join("cgroup.procs"), pid.to_string()).about(|| group.display().to_string())
}

/// Makes the controllers that the limits name available in the new group: `memory.max` needs `+memory` one level above.
fn enable(parent: &Path, wanted: &Cgroup) -> Result<(), Fault> {
    let control = parent.join("cgroup.subtree_control");
    let enabled = fs::read_to_string(&control).about(|| control.display().to_string())?;
    for file in wanted.limits.keys() {
        let controller = file.split('.').next().unwrap_or_default();
        if controller != "cgroup" && !enabled.split_whitespace().any(|word| word == controller) {
            let write = fs::write(&control, format!("+{controller}"));
            write.about(|| format!("+{controller} in {}", control.display()))?;
        }
    }
    Ok(())
}

/// Where the cgroup of a process (`self` or a number) is mounted.
fn directory_of(process: &str) -> Result<PathBuf, Fault> {
    let no_cgroup2 = || "no cgroup2 file system is mounted".to_owned();
    let membership = format!("/proc/{process}/cgroup");
    let membership = fs::read(&membership).about(|| membership.clone())?;
    let group = membership.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"0::"));
    let group = Path::new(OsStr::from_bytes(group.ok_or(Errno::ENODEV).about(no_cgroup2)?));
    let mounts = mountinfo::own().about(|| "/proc/self/mountinfo".into())?;
    let mounted =
        mounts.iter().find(|mount| mount.kind == "cgroup2").ok_or(Errno::ENODEV).about(no_cgroup2)?;
    let below = group.strip_prefix(&mounted.root).or(group.strip_prefix("/"));
    Ok(mounted.target.join(below.map_err(|_| Errno::ENOENT).about(|| group.display().to_string())?))
}

/// Whether a container can have a cgroup here.
///
/// # Errors
/// The errno of the first file that is not there, `ENODEV` if no cgroup2 is mounted.
pub fn available() -> sys::Result<()> {
    directory_of("self").map(drop).map_err(|fault| fault.errno)
}
