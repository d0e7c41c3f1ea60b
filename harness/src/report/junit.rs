//! JUnit XML: a suite a kernel, a case a scenario. Isolation that is broken is a `failure`, a lost verdict an `error`.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Kernel, Outcome, Run, details};
use crate::judge::Status;

/// The report.
pub fn render(run: &Run) -> String {
    let mut report = Report::new("nsproof");
    for kernel in &run.kernels {
        report.add_test_suite(suite(run, kernel));
    }
    report.to_string().expect("a String takes every text")
}

fn suite(run: &Run, kernel: &Kernel) -> TestSuite {
    let mut suite = TestSuite::new(format!("{} ({})", kernel.name, kernel.shown_release()));
    let accelerator = if kernel.has_machine() { kernel.accel.clone() } else { kernel.executed_by() };
    suite.add_property(("accelerator", details::one_line(&accelerator).as_str()));
    for blind in kernel.blindness() {
        suite.add_property(("blind", details::one_line(&blind).as_str()));
    }
    let results = run.results.iter().filter(|result| result.kernel == kernel.name);
    suite.add_test_cases(results.map(|result| case(run, result)));
    suite
}

fn case(run: &Run, result: &Outcome) -> TestCase {
    let folder = result.scenario.rsplit_once('/').map_or("scenarios", |(folder, _)| folder);
    let mut case = TestCase::new(result.scenario.as_str(), status(run, result));
    case.set_classname(format!("{folder}.{}", result.runtime)).set_assertions(result.steps.len());
    case.set_time(Duration::from_millis(result.duration_ms));
    for id in &result.covers {
        case.add_property(("covers", id.as_str()));
    }
    case
}

fn status(run: &Run, result: &Outcome) -> TestCaseStatus {
    let expected = details::of_baseline(result);
    let mut status = match result.status {
        Status::Pass if result.is_bad() => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Status::Pass => return TestCaseStatus::success(),
        // JUnit has no word for a failure that is known; that it is not hidden among the successes is what counts.
        Status::Fail if result.is_expected() => TestCaseStatus::skipped(),
        Status::Skip => TestCaseStatus::skipped(),
        Status::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Status::Error | Status::Miss => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    let message: Vec<String> = expected.into_iter().chain(result.reason.clone()).collect();
    status.set_type(result.status.word()).set_message(details::one_line(&message.join("; ")));
    if result.is_bad() {
        status.set_description(details::of_result(run, result).join("\n"));
    }
    status
}
