//! Which scenario runs when, on which machine: as many machines at a time as there are jobs, longest scenarios first, results
//! in the scenarios' own order.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use vm::{Cache, Ending};

use super::drive::{Driven, drive};
use super::history::History;
use super::source::{Guest, Isolation, Source, boot};
use super::tap::Tap;
use super::testbed::Testbed;
use super::{Options, TAIL};
use crate::evidence::Evidence;
use crate::judge::{Status, Verdict, judge};
use crate::progress::Progress;
use crate::report::{self, Again, Outcome, Percentiles};
use crate::scenario::Scenario;

/// The only runtime so far: this project's own.
const RUNTIME: &str = "nsrun";

/// Runs all scenarios on one kernel.
pub(crate) fn run(
    scenarios: &[Scenario],
    testbed: &Testbed,
    options: &Options,
    cache: &Cache,
    progress: &Progress,
    tap: &dyn Tap,
) -> vm::Result<(report::Kernel, Vec<Outcome>)> {
    let isolation = options.isolation.unwrap_or_else(|| Isolation::fitting(testbed.accel.accelerator));
    let source = Source::open(isolation, &testbed.config, cache, progress)?;
    let history = History::open(cache, &testbed.name);
    let line = Line {
        scenarios,
        testbed,
        source,
        isolation,
        confirm: options.confirm && isolation != Isolation::Boot,
        order: history.longest_first(scenarios),
        next: AtomicUsize::new(0),
        progress,
        tap,
        starts: Mutex::default(),
    };
    let lanes = options.jobs.clamp(1, scenarios.len().max(1));
    let mut indexed = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(|| line.work())).collect();
        let done = lanes.into_iter().map(|lane| lane.join().expect("a lane does not panic"));
        done.collect::<vm::Result<Vec<_>>>().map(|results| results.concat())
    })?;
    indexed.sort_by_key(|(index, _)| *index);
    let outcomes: Vec<Outcome> = indexed.into_iter().map(|(_, outcome)| outcome).collect();
    history.learn(&outcomes)?;
    Ok((line.kernel(), outcomes))
}

/// What the lanes share.
struct Line<'a> {
    scenarios: &'a [Scenario],
    testbed: &'a Testbed,
    source: Source,
    isolation: Isolation,
    /// A result that is no pass is confirmed in a cold boot. Not, if every machine is one anyway.
    confirm: bool,
    /// Positions of the scenarios.
    order: Vec<usize>,
    next: AtomicUsize,
    progress: &'a Progress,
    tap: &'a dyn Tap,
    /// How long each machine took to its first word, and what the first one said.
    starts: Mutex<Starts>,
}

#[derive(Default)]
struct Starts {
    release: String,
    times: Vec<Duration>,
}

impl Line<'_> {
    /// One lane: takes the next scenario until there is none.
    fn work(&self) -> vm::Result<Vec<(usize, Outcome)>> {
        let mut kept = None;
        let mut done = Vec::new();
        loop {
            let begun = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(&index) = self.order.get(begun) else { return Ok(done) };
            let scenario = &self.scenarios[index];
            self.progress.moment(&format!(
                "{}: {}/{} {}",
                self.testbed.name,
                begun + 1,
                self.scenarios.len(),
                scenario.name
            ));
            let guest = match kept.take() {
                Some(guest) => Ok(guest),
                None => self.machine(),
            };
            let (mut outcome, survivor) = match guest {
                Ok(guest) => self.one(scenario, guest),
                Err(error) if self.has_started() => (self.not_started(scenario, error), None),
                Err(error) => return Err(error),
            };
            self.confirm(scenario, &mut outcome);
            // Whatever a scenario did that did not pass: the next one begins on a machine that knows nothing of it.
            let trusted = matches!(outcome.status, Status::Pass | Status::Skip);
            kept = survivor.filter(|_| trusted && self.isolation == Isolation::Shared);
            done.push((index, outcome));
        }
    }

    /// Runs a scenario that did not pass once more, in a cold boot: a broken kernel breaks it again, a disturbed machine
    /// does not.
    fn confirm(&self, scenario: &Scenario, outcome: &mut Outcome) {
        if !self.confirm || matches!(outcome.status, Status::Pass | Status::Skip) {
            return;
        }
        outcome.again = Some(match boot(&self.testbed.config) {
            Ok(guest) => {
                let (again, _) = self.one(scenario, guest);
                Again { status: again.status, reason: again.reason }
            }
            Err(error) => Again { status: Status::Miss, reason: Some(error.to_string()) },
        });
    }

    /// Runs one scenario; the machine is given back if it survived.
    fn one(&self, scenario: &Scenario, mut guest: Guest) -> (Outcome, Option<Guest>) {
        if let Some((need, reason)) = self.testbed.unmet(scenario, &guest.ready) {
            let verdict = Verdict::skipped(scenario, need, &reason);
            return (Outcome::new(&self.testbed.name, RUNTIME, scenario, verdict, 0), Some(guest));
        }
        let mut plan = scenario.plan();
        plan.needs.retain(|need| !self.testbed.decides(need));
        let Driven { key, lines, ending, duration, .. } = drive(&mut guest.machine, plan, self.tap);
        let mut evidence = Evidence::collect(&key, &lines);
        let mut console = Vec::new();
        if let Some(ending) = &ending {
            // The machine's end explains what is missing: it is told first.
            evidence.lose(ending.to_string());
            console = guest.machine.console_tail(TAIL);
        }
        let verdict = judge(scenario, &evidence);
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let mut outcome = Outcome::new(&self.testbed.name, RUNTIME, scenario, verdict, milliseconds);
        outcome.console = console;
        (outcome, ending.is_none().then_some(guest))
    }

    /// A machine that was lost before anything was asked of it costs nothing but the start of another. A second one that
    /// is lost so is no accident.
    fn machine(&self) -> vm::Result<Guest> {
        let guest = match self.source.machine() {
            Err(vm::Error::NotReady { ending: Ending::Exited(_) | Ending::Lost(_), .. }) => {
                self.source.machine()
            }
            other => other,
        };
        guest.map(|guest| self.noted(guest))
    }

    /// Whether any machine got ready: if none does, it is not one scenario's misfortune.
    fn has_started(&self) -> bool {
        !self.starts.lock().expect("no lane panics while it counts").times.is_empty()
    }

    fn not_started(&self, scenario: &Scenario, error: vm::Error) -> Outcome {
        let (reason, console) = match error {
            vm::Error::NotReady { ending, console } => {
                (format!("the machine was not ready: {ending}"), console)
            }
            other => (other.to_string(), Vec::new()),
        };
        let mut evidence = Evidence::default();
        evidence.lose(reason);
        let verdict = judge(scenario, &evidence);
        Outcome { console, ..Outcome::new(&self.testbed.name, RUNTIME, scenario, verdict, 0) }
    }

    fn noted(&self, guest: Guest) -> Guest {
        let mut starts = self.starts.lock().expect("no lane panics while it counts");
        starts.release.clone_from(&guest.ready.release);
        starts.times.extend(guest.machine.boot_time());
        drop(starts);
        guest
    }

    fn kernel(&self) -> report::Kernel {
        let starts = self.starts.lock().expect("the lanes have ended");
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let clones = || Percentiles::of(starts.times.iter().map(|time| time.as_secs_f64() * 1000.0));
        let (boot_ms, clone_ms) = match &self.source {
            Source::Template(template, _) => (Some(milliseconds(template.boot_time())), clones()),
            Source::Cold(_) => (starts.times.iter().min().copied().map(milliseconds), None),
        };
        report::Kernel {
            name: self.testbed.name.clone(),
            release: starts.release.clone(),
            accel: self.testbed.accel.accelerator.name().to_owned(),
            accel_reason: self.testbed.accel.reason.clone(),
            isolation: self.isolation.word().to_owned(),
            boot_ms,
            clone_ms,
        }
    }
}
