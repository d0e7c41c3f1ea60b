//! Whether a probe's program is still what was executed: one that was written to, by a process that may trace the probe or by
//! the probe itself, answers what the writer likes.
//!
//! The kernel gives a page of a private mapping that is written to a copy of its own, for good, even if it may only be read and
//! the writing goes through `/proc/PID/mem`: `Anonymous` in `/proc/PID/smaps`, proc_pid_smaps(5).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use protocol::plan::Plan;
use sys::{Errno, file};

/// A part of a file that is mapped: device and inode, where, how, and the offset in the file.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    file: String,
    place: String,
    permissions: String,
    offset: String,
}

/// Looks at probes through a procfs that no scenario reaches.
#[derive(Debug, Clone)]
pub(super) struct Integrity {
    /// The root of that procfs.
    proc: Rc<File>,
    /// Whether the scenario has a step that could write to a process's memory.
    at_risk: bool,
    /// This program's own parts, once they were looked at.
    ours: Rc<RefCell<Option<BTreeMap<Part, u64>>>>,
}

impl Integrity {
    /// `proc` is the root of that procfs.
    pub(super) fn new(proc: File, plan: &Plan) -> Integrity {
        Integrity { proc: Rc::new(proc), at_risk: plan.may_write_memory(), ours: Rc::default() }
    }

    /// This program, which every probe executes: of that procfs, too, for who covers the machine's would choose another.
    pub(super) fn program(&self) -> io::Result<OwnedFd> {
        Ok(file::open_in(self.proc.as_fd(), OsStr::new("self/exe"))?)
    }

    /// Whether a program has to be looked at after each step.
    pub(super) fn is_at_risk(&self) -> bool {
        self.at_risk
    }

    /// Whether what a process executes is what it was executed from: the program that this one executes, too. It must be
    /// alive. Yes where the kernel does not tell ([`is_told`]).
    pub(super) fn is_intact(&self, pid: i32) -> io::Result<bool> {
        let theirs = self.private(&pid.to_string())?;
        let mut known = self.ours.borrow_mut();
        let ours = match &mut *known {
            Some(ours) => ours,
            none => none.insert(self.private("self")?),
        };
        // What the program's own start writes to is the same here. A part that is mapped otherwise may be so to be written to.
        let same = |(part, size): (&Part, &u64)| theirs.get(part).is_some_and(|theirs| theirs <= size);
        Ok(ours.iter().all(same))
    }

    /// Of each part that cannot be written to, the kilobytes that are the process's own.
    fn private(&self, process: &str) -> io::Result<BTreeMap<Part, u64>> {
        let path = format!("{process}/smaps");
        match file::open_in(self.proc.as_fd(), OsStr::new(&path)) {
            Err(Errno::ENOENT) => Ok(BTreeMap::new()),
            other => {
                let mut text = Vec::new();
                File::from(other?).read_to_end(&mut text)?;
                Ok(private(&String::from_utf8_lossy(&text)))
            }
        }
    }
}

/// Whether this kernel tells what was written to (CONFIG_PROC_PAGE_MONITOR).
pub(super) fn is_told() -> bool {
    Path::new("/proc/self/smaps").exists()
}

/// Kilobytes of pages of its own, of each part of a file that is mapped and cannot be written to.
fn private(smaps: &str) -> BTreeMap<Part, u64> {
    let mut found = BTreeMap::new();
    let mut part = None;
    for line in smaps.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["Anonymous:", size, "kB"] => {
                if let (Some(part), Ok(size)) = (part.take(), size.parse::<u64>()) {
                    *found.entry(part).or_default() += size;
                }
            }
            [place, permissions, offset, device, inode, ..]
                if permissions.len() == 4 && device.contains(':') =>
            {
                let is_fixed = inode != "0" && !permissions.contains('w');
                part = is_fixed.then(|| Part {
                    file: format!("{device} {inode}"),
                    place: place.to_owned(),
                    permissions: permissions.to_owned(),
                    offset: offset.to_owned(),
                });
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::FileExt;

    use sys::probe::raw::{self, Argument};
    use sys::process::{Birth, clone, exit};

    use super::*;

    const SMAPS: &str = "\
00200000-00254000 r--p 00000000 00:01 1036                               /memfd:init (deleted)
Size:                336 kB
Anonymous:             4 kB
AnonHugePages:         0 kB
VmFlags: rd mr mw me sd 
00254000-003a5000 r-xp 00053000 00:01 1036                               /memfd:init (deleted)
Anonymous:             8 kB
003a5000-003b5000 rw-p 001a3000 00:01 1036                               /memfd:init (deleted)
Anonymous:            64 kB
7fff0000-7fff2000 r-xp 00000000 00:00 0                                  [vdso]
Anonymous:            16 kB
";

    fn part(place: &str, permissions: &str, offset: &str) -> Part {
        let [place, permissions, offset] = [place, permissions, offset].map(str::to_owned);
        Part { file: "00:01 1036".into(), place, permissions, offset }
    }

    #[test]
    fn what_may_be_written_to_is_not_counted() {
        let parts = [
            (part("00200000-00254000", "r--p", "00000000"), 4),
            (part("00254000-003a5000", "r-xp", "00053000"), 8),
        ];
        assert_eq!(private(SMAPS), BTreeMap::from(parts));
    }

    /// A child that executes what this process does, and what becomes of it when `change` is done to an address of its code.
    fn is_intact_after(change: impl FnOnce(u64)) -> bool {
        let integrity =
            Integrity { proc: Rc::new(File::open("/proc").unwrap()), at_risk: true, ours: Rc::default() };
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.contains("r-xp") && line.contains("/deps/")).unwrap();
        let address = u64::from_str_radix(line.split('-').next().unwrap(), 16).unwrap();
        let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let pid = match clone(&[], None).unwrap() {
            Birth::Child => {
                change(address);
                (&theirs).write_all(b"x").unwrap();
                (&theirs).read_exact(&mut [0]).unwrap();
                exit(0)
            }
            Birth::Parent(pid) => pid,
        };
        ours.read_exact(&mut [0]).unwrap();
        let intact = integrity.is_intact(pid).unwrap();
        ours.write_all(b"x").unwrap();
        sys::process::wait(pid).unwrap();
        intact
    }

    /// What is there already: it can be seen by nothing else.
    fn write(address: u64) {
        let memory = File::options().read(true).write(true).open("/proc/self/mem").unwrap();
        let mut byte = [0];
        memory.read_exact_at(&mut byte, address).unwrap();
        memory.write_all_at(&byte, address).unwrap();
    }

    #[test]
    fn a_program_that_is_written_to_is_noticed() {
        assert!(is_intact_after(|_| {}));
        assert!(!is_intact_after(write));
    }

    #[test]
    fn so_is_one_that_is_made_writable() {
        let protect = |address: u64| {
            let number = raw::number("mprotect").unwrap();
            let arguments = [address, 4096, 7].map(|number| Argument::Number(number.cast_signed()));
            raw::call(number, &arguments).unwrap();
        };
        assert!(!is_intact_after(protect));
    }
}
