use super::*;
use harness::report::Outcome;

#[test]
fn every_scenario_is_valid_and_has_a_name_of_its_own() {
    let all = || FRESH.iter().chain(SHARED);
    for fault in all() {
        let scenario = scenario::parse(fault.name, fault.name, fault.text);
        let problems = scenario.as_ref().err().map(|problems| format!("{problems:?}"));
        assert_eq!(problems, None, "{}", fault.name);
        assert_eq!(all().filter(|other| other.name == fault.name).count(), 1, "{}", fault.name);
    }
}

fn outcome(status: Status, reason: Option<&str>) -> Outcome {
    let fault = &FRESH[0];
    let verdict = harness::judge::Verdict {
        status,
        reason: reason.map(str::to_owned),
        steps: Vec::new(),
        oracles: None,
    };
    Outcome::new("distro", "nsrun", &scenario_of(fault), verdict, 1)
}

fn fault(name: &str) -> &'static Fault {
    FRESH.iter().find(|fault| fault.name == name).unwrap()
}

#[rstest::rstest]
#[case::as_expected("qemu-killed-last", Status::Miss, Some("QEMU ended: signal: 9 (SIGKILL)"), true)]
#[case::a_pass("qemu-killed-last", Status::Pass, None, false)]
#[case::another_reason("qemu-killed-last", Status::Miss, Some("the guest said nothing"), false)]
#[case::no_console(
    "panic-first",
    Status::Miss,
    Some("Kernel panic - not syncing: sysrq triggered crash"),
    false
)]
#[case::one_of_two(
    "memory-of-files",
    Status::Error,
    Some("write more than there is: the host's probe was killed by SIGKILL"),
    true
)]
#[case::the_other(
    "memory-of-files",
    Status::Miss,
    Some("Kernel panic - not syncing: System is deadlocked on memory"),
    true
)]
#[case::one_with_the_others_reason(
    "memory-of-files",
    Status::Miss,
    Some("the guest said nothing until the deadline"),
    false
)]
#[case::impossible_here("oops", Status::Skip, Some("needs path /oops.ko: no /oops.ko"), true)]
#[case::skipped_for_nothing("oops", Status::Skip, None, false)]
fn a_row_is_held_against_what_has_to_come(
    #[case] name: &str,
    #[case] status: Status,
    #[case] reason: Option<&str>,
    #[case] good: bool,
) {
    let found = fault(name).differences(&outcome(status, reason));
    assert_eq!(found.is_empty(), good, "{found:?}");
}

#[test]
fn the_table_shows_what_is_wrong() {
    let row = |fault: &str, wrong: &[&str], skipped| Row {
        fault: fault.into(),
        about: "Something is done.".into(),
        expected: "miss".into(),
        came: "pass\nin two lines".into(),
        wrong: wrong.iter().map(ToString::to_string).collect(),
        skipped,
    };
    let rows = [
        row("one", &[], false),
        row("two", &["the status is pass, not miss"], false),
        row("three", &[], true),
    ];
    insta::assert_snapshot!(render(&rows));
}
