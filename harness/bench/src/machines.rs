//! Cold boots and clones, each in its phases, and what a clone keeps in memory.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use vm::accel::Accelerator;
use vm::{Config, Machine, Phases};

use super::row::{Row, Unit, find};
use super::{Error, Lab, processor};
use harness::isolation::Isolation;
use harness::run::Tap;
use harness::run::drive::drive;
use harness::run::source::{Guest, Source, boot};
use protocol::plan::After;

/// Clones for each cold boot, which takes some twenty times as long.
const CLONES: usize = 8;
/// The kernel's own first line, and few others, on the console from when it has read its command line: a kernel that is
/// quiet does not tell when it began. Such boots are only for their phases.
const TALKATIVE: &str = "earlyprintk=serial,ttyS0,115200 loglevel=6";

pub(super) const BOOT: &str = "cold boot";
pub(super) const READY: &str = "QEMU's start to Ready";
pub(super) const CLONE: &str = "clone";
pub(super) const WARM: &str = "warm clone";
pub(super) const ANSWER: &str = "QEMU's start to the guest's first answer";
pub(super) const MEMORY: &str = "private memory of a further clone";
pub(super) const PROCESSOR: &str = "processor time of QEMU";
pub(super) const PROCESSOR_BOOT: &str = "a cold boot to Ready";
pub(super) const PROCESSOR_ANSWER: &str = "a clone to the guest's first answer";
pub(super) const PROCESSOR_SCENARIO: &str = "a warm clone with a trivial scenario";

#[derive(Default)]
struct Boots {
    ready: Vec<Duration>,
    until_kernel: Vec<Duration>,
    from_kernel: Vec<Duration>,
    processor: Vec<Duration>,
}

#[derive(Default)]
struct Clones {
    emulator: Vec<Duration>,
    restore: Vec<Duration>,
    answer: Vec<Duration>,
    until_answer: Vec<Duration>,
    scenario: Vec<Duration>,
    megabytes: Vec<f64>,
    processor_answer: Vec<Duration>,
    processor_whole: Vec<Duration>,
}

/// Notes what QEMU had used when the guest's first answer came.
#[derive(Default)]
struct Meter(Mutex<Option<Duration>>);

impl Tap for Meter {
    fn begins(&self, _scenario: &str, _machine: &mut Machine) {}

    fn line(&self, _scenario: &str, machine: &mut Machine, line: String) -> Vec<String> {
        let mut first = self.0.lock().expect("nobody panics while he reads a file");
        *first = first.or_else(|| processor::of(machine.pid()));
        vec![line]
    }
}

pub(super) fn measure(lab: &Lab<'_>, rows: &mut Vec<Row>) -> Result<(), Error> {
    let quiet = &lab.testbed.config;
    let talkative = Config { append: TALKATIVE.to_owned(), ..quiet.clone() };
    let source = Source::open(Isolation::Clone, quiet, lab.cache, lab.progress)?;
    let warm = warm(lab)?;
    let (mut boots, mut clones, mut warm_clones) = (Boots::default(), Clones::default(), Clones::default());
    for round in 0..lab.options.samples {
        lab.progress.moment(&format!("measuring machines: {}/{}", round + 1, lab.options.samples));
        let guest = boot(quiet)?;
        boots.ready.extend(guest.machine.boot_time());
        boots.processor.extend(processor::of(guest.machine.pid()));
        guest.machine.stop();
        boots.phases(boot(&talkative)?.machine.phases());
        for _ in 0..CLONES {
            clones.take(lab, &source)?;
            if let Some(warm) = &warm {
                warm_clones.take(lab, warm)?;
            }
        }
    }
    boots.rows(rows);
    clones.rows(CLONE, rows);
    if warm.is_some() {
        warm_clones.rows(WARM, rows);
    }
    rows.push(Row::times(PROCESSOR, PROCESSOR_BOOT, &boots.processor));
    rows.push(Row::times(PROCESSOR, PROCESSOR_ANSWER, &clones.processor_answer));
    rows.push(Row::times(PROCESSOR, "a clone with a trivial scenario", &clones.processor_whole));
    if warm.is_some() {
        let answer = "a warm clone to the guest's first answer";
        rows.push(Row::times(PROCESSOR, answer, &warm_clones.processor_answer));
        rows.push(Row::times(PROCESSOR, PROCESSOR_SCENARIO, &warm_clones.processor_whole));
    }
    compare(rows, PROCESSOR, (PROCESSOR, PROCESSOR_BOOT));
    Ok(())
}

/// Clones as runs have them that are large enough; `None` where there is no difference.
fn warm(lab: &Lab<'_>) -> Result<Option<Source>, Error> {
    if lab.testbed.config.accelerator != Accelerator::Tcg {
        return Ok(None);
    }
    let source = Source::open(Isolation::Clone, &lab.testbed.config, lab.cache, lab.progress)?;
    source.warm(usize::MAX).map_err(|cold| Error::broken("a warm clone", cold))?;
    Ok(Some(source))
}

impl Boots {
    fn phases(&mut self, phases: Phases) {
        if let (Some(console), Some(ready)) = (phases.console, phases.ready) {
            self.until_kernel.push(console);
            self.from_kernel.push(ready.saturating_sub(console));
        }
    }

    fn rows(&self, rows: &mut Vec<Row>) {
        let note = "QEMU, firmware, unpacking the kernel; in boots that print";
        rows.extend([
            Row::times(BOOT, READY, &self.ready),
            Row::times(BOOT, "QEMU's start to the kernel's first line", &self.until_kernel).note(note),
            Row::times(BOOT, "the kernel's first line to Ready", &self.from_kernel)
                .note("in boots that print"),
        ]);
        compare(rows, BOOT, (BOOT, READY));
    }
}

impl Clones {
    fn take(&mut self, lab: &Lab<'_>, source: &Source) -> Result<(), Error> {
        let scenario = lab.trivial()?;
        let begun = Instant::now();
        let Guest { mut machine, .. } = source.machine()?;
        let restored = begun.elapsed();
        let meter = Meter::default();
        let driven = drive(&mut machine, scenario.plan(), After::TakeDown, &meter);
        let Some(first) = driven.first else {
            let said = driven.ending.map_or_else(String::new, |ending| ending.to_string());
            return Err(Error::broken(&scenario.name, said));
        };
        self.phases(machine.phases());
        self.answer.push(first);
        self.until_answer.push(restored + first);
        self.scenario.push(driven.duration.saturating_sub(first));
        self.megabytes.extend(private(&machine));
        self.processor_answer.extend(meter.0.into_inner().expect("nobody panics while he reads a file"));
        self.processor_whole.extend(processor::of(machine.pid()));
        Ok(())
    }

    fn phases(&mut self, phases: Phases) {
        if let (Some(emulator), Some(ready)) = (phases.emulator, phases.ready) {
            self.emulator.push(emulator);
            self.restore.push(ready.saturating_sub(emulator));
        }
    }

    fn rows(&self, group: &str, rows: &mut Vec<Row>) {
        rows.extend([
            Row::times(group, ANSWER, &self.until_answer),
            Row::times(group, "QEMU's start to its first word", &self.emulator),
            Row::times(group, "from there until the guest goes on", &self.restore),
            Row::times(group, "the guest's first answer", &self.answer),
            Row::times(group, "the rest of a trivial scenario", &self.scenario),
        ]);
        compare(rows, group, (BOOT, READY));
        rows.push(Row::of(group, MEMORY, Unit::Megabytes, &self.megabytes).note("after a trivial scenario"));
    }
}

/// Gives the rows of a group their ratio to one row.
fn compare(rows: &mut [Row], group: &str, (base_group, base): (&str, &str)) {
    let base = find(rows, base_group, base).cloned();
    for row in rows.iter_mut().filter(|row| row.group == group) {
        *row = row.clone().compared(base.as_ref());
    }
}

/// Megabytes that QEMU shares with nobody: what one more clone costs. `Private_Dirty` would count the template's own pages
/// until they are written to the disk, 20 MB and more that all clones share. proc_pid_smaps(5)
fn private(machine: &Machine) -> Option<f64> {
    let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", machine.pid())).ok()?;
    unshared(&rollup).map(|kibibytes| kibibytes * 1024.0 / 1e6)
}

/// Of what it shares with the one that it was copied from, each of the two is charged a half.
fn unshared(rollup: &str) -> Option<f64> {
    let (all, charged) = (kibibytes(rollup, "Anonymous:")?, kibibytes(rollup, "Pss_Anon:")?);
    let shared = 2.0 * (all - charged);
    Some(all - shared)
}

fn kibibytes(rollup: &str, name: &str) -> Option<f64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_of_private_memory() {
        let rollup = "Rss:  900 kB\nPss_Anon:   20480 kB\nAnonymous:    20480 kB\nAnonHugePages: 5 kB\n";
        assert_eq!(unshared(rollup), Some(20480.0));
        // 50 of its own, and 400 that two share.
        assert_eq!(unshared("Pss_Anon: 250 kB\nAnonymous: 450 kB\n"), Some(50.0));
        assert_eq!(unshared("Rss: 900 kB\nAnonymous: 20480 kB\n"), None);
    }
}
