//! JUnit, read by the crate junit-parser, and by roxmltree, which lets no XML pass that is none.

use harness::judge::Status;
use harness::report::{Format, Kernel, Outcome, Run};
use junit_parser::{TestCase, TestStatus, TestSuite, TestSuites};

use crate::sample;

fn parse(text: &str) -> TestSuites {
    roxmltree::Document::parse(text).unwrap();
    junit_parser::from_reader(text.as_bytes()).unwrap()
}

/// How it ended by JUnit's elements, and the reason.
fn read(case: &TestCase) -> (&'static str, &str, &str) {
    match &case.status {
        TestStatus::Success => ("", "", ""),
        TestStatus::Failure(it) => ("failure", &it.failure_type, &it.message),
        TestStatus::Error(it) => ("error", &it.error_type, &it.message),
        TestStatus::Skipped(it) => ("skipped", &it.skipped_type, &it.message),
    }
}

fn written(result: &Outcome) -> (&'static str, &'static str, String) {
    // XML 1.0 cannot hold every control character, and an attribute no line break: they become spaces.
    let reason = result.reason.as_deref().unwrap_or_default();
    let reason = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match result.status {
        Status::Pass => ("", "", reason),
        Status::Fail => ("failure", "fail", reason),
        Status::Skip => ("skipped", "skip", reason),
        Status::Error => ("error", "error", reason),
        Status::Miss => ("error", "miss", reason),
    }
}

fn text(case: &TestCase) -> &str {
    match &case.status {
        TestStatus::Failure(it) => &it.text,
        TestStatus::Error(it) => &it.text,
        TestStatus::Success | TestStatus::Skipped(_) => "",
    }
}

fn assert_case(case: &TestCase, result: &Outcome) {
    assert_eq!(case.original_name, result.scenario);
    let (element, kind, reason) = read(case);
    let reason = reason.to_owned();
    assert_eq!((element, kind, reason), written(result), "{}", result.scenario);
    let covers: Vec<_> = case.properties.vec.iter().map(|(_, id)| id.clone()).collect();
    assert_eq!(covers, result.covers);
    for step in result.steps.iter().filter(|step| !matches!(step.status, Status::Pass | Status::Skip)) {
        let place = format!("{}.toml:{}: {}", result.scenario, step.line, step.status.word());
        assert!(text(case).contains(&place), "{place:?} is not in\n{}", text(case));
    }
}

fn assert_suite(suite: &TestSuite, run: &Run, kernel: &Kernel) {
    assert_eq!(suite.name, format!("{} ({})", kernel.name, kernel.release));
    let results: Vec<_> = run.results.iter().filter(|result| result.kernel == kernel.name).collect();
    let count =
        |is: &dyn Fn(Status) -> bool| results.iter().filter(|result| is(result.status)).count() as u64;
    assert_eq!(suite.tests, results.len() as u64);
    assert_eq!(suite.failures, count(&|status| status == Status::Fail));
    assert_eq!(suite.errors, count(&|status| matches!(status, Status::Error | Status::Miss)));
    assert_eq!(suite.skipped, count(&|status| status == Status::Skip));
    assert_eq!(suite.cases.len(), results.len());
    for (case, result) in suite.cases.iter().zip(results) {
        assert_case(case, result);
    }
}

#[test]
fn another_parser_reads_what_the_run_says() {
    let run = sample::run();
    let read = parse(&Format::Junit.render(&run));
    assert_eq!(read.suites.len(), run.kernels.len());
    for (suite, kernel) in read.suites.iter().zip(&run.kernels) {
        assert_suite(suite, &run, kernel);
    }
    let totals = [run.totals.fail, run.totals.error + run.totals.miss, run.totals.skip];
    assert_eq!([read.failures, read.errors, read.skipped].map(|count| count as usize), totals);
    assert_eq!(read.tests as usize, run.results.len());
    assert!(totals.iter().all(|&count| count > 0), "the run has one of each");
}
