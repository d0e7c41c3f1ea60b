//! KTAP version 1, as Documentation/dev-tools/ktap.rst of the kernel has it: a test a kernel, in it one a scenario, in it one
//! a step.

use std::fmt::Write;

use super::details::{self, is_bad};
use super::{Kernel, Outcome, Run, Step};
use crate::judge::Status;

/// The report.
pub fn render(run: &Run) -> String {
    let mut out = String::new();
    begin(&mut out, 0, run.kernels.len());
    for (number, kernel) in (1..).zip(&run.kernels) {
        let results: Vec<&Outcome> =
            run.results.iter().filter(|result| result.kernel == kernel.name).collect();
        begin(&mut out, 1, results.len());
        for (number, result) in (1..).zip(&results) {
            scenario(&mut out, run, number, result);
        }
        for line in [about(kernel)].into_iter().chain(kernel.blindness()) {
            push(&mut out, 0, &format!("# {}", details::one_line(&line)));
        }
        let (status, reason) = of_all(&results);
        push(&mut out, 0, &test_line(number, &kernel.name, status, reason));
    }
    out
}

fn scenario(out: &mut String, run: &Run, number: usize, result: &Outcome) {
    begin(out, 2, result.steps.len());
    for (number, step) in (1..).zip(&result.steps) {
        for line in if is_bad(step) { details::of_step(run, result, step) } else { Vec::new() } {
            push(out, 2, &format!("# {line}"));
        }
        push(out, 2, &test_line(number, &step.name, step.status, step_reason(step)));
    }
    for line in besides_steps(result) {
        push(out, 1, &format!("# {}", details::one_line(&line)));
    }
    push(out, 1, &result_line(number, result));
}

/// A failure that is known is `XFAIL`, which is `ok` as in kselftest: what follows is no surprise.
fn result_line(number: usize, result: &Outcome) -> String {
    let (name, reason) = (&result.scenario, result.reason.as_deref().unwrap_or_default());
    match (&result.baseline, result.status) {
        (Some(expected), Status::Fail) if result.is_expected() => {
            format!("ok {number} {} # XFAIL {}", description(name), details::one_line(&expected.reason))
        }
        (Some(_), Status::Pass) if result.is_bad() => test_line(number, name, Status::Fail, reason),
        _ => test_line(number, name, result.status, reason),
    }
}

/// A version line and a plan line: every level of nesting has its own.
fn begin(out: &mut String, level: usize, tests: usize) {
    push(out, level, "KTAP version 1");
    push(out, level, &format!("1..{tests}"));
}

/// `not ok 2 uts/hostname # ERROR the guest sent no ending`
fn test_line(number: usize, name: &str, status: Status, reason: &str) -> String {
    let verdict = if matches!(status, Status::Pass | Status::Skip) { "ok" } else { "not ok" };
    let directive = match status {
        Status::Pass | Status::Fail => "",
        Status::Skip => " # SKIP",
        Status::Error | Status::Miss => " # ERROR",
    };
    let reason = if directive.is_empty() { String::new() } else { format!(" {}", details::one_line(reason)) };
    format!("{verdict} {number} {}{directive}{reason}", description(name)).trim_end().to_owned()
}

/// A description cannot have a `#`, which begins a directive, and KTAP knows no way to escape it: it is percent-encoded.
fn description(name: &str) -> String {
    details::one_line(name).replace('%', "%25").replace('#', "%23")
}

/// A test fails if any of its subtests does, and is skipped if all are.
fn of_all(results: &[&Outcome]) -> (Status, &'static str) {
    let all = |status| results.iter().all(|result| result.status == status);
    if results.is_empty() {
        (Status::Skip, "nothing was run")
    } else if all(Status::Skip) {
        (Status::Skip, "every scenario was skipped")
    } else if results.iter().any(|result| result.is_bad()) {
        (Status::Fail, "")
    } else {
        (Status::Pass, "")
    }
}

fn about(kernel: &Kernel) -> String {
    let by = kernel.executed_by();
    if kernel.has_machine() { format!("release {}, {by}", kernel.release) } else { by }
}

fn step_reason(step: &Step) -> &'static str {
    match step.status {
        Status::Skip => "not carried out",
        Status::Error => "could not be carried out",
        Status::Miss => "its outcome was lost",
        Status::Pass | Status::Fail => "",
    }
}

fn besides_steps(result: &Outcome) -> Vec<String> {
    let reason = result.reason.iter().filter(|_| result.status == Status::Fail).cloned();
    let lists = [&result.kernel_log, &result.left_behind, &result.console];
    reason
        .chain(details::of_baseline(result))
        .chain(details::again(result))
        .chain(lists.into_iter().flatten().cloned())
        .collect()
}

fn push(out: &mut String, level: usize, line: &str) {
    let indent = "  ".repeat(level);
    writeln!(out, "{indent}{line}").expect("a String takes every text");
}
