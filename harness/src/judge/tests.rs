use rstest::rstest;

mod ends;

use super::*;
use protocol::event::{Envelope, Event, Refused};

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

/// A failure in the runtime's words: `mount[3] (tmpfs on /tmp): EPERM`.
fn not_built(container: &str, failure: &str) -> Event {
    let step = failure.split([':', '[', ' ']).next().unwrap();
    let errno = failure.rsplit(' ').next().unwrap();
    let refused = Some(Refused { step: step.into(), errno: errno.into() });
    Event::NotBuilt { container: container.into(), failure: failure.into(), refused }
}

/// What a guest sends when everything is as expected.
fn good() -> Vec<Event> {
    vec![
        Event::Begin { scenario: "uts/hostname".into() },
        Event::Built { container: "box".into(), pid: 93 },
        step(0, Outcome::Value(json!("mycontainer"))),
        step(1, Outcome::Value(json!("nsproof"))),
        not_built("late", "mount[3] (tmpfs on /tmp): EPERM"),
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
    let (status, reason) = after(|events| events[4] = not_built("late", "mount[2] (proc on /proc): EPERM"));
    assert_eq!((status, reason.as_str()), (Status::Fail, "host: start late: not as expected"));
    let built = after(|events| {
        events[4] = Event::Built { container: "late".into(), pid: 9 };
        events[5] = step(2, Outcome::Value(json!({ "pid": 9 })));
    });
    assert_eq!(built.0, Status::Fail);
}

/// What comes of it if the container `box` cannot be built.
fn without_box(failure: Event) -> Verdict {
    let mut events = good();
    events[1] = failure;
    events.retain(|event| !matches!(event, Event::Step { index: 0 | 3, .. }));
    events[2] = step(1, Outcome::Value(json!("nsproof")));
    *events.last_mut().unwrap() = Event::End { steps: 2 };
    judged(&lines(events))
}

#[rstest]
#[case::a_namespace("unshare: ENOSPC", Status::Fail)]
#[case::a_mount("mount[0] (bind on /x): EPERM", Status::Fail)]
#[case::capabilities_that_are_not_as_set("capabilities: EINVAL", Status::Fail)]
#[case::a_device_that_did_not_move("device-address[0] (phys0): ENODEV", Status::Fail)]
#[case::a_device_that_nobody_made("device[0] (phys0): ENODEV", Status::Error)]
#[case::a_path_that_is_not_there("mount[0] (tmpfs on /x): ENOENT", Status::Error)]
#[case::a_file_system_that_the_kernel_does_not_know("mount[0] (nofs on /x): ENODEV", Status::Error)]
#[case::a_specification_that_contradicts_itself(
    "check (hostname: needs a UTS namespace): EINVAL",
    Status::Error
)]
fn a_container_that_a_sound_kernel_builds_is_not_refused(#[case] failure: &str, #[case] status: Status) {
    let verdict = without_box(not_built("box", failure));
    let reason = format!("the container `box` could not be built: {failure}");
    assert_eq!((verdict.status, verdict.reason), (status, Some(reason)));
    let statuses: Vec<_> = verdict.steps.iter().map(|step| step.status).collect();
    assert_eq!(statuses, [Status::Skip, Status::Fail, Status::Pass, Status::Skip]);
}

#[test]
fn a_container_that_was_not_tried_is_the_scenarios_own_fault() {
    let failure = "`other` does not run".to_owned();
    let verdict = without_box(Event::NotBuilt { container: "box".into(), failure, refused: None });
    assert_eq!(verdict.status, Status::Error);
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

#[test]
fn a_step_that_was_left_out_skips_nothing() {
    let text = r#"
about = "x"

[container.box]
namespaces = ["uts"]

[[step]]
in = "host"
do = { start = "box" }
expect = { any-of = [{ errno = "ENOENT" }, { contains = "pid" }] }

[[step]]
name = "then"
in = "box"
do = "hostname"
"#;
    let scenario = crate::scenario::parse("uts/left", "left.toml", text).unwrap();
    let refused = Some(Refused { step: "root".into(), errno: "ENOENT".into() });
    let failure = "root: ENOENT".to_owned();
    let events = vec![
        Event::Begin { scenario: "uts/left".into() },
        Event::NotBuilt { container: "box".into(), failure, refused },
        step(0, Outcome::Errno("ENOENT".into())),
        Event::Oracles(Oracles::default()),
        Event::End { steps: 1 },
    ];
    let verdict = judge(&scenario, &Evidence::collect("key", &lines(events)));
    assert_eq!(
        (verdict.status, verdict.reason.as_deref()),
        (Status::Error, Some("then: its container was not built"))
    );
}
