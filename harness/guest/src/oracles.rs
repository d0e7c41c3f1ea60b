//! The three oracles: after every scenario the kernel log, the taint mask, and what is left behind.

mod blind;
mod count;
mod files;
mod inventory;
mod log;
mod sweep;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use runtime::output;
use runtime::spec::Namespace;
use sys::probe::machine::{self, Names};
use sys::{Errno, errno_of, namespace, socket};

use self::count::Counts;
use self::inventory::{Inventory, Item};
use self::log::{KernelLog, Told};
use super::skeleton;
use super::world::World;
use protocol::event::{Oracles, Ready};

/// What dies by itself some time after its last user: a network namespace, a process that was killed.
const SETTLE: Duration = Duration::from_secs(1);
/// The kernel frees network namespaces one after another, each some grace periods of RCU after its last user, and waits up
/// to a quarter of a second for a device that is still in use (netdev_wait_allrefs_any).
const FREED: Duration = Duration::from_secs(3);
/// A process that was ended is told of before it has left `/proc`.
const REAPED: Duration = Duration::from_millis(20);

/// Before it is looked once more; then twice as long.
const PAUSE: Duration = Duration::from_millis(2);

/// A mount that was left behind hides what was left behind below it, and that may be a mount again.
const LAYERS: usize = 4;

/// What is watched from READY on.
pub(super) struct Watch<'a> {
    world: &'a World,
    /// `None` where the kernel has none.
    log: Option<KernelLog>,
    /// `None` where the kernel tells of none.
    taint: Option<u64>,
    names: Names,
    baseline: Inventory,
    counts: Counts,
}

impl<'a> Watch<'a> {
    /// Takes the baseline.
    pub(super) fn begin(world: &'a World) -> io::Result<Watch<'a>> {
        let log = match KernelLog::open() {
            Err(error) if is_absent(&error) => None,
            other => Some(other?),
        };
        blind::rearm()?;
        Ok(Watch {
            world,
            log,
            taint: taint()?,
            names: machine::names()?,
            baseline: Inventory::baseline(world)?,
            counts: Counts::begin()?,
        })
    }

    /// The mounts among which it looks.
    pub(super) fn world(&self) -> &'a World {
        self.world
    }

    /// What the oracles cannot see on this kernel, for the host.
    pub(super) fn introduce(&self, ready: &mut Ready) -> io::Result<()> {
        ready.warns = blind::kernel_warns()?;
        ready.blind = blind::blind(self.log.is_some(), self.taint, &self.counts.unseen())?;
        Ok(())
    }

    /// Reads the kernel log until a file has something to read, or the deadline passes.
    pub(super) fn read_log_until_readable(&mut self, file: impl AsFd, deadline: Instant) -> io::Result<()> {
        let Some(log) = &mut self.log else { return Ok(()) };
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (readable, told) = socket::either_within(file.as_fd(), log.as_fd(), left)?;
            if told {
                log.read()?;
            }
            if readable || !told {
                return Ok(());
            }
        }
    }

    /// Looks at what a scenario did, once its runner is gone, and cleans up after it. `faults` are what the runner itself
    /// could not take down, `made` the kinds of namespaces that it may have made. Says so when all that is left is to wait.
    pub(super) fn look(
        &mut self,
        faults: Vec<String>,
        made: &BTreeSet<Namespace>,
        settling: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<Oracles> {
        let mut left_behind = faults;
        let mut timeout = SETTLE;
        let mut now = None;
        for _ in 0..LAYERS {
            let (left, taken) = self.settle(timeout)?;
            if left.is_empty() {
                now = Some(taken);
                break;
            }
            left_behind.extend(left.iter().map(ToString::to_string));
            // The next scenario is not to be blamed for this one's.
            sweep::remove(self.world, &left)?;
            timeout = REAPED;
        }
        left_behind.extend(self.namespaces_left(made, settling)?);
        let now = now.map_or_else(|| Inventory::take(self.world, &self.baseline), Ok)?;
        left_behind.extend(now.changed_since(&self.baseline));
        if left_behind.is_empty() {
            left_behind = now.hidden_since(&self.baseline);
        }
        if now.has_changed_below(Path::new(skeleton::ROOT), &self.baseline)
            && let Err(error) = self.world.in_machine(skeleton::renew)
        {
            output::say(format!("guest: {} stays as it is: {error}", skeleton::ROOT));
        }
        if !left_behind.is_empty() {
            self.baseline = Inventory::baseline(self.world)?;
        }
        self.restore_names()?;
        let Told { faults, lost } = self.log.as_mut().map_or_else(|| Ok(Told::default()), KernelLog::take)?;
        if !faults.is_empty() {
            blind::rearm()?;
        }
        let taint = taint()?.unwrap_or_default() & !self.taint.unwrap_or_default();
        Ok(Oracles { kernel_log: faults, log_lost: lost, taint, left_behind })
    }

    /// Takes away what a runner that was lost left: it is not its containers' fault that nobody took them down.
    pub(super) fn clear(&self) -> io::Result<()> {
        for _ in 0..LAYERS {
            let (left, _) = self.settle(Duration::ZERO)?;
            if left.is_empty() {
                break;
            }
            sweep::remove(self.world, &left)?;
        }
        Ok(())
    }

    /// What is still left after some time, and what there was then.
    fn settle(&self, timeout: Duration) -> io::Result<(Vec<Item>, Inventory)> {
        let deadline = Instant::now() + timeout;
        let mut pause = PAUSE;
        loop {
            let now = Inventory::take(self.world, &self.baseline)?;
            let left = now.since(&self.baseline);
            if left.is_empty() || Instant::now() > deadline {
                return Ok((left, now));
            }
            sleep(pause);
            pause *= 2;
        }
    }

    /// Namespaces that the kernel does not free although nothing is left that could hold them.
    fn namespaces_left(
        &self,
        made: &BTreeSet<Namespace>,
        settling: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<Vec<String>> {
        if self.counts.are_as_before(made)? {
            return Ok(Vec::new());
        }
        settling()?;
        if wait_until(FREED, || self.counts.are_as_before(made))? {
            return Ok(Vec::new());
        }
        let words = |(kind, count): (Namespace, u64)| {
            let plural = if count == 1 { "namespace" } else { "namespaces" };
            format!("{count} {kind} {plural} that no process holds")
        };
        Ok(self.counts.excess(made)?.into_iter().map(words).collect())
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

/// `Documentation/admin-guide/tainted-kernels.rst`; `None` without CONFIG_PROC_SYSCTL.
fn taint() -> io::Result<Option<u64>> {
    match fs::read_to_string("/proc/sys/kernel/tainted") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other?.trim().parse().map(Some).map_err(io::Error::other),
    }
}

/// Asks again and again, at most so long. Whether it is so.
fn wait_until(timeout: Duration, mut is_so: impl FnMut() -> io::Result<bool>) -> io::Result<bool> {
    let deadline = Instant::now() + timeout;
    let mut pause = PAUSE;
    loop {
        let so = is_so()?;
        if so || Instant::now() > deadline {
            return Ok(so);
        }
        sleep(pause);
        pause *= 2;
    }
}

/// A device that no driver serves gives ENXIO; one that nobody made is not there.
fn is_absent(error: &io::Error) -> bool {
    matches!(errno_of(error), Errno::ENXIO | Errno::ENODEV | Errno::ENOENT)
}
