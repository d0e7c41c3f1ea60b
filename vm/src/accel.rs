//! Who executes the guest's code. `/dev/kvm` proves nothing: there are hosts where it opens, makes a virtual machine,
//! and every guest hangs. So KVM is taken only after a guest was seen to boot on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use crate::accelerator::Accelerator;
use crate::cache::sha256_of;
use crate::{Cache, Config, Ending, Error, Machine, Progress, Result};

/// A guest on working KVM is ready within a second.
const CANARY: Duration = Duration::from_secs(5);

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Request {
    /// KVM if it works, else TCG.
    #[default]
    Auto,
    /// KVM or nothing.
    Kvm,
    /// TCG.
    Tcg,
}

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// What executes the guest's code.
    pub accelerator: Accelerator,
    /// Why: `no KVM: /dev/kvm is not there`.
    pub reason: String,
}

/// Chooses for this configuration, whose own accelerator is not looked at. A trial boot is made at most once per boot of
/// this machine, version of QEMU, and kernel.
pub fn choose(request: Request, config: &Config, cache: &Cache, progress: &dyn Progress) -> Result<Chosen> {
    if request == Request::Tcg {
        return Ok(Chosen { accelerator: Accelerator::Tcg, reason: "asked for".to_owned() });
    }
    let verdict = match refusal(Path::new("/dev/kvm"), Path::new("/proc/cpuinfo")) {
        Some(reason) => Verdict { works: false, reason },
        None => remembered(config, cache, progress)?,
    };
    match (verdict.works, request) {
        (true, _) => Ok(Chosen { accelerator: Accelerator::Kvm, reason: verdict.reason }),
        (false, Request::Kvm) => Err(Error::Kvm { reason: verdict.reason }),
        (false, _) => Ok(Chosen { accelerator: Accelerator::Tcg, reason: without_kvm(&verdict.reason) }),
    }
}

/// Why the choice is TCG: `no KVM: /dev/kvm is not there`.
pub fn without_kvm(why: &str) -> String {
    format!("no KVM: {why}")
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Verdict {
    works: bool,
    reason: String,
}

/// What rules KVM out without a trial.
fn refusal(device: &Path, cpuinfo: &Path) -> Option<String> {
    if let Err(error) = fs::File::options().read(true).write(true).open(device) {
        return Some(match error.kind() {
            std::io::ErrorKind::NotFound => format!("{} is not there", device.display()),
            std::io::ErrorKind::PermissionDenied => {
                format!("{} is not for this user (is it in the group kvm?)", device.display())
            }
            _ => format!("{}: {error}", device.display()),
        });
    }
    // Other architectures show no such flag.
    let text = fs::read_to_string(cpuinfo).unwrap_or_default();
    let flags = text.lines().find(|line| line.starts_with("flags"))?;
    let able = flags.split_whitespace().any(|flag| flag == "vmx" || flag == "svm");
    (!able).then(|| "this CPU shows neither vmx nor svm".to_owned())
}

/// KVM was chosen for this configuration, and stopped answering: until this machine boots anew it is not trusted again.
pub fn distrust(config: &Config, cache: &Cache, reason: &str) -> Result<()> {
    let _lock = cache.lock("kvm")?;
    cache.put(&memory(config, cache)?, &Verdict { works: false, reason: reason.to_owned() })
}

/// Where the trial's answer is kept.
fn memory(config: &Config, cache: &Cache) -> Result<PathBuf> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    let boot = fs::read_to_string(path).map_err(Error::io("read", path))?;
    let key = format!("{boot} {} {}", config.qemu.version, config.kernel.sha256);
    Ok(cache.folder("kvm")?.join(sha256_of(key.as_bytes()) + ".json"))
}

fn remembered(config: &Config, cache: &Cache, progress: &dyn Progress) -> Result<Verdict> {
    let _lock = cache.lock("kvm")?;
    let memory = memory(config, cache)?;
    if let Some(verdict) = cache.get(&memory) {
        return Ok(verdict);
    }
    progress.step("trying KVM");
    let verdict = canary(config)?;
    cache.put(&memory, &verdict)?;
    Ok(verdict)
}

/// Boots on KVM, and waits until the guest is ready.
fn canary(config: &Config) -> Result<Verdict> {
    let config = Config { accelerator: Accelerator::Kvm, ..config.clone() };
    let mut machine = Machine::boot(&config)?;
    let ending = machine.wait_until_ready(Instant::now() + CANARY);
    let milliseconds = |time: Option<Duration>| time.unwrap_or_default().as_millis();
    Ok(match ending {
        Ok(_) => {
            let reason = format!("a guest booted on KVM in {} ms", milliseconds(machine.boot_time()));
            Verdict { works: true, reason }
        }
        // The guest's kernel ran, if badly: that is not KVM's fault.
        Err(Ending::Panic(_) | Ending::Init(_)) => {
            Verdict { works: true, reason: "a guest ran on KVM until its kernel panicked".into() }
        }
        Err(Ending::Deadline) => {
            let reason = format!("a guest on KVM was not ready within {} s", CANARY.as_secs());
            Verdict { works: false, reason }
        }
        Err(ending) => {
            let said = machine.console_tail(1).concat();
            Verdict {
                works: false,
                reason: format!("a guest on KVM did not boot: {ending} {said}").trim().into(),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("flags\t: fpu svm sse\n", None)]
    #[case("flags\t: fpu vmx sse\n", None)]
    #[case("flags\t: fpu sse\n", Some("this CPU shows neither vmx nor svm"))]
    #[case("Features : fp asimd\n", None)]
    fn refused_by_the_cpu(#[case] cpuinfo: &str, #[case] reason: Option<&str>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), cpuinfo).unwrap();
        assert_eq!(refusal(Path::new("/dev/null"), file.path()).as_deref(), reason);
    }

    #[test]
    fn refused_without_a_device() {
        let reason = refusal(Path::new("/no/such/device"), Path::new("/proc/cpuinfo"));
        assert_eq!(reason.as_deref(), Some("/no/such/device is not there"));
    }
}
