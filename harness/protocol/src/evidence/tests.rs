use super::*;
use serde_json::json;

fn line(seq: u32, event: Event) -> String {
    serde_json::to_string(&Envelope { key: "key".into(), seq, event }).unwrap()
}

fn good() -> Vec<String> {
    let step = |index| Event::Step { index, outcome: Outcome::Value(json!(index)), us: 5 };
    let events = [
        Event::Begin { scenario: "uts/hostname".into() },
        Event::Built { container: "box".into(), pid: 93 },
        step(0),
        step(1),
        Event::Oracles(Oracles::default()),
        Event::End { steps: 2 },
    ];
    (0..).zip(events).map(|(seq, event)| line(seq, event)).collect()
}

#[test]
fn whole_evidence_has_everything_and_lost_nothing() {
    let evidence = Evidence::collect("key", &good());
    assert_eq!(evidence.lost, [""; 0]);
    assert_eq!(evidence.scenario.as_deref(), Some("uts/hostname"));
    assert_eq!(evidence.built["box"], 93);
    assert_eq!(evidence.steps[&1], Carried { outcome: Outcome::Value(json!(1)), us: 5 });
    assert_eq!(evidence.oracles, Some(Oracles::default()));
    assert!(evidence.ended);
}

#[test]
fn each_loss_is_named() {
    let lost = |change: fn(&mut Vec<String>)| {
        let mut lines = good();
        change(&mut lines);
        Evidence::collect("key", &lines).lost.join("\n")
    };
    insta::assert_snapshot!(
        [
            ("nothing came", lost(Vec::clear)),
            ("the ending is missing", lost(|lines| drop(lines.pop()))),
            ("a line is missing", lost(|lines| drop(lines.remove(2)))),
            ("a line came twice", lost(|lines| lines.insert(2, lines[2].clone()))),
            ("two lines changed places", lost(|lines| lines.swap(2, 3))),
            ("a line is cut", lost(|lines| lines[3].truncate(40))),
            (
                "a line of another run",
                lost(|lines| lines.insert(1, lines[1].replace(r#""key":"key""#, r#""key":"other""#)))
            ),
            ("a line of somebody else", lost(|lines| lines.insert(1, "\u{1b}[2Jhello".into()))),
            ("a step came twice", lost(|lines| lines[3] = lines[2].replace("\"seq\":2", "\"seq\":3"))),
            ("the count is another", lost(|lines| lines[5] = line(5, Event::End { steps: 3 }))),
            ("no oracles", lost(|lines| drop(lines.splice(4.., [line(4, Event::End { steps: 2 })])))),
            ("something after the ending", lost(|lines| lines.push(line(6, Event::End { steps: 2 })))),
            (
                "no beginning",
                lost(|lines| lines[0] = line(0, Event::Built { container: "box".into(), pid: 1 }))
            ),
        ]
        .map(|(what, lost)| format!("{what}:\n  {}", lost.replace('\n', "\n  ")))
        .join("\n")
    );
}

#[test]
fn an_unmet_need_comes_alone() {
    let unmet = |seq| line(seq, Event::Unmet { need: Need::Module("veth".into()), reason: "absent".into() });
    let begin = good().remove(0);
    let alone = Evidence::collect("key", &[begin.clone(), unmet(1), line(2, Event::End { steps: 0 })]);
    assert_eq!(alone.lost, [""; 0]);
    let built = line(1, Event::Built { container: "box".into(), pid: 1 });
    let late = Evidence::collect("key", &[begin, built, unmet(2), line(3, Event::End { steps: 0 })]);
    assert_ne!(late.lost, [""; 0]);
}

#[test]
fn an_empty_line_says_nothing() {
    let spaced: Vec<String> = good().into_iter().flat_map(|line| [String::new(), line]).collect();
    assert_eq!(Evidence::collect("key", &spaced), Evidence::collect("key", &good()));
}

#[test]
fn what_was_broken_off_is_lost_however_whole_it_looks() {
    let mut lines = good();
    let reason = "the runner ended before the scenario did";
    lines.splice(
        4..,
        [
            line(4, Event::Lost { reason: reason.into() }),
            line(5, Event::Oracles(Oracles::default())),
            line(6, Event::End { steps: 2 }),
        ],
    );
    assert_eq!(Evidence::collect("key", &lines).lost, [reason]);
}

#[test]
fn what_was_looked_at_is_kept_apart_from_the_steps() {
    let mut lines = good();
    let facts = [("cgroup".to_owned(), Outcome::Value(json!("0::/")))].into();
    lines.insert(4, line(4, Event::Look { actor: crate::plan::Actor::Host, facts }));
    lines[5] = line(5, Event::Oracles(Oracles::default()));
    lines[6] = line(6, Event::End { steps: 2 });
    let evidence = Evidence::collect("key", &lines);
    assert_eq!(evidence.lost, [""; 0]);
    assert_eq!(evidence.looks["host"]["cgroup"], Outcome::Value(json!("0::/")));
}

#[test]
fn what_was_kept_is_no_whole_evidence() {
    let mut lines = good();
    lines.truncate(4);
    lines.push(line(4, Event::Kept));
    let lost = Evidence::collect("key", &lines).lost;
    assert!(lost[0].starts_with("everything was kept"), "{lost:?}");
}
