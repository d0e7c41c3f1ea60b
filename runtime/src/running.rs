//! A container that runs, and its end.

use std::os::fd::{AsFd, OwnedFd};

use crate::attach::opened;
use crate::cgroup::Group;
use crate::exec::{Exec, Joined};
use crate::net::{Interface, Net};
use crate::spec::Spec;
use crate::step::{About, Failure, Fault, Side, Step};
use crate::unlink::{unlink, unlink_and_leave};
use sys::process::Status;
use sys::{self, Errno, Signal, namespace, process, signal};

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

/// A device that was moved into the container, as it was before.
#[derive(Debug)]
pub(crate) struct Moved {
    pub(crate) inside: String,
    pub(crate) before: Interface,
    /// Keeps the network namespace, and so the device, alive until it is fetched back.
    pub(crate) namespace: OwnedFd,
}

/// What a container leaves outside of itself.
#[derive(Default)]
pub(crate) struct Teardown {
    pub(crate) cgroup: Option<Group>,
    /// Indices of the host's ends of its links.
    pub(crate) links: Vec<u32>,
    pub(crate) devices: Vec<Moved>,
    net: Option<Net>,
    /// Whether the caller ends next, and what nobody sees any more need not be waited for.
    leaving: bool,
}

impl Teardown {
    /// The netlink socket of the parent's side.
    pub(crate) fn net(&mut self) -> sys::Result<&Net> {
        opened(&mut self.net)
    }

    /// Takes everything down, whatever fails on the way; the first fault is told.
    fn run(&mut self) -> Result<(), Fault> {
        let devices: Vec<Moved> = self.devices.drain(..).collect();
        let links: Vec<u32> = self.links.drain(..).collect();
        let cgroup = self.cgroup.take();
        let mut done = Ok(());
        for moved in devices {
            done = done.and(self.bring_back(&moved).about(|| moved.before.name.clone()));
        }
        if !links.is_empty() {
            let end = if self.leaving { unlink_and_leave } else { unlink };
            done = done.and(self.net().map_err(Fault::from).and_then(|net| end(net, &links)));
        }
        done.and(cgroup.map_or(Ok(()), |group| group.remove()))
    }

    fn bring_back(&mut self, moved: &Moved) -> sys::Result<()> {
        let here = namespace::network()?;
        let inside = namespace::within_network(moved.namespace.as_fd(), Net::open)??;
        let before = &moved.before;
        inside.move_link(inside.index(&moved.inside)?, &before.name, here.as_fd())?;
        let net = self.net()?;
        let index = net.index(&before.name)?;
        net.set_mtu(index, before.mtu)?;
        net.set_link(index, before.up)?;
        for &address in &before.addresses {
            match net.add_address(index, address) {
                // The kernel itself gives a device that comes up its link-local address.
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }
}

impl Drop for Teardown {
    fn drop(&mut self) {
        // `Running::stop` tells of errors; a drop can only do its best.
        let _ = self.run();
    }
}

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
