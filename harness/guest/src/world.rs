//! The mount namespace that init keeps to itself, and the machine's, in which scenarios run.
//!
//! ```text
//! init's own:    tmpfs /  /proc /sys /sys/fs/cgroup /dev with ttyS1, kmsg, random      private, no scenario reaches it
//! the machine's: tmpfs /  /proc /sys … /tmp /run                                       shared, as systemd leaves it
//! ```
//! Whatever a scenario unmounts, covers, removes or mounts read-only: init goes on to look and to tell. While a scenario
//! runs, init is in the machine's, so that `/proc/1/ns/mnt` and `/proc/1/root` are what they are on any host.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use runtime::spec::Namespace;
use sys::file::{self, Node};
use sys::{mount, mountinfo, namespace};

use super::boot;

/// Where init's own root is made, in a copy of the machine's mounts, until it becomes `/`.
const STAGE: &str = "/tmp";

/// The devices that init opens. A devtmpfs is one for the whole machine: what is removed from it is gone everywhere.
const DEVICES: &[(&str, u64, u64)] =
    &[("console", 5, 1), ("kmsg", 1, 11), ("null", 1, 3), ("random", 1, 8), ("ttyS1", 4, 65)];

/// Both mount namespaces, held open: neither ends while init lives.
#[derive(Debug)]
pub(super) struct World {
    own: File,
    machine: File,
    /// `mnt:[4026531841]`
    machine_name: PathBuf,
    /// Init's own procfs, which is in reach wherever init is.
    proc: File,
    /// Init's own devices.
    devices: File,
}

impl World {
    /// Moves this process to a mount namespace of its own. The one that it was in is the machine's from now on.
    pub(super) fn make() -> io::Result<World> {
        let this = Path::new("/proc/self/ns/mnt");
        let (machine, machine_name) = (File::open(this)?, fs::read_link(this)?);
        namespace::unshare(Namespace::Mount)?;
        mount::propagate(Path::new("/"), mount::Flags::MS_PRIVATE | mount::Flags::MS_REC)?;
        let stage = Path::new(STAGE);
        mount::filesystem("tmpfs", "init", stage, mount::Flags::empty(), "mode=700")?;
        boot::mount_own(stage)?;
        make_devices(&stage.join("dev"))?;
        file::change_directory(stage)?;
        // The old root is mounted over the new one, and taken away next.
        mount::pivot(Path::new("."), Path::new("."))?;
        mount::detach(Path::new("."))?;
        file::change_directory(Path::new("/"))?;
        Ok(World {
            own: File::open(this)?,
            machine,
            machine_name,
            proc: File::open("/proc")?,
            devices: File::open("/dev")?,
        })
    }

    /// Goes to the machine's mounts: root and working directory are its root.
    pub(super) fn enter_machine(&self) -> io::Result<()> {
        Ok(namespace::join(self.machine.as_fd(), Namespace::Mount)?)
    }

    /// Comes back to init's own.
    pub(super) fn come_home(&self) -> io::Result<()> {
        Ok(namespace::join(self.own.as_fd(), Namespace::Mount)?)
    }

    /// Does something among the machine's mounts, and comes back.
    pub(super) fn in_machine<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.enter_machine()?;
        let done = act();
        self.come_home()?;
        done
    }

    /// `/proc/self/mountinfo` of the machine, whether or not it has a `/proc`.
    pub(super) fn mountinfo(&self) -> io::Result<Vec<mountinfo::Entry>> {
        // The kernel settles at the opening whose mounts are told of (fs/proc_namespace.c).
        let opened = self.in_machine(|| Ok(file::open_in(self.proc.as_fd(), OsStr::new("self/mountinfo"))?));
        let mut text = Vec::new();
        File::from(opened?).read_to_end(&mut text)?;
        Ok(mountinfo::parse(&text)?)
    }

    /// Opens one of init's devices to read and write, wherever init is.
    pub(super) fn device(&self, name: &str) -> io::Result<File> {
        Ok(file::open_terminal_in(self.devices.as_fd(), OsStr::new(name))?.into())
    }

    /// Init's own procfs, to look into wherever one is.
    pub(super) fn proc(&self) -> io::Result<File> {
        self.proc.try_clone()
    }

    /// Whether a link of `/proc/PID/ns` leads to the machine's mounts.
    pub(super) fn is_machine(&self, link: &Path) -> bool {
        link == self.machine_name
    }
}

fn make_devices(folder: &Path) -> io::Result<()> {
    let folder = File::open(folder)?;
    for &(name, major, minor) in DEVICES {
        let node = Node::Character(file::device(major, minor));
        file::make_node_at(folder.as_fd(), OsStr::new(name), node, 0o600)?;
    }
    Ok(())
}
