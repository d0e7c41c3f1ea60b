//! A kernel in a report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Percentiles;

/// A kernel, and how fast it was there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// As it was asked for: `distro`.
    pub name: String,
    /// `uname -r`; empty if it never said.
    pub release: String,
    /// `kvm` or `tcg`; empty if there was no machine.
    pub accel: String,
    /// Why that one, or none.
    pub accel_reason: String,
    /// `clone`, `boot` or `shared`: whether each scenario got a kernel that nobody had used; empty if there was no machine.
    pub isolation: String,
    /// From the start of QEMU to the guest's first word, in milliseconds; `None` if it never came.
    pub boot_ms: Option<u64>,
    /// From the start of a clone to its first word; `None` if there was no clone.
    pub clone_ms: Option<Percentiles>,
    /// What an oracle cannot see on it, and why, by the oracle: [`Kernel::blindness`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub blind: BTreeMap<String, String>,
}

impl Kernel {
    /// One with which no machine ran.
    pub(crate) fn unused(name: &str, reason: impl ToString) -> Self {
        Kernel {
            name: name.to_owned(),
            release: String::new(),
            accel: String::new(),
            accel_reason: reason.to_string(),
            isolation: String::new(),
            boot_ms: None,
            clone_ms: None,
            blind: BTreeMap::new(),
        }
    }

    /// Returns whether there was a machine with it.
    pub(crate) fn has_machine(&self) -> bool {
        !self.accel.is_empty()
    }

    /// Returns the release for people, who are told if it never said.
    pub(crate) fn shown_release(&self) -> &str {
        if self.release.is_empty() { "release unknown" } else { &self.release }
    }

    /// Returns who executed its code, and why: `tcg: no KVM: …`, or `no machine: …`.
    pub(crate) fn executed_by(&self) -> String {
        let who = if self.has_machine() { &self.accel } else { "no machine" };
        format!("{who}: {}", self.accel_reason)
    }
}
