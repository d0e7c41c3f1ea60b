//! A child process, waited for and ended.

use sys::process::{self, Status};
use sys::{self, Errno, Signal, signal};

/// A child process. Dropped, it is killed and reaped.
#[derive(Debug)]
pub(crate) struct Process {
    pid: i32,
    status: Option<Status>,
}

impl Process {
    pub(crate) fn new(pid: i32) -> Process {
        Process { pid, status: None }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits for its end; once it was reaped the same answer comes again.
    pub(crate) fn wait(&mut self) -> sys::Result<Status> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        let status = process::wait(self.pid)?;
        self.status = Some(status);
        Ok(status)
    }

    /// Its status, if it ended.
    pub(crate) fn try_wait(&mut self) -> sys::Result<Option<Status>> {
        if self.status.is_none() {
            self.status = process::reap(Some(self.pid))?.map(|(_, status)| status);
        }
        Ok(self.status)
    }

    /// A process that was reaped is not there any more: its number may be another's.
    pub(crate) fn signal(&self, signal: i32) -> sys::Result<()> {
        if self.status.is_some() { Err(Errno::ESRCH) } else { signal::send(self.pid, signal) }
    }

    pub(crate) fn kill(&mut self) -> sys::Result<Status> {
        if self.status.is_none() {
            signal::kill(self.pid, Signal::SIGKILL)?;
        }
        self.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nobody is left to hear of an error, and the kernel gives none for an unreaped child.
        let _ = self.kill();
    }
}
