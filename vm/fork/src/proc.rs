//! What `/proc` tells of a process that is to be forked: proc_pid_smaps(5), proc_pid_fd(5), proc_pid_status(5).

use std::fs;
use std::io;
use std::ops::Range;
use std::os::fd::RawFd;

use nix::unistd::Pid;

/// Its threads; the one whose number is the process's comes first.
pub(super) fn threads(process: Pid) -> io::Result<Vec<Pid>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(format!("/proc/{process}/task"))? {
        all.push(Pid::from_raw(number(&entry?.file_name().to_string_lossy(), 10)?));
    }
    all.sort_by_key(|&tid| (tid != process, tid));
    Ok(all)
}

/// Memory that a fork leaves out (`dc`), but for that of devices (`io`).
pub(super) fn left_out(smaps: &str) -> Vec<Range<u64>> {
    let mut all = Vec::new();
    let mut current = 0..0;
    for line in smaps.lines() {
        if let Some(flags) = line.strip_prefix("VmFlags:") {
            let has = |wanted| flags.split_whitespace().any(|flag| flag == wanted);
            if has("dc") && !has("io") {
                all.push(current.clone());
            }
        } else if let Some(range) = range(line) {
            current = range;
        }
    }
    all
}

/// `7f2de1600000-7f2de1601000 rw-p 00000000 00:00 0`
fn range(line: &str) -> Option<Range<u64>> {
    let (from, to) = line.split_once(' ')?.0.split_once('-')?;
    Some(u64::from_str_radix(from, 16).ok()?..u64::from_str_radix(to, 16).ok()?)
}

/// Its descriptors, and what each stands for: `anon_inode:[eventfd]`.
pub(super) fn descriptors(process: Pid) -> io::Result<Vec<(RawFd, String)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(format!("/proc/{process}/fd"))? {
        let entry = entry?;
        let fd = number(&entry.file_name().to_string_lossy(), 10)?;
        all.push((fd, fs::read_link(entry.path())?.to_string_lossy().into_owned()));
    }
    Ok(all)
}

/// What an eventfd counts.
pub(super) fn count(process: Pid, fd: RawFd) -> io::Result<u32> {
    let info = fs::read_to_string(format!("/proc/{process}/fdinfo/{fd}"))?;
    field(&info, "eventfd-count:").and_then(|count| number(count, 16).map(i32::cast_unsigned))
}

/// A file that an epoll instance watches. epoll_ctl(2)
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Watched {
    pub(super) fd: RawFd,
    /// What is waited for, and how.
    pub(super) events: u32,
    /// What the process is told when it is there.
    pub(super) data: u64,
}

/// What an epoll instance watches.
pub(super) fn watched(process: Pid, fd: RawFd) -> io::Result<Vec<Watched>> {
    watched_by(&fs::read_to_string(format!("/proc/{process}/fdinfo/{fd}"))?)
}

/// `tfd:        4 events:       19 data:                4  pos:0 ino:61 sdev:5`
fn watched_by(info: &str) -> io::Result<Vec<Watched>> {
    let lines = info.lines().filter(|line| line.starts_with("tfd:"));
    let watched = |line: &str| {
        let value = |name| line.split_once(name).and_then(|(_, rest)| rest.split_whitespace().next());
        Some(Watched {
            fd: value("tfd:")?.parse().ok()?,
            events: u32::from_str_radix(value("events:")?, 16).ok()?,
            data: u64::from_str_radix(value("data:")?, 16).ok()?,
        })
    };
    lines
        .map(|line| watched(line).ok_or_else(|| io::Error::other(format!("not understood: {line}"))))
        .collect()
}

/// The signals that a thread blocks, as sigprocmask(2) takes them.
pub(super) fn blocked(thread: Pid) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{thread}/status"))?;
    u64::from_str_radix(field(&status, "SigBlk:")?, 16).map_err(io::Error::other)
}

/// Whether a thread has ended, or is no more.
pub(super) fn is_zombie(thread: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
    field(&status, "State:").map_or(true, |state| state.starts_with(['Z', 'X']))
}

fn field<'a>(text: &'a str, name: &str) -> io::Result<&'a str> {
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    value.map(str::trim).ok_or_else(|| io::Error::other(format!("there is no {name}")))
}

fn number(word: &str, radix: u32) -> io::Result<i32> {
    i32::from_str_radix(word, radix).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_epoll_instance_watches() {
        let info = "\
pos:	0
flags:	02000002
mnt_id:	16
ino:	1057
tfd:        4 events:       19 data:                4  pos:0 ino:61 sdev:5
tfd:       11 events: c0000001 data: ffff8881000000ab  pos:0 ino:421 sdev:f
";
        let watched = |fd, events, data| Watched { fd, events, data };
        assert_eq!(
            watched_by(info).unwrap(),
            [watched(4, 0x19, 4), watched(11, 0xc000_0001, 0xffff_8881_0000_00ab)]
        );
        assert_eq!(watched_by("tfd: 4 data: 1").unwrap_err().to_string(), "not understood: tfd: 4 data: 1");
    }

    #[test]
    fn memory_that_a_fork_leaves_out() {
        let smaps = "\
55d0-55e0 r--p 00000000 fe:00 123  /usr/bin/qemu
Size:                 64 kB
VmFlags: rd mr mw me
7f00-7f10 rw-p 00000000 00:00 0
VmFlags: rd wr mr mw me dc ac
7f20-7f30 rw-s 00000000 00:05 9  /dev/device
VmFlags: rd wr io dc
7f40-7f50 rw-p 00000000 fe:00 7  /cache/ram
VmFlags: rd wr mr dc
";
        assert_eq!(left_out(smaps), [0x7f00..0x7f10, 0x7f40..0x7f50]);
    }
}
