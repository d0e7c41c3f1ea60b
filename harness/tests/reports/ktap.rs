//! KTAP, read by TAP::Parser.

use std::io::Write;
use std::process::{Command, Stdio};

use harness::judge::Status;
use harness::report::{Format, Outcome, Run, Step};
use serde::Deserialize;

use crate::sample;

#[derive(Debug, Deserialize)]
struct Level {
    plan: usize,
    tests: Vec<Test>,
}

#[derive(Debug, Deserialize)]
struct Test {
    ok: bool,
    number: usize,
    name: String,
    skip: Option<String>,
    comments: Vec<String>,
    inside: Option<Level>,
}

/// What TAP::Parser understands, or what it complains of.
fn parse(ktap: &str) -> Result<Level, String> {
    let mut perl = Command::new("perl")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reports/tap.pl"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test needs perl (Debian's package `perl`)");
    perl.stdin.take().unwrap().write_all(ktap.as_bytes()).unwrap();
    let output = perl.wait_with_output().unwrap();
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The tests of one level, which must be as many as are planned, and numbered.
fn tests(level: &Level) -> &[Test] {
    assert_eq!(level.plan, level.tests.len());
    let numbers: Vec<usize> = level.tests.iter().map(|test| test.number).collect();
    assert_eq!(numbers, (1..=level.plan).collect::<Vec<_>>());
    &level.tests
}

fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim_end().to_owned()
}

/// Name, `ok`, and the directive with its reason.
type Line<'a> = (String, bool, Option<(&'a str, String)>);

fn read(test: &Test) -> Line<'_> {
    // The parser knows no ERROR, and then leaves it where it is, as KTAP asks of it.
    let (name, error) = match test.name.split_once(" # ERROR ") {
        Some((name, reason)) => (name, Some(("ERROR", reason.to_owned()))),
        None => (&*test.name, None),
    };
    let skip = test.skip.as_ref().map(|reason| ("SKIP", reason.clone()));
    (name.replace("%23", "#").replace("%25", "%"), test.ok, skip.or(error))
}

fn written<'a>(name: &str, status: Status, reason: &str) -> Line<'a> {
    let directive = match status {
        Status::Pass | Status::Fail => None,
        Status::Skip => Some(("SKIP", one_line(reason))),
        Status::Error | Status::Miss => Some(("ERROR", one_line(reason))),
    };
    (one_line(name), matches!(status, Status::Pass | Status::Skip), directive)
}

fn assert_result(test: &Test, result: &Outcome) {
    let reason = result.reason.as_deref().unwrap_or_default();
    assert_eq!(read(test), written(&result.scenario, result.status, reason));
    if result.status == Status::Fail {
        assert!(test.comments.contains(&one_line(reason)), "{reason:?} is not in {:?}", test.comments);
    }
    let steps = tests(test.inside.as_ref().unwrap());
    assert_eq!(steps.len(), result.steps.len());
    for (test, step) in steps.iter().zip(&result.steps) {
        assert_step(test, step);
    }
}

fn assert_step(test: &Test, step: &Step) {
    let (reason, is_explained) = match step.status {
        Status::Pass => ("", false),
        Status::Fail => ("", true),
        Status::Skip => ("not carried out", false),
        Status::Error => ("could not be carried out", true),
        Status::Miss => ("its outcome was lost", true),
    };
    assert_eq!(read(test), written(&step.name, step.status, reason));
    let place = format!(".toml:{}: ", step.line);
    assert_eq!(test.comments.iter().any(|line| line.contains(&place)), is_explained, "{test:?}");
}

fn assert_kernel(test: &Test, run: &Run, name: &str) {
    assert_eq!(read(test), written(name, Status::Fail, ""));
    let results: Vec<_> = run.results.iter().filter(|result| result.kernel == name).collect();
    let read = tests(test.inside.as_ref().unwrap());
    assert_eq!(read.len(), results.len());
    for (test, result) in read.iter().zip(results) {
        assert_result(test, result);
    }
}

#[test]
fn another_parser_reads_what_the_run_says() {
    let run = sample::run();
    let level = parse(&Format::Ktap.render(&run)).unwrap();
    let kernels = tests(&level);
    assert_eq!(kernels.len(), run.kernels.len());
    for (test, kernel) in kernels.iter().zip(&run.kernels) {
        assert_kernel(test, &run, &kernel.name);
    }
}

/// That it is accepted says something only of a parser that refuses.
#[rstest::rstest]
#[case::a_test_too_few("1..7", "1..8", "planned 8 tests")]
#[case::numbered_wrongly("\n  ok 3 uts/hostname", "\n  ok 4 uts/hostname", "out of sequence")]
#[case::no_version("KTAP version 1\n    1..3", "1..3", "not one version line")]
#[case::outdented(
    "\n    ok 1 box: ping 192.168.47.11",
    "\nok 1 box: ping 192.168.47.11",
    "lines after the last test"
)]
#[case::a_line_of_no_kind("\n    ok 1 box: ping", "\n    box: ping", "neither of the four kinds")]
fn the_other_parser_refuses(#[case] good: &str, #[case] bad: &str, #[case] why: &str) {
    let ktap = Format::Ktap.render(&sample::run());
    assert!(ktap.contains(good), "{good:?} is not in\n{ktap}");
    let refused = parse(&ktap.replacen(good, bad, 1)).unwrap_err();
    assert!(refused.contains(why), "{refused}");
}
