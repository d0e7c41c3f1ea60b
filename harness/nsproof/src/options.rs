//! Options that several commands have, and what they mean.

use clap::ValueEnum;
use harness::progress::Progress;
use harness::run::Options;
use vm::{Cache, Progress as _, Qemu, accel, qemu};

use crate::exit::{Exit, lost};
use crate::home::Home;

/// Who executes the guest's code.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Accel {
    /// KVM if a guest was seen to boot on it, else TCG.
    Auto,
    /// KVM or nothing.
    Kvm,
    /// QEMU's translator.
    Tcg,
}

impl From<Accel> for accel::Request {
    fn from(accel: Accel) -> Self {
        match accel {
            Accel::Auto => accel::Request::Auto,
            Accel::Kvm => accel::Request::Kvm,
            Accel::Tcg => accel::Request::Tcg,
        }
    }
}

/// As many machines as there are CPUs.
pub fn default_jobs() -> u16 {
    std::thread::available_parallelism().map_or(1, |cores| u16::try_from(cores.get()).unwrap_or(u16::MAX))
}

/// A run's options with the emulator and the guest, which is built; with `install`, a missing emulator is installed.
pub fn usual(
    kernels: Vec<String>,
    install: bool,
    home: &dyn Home,
    progress: &Progress,
) -> Result<Options, Exit> {
    let qemu = find_qemu(install, progress)?;
    if let Some(why) = &qemu.unconfined {
        progress.warn(&format!("QEMU runs without -sandbox, which it cannot have here: {why}"));
    }
    progress.step("preparing the guest");
    let guest = home.guest().map_err(lost)?;
    Ok(Options::new(qemu, guest, kernels))
}

/// The emulator; with `--install`, installed if it is missing.
pub fn find_qemu(install: bool, progress: &Progress) -> Result<Qemu, Exit> {
    let found = Cache::open().and_then(|cache| match qemu::find(&cache) {
        Err(vm::Error::Missing { .. }) if install => qemu::install(&cache, progress),
        other => other,
    });
    found.map_err(|error| match error {
        vm::Error::Missing { .. } if !install => lost(format!("{error}\n       or let --install do it")),
        other => lost(other),
    })
}
