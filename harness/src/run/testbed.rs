//! A kernel with all it boots with, and what can be said of a scenario's needs before it is booted.

use std::collections::BTreeSet;

use vm::kernel::Setting;
use vm::modules::Closure;
use vm::{Cache, Config, Kernel, accel};

use super::Options;
use super::source::is_ready;
use crate::scenario::Scenario;
use protocol::event::Ready;
use protocol::plan::Need;

/// Modules that every guest gets if its kernel has them: whatever this repository's scenarios need, so that one initramfs,
/// and with it one template, serves every filter. Only a scenario from elsewhere may need more, and has a guest of its own.
const MODULES: &[&str] = &["dummy", "overlay", "veth"];
/// Under emulation memory costs time only where it is touched.
const MEMORY_MIB: u32 = 256;

/// The kernel of this name.
pub fn kernel(
    name: &str,
    options: &Options,
    cache: &Cache,
    progress: &dyn vm::Progress,
) -> vm::Result<Kernel> {
    match &options.lock {
        Some(lock) => vm::kernel::resolve_locked(name, lock, cache, progress),
        None => vm::kernel::resolve(name, cache, progress),
    }
}

/// A kernel, ready to be booted.
pub struct Testbed {
    /// As it was asked for.
    pub name: String,
    /// What its machines are booted with.
    pub config: Config,
    /// Who executes their code, and why.
    pub accel: accel::Chosen,
    closure: Closure,
}

impl Testbed {
    /// Fetches, packs and tries out whatever is not in the cache.
    ///
    /// # Errors
    /// The kernel, its modules, the initramfs or the emulator cannot be had.
    pub fn prepare(
        name: &str,
        scenarios: &[Scenario],
        options: &Options,
        cache: &Cache,
        progress: &dyn vm::Progress,
    ) -> vm::Result<Self> {
        let modules = modules(scenarios);
        let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
        let prepared = |kernel: Kernel| {
            let prepared = vm::prepare(cache, &kernel, &modules, &options.guest, &options.extra, progress)?;
            Ok((kernel, prepared))
        };
        let (kernel, prepared) = match prepared(kernel(name, options, cache, progress)?) {
            // It is not in the cache any more: what is fetched now is whole.
            Err(damaged @ vm::Error::Damaged { .. }) => {
                progress.step(&damaged.to_string());
                prepared(kernel(name, options, cache, progress)?)?
            }
            other => other?,
        };
        let mut config = Config {
            qemu: options.qemu.clone(),
            kernel,
            initramfs: prepared.initramfs,
            accelerator: accel::Accelerator::Tcg,
            memory_mib: MEMORY_MIB,
            cpus: 1,
            append: String::new(),
            is_ready,
        };
        let accel = accel::choose(options.accel, &config, cache, progress)?;
        config.accelerator = accel.accelerator;
        Ok(Testbed { name: name.to_owned(), config, accel, closure: prepared.closure })
    }

    /// The same without KVM, and why.
    pub(super) fn without_kvm(&self, why: &str) -> Self {
        let accelerator = accel::Accelerator::Tcg;
        Testbed {
            name: self.name.clone(),
            config: Config { accelerator, ..self.config.clone() },
            accel: accel::Chosen { accelerator, reason: accel::without_kvm(why) },
            closure: self.closure.clone(),
        }
    }

    /// The first need that this kernel cannot meet, and why. Needs that only a running guest can tell of are left to it.
    pub(super) fn unmet<'a>(&self, scenario: &'a Scenario, ready: &Ready) -> Option<(&'a Need, String)> {
        scenario.needs.iter().filter(|need| self.decides(need)).find_map(|need| {
            let reason = match need {
                Need::Config(option) => without_option(&self.config.kernel, option)?,
                Need::Module(name) => self.without_module(name, ready)?,
                _ => return None,
            };
            Some((need, reason))
        })
    }

    /// Whether [`Testbed::unmet`] decides a need, so that the guest is not asked. What is in no list here may be there all
    /// the same: then it is tried in the running kernel.
    pub(super) fn decides(&self, need: &Need) -> bool {
        match need {
            Need::Config(option) => self.config.kernel.config(option).is_some(),
            Need::Module(name) => self.closure.provides(name),
            _ => false,
        }
    }

    fn without_module(&self, name: &str, ready: &Ready) -> Option<String> {
        let errno = ready.modules.get(&name.replace('-', "_"))?.as_ref()?;
        Some(format!("the guest could not load the module {name}: {errno}"))
    }
}

fn without_option(kernel: &Kernel, option: &str) -> Option<String> {
    let off = kernel.config(option)? == Setting::No;
    off.then(|| format!("kernel {} was built without {option}", kernel.release))
}

/// What the guest is to load.
fn modules(scenarios: &[Scenario]) -> BTreeSet<String> {
    let needed = scenarios.iter().flat_map(Scenario::modules).map(|name| name.replace('-', "_"));
    needed.chain(MODULES.iter().map(ToString::to_string)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario;

    #[test]
    fn the_guest_is_the_same_for_every_filter() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
        for scenario in scenario::load(&root, &[]).expect("the scenarios are valid") {
            let alone = modules(std::slice::from_ref(&scenario));
            assert_eq!(alone, modules(&[]), "{}: add the module that it needs to MODULES", scenario.name);
        }
    }

    #[test]
    fn a_scenario_from_elsewhere_gets_what_it_needs() {
        let text = "about = \"x\"\ncovers = []\nneeds = [{ module = \"act-bpf\" }]\n[[step]]\nin = \"host\"\ndo = \"hostname\"\n";
        let elsewhere = scenario::parse("x", "x.toml", text).expect("it is valid");
        assert!(modules(&[elsewhere]).contains("act_bpf"));
    }
}
