//! One kernel's scenarios: each gets a machine, is judged, and is confirmed if it did not pass.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use vm::Ending;
use vm::accel::Accelerator;

use super::drive::{Driven, drive, request};
use super::source::{Guest, Source, boot};
use super::testbed::Testbed;
use super::turns::{Turn, Yielding};
use super::{Context, TAIL};
use crate::isolation::Isolation;
use crate::judge::{Status, Verdict, judge};
use crate::report::{self, Again, Outcome, Percentiles};
use crate::repro::{self, Trace};
use crate::scenario::Scenario;
use protocol::event::Ready;
use protocol::evidence::Evidence;
use protocol::plan::{After, Plan};

/// Scenarios for which it is worth while to exercise a clone first: that takes as long as one of them in a clone that begins
/// cold, while other jobs wait.
const SOME: usize = 4;

/// Scenarios of one kernel that are run again because they did not pass, each for another reason.
const MOST_REPEATED: usize = 5;

/// The only runtime so far: this project's own.
const RUNTIME: &str = "nsrun";

/// A kernel that scenarios can be run on; several workers may do so at a time.
pub(super) struct KernelRun<'a> {
    pub(super) testbed: Testbed,
    source: Source,
    /// How many are to be run on it.
    scenarios: usize,
    context: Context<'a>,
    /// How long each machine took to its first word, and what the first one said.
    starts: Mutex<Starts>,
    repeated: Mutex<Repeated>,
}

/// What was run again because it did not pass.
#[derive(Default)]
struct Repeated {
    reasons: Vec<(Status, Option<String>)>,
    /// How many were not.
    left: usize,
}

#[derive(Default)]
struct Starts {
    ready: Ready,
    times: Vec<Duration>,
}

/// What came of one scenario on one machine.
pub(super) struct Ran {
    pub(super) outcome: Outcome,
    /// `None` if nothing was sent, because a need was known to be unmet, and if no directory will be made of it.
    trace: Option<Trace>,
    survivor: Option<Guest>,
    /// Whether the machine was lost because it said nothing until the deadline.
    pub(super) silent: bool,
}

impl<'a> KernelRun<'a> {
    /// A kernel with all that it boots with, and how so many scenarios are run on it.
    pub(super) fn new(testbed: Testbed, source: Source, scenarios: usize, context: Context<'a>) -> Self {
        let Context { options, progress, .. } = context;
        // On KVM nothing is translated.
        let cold = testbed.accel.accelerator == Accelerator::Tcg && options.isolation == Isolation::Clone;
        if cold
            && scenarios >= SOME
            && let Err(why) = source.warm(scenarios)
        {
            progress.warn(&slower(&testbed.name, &why));
        }
        KernelRun {
            testbed,
            source,
            scenarios,
            context,
            starts: Mutex::default(),
            repeated: Mutex::default(),
        }
    }

    /// The same kernel without KVM, in which a guest fell silent.
    pub(super) fn without_kvm(&self) -> vm::Result<Self> {
        let Context { options, cache, progress, .. } = self.context;
        let testbed = self.testbed.without_kvm("a guest on it fell silent");
        let source = Source::open(options.isolation, &testbed.config, cache, progress)?;
        Ok(KernelRun::new(testbed, source, self.scenarios, self.context))
    }

    pub(super) fn accelerator(&self) -> Accelerator {
        self.testbed.accel.accelerator
    }

    /// Runs a scenario, on the machine that an earlier one left if there is one.
    ///
    /// # Errors
    /// No machine of this kernel ever got ready.
    pub(super) fn attempt(&self, scenario: &Scenario, kept: Option<Guest>) -> vm::Result<Ran> {
        let turn = self.context.turns.take();
        let guest = match kept {
            Some(guest) => Ok(guest),
            None => self.machine(),
        };
        match guest {
            Ok(guest) => Ok(self.one(scenario, guest, After::TakeDown, turn)),
            Err(error) if self.has_started() => Ok(self.not_started(scenario, &error)),
            Err(error) => Err(error),
        }
    }

    /// Confirms and records what came of a scenario, if it did not pass. Gives back what the next may have.
    pub(super) fn settle(&self, scenario: &Scenario, mut ran: Ran) -> (Outcome, Option<Guest>) {
        let again = self.confirm(scenario, &ran.outcome);
        if let Some(Ran { outcome: Outcome { status, reason, .. }, .. }) = &again {
            ran.outcome.again = Some(Again { status: *status, reason: reason.clone(), accel: None });
        }
        self.record(scenario, &mut ran, again.as_ref());
        // Whatever a scenario did that did not pass: the next one begins on a machine that knows nothing of it.
        let trusted = is_good(&ran.outcome)
            && self.context.options.isolation == Isolation::Shared
            && !scenario.plan().may_change_machine();
        (ran.outcome, ran.survivor.filter(|_| trusted))
    }

    /// Runs a scenario that did not pass once more, in a cold boot: a broken kernel breaks it again, a disturbed machine
    /// does not. This time it is looked at.
    fn confirm(&self, scenario: &Scenario, outcome: &Outcome) -> Option<Ran> {
        // If every machine boots cold anyway, only to have a look at it.
        let confirm =
            self.context.options.isolation != Isolation::Boot || self.context.options.repro.is_some();
        if !(self.context.options.confirm && confirm) || is_good(outcome) || !self.is_news(outcome) {
            return None;
        }
        let turn = self.context.turns.take();
        Some(match boot(&self.testbed.config) {
            Ok(guest) => self.one(scenario, guest, After::Look, turn),
            Err(error) => self.not_started(scenario, &error),
        })
    }

    /// Returns whether what came of a scenario came of none before it on this kernel, nor of too many: on a kernel that breaks
    /// them all a run would take minutes.
    fn is_news(&self, outcome: &Outcome) -> bool {
        let mut repeated = self.repeated.lock().expect("no worker panics while it counts");
        let reason = (outcome.status, outcome.reason.clone());
        let news = repeated.reasons.len() < MOST_REPEATED && !repeated.reasons.contains(&reason);
        if news {
            repeated.reasons.push(reason);
        } else {
            repeated.left += 1;
        }
        news
    }

    /// How many scenarios that did not pass were not run again.
    pub(super) fn not_repeated(&self) -> usize {
        self.repeated.lock().expect("the workers have ended").left
    }

    /// Leaves a directory of what did not pass, and none of what did.
    fn record(&self, scenario: &Scenario, ran: &mut Ran, again: Option<&Ran>) {
        let Some(folder) = &self.context.options.repro else { return };
        let place = repro::place(folder, &self.testbed.name, &scenario.name);
        let told = match &ran.trace {
            Some(trace) if !is_good(&ran.outcome) => {
                ran.outcome.repro = Some(place.clone());
                let run = repro::Run {
                    scenario,
                    config: &self.testbed.config,
                    template: self.source.template_key(),
                    isolation: self.context.options.isolation,
                    outcome: &ran.outcome,
                    trace,
                    again: again.and_then(|again| again.trace.as_ref()),
                };
                repro::write(folder, &place, &run)
            }
            _ => repro::remove(folder, &place),
        };
        if let Err(error) = told {
            // The verdict stands without it.
            ran.outcome.repro = None;
            self.context.progress.warn(&error.to_string());
        }
    }

    /// Runs one scenario; the machine is given back if it survived.
    fn one(&self, scenario: &Scenario, mut guest: Guest, after: After, turn: Turn<'_>) -> Ran {
        if let Some((need, reason)) = self.testbed.unmet(scenario, &guest.ready) {
            let verdict = Verdict::skipped(scenario, need, &reason);
            let outcome = self.outcome(scenario, verdict, 0);
            return Ran { outcome, trace: None, survivor: Some(guest), silent: false };
        }
        let Driven { request, lines, ending, duration, .. } =
            drive(&mut guest.machine, self.asked(scenario), after, &Yielding::new(turn, self.context.tap));
        let mut evidence = Evidence::collect(&request.key, &lines);
        let lost = ending.as_ref().map(ToString::to_string);
        if let Some(ending) = &lost {
            // The machine's end explains what is missing: it is told first.
            evidence.lose(ending);
        }
        let verdict = judge(scenario, &evidence);
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let mut outcome = self.outcome(scenario, verdict, milliseconds);
        if ending.is_some() {
            outcome.console = guest.machine.console_tail(TAIL);
        }
        // Of a pass nobody asks how it went, unless it was looked at on purpose.
        let wanted = self.context.options.repro.is_some() && (!is_good(&outcome) || after == After::Look);
        let console = || guest.machine.console();
        let trace = wanted.then(|| Trace { request, lines, lost, looks: evidence.looks, console: console() });
        let silent = ending == Some(Ending::Deadline);
        Ran { outcome, trace, survivor: ending.is_none().then_some(guest), silent }
    }

    /// A scenario's plan without the needs that the host looks after.
    fn asked(&self, scenario: &Scenario) -> Plan {
        let mut plan = scenario.plan();
        plan.needs.retain(|need| !self.testbed.decides(need));
        plan
    }

    fn outcome(&self, scenario: &Scenario, verdict: Verdict, milliseconds: u64) -> Outcome {
        Outcome::new(&self.testbed.name, RUNTIME, scenario, verdict, milliseconds)
    }

    /// A machine that was lost before anything was asked of it costs nothing but the start of another. A second one that
    /// is lost so is no accident.
    fn machine(&self) -> vm::Result<Guest> {
        let guest = match self.source.machine() {
            Err(vm::Error::NotReady { ending: Ending::Exited(_) | Ending::Lost(_), .. }) => {
                self.source.machine()
            }
            Err(why @ vm::Error::Unforkable(_)) => {
                self.context.progress.warn(&slower(&self.testbed.name, &why));
                self.source.cool();
                self.source.machine()
            }
            other => other,
        };
        guest.map(|guest| self.noted(guest))
    }

    /// Whether any machine got ready: if none does, it is not one scenario's misfortune.
    fn has_started(&self) -> bool {
        !self.starts.lock().expect("no worker panics while it counts").times.is_empty()
    }

    pub(super) fn not_started(&self, scenario: &Scenario, error: &vm::Error) -> Ran {
        let outcome = lost(&self.testbed.name, scenario, error);
        let trace = Trace {
            request: request(self.asked(scenario), After::TakeDown),
            lost: outcome.reason.clone(),
            console: outcome.console.join("\n"),
            lines: Vec::new(),
            looks: BTreeMap::new(),
        };
        Ran { outcome, trace: Some(trace), survivor: None, silent: is_silent(error) }
    }

    fn noted(&self, guest: Guest) -> Guest {
        let mut starts = self.starts.lock().expect("no worker panics while it counts");
        starts.ready.clone_from(&guest.ready);
        starts.times.extend(guest.machine.boot_time());
        drop(starts);
        guest
    }

    /// What was seen of the kernel.
    pub(super) fn kernel(&self) -> report::Kernel {
        let starts = self.starts.lock().expect("the workers have ended");
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let clones = || Percentiles::of(starts.times.iter().map(|time| time.as_secs_f64() * 1000.0));
        let (boot_ms, clone_ms) = match &self.source {
            Source::Template(of) => (Some(milliseconds(of.template.boot_time())), clones()),
            Source::Cold(_) => (starts.times.iter().min().copied().map(milliseconds), None),
        };
        report::Kernel {
            name: self.testbed.name.clone(),
            release: starts.ready.release.clone(),
            accel: self.testbed.accel.accelerator.name().to_owned(),
            accel_reason: self.testbed.accel.reason.clone(),
            isolation: self.context.options.isolation.word().to_owned(),
            boot_ms,
            clone_ms,
            blind: self.blind(&starts),
        }
    }

    /// What the oracles cannot see. Of a kernel that never got ready nothing is known.
    fn blind(&self, starts: &Starts) -> BTreeMap<String, String> {
        let setting = |option: &str| self.testbed.config.kernel.config(option);
        if starts.times.is_empty() { BTreeMap::new() } else { report::blind(&starts.ready, setting) }
    }
}

fn slower(kernel: &str, why: &impl std::fmt::Display) -> String {
    format!("{kernel}: each clone begins cold, and takes some 0.25 s longer: {why}")
}

fn is_good(outcome: &Outcome) -> bool {
    matches!(outcome.status, Status::Pass | Status::Skip)
}

/// Whether a machine said nothing when it was to get ready.
pub(super) fn is_silent(error: &vm::Error) -> bool {
    matches!(error, vm::Error::NotReady { ending: Ending::Deadline | Ending::Silence(_), .. })
}

/// What becomes of a scenario for which there is no machine.
pub(super) fn lost(kernel: &str, scenario: &Scenario, error: &vm::Error) -> Outcome {
    let (reason, console) = match error {
        vm::Error::NotReady { ending, console } => {
            (format!("the machine was not ready: {ending}"), console.clone())
        }
        other => (other.for_others(), Vec::new()),
    };
    let mut evidence = Evidence::default();
    evidence.lose(reason);
    let verdict = judge(scenario, &evidence);
    Outcome { console, ..Outcome::new(kernel, RUNTIME, scenario, verdict, 0) }
}
