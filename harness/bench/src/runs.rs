//! Whole runs: machines, plans, guests, events and verdicts.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::machines::{BOOT, READY};
use super::row::{Row, Unit, find};
use super::{Error, Lab, processor};
use harness::judge::Status;
use harness::run;
use harness::run::Isolation;
use harness::scenario::Scenario;

/// Scenarios of a round: enough that its begin and end do not count, and that a round takes a few seconds.
const BATCH: usize = 64;

const RATE: &str = "scenarios a second";
const COST: &str = "processor time of a scenario";
const RUN: &str = "run";
const COMMAND: &str = "a few scenarios, with cargo";
const ALL: &str = "every scenario";

fn workers(jobs: usize) -> String {
    if jobs == 1 { "1 job".to_owned() } else { format!("{jobs} jobs") }
}

pub(super) fn measure(lab: &Lab<'_>, rows: &mut Vec<Row>) -> Result<(), Error> {
    rates(lab, rows)?;
    let cold = find(rows, BOOT, READY).cloned();
    let jobs = lab.options.run.jobs;
    let all = timed(lab, &lab.options.scenarios, jobs, lab.options.run.isolation)?;
    let note = format!("{} scenarios, {}", lab.options.scenarios.len(), workers(jobs));
    rows.push(Row::times(RUN, ALL, &[all]).note(note).compared(cold.as_ref()));
    // Once before it counts: cargo may have something to build.
    typed(lab)?;
    let warm = (0..lab.options.samples).map(|_| typed(lab)).collect::<Result<Vec<_>, _>>()?;
    let words: Vec<_> = lab.options.command.iter().skip(1).map(|word| word.to_string_lossy()).collect();
    rows.push(Row::times(RUN, COMMAND, &warm).note(words.join(" ")).compared(cold.as_ref()));
    Ok(())
}

/// A trivial scenario again and again: a clone for each on one worker and on all, and as runs share them here, in turns.
fn rates(lab: &Lab<'_>, rows: &mut Vec<Row>) -> Result<(), Error> {
    let trivial = lab.trivial()?;
    let jobs = lab.options.run.jobs;
    let shared = Isolation::Shared;
    let mut ways = vec![(1, Isolation::Clone), (jobs, Isolation::Clone), (1, shared), (jobs, shared)];
    ways.dedup();
    let mut ways: Vec<_> = ways.into_iter().map(|(jobs, isolation)| Way::new(jobs, isolation)).collect();
    for _ in 0..lab.options.samples {
        for way in &mut ways {
            way.measure(lab, trivial)?;
        }
    }
    for row in [Way::rate as fn(&Way) -> Row, Way::cost] {
        let base = row(&ways[0]);
        rows.extend(ways.iter().map(|way| row(way).compared(Some(&base))));
    }
    Ok(())
}

/// A way to run scenarios, and what came of it.
struct Way {
    jobs: usize,
    isolation: Isolation,
    rates: Vec<f64>,
    costs: Vec<Duration>,
}

impl Way {
    fn new(jobs: usize, isolation: Isolation) -> Self {
        Way { jobs, isolation, rates: Vec::new(), costs: Vec::new() }
    }

    fn measure(&mut self, lab: &Lab<'_>, trivial: &Scenario) -> Result<(), Error> {
        let batch = vec![trivial.clone(); BATCH];
        let before = processor::of_us_all();
        let time = timed(lab, &batch, self.jobs, self.isolation)?;
        self.rates.push(batch.len() as f64 / time.as_secs_f64());
        let used = processor::of_us_all().zip(before).map(|(after, before)| after.saturating_sub(before));
        self.costs.extend(used.map(|used| used / u32::try_from(batch.len()).unwrap_or(u32::MAX)));
        Ok(())
    }

    fn name(&self) -> String {
        format!("isolation {}, {}", self.isolation.word(), workers(self.jobs))
    }

    fn rate(&self) -> Row {
        Row::of(RATE, &self.name(), Unit::PerSecond, &self.rates)
    }

    fn cost(&self) -> Row {
        Row::times(COST, &self.name(), &self.costs).note("QEMU's and ours")
    }
}

/// How long a run takes in which nothing may fail.
fn timed(
    lab: &Lab<'_>,
    scenarios: &[Scenario],
    jobs: usize,
    isolation: Isolation,
) -> Result<Duration, Error> {
    let options = run::Options { jobs, isolation, ..lab.options.run.clone() };
    let begun = Instant::now();
    let report = run::run(scenarios, &options, lab.progress)?;
    let time = begun.elapsed();
    match report.results.iter().find(|outcome| !matches!(outcome.status, Status::Pass | Status::Skip)) {
        None => Ok(time),
        Some(outcome) => {
            let reason = outcome.reason.as_deref().unwrap_or_default();
            Err(Error::broken(&outcome.scenario, format!("{}: {reason}", outcome.status.word())))
        }
    }
}

/// How long the command takes that a person types.
fn typed(lab: &Lab<'_>) -> Result<Duration, Error> {
    let (program, arguments) = lab.options.command.split_first().expect("a command has a program");
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let begun = Instant::now();
    let output = command.output().map_err(|error| Error::broken(program.to_string_lossy(), error))?;
    let time = begun.elapsed();
    if output.status.success() {
        return Ok(time);
    }
    let said = format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    Err(Error::broken(program.to_string_lossy(), said.trim()))
}
