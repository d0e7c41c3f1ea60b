//! Machines that begin with the code that QEMU has translated for another.
//!
//! A clone that goes on from a file begins without any (`cpu_common_post_load` in QEMU's hw/core/cpu-sysemu.c flushes it), and
//! under TCG it is translating that takes most of its time. So one clone is used, then stopped, and its process is forked for
//! each machine that goes on from there.

use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::machine::arguments::fd;
use crate::{Config, Machine, Result};
use fork::Original;

/// A machine that is stopped, and that is copied. It ends when this is dropped; its copies do not.
pub struct ForkServer {
    config: Config,
    pid: u32,
    original: Mutex<Original>,
    /// Kept alive.
    _machine: Mutex<Machine>,
    timeout: Duration,
}

impl ForkServer {
    /// Stops a machine, whose QEMU inherited the other end of `side_channel`.
    pub(crate) fn new(
        mut machine: Machine,
        side_channel: UnixStream,
        config: &Config,
        timeout: Duration,
    ) -> Result<Self> {
        machine.freeze(Instant::now() + timeout)?;
        let pid = machine.pid();
        let original =
            Mutex::new(Original::new(pid, (side_channel, fd::HATCH), config.qemu.unconfined.is_none())?);
        Ok(ForkServer { config: config.clone(), pid, original, _machine: Mutex::new(machine), timeout })
    }

    /// The process that is copied.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// A new machine that goes on from here. It runs when this returns.
    pub fn start(&self) -> Result<Machine> {
        Machine::copy(&self.original, &self.config, Instant::now() + self.timeout)
    }
}
