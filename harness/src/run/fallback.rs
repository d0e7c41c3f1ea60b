//! A kernel's line that outlives a KVM that stops answering. There are hosts where guests run on it for a while, and then
//! hang; nothing tells that from a guest that hangs by itself, but that it does not hang without KVM.
//!
//! ```text
//! silence on KVM ─▶ the same scenario on TCG ─┬▶ pass or fail: it counts, and TCG takes over
//!                                             └▶ anything else is no proof: it was the guest's own
//! ```

use std::sync::{Mutex, OnceLock};

use vm::Cache;
use vm::accel;

use super::kernel_run::{KernelRun, Ran, is_silent};
use super::source::{Guest, Source};
use super::testbed::Testbed;
use super::{Context, Options};
use crate::judge::Status;
use crate::progress::Progress;
use crate::report::{self, Again, Outcome};
use crate::scenario::Scenario;

/// A line, and what takes its place.
pub(super) struct WithFallback<'a> {
    line: KernelRun<'a>,
    /// Whether KVM may be given up: it was our own choice.
    may_do_without: bool,
    context: Context<'a>,
    /// Without KVM; made when it is needed.
    spare: OnceLock<KernelRun<'a>>,
    /// Held by who makes it.
    making: Mutex<()>,
    /// Set when the spare one has taken over: why.
    taken_over: OnceLock<String>,
}

impl<'a> WithFallback<'a> {
    /// For so many scenarios. Makes the template that is not in the cache; it is told to `told`.
    pub(super) fn open(
        testbed: Testbed,
        scenarios: usize,
        context: Context<'a>,
        told: &dyn vm::Progress,
    ) -> vm::Result<Self> {
        let Context { options, cache, progress, .. } = context;
        let accelerator = testbed.accel.accelerator;
        let source = Source::open(options.isolation, &testbed.config, cache, told);
        let silent = options.may_do_without(accelerator) && source.as_ref().is_err_and(is_silent);
        let (testbed, source) =
            if silent { without_kvm(&testbed, options, cache, progress, told)? } else { (testbed, source?) };
        let line = KernelRun::new(testbed, source, scenarios, context);
        Ok(WithFallback {
            may_do_without: options.confirm && options.may_do_without(line.accelerator()),
            line,
            context,
            spare: OnceLock::new(),
            making: Mutex::new(()),
            taken_over: OnceLock::new(),
        })
    }

    /// Runs a scenario, on the machine that an earlier one left if there is one. Gives back what the next may have.
    ///
    /// # Errors
    /// No machine of this kernel ever got ready.
    pub(super) fn run(
        &self,
        scenario: &Scenario,
        kept: Option<Guest>,
    ) -> vm::Result<(Outcome, Option<Guest>)> {
        if let Some(spare) = self.taken_over() {
            let kept = kept.filter(|guest| guest.machine.accelerator() == spare.accelerator());
            return Ok(spare.settle(scenario, spare.attempt(scenario, kept)?));
        }
        let ran = self.line.attempt(scenario, kept);
        let silent = ran.as_ref().map_or_else(is_silent, |ran| ran.silent);
        if self.may_do_without
            && silent
            && let Some(done) = self.without_kvm(scenario, &ran)
        {
            return Ok(done);
        }
        Ok(self.line.settle(scenario, ran?))
    }

    /// What was seen of the kernel, by the line that is in use.
    pub(super) fn kernel(&self) -> report::Kernel {
        match (self.taken_over(), self.taken_over.get()) {
            (Some(spare), Some(why)) => {
                report::Kernel { accel_reason: accel::without_kvm(why), ..spare.kernel() }
            }
            _ => self.line.kernel(),
        }
    }

    /// How many scenarios that did not pass were not run again.
    pub(super) fn not_repeated(&self) -> usize {
        self.line.not_repeated() + self.spare.get().map_or(0, KernelRun::not_repeated)
    }

    fn taken_over(&self) -> Option<&KernelRun<'a>> {
        self.taken_over.get().and_then(|_| self.spare.get())
    }

    /// Runs a scenario without KVM that was lost on it. `None` if that is no proof that KVM was to blame.
    fn without_kvm(&self, scenario: &Scenario, lost: &vm::Result<Ran>) -> Option<(Outcome, Option<Guest>)> {
        let Context { cache, progress, .. } = self.context;
        progress.warn(&format!("a guest on KVM fell silent in {}: running it without", scenario.name));
        let spare = self.spare().map_err(|error| progress.warn(&error.to_string())).ok()?;
        let mut ran = spare.attempt(scenario, None).ok()?;
        if !matches!(ran.outcome.status, Status::Pass | Status::Fail) {
            return None;
        }
        let why = format!("a guest on KVM fell silent in {}, which then ran without it", scenario.name);
        if self.taken_over.set(why.clone()).is_ok() {
            distrust(&self.line.testbed, cache, &why, progress);
        }
        let lost = match lost {
            Ok(ran) => ran.outcome.clone(),
            Err(error) => self.line.not_started(scenario, error).outcome,
        };
        let accel = Some(self.line.accelerator().name().to_owned());
        ran.outcome.again = Some(Again { status: lost.status, reason: lost.reason, accel });
        Some(spare.settle(scenario, ran))
    }

    fn spare(&self) -> vm::Result<&KernelRun<'a>> {
        let _making = self.making.lock().expect("no worker panics while it makes it");
        match self.spare.get() {
            Some(spare) => Ok(spare),
            None => {
                let made = self.line.without_kvm()?;
                Ok(self.spare.get_or_init(|| made))
            }
        }
    }
}

/// All that boots without KVM, where the template fell silent on it. KVM was to blame if the same gets ready now.
fn without_kvm(
    testbed: &Testbed,
    options: &Options,
    cache: &Cache,
    progress: &Progress,
    told: &dyn vm::Progress,
) -> vm::Result<(Testbed, Source)> {
    let why = "the template fell silent on KVM";
    let calm = testbed.without_kvm(why);
    let source = Source::open(options.isolation, &calm.config, cache, told)?;
    distrust(testbed, cache, why, progress);
    Ok((calm, source))
}

/// KVM is not to be chosen again.
fn distrust(testbed: &Testbed, cache: &Cache, why: &str, progress: &Progress) {
    if let Err(error) = accel::distrust(&testbed.config, cache, why) {
        // The next run will find out by itself.
        progress.warn(&error.to_string());
    }
}
