//! What a scenario needs of the kernel: what it says, and the namespaces that it makes or enters.

use std::collections::BTreeSet;

use runtime::spec::Namespace;
use toml::de::DeTable;

use super::Step;
use super::reader::Reader;
use protocol::operation::Operation;
use protocol::plan::{NamedSpec, Need};

/// As the file lists them.
pub(super) fn said(reader: &mut Reader, table: &DeTable<'_>) -> Vec<Need> {
    let Some(list) = table.get("needs").and_then(|node| reader.list(node)) else { return Vec::new() };
    list.iter().filter_map(|node| reader.typed("needs", node)).collect()
}

/// The namespaces of containers and steps, but for mount namespaces, which every kernel has.
pub(super) fn implied(containers: &[NamedSpec], steps: &[Step]) -> Vec<Need> {
    let mut kinds: BTreeSet<Namespace> = BTreeSet::new();
    for NamedSpec { spec, .. } in containers {
        kinds.extend(spec.namespaces.iter().chain(spec.join.keys()));
    }
    for step in steps {
        match &step.operation {
            Operation::Unshare(made) => kinds.extend(made),
            Operation::Setns(entered) => kinds.extend([entered.namespace]),
            _ => {}
        }
    }
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
