//! What a step is about, in a few words: for failures, traces and explanations.

use crate::identity;
use crate::names::file_of;
use crate::spec::{Mount, Namespace, Root, Spec, Veth};
use crate::step::Step;
use crate::steps::{Phase, Planned, unshared};

/// The index, where the specification has a list that a reader can count in.
pub(crate) fn shown_index(planned: &Planned) -> Option<u16> {
    match planned.step {
        Step::Unshare | Step::Join => None,
        _ => planned.index,
    }
}

/// The words between the parentheses of a failure; may be none.
pub(crate) fn detail(spec: &Spec, planned: &Planned) -> String {
    let position = planned.position();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    match planned.step {
        Step::Join => joined(spec, position),
        Step::Clone => born(spec),
        Step::Unshare if planned.phase == Phase::Network => Namespace::Net.to_string(),
        Step::Unshare if planned.phase == Phase::Build => Namespace::Cgroup.to_string(),
        Step::Unshare => unshared(spec).get(position).map(ToString::to_string).unwrap_or_default(),
        Step::IdMap => id_maps(spec),
        Step::Cgroup | Step::EnterCgroup => {
            spec.cgroup.as_ref().map(|group| group.name.clone()).unwrap_or_default()
        }
        Step::Link => spec.links.get(position).map(link).unwrap_or_default(),
        Step::LinkAddress => spec.links.get(position).map(link_address).unwrap_or_default(),
        Step::Device | Step::DeviceAddress => {
            spec.devices.get(position).map(|device| device.name.clone()).unwrap_or_default()
        }
        Step::Route => {
            let route = spec.routes.get(position);
            route.map(|route| format!("{} via {}", route.to, route.via)).unwrap_or_default()
        }
        Step::Hostname => text(&spec.hostname),
        Step::Domainname => text(&spec.domainname),
        Step::Propagation => format!("{:?}", spec.propagation).to_lowercase(),
        Step::Root => spec.root.as_ref().map(root).unwrap_or_default(),
        Step::Skeleton => {
            let skeleton = spec.root.as_ref().and_then(|root| root.skeleton.as_ref());
            skeleton.map(|path| path.display().to_string()).unwrap_or_default()
        }
        Step::Mount => spec.mounts.get(position).map(mount).unwrap_or_default(),
        Step::Ids => format!("{}:{}", spec.uid, spec.gid),
        Step::WorkingDirectory => spec.cwd.display().to_string(),
        Step::Umask => format!("{:04o}", spec.umask),
        Step::Execute => spec.args.first().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

fn joined(spec: &Spec, position: usize) -> String {
    let Some((&kind, peer)) = spec.join.iter().nth(position) else { return String::new() };
    match file_of(peer, kind) {
        Some(path) => format!("{kind}, {}", path.display()),
        None => format!("{kind} of {}", String::from(peer.clone())),
    }
}

fn born(spec: &Spec) -> String {
    let born = [Namespace::User, Namespace::Pid].into_iter().filter(|kind| spec.namespaces.contains(kind));
    born.map(|kind| kind.to_string()).collect::<Vec<_>>().join(", ")
}

fn id_maps(spec: &Spec) -> String {
    let (users, groups) = identity::maps(spec);
    let line = |rows| identity::rows(rows).trim_end().replace('\n', ", ");
    format!("uid {}; gid {}", line(&users), line(&groups))
}

fn link(link: &Veth) -> String {
    let address = link.host_address.as_ref().map(|address| format!(" {address}")).unwrap_or_default();
    format!("{}{address} to {}", link.host, link.container)
}

fn link_address(link: &Veth) -> String {
    let address = link.container_address.as_deref().unwrap_or("no address");
    format!("{address} on {}", link.container)
}

fn root(root: &Root) -> String {
    match (&root.tmpfs, &root.dir) {
        (Some(size), _) => format!("tmpfs of {size}"),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => String::new(),
    }
}

fn mount(mount: &Mount) -> String {
    let target = mount.target.display();
    match mount.kind.as_str() {
        "bind" | "rbind" => format!("{} of {} on {target}", mount.kind, mount.source),
        kind => format!("{kind} on {target}"),
    }
}
