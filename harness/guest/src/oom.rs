//! When memory runs out, a process of the scenario is to end, and not the runner, which then gives the memory back.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

/// `OOM_SCORE_ADJ_MIN`: such a process is never chosen. proc_pid_oom_score_adj(5)
const NEVER: &[u8] = b"-1000";
const AS_EVERYBODY: &[u8] = b"0";

/// Opened early: a scenario may take `/proc` away.
pub(super) struct OomProtection(File);

impl OomProtection {
    pub(super) fn new() -> io::Result<OomProtection> {
        File::options().write(true).open("/proc/self/oom_score_adj").map(OomProtection)
    }

    /// One that protects nobody: not everybody may protect himself.
    #[cfg(test)]
    pub(super) fn none() -> OomProtection {
        OomProtection(File::options().write(true).open("/dev/null").unwrap())
    }

    /// Does `work` under the protection. It must not start a process, for that would be under it, too.
    pub(super) fn under<T>(&mut self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.0.write_all(NEVER)?;
        let done = work();
        self.0.write_all(AS_EVERYBODY)?;
        done
    }
}

/// How often the kernel killed a process for want of memory. vmstat of proc(5)
pub(super) struct OutOfMemory {
    /// Opened early, too.
    counters: File,
    kills: u64,
}

impl OutOfMemory {
    /// Counts from now on.
    pub(super) fn watch() -> io::Result<OutOfMemory> {
        let counters = File::open("/proc/vmstat")?;
        let kills = kills(&counters)?;
        Ok(OutOfMemory { counters, kills })
    }

    /// Whether it did since then.
    pub(super) fn killed(&self) -> io::Result<bool> {
        Ok(kills(&self.counters)? > self.kills)
    }
}

/// The counter; 0 on a kernel that does not have it. Linux 4.13, 8e675f7af507
fn kills(counters: &File) -> io::Result<u64> {
    let mut text = vec![0; 32 << 10];
    let mut length = 0;
    loop {
        match counters.read_at(&mut text[length..], length as u64)? {
            0 => break,
            read => length += read,
        }
    }
    let text = String::from_utf8_lossy(&text[..length]).into_owned();
    let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    count.map_or(Ok(0), |count| count.trim().parse().map_err(io::Error::other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_counts() {
        let memory = OutOfMemory::watch().unwrap();
        assert!(!memory.killed().unwrap());
        assert!(OutOfMemory { kills: 0, ..memory }.killed().is_ok());
    }
}
