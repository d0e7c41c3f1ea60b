//! No permutation, loss, repetition or forgery of a run's events makes a pass of what is none.

use harness::judge::{Status, judge};
use harness::scenario::{Scenario, parse};
use proptest::prelude::*;
use protocol::event::{Envelope, Event, Oracles, Outcome, Refused};
use protocol::evidence::Evidence;
use serde_json::json;

const KEY: &str = "4d6d0f0b1ab2c3d4e5f60718293a4b5c";
const OTHER: &str = "00000000000000000000000000000000";
const TEXT: &str = r#"
about = "x"
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
name = "start"
in = "host"
do = { start = "late" }

[[step]]
name = "late"
in = "late"
do = "process"
expect = { at = "/pid", is = 1 }
"#;

fn scenario() -> Scenario {
    parse("uts/hostname", "scenarios/uts/hostname.toml", TEXT).expect("it is valid")
}

fn step(index: u32, outcome: Outcome) -> Event {
    Event::Step { index, outcome, us: 1500 }
}

fn built(container: &str) -> Event {
    Event::Built { container: container.into(), pid: 93 }
}

/// What a guest sends when everything is as expected.
fn good() -> Vec<Event> {
    vec![
        Event::Begin { scenario: "uts/hostname".into() },
        built("box"),
        step(0, Outcome::Value(json!("mycontainer"))),
        step(1, Outcome::Value(json!("nsproof"))),
        built("late"),
        step(2, Outcome::Value(json!({ "pid": 94 }))),
        step(3, Outcome::Value(json!({ "pid": 1 }))),
        Event::Settling,
        Event::Oracles(Oracles::default()),
        Event::End { steps: 4 },
    ]
}

/// What a guest sends when it is not.
fn bad() -> impl Strategy<Value = Vec<Event>> {
    let refused = Some(Refused { step: "unshare".into(), errno: "ENOSPC".into() });
    let changes = vec![
        (2, step(0, Outcome::Value(json!("nsproof")))),
        (2, step(0, Outcome::Errno("EPERM".into()))),
        (3, step(1, Outcome::Value(json!("mycontainer")))),
        (3, step(1, Outcome::Broken("no reply".into()))),
        (3, step(1, Outcome::NoActor("was killed".into()))),
        (6, step(3, Outcome::Value(json!({ "pid": 7 })))),
        (4, Event::NotBuilt { container: "late".into(), failure: "unshare: ENOSPC".into(), refused }),
        (1, Event::Lost { reason: "a forged reply".into() }),
        (8, Event::Oracles(Oracles { taint: 512, ..Oracles::default() })),
        (8, Event::Oracles(Oracles { left_behind: vec!["mount /x".into()], ..Oracles::default() })),
    ];
    prop::sample::select(changes).prop_map(|(at, event)| {
        let mut events = good();
        events[at] = event;
        events
    })
}

fn line(key: &str, seq: u32, event: Event) -> String {
    serde_json::to_string(&Envelope { key: key.into(), seq, event }).expect("events are plain data")
}

fn lines(key: &str, events: Vec<Event>) -> Vec<String> {
    (0..).zip(events).map(|(seq, event)| line(key, seq, event)).collect()
}

/// What is done to the lines on their way. Whoever does it does not know the run's key, but sees no reason to spare a line.
#[derive(Debug, Clone)]
enum Tampering {
    Lose(prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    Cut(prop::sample::Index, prop::sample::Index),
    Join(prop::sample::Index),
    Noise(prop::sample::Index, String),
    /// A line of a run in which all was well, with another key.
    Forge(prop::sample::Index, prop::sample::Index),
    /// The key in a line becomes another one, of another case or length.
    Key(prop::sample::Index, String),
    Reverse,
}

fn tampering() -> impl Strategy<Value = Tampering> {
    use Tampering as T;
    let at = any::<prop::sample::Index>;
    prop_oneof![
        at().prop_map(T::Lose),
        (at(), at()).prop_map(|(from, to)| T::Repeat(from, to)),
        (at(), at()).prop_map(|(a, b)| T::Swap(a, b)),
        (at(), at()).prop_map(|(of, place)| T::Cut(of, place)),
        at().prop_map(T::Join),
        (at(), ".{0,40}").prop_map(|(place, text)| T::Noise(place, text)),
        (at(), at()).prop_map(|(of, place)| T::Forge(of, place)),
        (at(), "[0-9a-fA-F]{0,33}").prop_map(|(of, key)| T::Key(of, key)),
        Just(T::Reverse),
    ]
}

impl Tampering {
    fn apply(&self, lines: &mut Vec<String>) {
        if lines.is_empty() {
            return;
        }
        let count = lines.len();
        match self {
            Tampering::Lose(at) => drop(lines.remove(at.index(count))),
            Tampering::Repeat(from, to) => {
                lines.insert(to.index(count + 1), lines[from.index(count)].clone())
            }
            Tampering::Swap(a, b) => lines.swap(a.index(count), b.index(count)),
            Tampering::Cut(of, place) => {
                let line = &mut lines[of.index(count)];
                let at = place.index(line.len() + 1);
                if line.is_char_boundary(at) {
                    line.truncate(at);
                }
            }
            Tampering::Join(at) if at.index(count) + 1 < count => {
                let next = lines.remove(at.index(count) + 1);
                lines[at.index(count)].push_str(&next);
            }
            Tampering::Join(_) => {}
            Tampering::Noise(place, text) => lines.insert(place.index(count + 1), text.clone()),
            Tampering::Forge(of, place) => {
                let forged = self::lines(OTHER, good());
                lines.insert(place.index(count + 1), forged[of.index(forged.len())].clone());
            }
            Tampering::Key(of, key) => {
                let line = &mut lines[of.index(count)];
                *line = line.replace(KEY, key);
            }
            Tampering::Reverse => lines.reverse(),
        }
    }
}

/// Without those that say nothing: the guest begins every line anew.
fn said(lines: &[String]) -> Vec<&String> {
    lines.iter().filter(|line| !line.is_empty()).collect()
}

fn status(lines: &[String]) -> Status {
    judge(&scenario(), &Evidence::collect(KEY, lines)).status
}

#[test]
fn the_good_run_passes() {
    assert_eq!(status(&lines(KEY, good())), Status::Pass);
    assert_ne!(status(&lines(OTHER, good())), Status::Pass);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_does_not_pass_does_not_pass_whatever_is_done_to_it(
        events in bad(),
        tampered in prop::collection::vec(tampering(), 0..6),
    ) {
        let mut lines = lines(KEY, events);
        prop_assert_ne!(status(&lines), Status::Pass);
        for tampering in &tampered {
            tampering.apply(&mut lines);
        }
        prop_assert_ne!(status(&lines), Status::Pass, "{:?}", tampered);
    }

    #[test]
    fn what_passes_is_a_miss_if_anything_is_done_to_it(
        tampered in prop::collection::vec(tampering(), 1..6),
    ) {
        let good = lines(KEY, good());
        let mut lines = good.clone();
        for tampering in &tampered {
            tampering.apply(&mut lines);
        }
        let expected = if said(&lines) == said(&good) { Status::Pass } else { Status::Miss };
        prop_assert_eq!(status(&lines), expected, "{:?}", tampered);
    }
}
