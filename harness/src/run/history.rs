//! How long each scenario took when it was last run: the longest begin first, so that no worker works alone at the end.

use std::collections::BTreeMap;

use vm::Cache;

use crate::report::Outcome;
use crate::scenario::Scenario;

/// A memory only: without it the order is that of the names.
pub(super) struct History<'a> {
    cache: &'a Cache,
    name: String,
    /// Scenario → milliseconds.
    known: BTreeMap<String, u64>,
}

impl<'a> History<'a> {
    /// What is known of a kernel.
    pub(super) fn open(cache: &'a Cache, kernel: &str) -> Self {
        let name = format!("durations-{kernel}");
        let known = cache.recall(&name).unwrap_or_default();
        History { cache, name, known }
    }

    /// How long a scenario will take, in milliseconds. One that was never run may be the longest.
    pub(super) fn expected(&self, scenario: &Scenario) -> u64 {
        self.known.get(&scenario.name).copied().unwrap_or(u64::MAX)
    }

    /// Remembers what was just seen.
    pub(super) fn learn<'b>(mut self, outcomes: impl Iterator<Item = &'b Outcome>) -> vm::Result<()> {
        self.known.extend(outcomes.map(|outcome| (outcome.scenario.clone(), outcome.duration_ms)));
        self.cache.remember(&self.name, &self.known)
    }
}
