//! Whether a probe's program is still what was executed: one that was written to, by a process that may trace the probe or by
//! the probe itself, answers what the writer likes.
//!
//! The kernel gives a page of a private mapping that is written to a copy of its own, for good, even if it may only be read and
//! the writing goes through `/proc/PID/mem`: `Anonymous` in `/proc/PID/smaps`, proc_pid_smaps(5).

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::rc::Rc;

use sys::{Errno, file};

/// Where a part of a file is mapped that can only be read or executed: device and inode, and the offset in the file.
type Part = (String, String);

/// Looks at probes through a procfs that no scenario reaches.
#[derive(Debug, Clone)]
pub(super) struct Integrity(Rc<File>);

impl Integrity {
    /// `proc` is the root of that procfs.
    pub(super) fn new(proc: File) -> Integrity {
        Integrity(Rc::new(proc))
    }

    /// Kilobytes of the program that were written to since the process executed it. The process must be alive and execute the
    /// program that this one does. None where the kernel does not tell ([`is_told`]).
    pub(super) fn kilobytes_written(&self, pid: i32) -> io::Result<u64> {
        let Some(theirs) = self.private(&pid.to_string())? else { return Ok(0) };
        // What the program's own start writes to is the same here.
        let ours = self.private("self")?.unwrap_or_default();
        let more = |(part, size): (&Part, &u64)| size.saturating_sub(ours.get(part).copied().unwrap_or(0));
        Ok(theirs.iter().map(more).sum())
    }

    fn private(&self, process: &str) -> io::Result<Option<BTreeMap<Part, u64>>> {
        let path = format!("{process}/smaps");
        match file::open_in(self.0.as_fd(), OsStr::new(&path)) {
            Err(Errno::ENOENT) => Ok(None),
            other => {
                let mut text = Vec::new();
                File::from(other?).read_to_end(&mut text)?;
                Ok(Some(private(&String::from_utf8_lossy(&text))))
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
            [_, permissions, offset, device, inode, ..] if permissions.len() == 4 && device.contains(':') => {
                let is_fixed = inode != "0" && !permissions.contains('w');
                part = is_fixed.then(|| (format!("{device} {inode}"), offset.to_owned()));
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
    use std::process::{Command, Stdio};

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

    #[test]
    fn what_may_be_written_to_is_not_counted() {
        let part = |offset: &str| ("00:01 1036".to_owned(), offset.to_owned());
        assert_eq!(private(SMAPS), BTreeMap::from([(part("00000000"), 4), (part("00053000"), 8)]));
    }

    #[test]
    fn a_program_that_is_written_to_is_noticed() {
        let integrity = Integrity::new(File::open("/proc").unwrap());
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let pid = child.id().cast_signed();
        // It has begun, with all that its start writes to.
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        // Another program than this one: compared with itself.
        let before = integrity.kilobytes_written(pid).unwrap();
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let line = maps.lines().find(|line| line.contains("r-xp") && line.contains('/')).unwrap();
        let address = u64::from_str_radix(line.split('-').next().unwrap(), 16).unwrap();
        let memory = File::options().read(true).write(true).open(format!("/proc/{pid}/mem")).unwrap();
        let mut byte = [0];
        memory.read_exact_at(&mut byte, address).unwrap();
        assert_eq!(integrity.kilobytes_written(pid).unwrap(), before, "it was only read");
        // What is there already: it can be seen by nothing else.
        memory.write_all_at(&byte, address).unwrap();
        assert_eq!(integrity.kilobytes_written(pid).unwrap(), before + 4);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
