//! How a machine comes to its end.

use std::process::ExitStatus;
use std::time::Duration;

/// What the guest's init says before its reason, if it ends by itself.
pub(crate) const INIT_ENDED: &str = "guest: init ended: ";
/// Bytes of a line, more than a guest sends.
pub(crate) const LONGEST_LINE: usize = 16 << 20;

/// Why a machine says no more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ending {
    /// It said nothing until the deadline. It still runs.
    #[error("the guest said nothing until the deadline")]
    Deadline,
    /// It booted, and for so long nothing came from its console or its channel. It still runs.
    #[error("the guest printed nothing for {} s while it booted: its kernel hangs", .0.as_secs())]
    Silence(Duration),
    /// The guest's kernel panicked; the line of the console.
    #[error("the guest's kernel panicked: {0}")]
    Panic(String),
    /// The guest's first process ended, by itself or by a signal: why, in its own words or in the kernel's, which panics then.
    /// It is no fault of the kernel.
    #[error("the guest's init ended: {0}")]
    Init(String),
    /// QEMU ended.
    #[error("{by}QEMU ended: {0}", by = by_the_guest(.0))]
    Exited(ExitStatus),
    /// QEMU closed its streams, and how it ended cannot be found out.
    #[error("QEMU was lost: {0}")]
    Lost(String),
    /// The guest sent a line without end.
    #[error("the guest sent a line of more than {} MiB", LONGEST_LINE >> 20)]
    Flood,
}

/// QEMU is told to end when the guest resets the machine, as a kernel does that cannot go on and cannot say so.
fn by_the_guest(status: &ExitStatus) -> &'static str {
    if status.success() { "the guest powered the machine off, or reset it: " } else { "" }
}

impl Ending {
    /// Of a line after which the guest runs no more (`console::fatal`).
    pub(crate) fn fatal(line: String) -> Self {
        match line.strip_prefix(INIT_ENDED) {
            Some(reason) => Ending::Init(reason.to_owned()),
            None if line.contains("Attempted to kill init!") => Ending::Init(line),
            None => Ending::Panic(line),
        }
    }
}
