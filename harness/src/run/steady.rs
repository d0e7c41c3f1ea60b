//! A kernel's line that outlives a KVM that stops answering. There are hosts where guests run on it for a while, and then
//! hang; nothing tells that from a guest that hangs by itself, but that it does not hang without KVM.
//!
//! ```text
//! silence on KVM ─▶ the same scenario on TCG ─┬▶ a verdict: it counts, and TCG takes over
//!                                             └▶ silence: it was the guest's own
//! ```

use std::sync::{Mutex, OnceLock};

use vm::{Cache, accel};

use super::Options;
use super::schedule::{Line, is_silent};
use super::source::{Guest, Isolation, Source};
use super::tap::Tap;
use super::testbed::Testbed;
use crate::judge::Status;
use crate::progress::Progress;
use crate::report::{self, Outcome};
use crate::scenario::Scenario;

/// A line, and what takes its place.
pub(super) struct Steady<'a> {
    line: Line<'a>,
    /// Whether KVM may be given up: it was our own choice.
    may_do_without: bool,
    cache: &'a Cache,
    progress: &'a Progress,
    /// Without KVM; made when it is needed.
    spare: OnceLock<Line<'a>>,
    /// Held by who makes it.
    making: Mutex<()>,
    /// Set when the spare one has taken over.
    taken_over: OnceLock<()>,
}

impl<'a> Steady<'a> {
    /// Makes the template that is not in the cache; it is told to `told`.
    pub(super) fn open(
        mut testbed: Testbed,
        options: &'a Options,
        cache: &'a Cache,
        progress: &'a Progress,
        told: &dyn vm::Progress,
        tap: &'a dyn Tap,
    ) -> vm::Result<Self> {
        let isolation = options.isolation.unwrap_or_else(|| Isolation::fitting(testbed.accel.accelerator));
        let mut source = Source::open(isolation, &testbed.config, cache, told);
        if options.may_do_without(testbed.accel.accelerator) && source.as_ref().is_err_and(is_silent) {
            let why = "the template fell silent on KVM";
            accel::distrust(&testbed.config, cache, why)?;
            testbed = testbed.without_kvm(why);
            source = Source::open(isolation, &testbed.config, cache, told);
        }
        let line = Line::new(testbed, source?, isolation, options, progress, tap);
        Ok(Steady {
            may_do_without: options.confirm && options.may_do_without(line.accelerator()),
            line,
            cache,
            progress,
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
            && let Some(done) = self.without_kvm(scenario)
        {
            return Ok(done);
        }
        Ok(self.line.settle(scenario, ran?))
    }

    /// What was seen of the kernel, by the line that is in use.
    pub(super) fn kernel(&self) -> report::Kernel {
        self.taken_over().unwrap_or(&self.line).kernel()
    }

    fn taken_over(&self) -> Option<&Line<'a>> {
        self.taken_over.get().and_then(|()| self.spare.get())
    }

    /// `None` if there is no verdict without KVM either: then it was not to blame.
    fn without_kvm(&self, scenario: &Scenario) -> Option<(Outcome, Option<Guest>)> {
        self.progress.warn(&format!("a guest on KVM fell silent in {}: running it without", scenario.name));
        let why = format!("a guest on KVM fell silent in {}, which then ran without it", scenario.name);
        let spare = self.spare(&why).map_err(|error| self.progress.warn(&error.to_string())).ok()?;
        let ran = spare.attempt(scenario, None).ok()?;
        if ran.outcome.status == Status::Miss {
            return None;
        }
        if self.taken_over.set(()).is_ok()
            && let Err(error) = self.line.distrust_kvm(self.cache, &why)
        {
            // The next run will find out by itself.
            self.progress.warn(&error.to_string());
        }
        Some(spare.settle(scenario, ran))
    }

    fn spare(&self, why: &str) -> vm::Result<&Line<'a>> {
        let _making = self.making.lock().expect("no lane panics while it makes it");
        match self.spare.get() {
            Some(spare) => Ok(spare),
            None => {
                let made = self.line.without_kvm(why, self.cache)?;
                Ok(self.spare.get_or_init(|| made))
            }
        }
    }
}
