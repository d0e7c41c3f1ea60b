//! How many namespaces there are, those included that nothing in `/proc` leads to.
//!
//! The kernel counts the namespaces of each kind that a user of a user namespace made, those in user namespaces below it
//! included, and takes one off when it frees one (kernel/ucount.c). A limit under which one more can be made tells the
//! count: `/proc/sys/user/max_net_namespaces`, namespaces(7). Init's user is root, who makes every container.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use runtime::spec::Namespace;
use sys::Errno;
use sys::process::{self, Birth, clone, exit};

/// Where the allocator tells how many network namespaces are in memory (CONFIG_SLUB_DEBUG).
const OBJECTS: &str = "/sys/kernel/slab/net_namespace";
/// More than anything leaves: a count beyond is told of as so many.
const MOST: u64 = 64;

/// The counts at READY, of the kinds that this kernel counts.
#[derive(Debug)]
pub(super) struct Counts {
    kinds: Vec<Kind>,
    /// Network namespaces in memory, where that can be told.
    objects: Option<u64>,
}

#[derive(Debug)]
struct Kind {
    namespace: Namespace,
    file: File,
    /// The limit that scenarios have.
    limit: String,
    /// How many there are at READY: init's own.
    base: u64,
}

impl Counts {
    /// Opens what it counts with. No namespace but of mounts is made for that: on a kernel that does not make them well, a
    /// scenario that makes none is not to be disturbed.
    pub(super) fn begin() -> io::Result<Counts> {
        let kinds = Namespace::ALL.iter().copied().map(Kind::begin);
        let kinds = kinds.filter_map(Result::transpose).collect::<io::Result<_>>()?;
        Ok(Counts { kinds, objects: objects()? })
    }

    /// Kinds that this kernel does not count.
    pub(super) fn unseen(&self) -> Vec<Namespace> {
        let counted = |kind: &Namespace| self.kinds.iter().any(|known| known.namespace == *kind);
        Namespace::ALL.iter().copied().filter(|kind| !counted(kind)).collect()
    }

    /// How many more of these there are now than at READY, of each kind of which there are more.
    pub(super) fn excess(&self, of: &BTreeSet<Namespace>) -> io::Result<Vec<(Namespace, u64)>> {
        let mut more = Vec::new();
        for kind in self.kinds.iter().filter(|kind| of.contains(&kind.namespace)) {
            let count = kind.count(kind.base)?;
            if count > kind.base {
                more.push((kind.namespace, count - kind.base));
            }
        }
        Ok(more)
    }

    /// Returns whether there are no more of these than at READY: then one more of each can be made. All are made at once,
    /// but for a network namespace, which takes three times as long as the rest: where the allocator has none, none is
    /// counted.
    pub(super) fn are_as_before(&self, of: &BTreeSet<Namespace>) -> io::Result<bool> {
        let mut asked: Vec<&Kind> = self.kinds.iter().filter(|kind| of.contains(&kind.namespace)).collect();
        if of.contains(&Namespace::Net) && self.objects.is_some() && objects()? <= self.objects {
            asked.retain(|kind| kind.namespace != Namespace::Net);
        }
        if asked.is_empty() {
            return Ok(true);
        }
        asked.iter().try_for_each(|kind| kind.allow(kind.base + 1))?;
        let made = can_make(&asked.iter().map(|kind| kind.namespace).collect::<Vec<_>>());
        asked.iter().try_for_each(|kind| kind.restore())?;
        made
    }
}

impl Kind {
    /// `None` for one that the kernel does not count.
    fn begin(namespace: Namespace) -> io::Result<Option<Kind>> {
        let path = format!("/proc/sys/user/max_{}_namespaces", namespace.file());
        let file = match File::options().write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let mut kind = Kind { namespace, file, limit: fs::read_to_string(&path)?, base: 0 };
        // Init made one of its own, and on some kernels the thread that keeps /dev is counted, too (kdevtmpfs).
        if namespace == Namespace::Mount {
            kind.base = kind.count(0)?;
        }
        Ok(Some(kind))
    }

    /// Counts from `least` on.
    fn count(&self, least: u64) -> io::Result<u64> {
        let mut count = least;
        while count < MOST {
            self.allow(count + 1)?;
            if can_make(&[self.namespace])? {
                break;
            }
            count += 1;
        }
        self.restore()?;
        Ok(count)
    }

    fn allow(&self, limit: u64) -> io::Result<()> {
        self.file.write_all_at(limit.to_string().as_bytes(), 0)
    }

    fn restore(&self) -> io::Result<()> {
        self.file.write_all_at(self.limit.trim().as_bytes(), 0)
    }
}

/// Whether a namespace of each of these kinds can be made. They end with a child that does nothing.
fn can_make(kinds: &[Namespace]) -> io::Result<bool> {
    let pid = match clone(kinds, None) {
        Ok(Birth::Child) => exit(0),
        Ok(Birth::Parent(pid)) => pid,
        Err(Errno::ENOSPC) => return Ok(false),
        Err(errno) => return Err(errno.into()),
    };
    match process::wait(pid) {
        // The kernel reaps init's children unseen.
        Ok(_) | Err(Errno::ECHILD) => Ok(true),
        Err(errno) => Err(errno.into()),
    }
}

/// Network namespaces in memory. `None` where the allocator does not tell, or has others among them (`aliases`).
fn objects() -> io::Result<Option<u64>> {
    let read = |name: &str| match fs::read_to_string(format!("{OBJECTS}/{name}")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(|text| text.split_whitespace().next().and_then(|word| word.parse().ok())),
    };
    // Without CONFIG_SLUB_DEBUG there is an `objects` too, which stays 0, and no `total_objects` (mm/slub.c).
    if read("aliases")? != Some(0) || read("total_objects")?.is_none() {
        return Ok(None);
    }
    // What each CPU has in reserve counts as used until it is given back.
    fs::write(format!("{OBJECTS}/shrink"), "1")?;
    read("objects")
}
