use rstest::rstest;

use super::*;
use crate::event::{Envelope, Event};

const TEXT: &str = r#"
about = "A container's hostname is its own."
covers = ["P1"]
needs = [{ module = "veth" }]

[container.box]
namespaces = ["uts"]

[container.late]
namespaces = ["uts"]

[[step]]
name = "inside"
in = "box"
do = "hostname"
expect = "mycontainer"

[[step]]
name = "outside"
in = "host"
do = "hostname"
expect = { differs-from = "inside" }

[[step]]
in = "host"
do = { start = "late" }
expect = { errno = "EPERM", matches = '^mount\[3\]' }

[[step]]
name = "refused"
in = "box"
do = { set-hostname = "x" }
expect = { errno = "EPERM" }
"#;

fn scenario() -> Scenario {
    crate::scenario::parse("uts/hostname", "scenarios/uts/hostname.toml", TEXT).unwrap()
}

fn step(index: u32, outcome: Outcome) -> Event {
    Event::Step { index, outcome, us: 1500 }
}

/// What a guest sends when everything is as expected.
fn good() -> Vec<Event> {
    vec![
        Event::Begin { scenario: "uts/hostname".into() },
        Event::Built { container: "box".into(), pid: 93 },
        step(0, Outcome::Value(json!("mycontainer"))),
        step(1, Outcome::Value(json!("nsproof"))),
        Event::NotBuilt { container: "late".into(), failure: "mount[3] (tmpfs on /tmp): EPERM".into() },
        step(2, Outcome::Errno("EPERM".into())),
        step(3, Outcome::Errno("EPERM".into())),
        Event::Oracles(Oracles::default()),
        Event::End { steps: 4 },
    ]
}

/// Each event numbered as it comes.
fn lines(events: Vec<Event>) -> Vec<String> {
    let envelope = |(seq, event)| Envelope { key: "key".into(), seq, event };
    (0..).zip(events).map(envelope).map(|envelope| serde_json::to_string(&envelope).unwrap()).collect()
}

fn judged(lines: &[String]) -> Verdict {
    judge(&scenario(), &Evidence::collect("key", lines))
}

/// The verdict after a change of what the guest sends.
fn after(change: impl FnOnce(&mut Vec<Event>)) -> (Status, String) {
    let mut events = good();
    change(&mut events);
    let verdict = judged(&lines(events));
    (verdict.status, verdict.reason.unwrap_or_default())
}

#[test]
fn good_evidence_passes() {
    let verdict = judged(&lines(good()));
    assert_eq!((verdict.status, verdict.reason), (Status::Pass, None));
    assert!(verdict.steps.iter().all(|step| step.status == Status::Pass));
}

#[test]
fn no_damaged_line_ever_passes() {
    let good = lines(good());
    let never_passes = |lines: &[String], what: &str| {
        assert_eq!(judged(lines).status, Status::Miss, "{what}:\n{}", lines.join("\n"));
    };
    for index in 0..good.len() {
        let mut dropped = good.clone();
        dropped.remove(index);
        never_passes(&dropped, "dropped");
        never_passes(&good[..index], "ended early");
        let mut twice = good.clone();
        twice.insert(index, good[index].clone());
        never_passes(&twice, "twice");
        let mut noise = good.clone();
        noise.insert(index, "noise".into());
        never_passes(&noise, "noise");
        let mut foreign = good.clone();
        foreign[index] = good[index].replacen("key", "eky", 2).replacen("\"eky\":", "\"key\":", 1);
        never_passes(&foreign, "foreign");
        for cut in (0..good[index].len()).filter(|&cut| good[index].is_char_boundary(cut)) {
            let mut truncated = good.clone();
            truncated[index].truncate(cut);
            never_passes(&truncated, "truncated");
        }
        for other in 0..index {
            let mut swapped = good.clone();
            swapped.swap(index, other);
            never_passes(&swapped, "swapped");
        }
    }
}

#[test]
fn no_event_is_dispensable_even_if_the_numbers_are_right() {
    for index in 0..good().len() {
        let (status, reason) = after(|events| {
            events.remove(index);
            if let Some(Event::End { steps }) = events.last_mut() {
                *steps = 3 + u32::from(!matches!(good()[index], Event::Step { .. }));
            }
        });
        assert!(status != Status::Pass && !reason.is_empty(), "without event {index}: {status:?}");
    }
}

#[test]
fn a_lost_machine_is_a_miss_whatever_was_seen_before() {
    let mut evidence = Evidence::collect("key", &lines(good()));
    evidence.lose("kernel panic");
    let verdict = judge(&scenario(), &evidence);
    assert_eq!((verdict.status, verdict.reason.as_deref()), (Status::Miss, Some("kernel panic")));
}

#[test]
fn evidence_of_another_scenario_is_none() {
    assert_eq!(after(|events| events[0] = Event::Begin { scenario: "uts/other".into() }).0, Status::Miss);
}

#[rstest]
#[case::another_value(2, step(0, Outcome::Value(json!("yours"))), Status::Fail, "inside: not as expected")]
#[case::an_errno_for_a_value(2, step(0, Outcome::Errno("EPERM".into())), Status::Fail, "inside: not as expected")]
#[case::a_value_for_an_errno(6, step(3, Outcome::Value(json!(null))), Status::Fail, "refused: not as expected")]
#[case::another_errno(6, step(3, Outcome::Errno("EACCES".into())), Status::Fail, "refused: not as expected")]
#[case::broken(3, step(1, Outcome::Broken("no reply".into())), Status::Error, "outside: no reply")]
#[case::broken_for_an_errno(6, step(3, Outcome::Broken("EPERM".into())), Status::Error, "refused: EPERM")]
fn a_step_decides(#[case] at: usize, #[case] event: Event, #[case] status: Status, #[case] reason: &str) {
    assert_eq!(after(|events| events[at] = event), (status, reason.to_owned()));
}

#[test]
fn the_first_bad_step_decides() {
    let fail = |events: &mut Vec<Event>| events[2] = step(0, Outcome::Value(json!("yours")));
    let break_ =
        |events: &mut Vec<Event>, at| events[at] = step(at as u32 - 2, Outcome::Broken("gone".into()));
    let fail_then_break = after(|events| {
        fail(events);
        break_(events, 3);
    });
    assert_eq!(fail_then_break.0, Status::Fail);
    let break_then_fail = after(|events| {
        break_(events, 2);
        events[3] = step(1, Outcome::Errno("EPERM".into()));
    });
    assert_eq!(break_then_fail, (Status::Error, "inside: gone".to_owned()));
}

#[test]
fn differs_from_what_was_refused_is_no_pass() {
    let mut events = good();
    events[2] = step(0, Outcome::Errno("EPERM".into()));
    let verdict = judged(&lines(events));
    assert_eq!(verdict.steps[1].status, Status::Fail);
}

#[test]
fn a_refused_start_is_judged_by_its_words_too() {
    let failure = |failure: &str| Event::NotBuilt { container: "late".into(), failure: failure.into() };
    let (status, reason) = after(|events| events[4] = failure("mount[2] (proc on /proc): EPERM"));
    assert_eq!((status, reason.as_str()), (Status::Fail, "host: start late: not as expected"));
    let built = after(|events| {
        events[4] = Event::Built { container: "late".into(), pid: 9 };
        events[5] = step(2, Outcome::Value(json!({ "pid": 9 })));
    });
    assert_eq!(built.0, Status::Fail);
}

#[test]
fn a_container_that_nobody_expected_to_be_refused_is_an_error() {
    let verdict = {
        let failure = Event::NotBuilt { container: "box".into(), failure: "unshare: ENOSPC".into() };
        let mut events = good();
        events[1] = failure;
        events.retain(|event| !matches!(event, Event::Step { index: 0 | 3, .. }));
        events[2] = step(1, Outcome::Value(json!("nsproof")));
        *events.last_mut().unwrap() = Event::End { steps: 2 };
        judged(&lines(events))
    };
    let reason = "the container `box` could not be built: unshare: ENOSPC";
    assert_eq!((verdict.status, verdict.reason.as_deref()), (Status::Error, Some(reason)));
    let statuses: Vec<_> = verdict.steps.iter().map(|step| step.status).collect();
    assert_eq!(statuses, [Status::Skip, Status::Fail, Status::Pass, Status::Skip]);
}

#[rstest]
#[case::log(Oracles { kernel_log: vec!["WARNING: at net/core".into()], ..Oracles::default() }, "the kernel log tells of a fault: WARNING: at net/core")]
#[case::taint(Oracles { taint: 512, ..Oracles::default() }, "the kernel became tainted: 0x200")]
#[case::left(Oracles { left_behind: vec!["mount /x (tmpfs)".into(), "interface a".into()], ..Oracles::default() }, "left behind: mount /x (tmpfs) (and 1 more)")]
fn an_oracle_fails_what_would_pass(#[case] oracles: Oracles, #[case] reason: &str) {
    let judged = after(|events| events[7] = Event::Oracles(oracles));
    assert_eq!(judged, (Status::Fail, reason.to_owned()));
}

fn unmet(need: &str) -> Vec<Event> {
    let need = Need::Module(need.into());
    let begin = good().remove(0);
    vec![begin, Event::Unmet { need, reason: "no module".into() }, Event::End { steps: 0 }]
}

#[test]
fn an_unmet_need_is_a_skip_with_its_reason() {
    let verdict = judged(&lines(unmet("veth")));
    assert_eq!(
        (verdict.status, verdict.reason.as_deref()),
        (Status::Skip, Some("needs module veth (CONFIG_VETH): no module"))
    );
    assert!(verdict.steps.iter().all(|step| step.status == Status::Skip));
    let before = Verdict::skipped(&scenario(), &Need::Module("veth".into()), "no module");
    assert_eq!(
        (verdict.status, &verdict.reason, &verdict.steps),
        (before.status, &before.reason, &before.steps)
    );
}

#[test]
fn a_need_that_the_scenario_does_not_have_skips_nothing() {
    assert_eq!(judged(&lines(unmet("overlay"))).status, Status::Miss);
}

#[test]
fn what_is_not_in_the_scenario_is_not_believed() {
    let container = after(|events| events.insert(2, Event::Built { container: "forged".into(), pid: 1 }));
    assert_eq!(container.0, Status::Miss);
    let more = after(|events| {
        events.insert(7, step(4, Outcome::Value(json!(null))));
        *events.last_mut().unwrap() = Event::End { steps: 5 };
    });
    assert_eq!(more.0, Status::Miss);
}
