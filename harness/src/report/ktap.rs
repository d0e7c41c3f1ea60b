//! KTAP version 1, as Documentation/dev-tools/ktap.rst of the kernel has it: a test a scenario, a subtest a step.

use std::fmt::Write;

use super::details::{self, is_bad};
use super::{Outcome, Run, Step};
use crate::judge::Status;

/// The report.
pub fn render(run: &Run) -> String {
    let mut out = String::from("KTAP version 1\n");
    push(&mut out, 0, &format!("1..{}", run.results.len()));
    for (number, result) in (1..).zip(&run.results) {
        push(&mut out, 1, "KTAP version 1");
        push(&mut out, 1, &format!("1..{}", result.steps.len()));
        for (number, step) in (1..).zip(&result.steps) {
            for line in if is_bad(step) { details::of_step(run, result, step) } else { Vec::new() } {
                push(&mut out, 1, &format!("# {line}"));
            }
            push(&mut out, 1, &test_line(number, &step.name, step.status, step_reason(step)));
        }
        for line in besides_steps(result) {
            push(&mut out, 0, &format!("# {}", details::one_line(&line)));
        }
        push(&mut out, 0, &result_line(number, &details::name(run, result), result));
    }
    out
}

/// A failure that is known is `XFAIL`, which is `ok` as in kselftest: what follows is no surprise.
fn result_line(number: usize, name: &str, result: &Outcome) -> String {
    let reason = result.reason.as_deref().unwrap_or_default();
    match (&result.baseline, result.status) {
        (Some(expected), Status::Fail) if result.is_expected() => {
            format!("ok {number} {} # XFAIL {}", plain(name), plain(&expected.reason))
        }
        (Some(_), Status::Pass) if result.is_bad() => test_line(number, name, Status::Fail, reason),
        _ => test_line(number, name, result.status, reason),
    }
}

/// `not ok 2 uts/hostname # ERROR the guest sent no ending`
fn test_line(number: usize, name: &str, status: Status, reason: &str) -> String {
    let verdict = if matches!(status, Status::Pass | Status::Skip) { "ok" } else { "not ok" };
    let directive = match status {
        Status::Pass | Status::Fail => "",
        Status::Skip => " # SKIP",
        Status::Error | Status::Miss => " # ERROR",
    };
    let reason = if directive.is_empty() { String::new() } else { format!(" {}", plain(reason)) };
    format!("{verdict} {number} {}{directive}{reason}", plain(name)).trim_end().to_owned()
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
    reason.chain(details::of_baseline(result)).chain(lists.into_iter().flatten().cloned()).collect()
}

/// One line without `#`, which would begin a directive.
fn plain(text: &str) -> String {
    details::one_line(text).replace('#', "%")
}

fn push(out: &mut String, level: usize, line: &str) {
    let indent = "  ".repeat(level);
    writeln!(out, "{indent}{line}").expect("a String takes every text");
}
