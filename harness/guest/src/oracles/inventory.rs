//! What there is in the machine that a container could leave behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use runtime::spec;
use sys::file;
use sys::probe::ipc::Kind;

use super::files::{self, State, present};
use crate::parse;
use crate::world::World;

const CGROUPS: &str = "/sys/fs/cgroup";

/// One thing, told by what makes it itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    Process {
        pid: i32,
        name: String,
    },
    Namespace(String),
    /// `state`: its options and its propagation.
    Mount {
        id: u32,
        target: String,
        kind: String,
        state: String,
    },
    Interface(String),
    Cgroup(PathBuf),
    Ipc {
        kind: IpcKind,
        key: i32,
        id: i32,
    },
    File {
        path: PathBuf,
        state: State,
    },
}

/// [`Kind`], in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum IpcKind {
    Memory,
    Semaphore,
    Queue,
}

impl IpcKind {
    pub(super) fn kind(self) -> Kind {
        match self {
            IpcKind::Memory => Kind::Memory,
            IpcKind::Semaphore => Kind::Semaphore,
            IpcKind::Queue => Kind::Queue,
        }
    }

    /// The word in `/proc/sysvipc`.
    fn word(self) -> &'static str {
        match self {
            IpcKind::Memory => "shm",
            IpcKind::Semaphore => "sem",
            IpcKind::Queue => "msg",
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Process { pid, name } => write!(f, "process {pid} ({name})"),
            Item::Namespace(name) => write!(f, "namespace {name}"),
            Item::Mount { target, kind, .. } => write!(f, "mount {target} ({kind})"),
            Item::Interface(name) => write!(f, "interface {name}"),
            Item::Cgroup(path) => write!(f, "cgroup {}", path.display()),
            Item::Ipc { kind, key, id } => write!(f, "{} {id} (key {key})", kind.word()),
            Item::File { path, .. } => write!(f, "file {}", path.display()),
        }
    }
}

/// Everything at one moment.
#[derive(Debug)]
pub(super) struct Inventory {
    items: BTreeSet<Item>,
    /// Kernel threads included: a process that is not new needs no second look.
    pids: BTreeSet<i32>,
    /// Of each file system in memory.
    used: BTreeMap<PathBuf, (u64, u64)>,
}

impl Inventory {
    fn of(pids: BTreeSet<i32>) -> Inventory {
        Inventory { items: BTreeSet::new(), pids, used: BTreeMap::new() }
    }

    /// What there is to compare with later: who runs now needs no look, then as now.
    pub(super) fn baseline(world: &World) -> io::Result<Inventory> {
        let mut now = Inventory::of(pids()?);
        now.add_things(world, |_| true)?;
        Ok(now)
    }

    /// Everything, but for processes that `baseline` has too.
    pub(super) fn take(world: &World, baseline: &Inventory) -> io::Result<Inventory> {
        let mut now = Inventory::of(pids()?);
        for &pid in now.pids.difference(&baseline.pids) {
            if let Some(name) = user_process(pid)? {
                now.items.insert(Item::Process { pid, name });
                now.items.extend(namespaces(world, pid)?.into_iter().map(Item::Namespace));
            }
        }
        let files = baseline.items.iter().filter_map(|item| match item {
            Item::File { path, .. } => Some(path.as_path()),
            _ => None,
        });
        let known: BTreeSet<&Path> = files.collect();
        now.add_things(world, |path| known.contains(path))?;
        Ok(now)
    }

    fn add_things(&mut self, world: &World, known: impl Fn(&Path) -> bool) -> io::Result<()> {
        self.items.extend(mounts(world)?);
        self.items.extend(names("/sys/class/net")?.into_iter().map(Item::Interface));
        cgroups(Path::new(CGROUPS), &mut self.items)?;
        for kind in [IpcKind::Memory, IpcKind::Semaphore, IpcKind::Queue] {
            self.items.extend(ipc(kind)?);
        }
        let (files, used) = world.in_machine(|| Ok((files::take(known)?, files::used()?)))?;
        self.used = used;
        self.items.extend(files.into_iter().map(|(path, state)| Item::File { path, state }));
        Ok(())
    }

    /// What is here and was not there. A mount or a file that was there and is another now is [`Inventory::changed_since`].
    pub(super) fn since(&self, earlier: &Inventory) -> Vec<Item> {
        let is_new = |item: &&Item| !item.is_one_of(&earlier.items);
        self.items.difference(&earlier.items).filter(is_new).cloned().collect()
    }

    /// What there is more of than the files that paths lead to: to be asked when these are as they were.
    pub(super) fn hidden_since(&self, earlier: &Inventory) -> Vec<String> {
        let words = |(tree, &(bytes, files)): (&PathBuf, &(u64, u64))| {
            let &(bytes_before, files_before) = earlier.used.get(tree)?;
            (bytes > bytes_before || files > files_before).then(|| {
                let (bytes, files) = (bytes.saturating_sub(bytes_before), files.saturating_sub(files_before));
                let plural = if files == 1 { "file" } else { "files" };
                format!("{files} {plural} with {bytes} bytes on {}, to which no path leads", tree.display())
            })
        };
        self.used.iter().filter_map(words).collect()
    }

    /// Whether something below this folder is gone or is not as it was.
    pub(super) fn has_changed_below(&self, folder: &Path, earlier: &Inventory) -> bool {
        let is_below = |item: &&Item| matches!(item, Item::File { path, .. } if path.starts_with(folder));
        earlier.items.difference(&self.items).any(|item| is_below(&item))
    }

    /// What was there and is not, or is not as it was: `no mount /proc (proc) any more`.
    pub(super) fn changed_since(&self, earlier: &Inventory) -> Vec<String> {
        let words = |item: &Item| {
            if item.is_one_of(&self.items) {
                format!("a changed {item}")
            } else {
                format!("no {item} any more")
            }
        };
        earlier.items.difference(&self.items).map(words).collect()
    }
}

impl Item {
    /// Whether it is among them, in whatever state.
    fn is_one_of(&self, items: &BTreeSet<Item>) -> bool {
        items.contains(self)
            || items.iter().any(|item| match (self, item) {
                (Item::Mount { id, .. }, Item::Mount { id: other, .. }) => id == other,
                (Item::File { path, .. }, Item::File { path: other, .. }) => path == other,
                _ => false,
            })
    }
}

/// Names in a folder; none if there is no such folder.
fn names(folder: impl AsRef<Path>) -> io::Result<Vec<String>> {
    let entries = present(fs::read_dir(folder).map(Some))?;
    entries.into_iter().flatten().map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn pids() -> io::Result<BTreeSet<i32>> {
    Ok(names("/proc")?.iter().filter_map(|name| name.parse().ok()).collect())
}

/// The name of a process that is no kernel thread.
fn user_process(pid: i32) -> io::Result<Option<String>> {
    Ok(name_in_stat(&present(file::read_text(format!("/proc/{pid}/stat")))?))
}

/// The name in `/proc/PID/stat`, unless the flags tell of a kernel thread. proc_pid_stat(5)
fn name_in_stat(stat: &str) -> Option<String> {
    const KERNEL_THREAD: u64 = 0x0020_0000;
    let (head, fields) = stat.rsplit_once(") ")?;
    let flags: u64 = fields.split(' ').nth(6)?.parse().ok()?;
    let (_, name) = head.split_once(" (")?;
    (flags & KERNEL_THREAD == 0).then(|| name.to_owned())
}

/// The namespaces of a process that are not the machine's: `net:[4026532177]`.
fn namespaces(world: &World, pid: i32) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for name in spec::Namespace::ALL.iter().map(|kind| kind.file()) {
        let theirs = match fs::read_link(format!("/proc/{pid}/ns/{name}")) {
            // Init may look at everybody: this is what the kernel says of who was reaped meanwhile (proc_ns_readlink).
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => PathBuf::new(),
            other => present(other)?,
        };
        let ours = present(fs::read_link(format!("/proc/self/ns/{name}")))?;
        if theirs != ours && !world.is_machine(&theirs) && theirs != Path::new("") {
            found.push(theirs.to_string_lossy().into_owned());
        }
    }
    Ok(found)
}

fn mounts(world: &World) -> io::Result<Vec<Item>> {
    let item = |mount: parse::Mount| {
        let state = [mount.options, mount.propagation].concat().join(",");
        Item::Mount { id: mount.id, target: mount.target, kind: mount.kind, state }
    };
    Ok(world.mountinfo()?.into_iter().map(parse::Mount::from).map(item).collect())
}

fn cgroups(group: &Path, items: &mut BTreeSet<Item>) -> io::Result<()> {
    for entry in present(fs::read_dir(group).map(Some))?.into_iter().flatten() {
        let entry = entry?;
        if present(entry.file_type().map(Some))?.is_some_and(|kind| kind.is_dir()) {
            cgroups(&entry.path(), items)?;
            items.insert(Item::Cgroup(entry.path()));
        }
    }
    Ok(())
}

fn ipc(kind: IpcKind) -> io::Result<Vec<Item>> {
    let table = present(fs::read_to_string(format!("/proc/sysvipc/{}", kind.word())))?;
    Ok(ipc_rows(kind, &table))
}

/// The first two columns after the heading are the key and the id. sysvipc(7)
fn ipc_rows(kind: IpcKind, table: &str) -> Vec<Item> {
    let row = |line: &str| {
        let mut columns = line.split_whitespace();
        let (key, id) = (columns.next()?.parse().ok()?, columns.next()?.parse().ok()?);
        Some(Item::Ipc { kind, key, id })
    };
    table.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("93 (probe) S 1 93 93 0 -1 4194560 1 2", Some("probe"))]
    #[case("94 (a) b) R 1 94 94 0 -1 4194304 1 2", Some("a) b"))]
    #[case("2 (kthreadd) S 0 0 0 0 -1 2129984 1 2", None)]
    #[case("", None)]
    fn a_kernel_thread_is_no_leftover(#[case] stat: &str, #[case] name: Option<&str>) {
        assert_eq!(name_in_stat(stat).as_deref(), name);
    }

    #[test]
    fn ipc_objects_are_rows_after_a_heading() {
        let table = "       key      shmid perms                  size\n      4711         32   666                  4096\n";
        let row = Item::Ipc { kind: IpcKind::Memory, key: 4711, id: 32 };
        assert_eq!(ipc_rows(IpcKind::Memory, table), [row]);
    }

    #[test]
    fn only_what_is_new_is_left_behind() {
        let inventory = |names: &[&str]| Inventory {
            items: names.iter().map(|name| Item::Interface((*name).into())).collect(),
            ..Inventory::of(BTreeSet::new())
        };
        let left = inventory(&["lo", "mybr0"]).since(&inventory(&["dummy0", "lo"]));
        assert_eq!(left, [Item::Interface("mybr0".into())]);
        assert_eq!(left[0].to_string(), "interface mybr0");
    }

    #[test]
    fn what_is_taken_away_or_changed_is_told_of() {
        let mount = |id, target: &str, state: &str| {
            let (target, kind, state) = (target.into(), "proc".into(), state.into());
            Item::Mount { id, target, kind, state }
        };
        let inventory = |items: &[Item]| Inventory {
            items: items.iter().cloned().collect(),
            ..Inventory::of(BTreeSet::new())
        };
        let before = inventory(&[
            mount(1, "/proc", "rw"),
            mount(2, "/x", "rw"),
            Item::File { path: "/dev/null".into(), state: State::default() },
        ]);
        let after = inventory(&[mount(2, "/x", "ro"), mount(3, "/proc", "rw")]);
        assert_eq!(after.since(&before), [mount(3, "/proc", "rw")]);
        let told =
            ["no mount /proc (proc) any more", "a changed mount /x (proc)", "no file /dev/null any more"];
        assert_eq!(after.changed_since(&before), told);
    }
}
