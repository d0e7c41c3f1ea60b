//! One scenario on one machine: the host's side of the conversation that [`protocol::plan`] draws.

use std::time::{Duration, Instant, SystemTime};

use vm::{Ending, Machine};

use super::tap::Tap;
use protocol::event::{Envelope, Event};
use protocol::plan::{After, Plan, Request, Run};

/// The guest keeps the scenario's own deadline; one that is silent for this much longer is lost.
const GRACE: Duration = Duration::from_secs(10);

/// What came out of a machine for one scenario.
pub struct Driven {
    /// What was asked for; every event has to carry its key.
    pub request: Run,
    /// Lines as they came.
    pub lines: Vec<String>,
    /// How the machine was lost, if it was.
    pub ending: Option<Ending>,
    /// From the request to the first line.
    pub first: Option<Duration>,
    /// From the request to the last line.
    pub duration: Duration,
}

/// A request to run a plan now.
pub fn request(plan: Plan, after: After) -> Run {
    Run { key: random::<16>(), clock_ns: wall_clock(), seed: random::<32>(), after, plan }
}

/// Sends a plan and collects lines until the scenario's end or the machine's.
pub fn drive(machine: &mut Machine, plan: Plan, after: After, tap: &dyn Tap) -> Driven {
    let scenario = plan.scenario.clone();
    tap.begins(&scenario, machine);
    let started = Instant::now();
    let deadline = started + Duration::from_millis(plan.deadline_ms) + GRACE;
    let request = request(plan, after);
    let line = serde_json::to_string(&Request::Run(Box::new(request.clone()))).expect("plans are plain data");
    let mut lines = Vec::new();
    let mut first = None;
    let mut ending = machine.send(&line).err();
    while ending.is_none() {
        match machine.receive(deadline) {
            Ok(line) => {
                first.get_or_insert_with(|| started.elapsed());
                let came = tap.line(&scenario, machine, line);
                let last = came.iter().any(|line| is_end(line, &request.key));
                lines.extend(came);
                if last {
                    break;
                }
            }
            Err(lost) => ending = Some(lost),
        }
    }
    Driven { request, lines, ending, first, duration: started.elapsed() }
}

fn is_end(line: &str, key: &str) -> bool {
    // A container can write to the channel's device: a line that is no event is noise here, and judged later.
    serde_json::from_str::<Envelope>(line).is_ok_and(|envelope| {
        envelope.key == key && matches!(envelope.event, Event::End { .. } | Event::Kept)
    })
}

/// Nanoseconds since 1970, for a guest whose clock stood still while it was a template.
fn wall_clock() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970");
    u64::try_from(since.as_nanos()).expect("it is earlier than 2554")
}

/// `N` random bytes in hexadecimal.
fn random<const N: usize>() -> String {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
