//! A child of this process, waited for and ended.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// What is killed when a process is not to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// It has no children, but a wrapper that waits for the program.
    Alone,
    /// It leads a process group.
    Group,
}

/// A child of this process. It ends when this is dropped.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    extent: Extent,
    /// How it ended: its number may be another's by now.
    status: Option<ExitStatus>,
}

impl Process {
    /// A child that has no children.
    pub fn alone(pid: Pid) -> Self {
        Process { pid, extent: Extent::Alone, status: None }
    }

    /// A child that leads a process group: all of the group ends with it.
    pub fn leader(pid: Pid) -> Self {
        Process { pid, extent: Extent::Group, status: None }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.pid.as_raw().cast_unsigned()
    }

    /// Waits for its end, and kills it at the timeout.
    ///
    /// # Errors
    /// `ECHILD` if it is no child of this process, or was waited for by another.
    pub fn wait(&mut self, timeout: Duration) -> io::Result<ExitStatus> {
        let until = Instant::now() + timeout;
        while Instant::now() < until {
            if let Some(status) = self.look(WaitPidFlag::WNOHANG)? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        loop {
            if let Some(status) = self.status {
                return Ok(status);
            }
            match self.extent {
                Extent::Alone => {
                    let wrapped = children(self.pid);
                    kill(self.pid, Signal::SIGKILL)?;
                    for child in wrapped {
                        // One that ended with its wrapper is what is wanted.
                        let _ = kill(child, Signal::SIGKILL);
                    }
                }
                Extent::Group => killpg(self.pid, Signal::SIGKILL)?,
            }
            self.look(WaitPidFlag::empty())?;
        }
    }

    /// Returns how it ended; `None` while it runs.
    ///
    /// # Errors
    /// As [`Process::wait`].
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.look(WaitPidFlag::WNOHANG)
    }

    fn look(&mut self, flags: WaitPidFlag) -> io::Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = match waitpid(self.pid, Some(flags))? {
                // wait(2): the upper byte is the code, the lower seven bits are the signal, the eighth tells of a core file.
                WaitStatus::Exited(_, code) => Some(ExitStatus::from_raw(code << 8)),
                WaitStatus::Signaled(_, signal, core) => {
                    Some(ExitStatus::from_raw(signal as i32 | if core { 0x80 } else { 0 }))
                }
                _ => None,
            };
        }
        Ok(self.status)
    }
}

/// The children of a process, none where the kernel does not tell: of a script that runs the program without `exec`.
/// proc_pid_task(5), CONFIG_PROC_CHILDREN
fn children(pid: Pid) -> Vec<Pid> {
    let listed = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|pid| pid.parse().ok().map(Pid::from_raw)).collect()
}

impl Drop for Process {
    fn drop(&mut self) {
        // A timeout of zero kills at once, and waits: no process and no zombie stays. There is nobody left to tell.
        let _ = self.wait(Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_wrapper_runs_ends_with_it() {
        let mut wrapper = std::process::Command::new("sh");
        wrapper.args(["-c", "sleep 1000; true"]);
        let pid = Pid::from_raw(wrapper.spawn().unwrap().id().cast_signed());
        let mut process = Process::alone(pid);
        let until = Instant::now() + Duration::from_secs(10);
        while children(pid).is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        let wrapped = children(pid);
        process.wait(Duration::ZERO).unwrap();
        let state = |pid: &Pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        while wrapped.iter().any(|pid| !state(pid).is_empty() && !state(pid).contains(") Z ")) {
            assert!(Instant::now() < until, "it runs on");
        }
        assert_eq!(wrapped.len(), 1);
    }
}
