//! A container that runs, and its end.

use crate::exec::{Exec, Joined};
use crate::process::Process;
use crate::spec::Spec;
use crate::step::{Failure, Fault, Side, Step};
use crate::teardown::Teardown;
use sys::process::Status;
use sys::{self, Signal};

/// A container that runs. Dropped, it is stopped.
pub struct Running {
    // In this order: the processes end before what they use is taken down.
    process: Process,
    teardown: Teardown,
    spec: Spec,
}

impl Running {
    pub(crate) fn new(process: Process, teardown: Teardown, spec: Spec) -> Running {
        Running { process, teardown, spec }
    }

    /// The container's first process, in the caller's PID namespace.
    pub fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// What it was built from.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Waits for the first process's end. What the container left outside stays until it is stopped or dropped.
    ///
    /// # Errors
    /// `ECHILD` if somebody else reaped it.
    pub fn wait(&mut self) -> sys::Result<Status> {
        self.process.wait()
    }

    /// The status of the first process, if it ended. Does not wait.
    ///
    /// # Errors
    /// `ECHILD` if somebody else reaped it.
    pub fn try_wait(&mut self) -> sys::Result<Option<Status>> {
        self.process.try_wait()
    }

    /// Sends a signal to the first process.
    ///
    /// # Errors
    /// `ESRCH` if it ended, `EPERM` if it changed its user.
    pub fn signal(&self, signal: Signal) -> sys::Result<()> {
        self.process.signal(signal as i32)
    }

    /// The same by the signal's number; 0 only asks.
    ///
    /// # Errors
    /// As of [`Running::signal`], and `EINVAL` for a number that is none.
    pub fn signal_number(&self, signal: i32) -> sys::Result<()> {
        self.process.signal(signal)
    }

    /// Starts another program in the container: in all its namespaces, its cgroup, its root, with its credentials.
    ///
    /// # Errors
    /// The step that failed.
    pub fn exec(&self, exec: Exec) -> Result<Joined, Failure> {
        exec.within(self.pid(), &self.spec)
    }

    /// Kills what runs in the container, reaps it, and takes down what it left outside: when this returns, the host's ends
    /// of its links and its cgroup are gone and moved devices are back. Without a PID namespace or a cgroup of its own, the
    /// kernel does not know which processes are the container's, and only the first one is killed.
    ///
    /// # Errors
    /// What could not be taken down.
    pub fn stop(mut self) -> Result<Status, Failure> {
        let failed = |fault: Fault| Failure {
            side: Side::Parent,
            step: Step::Teardown,
            index: None,
            detail: fault.detail.unwrap_or_default(),
            errno: fault.errno,
        };
        let status = self.process.kill().map_err(|errno| failed(errno.into()))?;
        self.teardown.run().map_err(failed)?;
        Ok(status)
    }

    /// The same for a caller that ends next. If it has one thread, it may leave a child behind, which does nothing but wait
    /// for the kernel to be done with links that are gone.
    ///
    /// # Errors
    /// As of [`Running::stop`].
    pub fn stop_and_leave(mut self) -> Result<Status, Failure> {
        self.teardown.leaving = true;
        self.stop()
    }
}
