//! How long a machine that boots has said nothing, on its console and its channel.
//!
//! A kernel that is told to be quiet says nothing until the guest is ready, which under emulation takes seconds, and it takes
//! no more computing on a host that is busy: there the processes that emulate it wait for a CPU. So the time that they waited
//! does not count (`/proc/PID/schedstat`, Documentation/scheduler/sched-stats.rst), and what is left is the same everywhere:
//! a kernel that says nothing for so long is one that hangs.

use std::fs;
use std::time::{Duration, Instant};

/// Ten times what the slowest kernel that was seen takes to its first word under emulation.
const LONGEST: Duration = Duration::from_secs(30);
/// No sooner it is looked again.
const GLANCE: Duration = Duration::from_millis(200);

/// The silence of a process's machine.
pub(super) struct Silence {
    process: u32,
    since: Instant,
    /// How long it had waited for a CPU then.
    waited: Duration,
}

impl Silence {
    /// A silence that begins now.
    pub(super) fn new(process: u32) -> Self {
        Silence { process, since: Instant::now(), waited: waited(process) }
    }

    /// It was broken at that moment.
    pub(super) fn broken(&mut self, at: Instant) {
        if at > self.since {
            self.since = at;
            self.waited = waited(self.process);
        }
    }

    /// Until when nobody has to look at it.
    pub(super) fn until(&self) -> Instant {
        Instant::now() + LONGEST.saturating_sub(self.length()).max(GLANCE)
    }

    /// How long it has been, if that is too long.
    pub(super) fn too_long(&self) -> Option<Duration> {
        Some(self.length()).filter(|length| *length >= LONGEST)
    }

    fn length(&self) -> Duration {
        let waited = waited(self.process).saturating_sub(self.waited);
        self.since.elapsed().saturating_sub(waited)
    }
}

/// How long the thread of a process has waited for a CPU that waited longest: the one that executes the guest's code. Nothing
/// where the kernel does not tell.
fn waited(process: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let waited = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().nth(1)?.parse().ok()
    });
    Duration::from_nanos(waited.max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_anew_when_something_is_said() {
        let mut silence = Silence::new(std::process::id());
        silence.since = Instant::now() - 2 * LONGEST;
        // Whatever this process has waited for a CPU so far was before that.
        silence.waited = waited(silence.process);
        assert!(silence.too_long().is_some());
        silence.broken(Instant::now() - 3 * LONGEST);
        assert!(silence.too_long().is_some(), "that was before");
        silence.broken(Instant::now());
        assert_eq!(silence.too_long(), None);
        assert!(silence.until() > Instant::now() + LONGEST / 2);
    }

    #[test]
    fn time_in_which_it_waited_for_a_cpu_does_not_count() {
        let mut silence = Silence::new(std::process::id());
        silence.since = Instant::now() - 2 * LONGEST;
        silence.waited = Duration::ZERO;
        let length = silence.length();
        silence.waited = waited(silence.process);
        assert!(length <= silence.length());
    }
}
