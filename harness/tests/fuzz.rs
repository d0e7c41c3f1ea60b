//! What others write is damaged at random: scenario files, reports, and the guest's messages. Nothing of it panics, hangs, or
//! becomes a pass. `NSPROOF_FUZZ_SECONDS` says how long each is tried, `NSPROOF_FUZZ_SEED` repeats one.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fastrand::Rng;
use harness::compare::compare;
use harness::diagnostic::Diagnostics;
use harness::explain::explain;
use harness::judge::{Status, judge};
use harness::report::{self, Format, Kernel, Run, terminal};
use harness::scenario::{Scenario, parse};
use protocol::event::{Envelope, Event, Oracles, Outcome};
use protocol::evidence::Evidence;
use serde_json::{Value, json};

/// Of one damaged text: all of them are small.
const TIME: Duration = Duration::from_secs(5);
/// Words that mean something somewhere, and bytes that mean something to a terminal, a parser or a runner.
const WORDS: &[&str] = &[
    "\"",
    "'",
    "'''",
    "[",
    "]",
    "{",
    "}",
    "=",
    ",",
    "\n",
    "\\",
    "\\u0000",
    "#",
    ".",
    "-1",
    "0",
    "1e999",
    "nan",
    "18446744073709551615",
    "-9223372036854775808",
    "true",
    "null",
    "[[step]]\n",
    "[container.box]\n",
    "name",
    "in",
    "do",
    "via",
    "expect",
    "host",
    "box",
    "self",
    "init",
    "same-as",
    "any-of",
    "at",
    "/~2",
    "(a{999}){999}",
    "\u{1b}[2J",
    "\u{9b}",
    "\u{202e}",
    "\r",
    "\0",
    "::error::",
    "\u{10ffff}",
    "é",
    "key",
    "seq",
    "event",
    "pass",
];

/// Tries damaged texts of one kind as long as it may, each made by a seed of its own.
fn fuzz(what: &str, corpus: &[String], mut attempt: impl FnMut(&str)) {
    let number =
        |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("it is a number"));
    let one = number("NSPROOF_FUZZ_SEED");
    let seconds = Duration::from_secs(number("NSPROOF_FUZZ_SECONDS").unwrap_or(20));
    let (first, began) = (one.unwrap_or_else(|| fastrand::u64(..u64::MAX / 2)), Instant::now());
    let mut tried = 0;
    while began.elapsed() < seconds && (one.is_none() || tried == 0) {
        let seed = first + tried;
        let text = damaged(corpus, &mut Rng::with_seed(seed));
        let started = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(|| attempt(&text)));
        let told = || format!("NSPROOF_FUZZ_SEED={seed} of {what}: {text:?}");
        assert!(done.is_ok(), "{}", told());
        assert!(started.elapsed() < TIME, "it took {:?}: {}", started.elapsed(), told());
        tried += 1;
    }
    assert!(tried > 0);
    println!("{tried} damaged {what}, from seed {first} on");
}

/// A text of the corpus, changed in up to eight places.
fn damaged(corpus: &[String], random: &mut Rng) -> String {
    let mut bytes = corpus[random.usize(..corpus.len())].clone().into_bytes();
    for _ in 0..random.usize(..=8) {
        let range = |random: &mut Rng, length: usize| {
            let (a, b) = (random.usize(..=length), random.usize(..=length));
            a.min(b)..a.max(b).min(a.min(b) + 60)
        };
        let at = random.usize(..=bytes.len());
        match random.u8(..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
            1 => drop(bytes.drain(range(random, bytes.len()))),
            2 => {
                let again = bytes[range(random, bytes.len())].to_vec();
                bytes.splice(at..at, again);
            }
            3 => {
                let other = corpus[random.usize(..corpus.len())].as_bytes();
                let part = other[range(random, other.len())].to_vec();
                bytes.splice(at..at, part);
            }
            4 => bytes.truncate(at),
            5 => {
                let replaced = range(random, bytes.len());
                bytes.splice(replaced, WORDS[random.usize(..WORDS.len())].bytes());
            }
            _ => drop(bytes.splice(at..at, WORDS[random.usize(..WORDS.len())].bytes())),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn scenario_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| match path.is_dir() {
        true => scenario_files(&path),
        false => vec![path],
    });
    found.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect()
}

fn scenarios() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    scenario_files(&root).iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn damaged_scenarios() {
    fuzz("scenarios", &scenarios(), |text| match parse("damaged", "damaged.toml", text) {
        Ok(scenario) => {
            let plan = serde_json::to_string(&scenario.plan()).unwrap();
            serde_json::from_str::<protocol::plan::Plan>(&plan).unwrap();
            assert!(!explain(&scenario).is_empty());
        }
        Err(problems) => {
            let told = Diagnostics::from(problems).render(false);
            assert!(told.len() < 200_000, "{} bytes are told", told.len());
        }
    });
}

/// The events of a run of the scenario in which every step gave this.
fn lines(scenario: &Scenario, value: &Value) -> Vec<String> {
    let mut events = vec![Event::Begin { scenario: scenario.name.clone() }];
    let built = |name: &String| Event::Built { container: name.clone(), pid: 93 };
    events.extend(scenario.containers.iter().map(|container| built(&container.name)));
    let steps = u32::try_from(scenario.steps.len()).unwrap();
    events.extend((0..steps).map(|index| Event::Step {
        index,
        outcome: Outcome::Value(value.clone()),
        us: 7,
    }));
    events.extend([Event::Oracles(Oracles::default()), Event::End { steps }]);
    let envelope = |(seq, event)| Envelope { key: "key".into(), seq, event };
    (0..).zip(events).map(|event| serde_json::to_string(&envelope(event)).unwrap()).collect()
}

fn read(text: &str) -> Scenario {
    parse("uts/read", "scenarios/uts/read.toml", text).unwrap()
}

const READ: &str =
    "about = \"x\"\n[container.box]\n[[step]]\nin = \"box\"\ndo = \"hostname\"\nexpect = \"good\"\n";

#[test]
fn damaged_messages_of_the_guest() {
    let scenario = read(READ);
    let corpus: Vec<String> = [json!("good"), json!("bad"), json!({ "a": [1, null] })]
        .iter()
        .map(|value| lines(&scenario, value).join("\n"))
        .collect();
    fuzz("messages", &corpus, |text| {
        let lines: Vec<&str> = text.split('\n').collect();
        let verdict = judge(&scenario, &Evidence::collect("key", &lines));
        if verdict.status == Status::Pass {
            let said = lines.iter().filter(|line| !line.is_empty());
            let events: Vec<Envelope> = said.map(|line| serde_json::from_str(line).unwrap()).collect();
            let good = Outcome::Value(json!("good"));
            assert!(matches!(&events[2].event, Event::Step { index: 0, outcome, .. } if *outcome == good));
            assert_eq!(events.len(), 5);
        }
    });
}

fn run() -> Run {
    let scenario = read(READ);
    let outcome = |value: &Value| {
        let verdict = judge(&scenario, &Evidence::collect("key", &lines(&scenario, value)));
        report::Outcome::new("distro", "nsrun", &scenario, verdict, 5)
    };
    let results = vec![outcome(&json!("good")), outcome(&json!("b\u{1b}[2J::error::d"))];
    let kernels = vec![Kernel {
        name: "distro".into(),
        release: "6.1.0".into(),
        accel: "tcg".into(),
        accel_reason: "asked for".into(),
        isolation: "clone".into(),
        boot_ms: Some(1890),
        clone_ms: None,
        blind: [("kernel log".to_owned(), "is not there".to_owned())].into(),
    }];
    Run::new("2026-01-01T00:00:00Z".into(), kernels, std::slice::from_ref(&scenario), results)
}

#[test]
fn damaged_reports() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    let formats = [Format::Github, Format::Json, Format::Junit, Format::Ktap, Format::Markdown, Format::Html];
    let good = Format::Json.render(&run());
    fuzz("reports", &[good.clone(), good.replace('\n', "")], |text| {
        fs::write(&path, text).unwrap();
        match report::read(&path) {
            Ok(read) => {
                formats.iter().for_each(|format| drop(format.render(&read)));
                terminal::render(&read, true);
                let _ = compare(&read, &read);
            }
            Err(error) => assert!(error.to_string().len() < 10_000, "{error}"),
        }
    });
}
