//! What a container is besides its namespaces and links, in short lines.

use runtime::spec::{Capabilities, Mount, Namespace, Root, Spec, Switch};

/// Longest list of mounts that is told.
const MOUNTS: usize = 6;

/// What is worth to be said of a container's root, mounts, ids, capabilities and limits.
pub(super) fn of(spec: &Spec) -> Vec<String> {
    let mut notes = vec![root(spec.root.as_ref())];
    if let Some(skeleton) = spec.root.as_ref().and_then(|root| root.skeleton.as_ref()) {
        notes.push(format!("  filled from {}", skeleton.display()));
    }
    notes.extend(mounts(spec));
    notes.extend(
        spec.uid_map
            .iter()
            .map(|map| format!("uid {} is {} outside ({})", map.inside, map.outside, map.count)),
    );
    if spec.uid != 0 || spec.gid != 0 {
        notes.push(format!("runs as {}:{}", spec.uid, spec.gid));
    }
    if spec.namespaces.contains(&Namespace::Net) {
        notes.push(format!("lo is {}", if spec.loopback { "up" } else { "down" }));
    }
    notes.extend(spec.routes.iter().map(|route| format!("route {} via {}", route.to, route.via)));
    notes.push(capabilities(&spec.capabilities));
    if !spec.no_new_privileges {
        notes.push("new privileges allowed".into());
    }
    notes.extend(spec.sysctls.iter().map(|(name, value)| format!("{name} = {value}")));
    if let Some(cgroup) = &spec.cgroup {
        notes.push(format!("cgroup {}", cgroup.name));
        notes.extend(cgroup.limits.iter().map(|(file, value)| format!("  {file} = {value}")));
    }
    notes
}

fn root(root: Option<&Root>) -> String {
    let Some(root) = root else { return "/ is the host's".into() };
    let from = match (&root.tmpfs, &root.dir) {
        (Some(size), _) => format!("tmpfs {size}"),
        (None, Some(dir)) => dir.display().to_string(),
        (None, None) => "empty".into(),
    };
    let switch = match root.switch {
        Switch::Pivot => "pivot_root",
        Switch::Chroot => "chroot",
    };
    format!("/ {from}, {switch}")
}

fn mounts(spec: &Spec) -> Vec<String> {
    let given = [(spec.proc, "/proc procfs"), (spec.sysfs, "/sys sysfs, ro"), (spec.dev, "/dev minimal")];
    let mut mounts: Vec<String> =
        given.into_iter().filter(|(there, _)| *there).map(|(_, text)| text.to_owned()).collect();
    mounts.extend(spec.mounts.iter().take(MOUNTS).map(mount));
    if spec.mounts.len() > MOUNTS {
        mounts.push(format!("… {} more mounts", spec.mounts.len() - MOUNTS));
    }
    mounts
}

fn mount(mount: &Mount) -> String {
    let source = if mount.source.is_empty() { String::new() } else { format!(" {}", mount.source) };
    let options = mount.options.iter().map(|option| format!(" {option}")).collect::<String>();
    format!("{} {}{source}{options}", mount.target.display(), mount.kind)
}

fn capabilities(sets: &Capabilities) -> String {
    let default = Capabilities::default();
    let special = sets.bounding.is_some()
        || sets.permitted.is_some()
        || sets.effective.is_some()
        || !sets.inheritable.is_empty()
        || !sets.ambient.is_empty();
    let drop = sets.drop.iter().map(|name| format!(" -{name}")).collect::<String>();
    if special {
        "capabilities by set".into()
    } else if sets.keep == default.keep {
        format!("the {} default capabilities{drop}", default.keep.len())
    } else if sets.keep.is_empty() {
        "no capabilities".into()
    } else {
        format!("capabilities {}{drop}", sets.keep.join(" "))
    }
}
