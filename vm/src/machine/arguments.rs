//! QEMU's command line, as pure functions.

use std::ffi::OsString;
use std::path::Path;

use super::Config;
use crate::accelerator::Accelerator;
use crate::kernel::Setting;
use crate::qemu::CONFINED;
use crate::{Kernel, Qemu};

/// The file descriptors that QEMU inherits. Streams are ends of socket pairs, and files are open already: no file in the
/// file system is left behind when a run is killed, and no path needs quoting.
pub(crate) mod fd {
    /// QEMU's standard error: where the guest's first serial port goes.
    pub(crate) const ERRORS: i32 = 2;
    /// The guest's first serial port.
    pub(crate) const CONSOLE: i32 = 3;
    /// The guest's second serial port.
    pub(crate) const CHANNEL: i32 = 4;
    /// QEMU's monitor.
    pub(crate) const MONITOR: i32 = 5;
    /// The guest's memory.
    pub(crate) const RAM: i32 = 6;
    /// The state of the devices.
    pub(crate) const STATE: i32 = 7;
    /// Nothing of QEMU's own: by this socket a copy of its process is given files.
    pub(crate) const HATCH: i32 = 8;
    /// Nothing of QEMU's own: what it may not call, for setpriv(1).
    pub(crate) const FILTER: i32 = 9;
}

/// What a machine is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// To run by itself.
    Boot,
    /// To be saved once it is ready: its memory is a file, to which it writes.
    Template,
    /// To go on from what was saved: it maps the file, and keeps its writes to itself.
    Clone,
    /// As a clone, and to be copied from outside.
    Original,
}

/// Where the guest's console goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// Into our memory.
    Kept,
    /// To the terminal of this process, for people. Ctrl-A X ends QEMU.
    Terminal,
}

/// What every guest kernel is told. None of it changes what a container can do.
const COMMAND_LINE: [&str; 8] = [
    "console=ttyS0",
    "quiet",
    // Reboot at once after a panic, which with -no-reboot ends QEMU; by triple fault, the shortest way.
    "panic=-1",
    "reboot=t",
    // On a busy host an emulated timer may be late, and the kernel would panic: "IO-APIC + timer doesn't work!".
    "no_timer_check",
    // The log is an oracle: what is overwritten before it is read is lost. Four times what a distribution gives it, for some
    // 4 MiB of the guest's memory: the index of the records takes more than their text (kernel/printk/printk.c).
    "log_buf_len=1M",
    // Self-tests of ciphers: 0.3 s of an emulated boot.
    "cryptomgr.notests=1",
    "random.trust_cpu=on",
];

/// Everything after the program's name.
pub fn arguments(config: &Config, role: Role, screen: Screen) -> Vec<OsString> {
    let mut all = Vec::new();
    all.extend(bare().map(OsString::from));
    all.extend(confinement(&config.qemu, role).into_iter().map(OsString::from));
    all.extend(processor(config.accelerator, config.cpus).map(OsString::from));
    all.extend(memory(config.memory_mib, role).into_iter().map(OsString::from));
    all.extend(console(screen).into_iter().map(OsString::from));
    all.extend(channel().map(OsString::from));
    all.extend(monitor().map(OsString::from));
    if matches!(role, Role::Clone | Role::Original) {
        // A clone boots nothing: without the kernel QEMU starts 14 ms earlier and keeps 15 MB less.
        all.extend(["-incoming", "defer"].map(OsString::from));
    } else {
        all.extend(kernel(&config.kernel, &config.initramfs.path, &config.append));
    }
    all
}

/// The arguments of [`Role::Boot`] for a machine that people start by hand: the channel on QEMU's standard input and
/// output, the console on its standard error, and no monitor.
pub fn by_hand(config: &Config) -> Vec<OsString> {
    let mut all = Vec::new();
    all.extend(bare().map(OsString::from));
    all.extend(confinement(&config.qemu, Role::Boot).into_iter().map(OsString::from));
    all.extend(processor(config.accelerator, config.cpus).map(OsString::from));
    all.extend(memory(config.memory_mib, Role::Boot).into_iter().map(OsString::from));
    let console = ["-chardev", "file,id=console,path=/dev/stderr,append=on", "-serial", "chardev:console"];
    let channel = ["-chardev", "stdio,id=channel,signal=off", "-serial", "chardev:channel"];
    all.extend([console, channel].concat().into_iter().map(OsString::from));
    all.extend(kernel(&config.kernel, &config.initramfs.path, &config.append));
    all
}

/// No device, no configuration file and no window that is not asked for.
fn bare() -> [&'static str; 5] {
    ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
}

/// One that is copied makes the copy itself, by clone(2), which is a part of `spawn`: its copies are forbidden that when they are
/// made. It runs no guest's code but the exercise that we give it.
const CONFINED_TO_COPY: &str = "on,obsolete=deny,elevateprivileges=deny,spawn=allow,resourcecontrol=deny";

/// Costs nothing that can be measured next to QEMU without: neither a boot nor a clone takes longer.
fn confinement(qemu: &Qemu, role: Role) -> Vec<&'static str> {
    match (&qemu.unconfined, role) {
        (Some(_), _) => Vec::new(),
        (None, Role::Original) => vec!["-sandbox", CONFINED_TO_COPY],
        (None, _) => vec!["-sandbox", CONFINED],
    }
}

fn processor(accelerator: Accelerator, cpus: u32) -> [String; 6] {
    let (accelerator, model) = match accelerator {
        // Five-level page tables make every walk of an emulated MMU longer. Before QEMU 8.1 cmpxchg16b, with which the
        // kernel allocates memory, makes its flags of stale ones (helper_cmpxchg16b_unlocked): an interrupt right behind
        // it returns with NT, TF or DF set at random, and the guest panics once in some hundred clones.
        Accelerator::Tcg => ("tcg", "max,la57=off,cx16=off"),
        Accelerator::Kvm => ("kvm", "host"),
    };
    ["-accel".into(), accelerator.into(), "-cpu".into(), model.into(), "-smp".into(), cpus.to_string()]
}

/// `pc`: under TCG stock kernels hang on `microvm` in half of the boots (TSC calibration); `q35` is not
/// faster, and has more devices to probe.
fn memory(mib: u32, role: Role) -> Vec<String> {
    let machine = "pc,hpet=off,vmport=off";
    let share = match role {
        Role::Boot => return ["-machine", machine, "-m", &mib.to_string()].map(str::to_owned).into(),
        Role::Template => "on",
        Role::Clone | Role::Original => "off",
    };
    let file = format!("/proc/self/fd/{}", fd::RAM);
    vec![
        "-machine".into(),
        format!("{machine},memory-backend=ram"),
        "-m".into(),
        mib.to_string(),
        "-object".into(),
        format!("memory-backend-file,id=ram,size={mib}M,mem-path={file},share={share}"),
    ]
}

/// The first serial port, ttyS0.
fn console(screen: Screen) -> Vec<String> {
    match screen {
        Screen::Kept => {
            vec![
                "-chardev".into(),
                format!("socket,id=console,fd={}", fd::CONSOLE),
                "-serial".into(),
                "chardev:console".into(),
            ]
        }
        Screen::Terminal => vec!["-serial".into(), "mon:stdio".into()],
    }
}

/// The second serial port, ttyS1.
fn channel() -> [String; 4] {
    [
        "-chardev".into(),
        format!("socket,id=channel,fd={}", fd::CHANNEL),
        "-serial".into(),
        "chardev:channel".into(),
    ]
}

fn monitor() -> [String; 4] {
    [
        "-chardev".into(),
        format!("socket,id=monitor,fd={}", fd::MONITOR),
        "-qmp".into(),
        "chardev:monitor".into(),
    ]
}

fn kernel(kernel: &Kernel, initramfs: &Path, append: &str) -> [OsString; 6] {
    let modules = match kernel.config("CONFIG_LSM") {
        Some(Setting::Value(list)) => without_tomoyo(&list),
        _ => None,
    };
    let words = COMMAND_LINE.iter().copied().chain(modules.as_deref()).chain(append.split_whitespace());
    let line = words.collect::<Vec<_>>().join(" ");
    let image = kernel.image.clone().into();
    ["-kernel".into(), image, "-initrd".into(), initramfs.into(), "-append".into(), line.into()]
}

/// TOMOYO has no policy here, and all it does on 5.10 is to refuse (ENOENT) a program that is executed by its descriptor
/// and that has no path in the container's root: `tomoyo_find_next_domain` looks `/dev/fd/N` up (security/tomoyo/domain.c).
fn without_tomoyo(security_modules: &str) -> Option<String> {
    let all: Vec<&str> = security_modules.split(',').collect();
    let rest: Vec<&str> = all.iter().copied().filter(|name| *name != "tomoyo").collect();
    (rest.len() < all.len()).then(|| format!("lsm={}", rest.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("landlock,yama,apparmor,tomoyo,bpf", Some("lsm=landlock,yama,apparmor,bpf"))]
    #[case("landlock,yama,apparmor", None)]
    #[case("", None)]
    fn security_modules(#[case] built: &str, #[case] told: Option<&str>) {
        assert_eq!(without_tomoyo(built).as_deref(), told);
    }
}
