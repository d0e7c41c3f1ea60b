//! QEMU's command line, as pure functions.

use std::ffi::OsString;
use std::path::Path;

use crate::accel::Accelerator;
use crate::machine::Config;

/// The file descriptors that QEMU inherits, each one end of a socket pair: no file in the file system is left behind
/// when a run is killed.
pub(crate) const CONSOLE_FD: i32 = 3;
/// The channel's descriptor: the guest's second serial port.
pub(crate) const CHANNEL_FD: i32 = 4;

/// What every guest kernel is told. None of it changes what a container can do.
const COMMAND_LINE: [&str; 7] = [
    "console=ttyS0",
    "quiet",
    // Reboot at once after a panic, which with -no-reboot ends QEMU; by triple fault, the shortest way.
    "panic=-1",
    "reboot=t",
    // On a busy host an emulated timer may be late, and the kernel would panic: "IO-APIC + timer doesn't work!".
    "no_timer_check",
    // Self-tests of ciphers: 0.3 s of an emulated boot.
    "cryptomgr.notests=1",
    "random.trust_cpu=on",
];

/// Everything after the program's name.
pub fn arguments(config: &Config) -> Vec<OsString> {
    let mut all = Vec::new();
    all.extend(bare().map(OsString::from));
    all.extend(processor(config.accelerator, config.cpus).map(OsString::from));
    all.extend(machine(config.memory_mib).map(OsString::from));
    all.extend(channels().map(OsString::from));
    all.extend(kernel(&config.kernel.image, &config.initramfs.path, &config.append));
    all
}

/// No device, no configuration file and no window that is not asked for.
fn bare() -> [&'static str; 5] {
    ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
}

fn processor(accelerator: Accelerator, cpus: u32) -> [String; 6] {
    let (accelerator, model) = match accelerator {
        // Five-level page tables make every walk of an emulated MMU longer.
        Accelerator::Tcg => ("tcg", "max,la57=off"),
        Accelerator::Kvm => ("kvm", "host"),
    };
    ["-accel".into(), accelerator.into(), "-cpu".into(), model.into(), "-smp".into(), cpus.to_string()]
}

/// `pc`: under TCG stock kernels hang on `microvm` in half of the boots (TSC calibration); `q35` boots slower.
fn machine(memory_mib: u32) -> [String; 4] {
    ["-machine".into(), "pc,hpet=off,vmport=off".into(), "-m".into(), memory_mib.to_string()]
}

/// Serial ports in order: ttyS0 is the console, ttyS1 the channel.
fn channels() -> [String; 8] {
    [
        "-chardev".into(),
        format!("socket,id=console,fd={CONSOLE_FD}"),
        "-serial".into(),
        "chardev:console".into(),
        "-chardev".into(),
        format!("socket,id=channel,fd={CHANNEL_FD}"),
        "-serial".into(),
        "chardev:channel".into(),
    ]
}

fn kernel(image: &Path, initramfs: &Path, append: &str) -> [OsString; 6] {
    let line = COMMAND_LINE.iter().copied().chain(append.split_whitespace()).collect::<Vec<_>>().join(" ");
    ["-kernel".into(), image.into(), "-initrd".into(), initramfs.into(), "-append".into(), line.into()]
}
