//! What one run of a scenario left behind: facts, and what was lost of them.

use std::collections::BTreeMap;

use crate::event::{Envelope, Event, Oracles, Outcome, Refused};
use crate::plan::Need;

/// The facts of one run. Nothing in here is a verdict: the host gives it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// The scenario that the guest said it began.
    pub scenario: Option<String>,
    /// A need that is not met, and what was looked for.
    pub unmet: Option<(Need, String)>,
    /// PID of each container's PID 1, by name, as the host numbers it; the last if it was started again.
    pub built: BTreeMap<String, i32>,
    /// Each container that could not be built, by name.
    pub not_built: BTreeMap<String, NotBuilt>,
    /// What came of the steps, by their position in the plan.
    pub steps: BTreeMap<u32, Carried>,
    /// How everyone who acted looked after the last step, if that was asked for.
    pub looks: BTreeMap<String, BTreeMap<String, Outcome>>,
    /// What was looked at in the end.
    pub oracles: Option<Oracles>,
    /// Whether the guest said that this is all.
    pub ended: bool,
    /// Why the evidence is not whole. With a reason in here no scenario passes.
    pub lost: Vec<String>,
}

/// Why a container could not be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotBuilt {
    /// The runtime's words.
    pub failure: String,
    /// The step that was refused; `None` if none was tried.
    pub refused: Option<Refused>,
}

/// A step that was carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Carried {
    /// What came of it.
    pub outcome: Outcome,
    /// Microseconds.
    pub us: u64,
}

impl Evidence {
    /// Collects the lines of the run with that key, in the order in which they came.
    ///
    /// It is strict: a line that is missing, cut, repeated, out of order, or of somebody else makes the evidence lost.
    pub fn collect<S: AsRef<str>>(key: &str, lines: &[S]) -> Self {
        let mut evidence = Evidence::default();
        let mut expected = 0;
        // The guest begins every line anew, so an empty one comes before each, and says nothing.
        for line in lines.iter().map(AsRef::as_ref).filter(|line| !line.is_empty()) {
            let Envelope { seq, event, .. } = match envelope(key, line) {
                Ok(envelope) => envelope,
                Err(reason) => {
                    evidence.note(reason);
                    continue;
                }
            };
            if seq < expected {
                evidence.note(format!("event {seq} came again"));
                continue;
            }
            if seq > expected {
                evidence.note(format!("event {expected} is missing: event {seq} came in its place"));
            }
            expected = seq.saturating_add(1);
            evidence.take(event);
        }
        if !evidence.ended {
            evidence.note(format!("the guest sent no ending after {expected} events"));
        }
        evidence
    }

    /// Notes how the machine was lost, before what this did to the evidence.
    pub fn lose(&mut self, reason: impl Into<String>) {
        self.lost.insert(0, reason.into());
    }

    fn note(&mut self, reason: impl Into<String>) {
        self.lost.push(reason.into());
    }

    fn take(&mut self, event: Event) {
        if self.ended {
            return self.note("an event came after the ending");
        }
        if self.oracles.is_some() && !matches!(event, Event::End { .. }) {
            return self.note("an event came after the oracles");
        }
        match event {
            Event::Ready(_) => self.note("the guest began anew: it was restarted"),
            Event::Begin { .. } if self.scenario.is_some() => self.note("a second beginning came"),
            Event::Begin { scenario } => self.scenario = Some(scenario),
            Event::Unmet { .. } if self.unmet.is_some() || self.did_something() => {
                self.note("an unmet need came after something was done");
            }
            Event::Unmet { need, reason } => self.unmet = Some((need, reason)),
            Event::Built { container, pid } => drop(self.built.insert(container, pid)),
            Event::NotBuilt { container, failure, refused } => {
                self.not_built.insert(container, NotBuilt { failure, refused });
            }
            Event::Step { index, outcome, us } => self.step(index, Carried { outcome, us }),
            Event::Lost { reason } => self.note(reason),
            Event::Look { actor, facts } => drop(self.looks.insert(actor.to_string(), facts)),
            Event::Kept => self.note("everything was kept: nobody can tell what it would have left behind"),
            // The order of events tells that it came when it may.
            Event::Settling => {}
            Event::Oracles(oracles) => self.oracles = Some(oracles),
            Event::End { steps } => self.end(steps),
        }
    }

    fn step(&mut self, index: u32, carried: Carried) {
        if self.steps.last_key_value().is_some_and(|(&last, _)| last >= index) {
            self.note(format!("step {index} came again, or after a later one"));
        }
        self.steps.entry(index).or_insert(carried);
    }

    fn end(&mut self, steps: u32) {
        self.ended = true;
        if self.scenario.is_none() {
            self.note("the scenario's beginning is missing");
        }
        let came = self.steps.len();
        if u32::try_from(came) != Ok(steps) {
            self.note(format!("the guest sent {steps} steps, {came} came"));
        }
        if self.unmet.is_some() && self.did_something() {
            self.note("something was done although a need is not met");
        }
        if self.unmet.is_none() && self.oracles.is_none() {
            self.note("the oracles are missing: nobody looked at the kernel log and at what was left behind");
        }
    }

    fn did_something(&self) -> bool {
        !(self.built.is_empty() && self.not_built.is_empty() && self.steps.is_empty())
    }
}

fn envelope(key: &str, line: &str) -> Result<Envelope, String> {
    let envelope: Envelope = serde_json::from_str(line)
        .map_err(|error| format!("a line is no event ({error}): {}", shortened(line)))?;
    if envelope.key == key {
        Ok(envelope)
    } else {
        Err(format!("an event of another run came: {}", shortened(line)))
    }
}

/// At most eighty characters, without those that move a terminal's cursor.
fn shortened(line: &str) -> String {
    let clean: String = line.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if line.chars().count() > 80 { clean + "…" } else { clean }
}

#[cfg(test)]
mod tests;
