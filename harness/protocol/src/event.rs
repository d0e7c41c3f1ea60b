//! What the guest sends: facts, never verdicts. [`crate::plan`] draws the conversation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::plan::{Actor, Need};

/// One line on the channel. `key` is the run's own (empty for `Ready`), `seq` counts from 0 in each run: a gap, a
/// repetition or a foreign key is evidence lost, which is never a pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "said by the type")]
pub struct Envelope {
    pub key: String,
    pub seq: u32,
    pub event: Event,
}

/// A fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The guest waits for a request. Sent once a boot.
    Ready(Ready),
    /// A scenario began.
    Begin {
        /// Its name.
        scenario: String,
    },
    /// A need is not met: nothing was built, `End` follows.
    Unmet {
        /// Which.
        need: Need,
        /// What was looked for, and where.
        reason: String,
    },
    /// A container is running.
    Built {
        /// Its name.
        container: String,
        /// PID of its PID 1, as the host numbers it.
        pid: i32,
    },
    /// A container could not be built; the steps that need it are not run.
    NotBuilt {
        /// Its name.
        container: String,
        /// The runtime's own words: `mount[3] (tmpfs on /tmp): EPERM`.
        failure: String,
        /// The step that was refused; `None` if none was tried.
        refused: Option<Refused>,
    },
    /// A step was carried out.
    Step {
        /// Position in the plan.
        index: u32,
        /// What came of it.
        outcome: Outcome,
        /// Microseconds.
        us: u64,
    },
    /// The scenario was broken off outside of any step: what did not come was not done.
    Lost {
        /// Why.
        reason: String,
    },
    /// How somebody who acts looks after the last step.
    Look {
        /// Who.
        actor: Actor,
        /// What operations that only observe came to, by their words: `namespaces`.
        facts: BTreeMap<String, Outcome>,
    },
    /// Everything that was built stays until the machine ends: no ending follows.
    Kept,
    /// Everything was taken down; what follows waits until the kernel has freed it.
    Settling,
    /// What the three oracles saw after everything was taken down.
    Oracles(Oracles),
    /// The scenario is over.
    End {
        /// How many `Step` events were sent.
        steps: u32,
    },
}

/// The machine as it introduces itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// `uname -r`
    pub release: String,
    /// Modules that the init loaded, or why one could not be: `{ "veth": null, "foo": "ENOEXEC" }`.
    pub modules: BTreeMap<String, Option<String>>,
    /// What an oracle cannot see on this kernel, and why: `{ "kernel log": "it cannot tell of warnings: no CONFIG_BUG" }`.
    pub blind: BTreeMap<String, String>,
    /// Whether this kernel can warn (CONFIG_BUG); `None` if the guest found nothing that tells.
    pub warns: Option<bool>,
}

/// A step of the runtime that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Its name: `mount`. [`runtime::Step::name`]
    pub step: String,
    /// The errno's name: `EPERM`.
    pub errno: String,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// What the operation returns.
    Value(Value),
    /// The kernel refused, with the errno's name: `EPERM`.
    Errno(String),
    /// The operation could not be tried at all, or not to its end: a bad argument, a deadline.
    Broken(String),
    /// Nothing is there any more to carry it out, or could be brought there: how the actor ended, or why none joined.
    NoActor(String),
}

/// What was looked at after a scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Oracles {
    /// Lines of the kernel log that tell of a fault: WARNING, BUG, Oops, KASAN, lockdep, refcount …
    pub kernel_log: Vec<String>,
    /// Records of the kernel log that were overwritten before they were read: any of them may have told of a fault.
    pub log_lost: u64,
    /// Bits of `/proc/sys/kernel/tainted` that were not set at READY.
    pub taint: u64,
    /// What is there now and was not at READY: `mount /tmp/x (tmpfs)`, `interface mybr0`, `process 93 (probe)`.
    pub left_behind: Vec<String>,
}
