//! How long each scenario took when it was last run: the longest begin first, so that no lane works alone at the end.

use std::cmp::Reverse;
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

    /// Positions in `scenarios`. One that was never run may be the longest.
    pub(super) fn longest_first(&self, scenarios: &[Scenario]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..scenarios.len()).collect();
        order.sort_by_key(|&index| {
            Reverse(self.known.get(&scenarios[index].name).copied().unwrap_or(u64::MAX))
        });
        order
    }

    /// Remembers what was just seen.
    pub(super) fn learn(mut self, outcomes: &[Outcome]) -> vm::Result<()> {
        self.known.extend(outcomes.iter().map(|outcome| (outcome.scenario.clone(), outcome.duration_ms)));
        self.cache.remember(&self.name, &self.known)
    }
}
