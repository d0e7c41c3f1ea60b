//! What the host sends into the guest.
//!
//! ```text
//! host                                    guest (PID 1)
//!                          ◀──────────    Ready
//! Run { key, plan }        ──────────▶
//!                          ◀──────────    Begin, Built…, Step…, Look…, Oracles, End
//!                                         (Begin, Built…, Step…, Kept, if that is what is asked for)
//! PowerOff, or Shell       ──────────▶    reboot(2), at once or when the shell ends
//! ```
//! One message is one line of JSON on the channel (ttyS1).

use std::collections::BTreeSet;
use std::fmt;

use runtime::spec::{Mount, Namespace};
use serde::{Deserialize, Serialize};

use crate::operation::{Operation, Reach};

/// A message to the guest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Run one scenario.
    Run(Box<Run>),
    /// A shell for people on the console; the machine ends with it.
    Shell {
        /// The kind of terminal: `xterm`.
        term: String,
    },
    /// End the machine.
    PowerOff,
}

/// One scenario to run, with what a restored clone cannot know by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Run {
    /// Random, new for every run; every event of the run carries it, so that no container can forge one.
    pub key: String,
    /// Wall clock, in nanoseconds since 1970.
    pub clock_ns: u64,
    /// 32 random bytes in hexadecimal for the kernel's random pool.
    pub seed: String,
    /// What comes after the last step.
    #[serde(default, skip_serializing_if = "After::is_usual")]
    pub after: After,
    /// The scenario.
    pub plan: Plan,
}

/// What comes after a scenario's last step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum After {
    /// Everything is taken down.
    #[default]
    TakeDown,
    /// Everyone who acts is looked at, then everything is taken down.
    Look,
    /// Everything stays as it is, until the machine ends.
    Keep,
}

impl After {
    fn is_usual(&self) -> bool {
        *self == After::TakeDown
    }
}

/// A scenario without its expectations: the guest observes, the host judges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Plan {
    /// The scenario's name: its path below the scenario folder without `.toml`.
    pub scenario: String,
    /// What must be there, else nothing is built.
    pub needs: Vec<Need>,
    /// Containers in the file's order.
    pub containers: Vec<NamedSpec>,
    /// Steps in the file's order.
    pub steps: Vec<Step>,
    /// Milliseconds before the guest gives up and kills what it started.
    pub deadline_ms: u64,
}

impl Plan {
    /// Whether a step could write to the memory of a process, or have a program executed that does.
    pub fn may_write_memory(&self) -> bool {
        // A file that names a program for the kernel may be bound to another name.
        let binds = |step: &Step| matches!(&step.operation, Operation::Mount(mount) if is_bind(mount));
        self.steps.iter().any(|step| step.operation.meaning().reach == Reach::Anywhere || binds(step))
            || self.containers.iter().any(|container| container.spec.mounts.iter().any(is_bind))
    }

    /// Whether it could change the machine in a way that nobody looks at afterwards: what comes next is to begin on another.
    pub fn may_change_machine(&self) -> bool {
        let binds = |container: &NamedSpec| container.spec.mounts.iter().any(is_bind);
        let sets = |container: &NamedSpec| !container.spec.sysctls.is_empty();
        self.steps.iter().any(|step| step.operation.meaning().reach > Reach::Told)
            || self.containers.iter().any(|container| binds(container) || sets(container))
    }

    /// The kinds of namespaces that it may make.
    pub fn may_make(&self) -> BTreeSet<Namespace> {
        let of_containers =
            self.containers.iter().flat_map(|container| container.spec.namespaces.iter().copied());
        let of_steps = self.steps.iter().flat_map(|step| step.operation.meaning().may_make);
        of_containers.chain(of_steps).collect()
    }
}

/// A container and its name in the scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "said by the type")]
pub struct NamedSpec {
    pub name: String,
    #[serde(serialize_with = "sparse")]
    pub spec: runtime::spec::Spec,
}

/// What is as by default is not written: every byte is an interrupt on the guest's serial port.
fn sparse<S: serde::Serializer>(spec: &runtime::spec::Spec, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::Error;
    use serde_json::{Map, Value, to_value};
    let whole = to_value(spec).map_err(S::Error::custom)?;
    let default = to_value(runtime::spec::Spec::default()).map_err(S::Error::custom)?;
    let Value::Object(fields) = whole else { return Err(S::Error::custom("a specification is a table")) };
    let said: Map<_, _> =
        fields.into_iter().filter(|(name, value)| default.get(name) != Some(value)).collect();
    said.serialize(serializer)
}

/// A feature, looked for in the running kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// A module, loaded or built in: `veth`.
    Module(String),
    /// A file system in `/proc/filesystems`.
    Filesystem(String),
    /// A kind of namespace.
    Namespace(runtime::spec::Namespace),
    /// A file that must exist in the guest: `/proc/sys/kernel/ns_last_pid`.
    Path(String),
    /// A cgroup version 2 controller: `memory`.
    Controller(String),
    /// A kernel configuration option that is `y` or `m`: `CONFIG_VETH`. Checked on the host, in the kernel's own
    /// configuration, before anything is sent.
    Config(String),
    /// A system call by name that must not give ENOSYS.
    Syscall(String),
    /// A capability by whose operation (`exercise`) the kernel has something to guard: before 6.0 `CAP_LINUX_IMMUTABLE` has
    /// not, for tmpfs knows no file attributes.
    Capability(String),
}

fn is_bind(mount: &Mount) -> bool {
    matches!(mount.kind.as_str(), "bind" | "rbind")
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// Whose probe runs it.
    pub actor: Actor,
    /// Run in a fresh process that joined the container.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exec: bool,
    /// What it does.
    pub operation: Operation,
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// The guest's own namespaces.
    Host,
    /// A container, by name.
    Container(String),
}

impl fmt::Display for Actor {
    /// As a scenario writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Actor::Host => "host",
            Actor::Container(name) => name,
        })
    }
}

#[cfg(test)]
mod tests {
    use runtime::spec::{Capabilities, Namespace, Spec};

    use super::*;

    /// Whether a probe's program is looked at after each step of a plan with this one.
    fn is_risk(operation: &str) -> bool {
        let operation = serde_json::from_str(operation).unwrap();
        let step = Step { actor: Actor::Host, exec: false, operation };
        Plan { steps: vec![step], ..serde_json::from_str(PLAN).unwrap() }.may_write_memory()
    }

    const PLAN: &str = r#"{ "scenario": "x", "needs": [], "containers": [], "steps": [], "deadline-ms": 1 }"#;

    #[test]
    fn what_may_change_a_probes_program_is_a_risk() {
        assert!(is_risk(r#"{ "execute": "/x" }"#));
        assert!(is_risk(r#"{ "syscall": { "name": "getpid", "args": [] } }"#));
        assert!(is_risk(r#"{ "write": { "path": "/x/proc/1/mem", "text": "" } }"#));
        assert!(is_risk(r#"{ "write": { "path": "/proc/sys/kernel/core_pattern", "text": "|/x" } }"#));
        assert!(is_risk(r#"{ "write": { "path": "/y/core_pattern", "text": "|/x" } }"#));
        assert!(is_risk(r#"{ "mount": { "type": "bind", "source": "/proc/sys/kernel", "target": "/y" } }"#));
        assert!(!is_risk(r#"{ "write": { "path": "/x", "text": "" } }"#));
        assert!(!is_risk(r#"{ "mount": { "type": "tmpfs", "target": "/y" } }"#));
        assert!(!is_risk(r#""hostname""#));
    }

    #[test]
    fn what_is_as_by_default_is_not_sent() {
        let spec = Spec {
            namespaces: [Namespace::Uts].into(),
            no_new_privileges: false,
            capabilities: Capabilities { keep: Vec::new(), ..Capabilities::default() },
            ..Spec::default()
        };
        let container = NamedSpec { name: "box".into(), spec };
        let sent = serde_json::to_string(&container).unwrap();
        assert!(!sent.contains("umask"), "{sent}");
        assert_eq!(serde_json::from_str::<NamedSpec>(&sent).unwrap(), container);
    }
}
