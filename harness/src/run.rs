//! A run: scenarios on kernels, each in a virtual machine, to a report.
//!
//! ```text
//! Options ─▶ Pool ─▶ WithFallback (KVM may fail) ─▶ KernelRun, for each kernel:
//!                      Testbed (all it boots with) ─▶ Source (machines) ─▶ drive ─▶ judge ─▶ report::Run
//! ```

pub mod drive;
mod fallback;
mod history;
mod keep;
mod kernel_run;
mod pool;
mod queue;
pub mod source;
mod tap;
pub mod testbed;
mod turns;
mod warm;

use std::path::PathBuf;
use std::time::SystemTime;

use vm::{Cache, Qemu, accel};

pub use crate::isolation::Isolation;
use crate::progress::Progress;
use crate::report;
use crate::scenario::Scenario;
use crate::shard::Shard;
pub use keep::{Kept, keep};
use pool::Pool;
pub use source::is_ready;
pub use tap::Tap;
use turns::Turns;

/// Lines of a lost machine's console that a report keeps.
const TAIL: usize = 20;

/// How scenarios are run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The emulator.
    pub qemu: Qemu,
    /// The guest binary, linked statically.
    pub guest: PathBuf,
    /// Kernels, as [`vm::kernel::resolve`] takes them.
    pub kernels: Vec<String>,
    /// Which packages the kernels' names stand for; `None`: those of the cache, or the newest.
    pub lock: Option<vm::kernel::Lock>,
    /// Who executes the guest's code.
    pub accel: accel::Request,
    /// Whether scenarios share a kernel.
    pub isolation: Isolation,
    /// Machines that work at a time, at least 1. If it is more, as many again may wait for their kernels to free what a
    /// scenario made.
    pub jobs: usize,
    /// Whether a scenario that does not pass is run once more, in a cold boot.
    pub confirm: bool,
    /// The part of all pairs of a kernel and a scenario that is run.
    pub shard: Shard,
    /// What every guest gets besides.
    pub extra: Vec<vm::initramfs::Entry>,
    /// Where every scenario that does not pass leaves a directory of its own with all that is known of it.
    pub repro: Option<PathBuf>,
}

impl Options {
    /// All of it, one machine at a time, on whatever accelerator there is; what does not pass is confirmed and leaves nothing.
    pub fn new(qemu: Qemu, guest: PathBuf, kernels: Vec<String>) -> Self {
        Options {
            qemu,
            guest,
            kernels,
            lock: None,
            accel: accel::Request::Auto,
            isolation: Isolation::default(),
            jobs: 1,
            confirm: true,
            shard: Shard::WHOLE,
            extra: Vec::new(),
            repro: None,
        }
    }

    /// Whether this accelerator may be given up: KVM, if it was our own choice.
    fn may_do_without(&self, chosen: accel::Accelerator) -> bool {
        self.accel == accel::Request::Auto && chosen == accel::Accelerator::Kvm
    }
}

/// What all parts of a run work with.
#[derive(Clone, Copy)]
struct Context<'a> {
    options: &'a Options,
    cache: &'a Cache,
    progress: &'a Progress,
    tap: &'a dyn Tap,
    turns: &'a Turns,
}

/// Runs every scenario on every kernel. What happens to one scenario is in the report, and so is what happens to a kernel: if it
/// cannot be had, or a machine with it never gets ready, each of its scenarios is a miss, with the reason.
///
/// # Errors
/// There is no cache.
pub fn run(scenarios: &[Scenario], options: &Options, progress: &Progress) -> vm::Result<report::Run> {
    run_tapped(scenarios, options, progress, &tap::Nobody)
}

/// [`run`], with somebody in between.
///
/// # Errors
/// As [`run`].
pub fn run_tapped(
    scenarios: &[Scenario],
    options: &Options,
    progress: &Progress,
    tap: &dyn Tap,
) -> vm::Result<report::Run> {
    let started = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let cache = Cache::open()?;
    let turns = Turns::new(options.jobs);
    let context = Context { options, cache: &cache, progress, tap, turns: &turns };
    let (kernels, results) = Pool::new(scenarios, context).run();
    Ok(report::Run { shard: options.shard, ..report::Run::new(started, kernels, scenarios, results) })
}
