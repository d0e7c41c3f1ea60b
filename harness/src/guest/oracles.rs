//! The three oracles: after every scenario the kernel log, the taint mask, and what is left behind.

mod inventory;
mod log;
mod sweep;

use std::fs;
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use runtime::sys::namespace;
use runtime::sys::probe::machine::{self, Names};

use self::inventory::{Inventory, Item};
use self::log::KernelLog;
use crate::event::Oracles;

/// What dies by itself some time after its last user: a network namespace, a process that was killed.
const SETTLE: Duration = Duration::from_secs(1);
/// A process that was ended is told of before it has left `/proc`.
const REAPED: Duration = Duration::from_millis(20);

/// A mount that was left behind hides what was left behind below it, and that may be a mount again.
const LAYERS: usize = 4;

/// What is watched from READY on.
pub(super) struct Watch {
    log: KernelLog,
    taint: u64,
    names: Names,
    baseline: Inventory,
}

impl Watch {
    /// Takes the baseline.
    pub(super) fn begin() -> io::Result<Watch> {
        Ok(Watch {
            log: KernelLog::open()?,
            taint: taint()?,
            names: machine::names()?,
            baseline: Inventory::baseline()?,
        })
    }

    /// Looks at what a scenario did, once its runner is gone, and cleans up after it. `faults` are what the runner itself
    /// could not take down.
    pub(super) fn look(&mut self, faults: Vec<String>) -> io::Result<Oracles> {
        let mut left_behind = faults;
        let mut patience = SETTLE;
        for _ in 0..LAYERS {
            let left = self.settle(patience)?;
            if left.is_empty() {
                break;
            }
            left_behind.extend(left.iter().map(ToString::to_string));
            // The next scenario is not to be blamed for this one's.
            sweep::remove(&left);
            patience = REAPED;
        }
        if !left_behind.is_empty() {
            self.baseline = Inventory::baseline()?;
        }
        self.restore_names()?;
        Ok(Oracles { kernel_log: self.log.faults()?, taint: taint()? & !self.taint, left_behind })
    }

    /// Takes away what a runner that was lost left: it is not its containers' fault that nobody took them down.
    pub(super) fn clear(&self) -> io::Result<()> {
        for _ in 0..LAYERS {
            let left = self.settle(Duration::ZERO)?;
            if left.is_empty() {
                break;
            }
            sweep::remove(&left);
        }
        Ok(())
    }

    /// What is still left after some time.
    fn settle(&self, patience: Duration) -> io::Result<Vec<Item>> {
        let deadline = Instant::now() + patience;
        let mut pause = Duration::from_millis(2);
        loop {
            let left = Inventory::take(&self.baseline)?.since(&self.baseline);
            if left.is_empty() || Instant::now() > deadline {
                return Ok(left);
            }
            sleep(pause);
            pause *= 2;
        }
    }

    /// A control without a UTS namespace changes the machine's name on purpose. Whether a container could is for steps to
    /// assert, so it is no leftover.
    fn restore_names(&self) -> io::Result<()> {
        let now = machine::names()?;
        if now != self.names {
            namespace::set_hostname(&self.names.hostname)?;
            namespace::set_domainname(&self.names.domainname)?;
        }
        Ok(())
    }
}

/// `Documentation/admin-guide/tainted-kernels.rst`
fn taint() -> io::Result<u64> {
    fs::read_to_string("/proc/sys/kernel/tainted")?.trim().parse().map_err(io::Error::other)
}
