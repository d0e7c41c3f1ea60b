//! A run of which every text is one line that does nothing: what the formats for people are rendered of. A text that is added to
//! a report does not compile before it is added here.

use vm::text::{acts, one_line};

use super::{Again, Expected, Kernel, Outcome, Run, Source, Step};
use crate::matcher::Mismatch;

impl Run {
    /// The same run with nothing in its names, reasons and logs that a terminal or a log acts on. What was observed stays: it
    /// is shown as a scenario file writes it, which escapes such characters.
    pub fn plain(&self) -> Run {
        Run {
            schema: self.schema,
            nsproof: one_line(&self.nsproof),
            started: one_line(&self.started),
            shard: self.shard,
            kernels: self.kernels.iter().map(kernel).collect(),
            scenarios: self.scenarios.iter().map(|(name, it)| (one_line(name), source(it))).collect(),
            results: self.results.iter().map(outcome).collect(),
            totals: self.totals,
        }
    }
}

fn kernel(it: &Kernel) -> Kernel {
    Kernel {
        name: one_line(&it.name),
        release: one_line(&it.release),
        accel: one_line(&it.accel),
        accel_reason: one_line(&it.accel_reason),
        isolation: one_line(&it.isolation),
        boot_ms: it.boot_ms,
        clone_ms: it.clone_ms,
        blind: it.blind.iter().map(|(oracle, why)| (one_line(oracle), one_line(why))).collect(),
    }
}

fn source(it: &Source) -> Source {
    // Lines and tabs stay: it is shown line by line.
    let kept = |c: char| matches!(c, '\n' | '\t') || !acts(c);
    let text = it.text.chars().map(|c| if kept(c) { c } else { ' ' }).collect();
    Source { file: one_line(&it.file), about: one_line(&it.about), text }
}

fn outcome(it: &Outcome) -> Outcome {
    Outcome {
        kernel: one_line(&it.kernel),
        runtime: one_line(&it.runtime),
        scenario: one_line(&it.scenario),
        covers: lines(&it.covers),
        status: it.status,
        reason: it.reason.as_deref().map(one_line),
        duration_ms: it.duration_ms,
        steps: it.steps.iter().map(step).collect(),
        kernel_log: lines(&it.kernel_log),
        taint: it.taint,
        left_behind: lines(&it.left_behind),
        console: lines(&it.console),
        again: it.again.as_ref().map(again),
        // A command is made of it, in which it is quoted.
        repro: it.repro.clone(),
        baseline: it.baseline.as_ref().map(expected),
    }
}

fn again(it: &Again) -> Again {
    Again {
        status: it.status,
        reason: it.reason.as_deref().map(one_line),
        accel: it.accel.as_deref().map(one_line),
    }
}

fn expected(it: &Expected) -> Expected {
    Expected { status: it.status, reason: one_line(&it.reason), place: one_line(&it.place) }
}

fn step(it: &Step) -> Step {
    Step {
        name: one_line(&it.name),
        actor: one_line(&it.actor),
        exec: it.exec,
        operation: one_line(&it.operation),
        status: it.status,
        expected: it.expected.clone(),
        observed: it.observed.clone(),
        mismatches: it.mismatches.iter().map(mismatch).collect(),
        ms: it.ms,
        line: it.line,
    }
}

fn mismatch(it: &Mismatch) -> Mismatch {
    Mismatch { at: one_line(&it.at), ..it.clone() }
}

fn lines(all: &[String]) -> Vec<String> {
    all.iter().map(|line| one_line(line)).collect()
}
