//! When memory runs out, a process of the scenario is to end, and not the runner, which then gives the memory back.

use std::fs::File;
use std::io::{self, Write};

/// `OOM_SCORE_ADJ_MIN`: such a process is never chosen. proc_pid_oom_score_adj(5)
const NEVER: &[u8] = b"-1000";
const AS_EVERYBODY: &[u8] = b"0";

/// Opened early: a scenario may take `/proc` away.
pub(super) struct Shield(File);

impl Shield {
    pub(super) fn new() -> io::Result<Shield> {
        File::options().write(true).open("/proc/self/oom_score_adj").map(Shield)
    }

    /// Does `work` under the shield. It must not start a process, for that would be under it, too.
    pub(super) fn under<T>(&mut self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.0.write_all(NEVER)?;
        let done = work();
        self.0.write_all(AS_EVERYBODY)?;
        done
    }
}
