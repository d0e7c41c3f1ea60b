//! A run: scenarios on kernels, each in a virtual machine, to a report.
//!
//! ```text
//! Options ─▶ Testbed (a kernel with all it boots with) ─▶ Source (machines) ─▶ drive ─▶ judge ─▶ report::Run
//! ```

pub(crate) mod drive;
mod history;
mod keep;
pub(crate) mod schedule;
pub(crate) mod source;
pub(crate) mod tap;
pub(crate) mod testbed;

use std::path::PathBuf;
use std::time::SystemTime;

use vm::{Cache, Qemu, accel};

use crate::progress::Progress;
use crate::report;
use crate::scenario::Scenario;
use crate::shard::Shard;
pub use keep::{Kept, keep};
pub use source::{Isolation, is_ready};
pub use tap::Tap;
use testbed::Testbed;

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
    /// Who executes the guest's code.
    pub accel: accel::Request,
    /// Whether scenarios share a kernel; `None`: as it fits the accelerator.
    pub isolation: Option<Isolation>,
    /// Machines at a time, at least 1.
    pub jobs: usize,
    /// Whether a scenario that does not pass is run once more, in a cold boot.
    pub confirm: bool,
    /// The part of all pairs of a kernel and a scenario that is run.
    pub shard: Shard,
    /// Where every scenario that does not pass leaves a directory of its own with all that is known of it.
    pub repro: Option<PathBuf>,
}

/// Runs every scenario on every kernel. What happens to one scenario is in the report.
///
/// # Errors
/// What keeps all scenarios of a kernel from running: it cannot be had, or a machine with it never gets ready.
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
    let mut kernels = Vec::new();
    let mut results = Vec::new();
    for (number, name) in options.kernels.iter().enumerate() {
        let part = part(scenarios, number, options.shard);
        if part.is_empty() {
            kernels.push(report::Kernel::unused(name));
            continue;
        }
        let testbed = Testbed::prepare(name, scenarios, options, &cache, progress)?;
        let (kernel, outcomes) = schedule::run(&part, &testbed, options, &cache, progress, tap)?;
        kernels.push(kernel);
        results.extend(outcomes);
    }
    Ok(report::Run { shard: options.shard, ..report::Run::new(started, kernels, scenarios, results) })
}

/// The scenarios that a shard runs on the kernel of that number.
fn part(scenarios: &[Scenario], kernel: usize, shard: Shard) -> Vec<Scenario> {
    let positions = kernel * scenarios.len()..;
    let pairs = positions.zip(scenarios).filter(|(position, _)| shard.has(*position));
    pairs.map(|(_, scenario)| scenario.clone()).collect()
}
