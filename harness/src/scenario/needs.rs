//! What a scenario needs of the kernel: what it says, and the namespaces that it makes or enters.

use std::collections::BTreeSet;

use runtime::spec::Namespace;
use sys::probe::raw::number;
use toml::de::DeTable;

use super::Step;
use super::check::locate;
use super::reader::{Node, Reader};
use protocol::plan::{NamedSpec, Need};

/// As the file lists them.
pub(super) fn said(reader: &mut Reader, table: &DeTable<'_>) -> Vec<Need> {
    let Some(list) = table.get("needs").and_then(|node| reader.list(node)) else { return Vec::new() };
    let needs = list.iter().filter_map(|node| {
        let need = reader.typed("needs", node)?;
        check(reader, node, &need);
        Some(need)
    });
    needs.collect()
}

/// The controllers of a cgroup version 2. Documentation/admin-guide/cgroup-v2.rst
const CONTROLLERS: &[&str] =
    &["cpu", "cpuset", "dmem", "hugetlb", "io", "memory", "misc", "perf_event", "pids", "rdma"];

/// A word that nothing is called by would skip the scenario for good.
fn check(reader: &mut Reader, node: &Node<'_>, need: &Need) {
    match need {
        Need::Config(name) => {
            let is_word =
                |text: &str| text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
            let bare = name.strip_prefix("CONFIG_");
            if !bare.is_some_and(|name| !name.is_empty() && is_word(name)) {
                let name = bare.unwrap_or(name).to_uppercase().replace('-', "_");
                let help = if is_word(&name) && !name.is_empty() {
                    format!("did you mean `CONFIG_{name}`?")
                } else {
                    "for example \"CONFIG_VETH\"".to_owned()
                };
                reader.problem(
                    locate(node, "config"),
                    "this is no option of the kernel's configuration",
                    "not one",
                    help,
                );
            }
        }
        Need::Syscall(name) if number(name).is_none() => {
            let help = "syscalls(2) lists the names; the number of one that is too new will do, as a text";
            let message = format!("unknown system call `{name}`");
            reader.problem(locate(node, "syscall"), message, "not a system call", help.to_owned());
        }
        Need::Capability(name) => {
            let bare = name.trim_start_matches("CAP_");
            let names = runtime::caps::names();
            if !names.iter().any(|known| known == bare) {
                let names: Vec<&str> = names.iter().map(|name| &**name).collect();
                reader.unknown(locate(node, "capability"), "capability", bare, &names);
            }
        }
        Need::Controller(name) if !CONTROLLERS.contains(&name.as_str()) => {
            reader.unknown(locate(node, "controller"), "controller", name, CONTROLLERS);
        }
        Need::Path(path) if !path.starts_with('/') => {
            let help = "a path in the machine begins with a slash: \"/proc/kcore\"".to_owned();
            reader.problem(locate(node, "path"), format!("`{path}` is no absolute path"), "no slash", help);
        }
        Need::Syscall(_)
        | Need::Controller(_)
        | Need::Path(_)
        | Need::Module(_)
        | Need::Filesystem(_)
        | Need::Namespace(_) => {}
    }
}

/// The namespaces of containers and steps, but for mount namespaces, which every kernel has.
pub(super) fn implied(containers: &[NamedSpec], steps: &[Step]) -> Vec<Need> {
    let mut kinds: BTreeSet<Namespace> = BTreeSet::new();
    for NamedSpec { spec, .. } in containers {
        kinds.extend(spec.namespaces.iter().chain(spec.join.keys()));
    }
    kinds.extend(steps.iter().flat_map(|step| step.operation.meaning().needs));
    kinds.remove(&Namespace::Mount);
    kinds.into_iter().map(Need::Namespace).collect()
}

#[cfg(test)]
mod tests {
    use protocol::plan::Need;
    use runtime::spec::Namespace::{Cgroup, Ipc, Net, Pid, User, Uts};

    const TEXT: &str = r#"
about = "x"
needs = [{ namespace = "uts" }, { module = "veth" }]
[container.box]
namespaces = ["uts", "ipc", "mount"]
[container.guest]
join = { ipc = "box", net = "box" }
[[step]]
in = "guest"
do = { unshare = ["pid"] }
[[step]]
in = "host"
do = { unshare = ["user"] }
[[step]]
in = "host"
do = { setns = { of = "box", namespace = "cgroup" } }
"#;

    #[test]
    fn of_containers_and_steps_each_namespace_once() {
        let scenario = crate::scenario::parse("x", "x.toml", TEXT).unwrap();
        let namespaces = [Uts, User, Pid, Ipc, Net, Cgroup].map(Need::Namespace);
        let mut expected = namespaces.to_vec();
        expected.insert(1, Need::Module("veth".into()));
        assert_eq!(scenario.needs, expected);
    }
}
