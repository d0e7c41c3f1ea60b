//! What no single value tells: whether containers, steps and names fit together.

pub(crate) mod operation;

use std::ops::Range;

use runtime::spec::{Peer, Spec};
use toml::de::DeValue;

use super::reader::{Node, Reader};
use crate::diagnostic::nearest;
use protocol::operation::Operation;
use protocol::plan::Actor;

/// Names that mean something else where a container's name may stand.
pub(super) const RESERVED: &[&str] = &["host", "self", "init"];

/// A container while its file is read.
pub(super) struct Container<'n, 'i> {
    pub(super) name: String,
    /// What could be read of it.
    pub(super) spec: Spec,
    /// Whether that is all that is written.
    pub(super) whole: bool,
    pub(super) key: Range<usize>,
    pub(super) node: &'n Node<'i>,
}

/// A step while its file is read.
#[derive(Default)]
pub(super) struct Draft<'n, 'i> {
    pub(super) name: Option<(String, Range<usize>)>,
    pub(super) actor: Option<(Actor, Range<usize>)>,
    pub(super) exec: bool,
    pub(super) operation: Option<(Operation, &'n Node<'i>)>,
    pub(super) expect: Option<&'n Node<'i>>,
    pub(super) span: Range<usize>,
}

impl Draft<'_, '_> {
    pub(super) fn name(&self) -> String {
        self.name.as_ref().map(|(name, _)| name.clone()).unwrap_or_default()
    }

    fn starts(&self, container: &str) -> bool {
        matches!(&self.operation, Some((Operation::Start(name), _)) if name == container)
    }

    fn stops(&self, container: &str) -> bool {
        matches!(&self.operation, Some((Operation::Stop(name), _)) if name == container)
    }

    fn acts_in(&self, container: &str) -> bool {
        matches!(&self.actor, Some((Actor::Container(name), _)) if name == container)
    }
}

/// Joins, interfaces, and containers that nobody looks at.
pub(super) fn containers(reader: &mut Reader, containers: &[Container<'_, '_>], drafts: &[Draft<'_, '_>]) {
    for (index, container) in containers.iter().enumerate() {
        fields(reader, container);
        joins(reader, container, &containers[..index], &containers[index..], drafts);
        interfaces(reader, container, &containers[..index], drafts);
        used(reader, container, containers, drafts);
    }
}

/// What the runtime itself says of a specification.
fn fields(reader: &mut Reader, container: &Container<'_, '_>) {
    for problem in container.spec.check().err().unwrap_or_default() {
        let span = locate(container.node, &problem.field);
        let message = format!("`{}`: {}", problem.field, problem.message);
        let near = problem.unknown.as_ref().and_then(|unknown| {
            let known: Vec<&str> = unknown.known.iter().map(String::as_str).collect();
            nearest(&unknown.word, &known).map(|near| format!("did you mean `{near}`?"))
        });
        let help = near.unwrap_or(problem.help);
        reader.problem(span, message, format!("of the container `{}`", container.name), help);
    }
}

fn joins(
    reader: &mut Reader,
    container: &Container<'_, '_>,
    earlier: &[Container<'_, '_>],
    later: &[Container<'_, '_>],
    drafts: &[Draft<'_, '_>],
) {
    for (kind, peer) in &container.spec.join {
        let kind = serde_json::to_value(kind).expect("a namespace is a word");
        let span = locate(container.node, &format!("join.{}", kind.as_str().unwrap_or_default()));
        let names: Vec<&str> = earlier.iter().map(|container| container.name.as_str()).collect();
        let name = match peer {
            Peer::Container(name) => name,
            Peer::Path(_) => continue,
            Peer::Pid(pid) => {
                let message = format!("`{}` joins the process {pid}", container.name);
                let help = match names.as_slice() {
                    [] => "define the container to join before this one, and name it".to_owned(),
                    names => format!("name a container: {}", names.join(", ")),
                };
                reader.problem(span, message, "which process has this number is not known before", help);
                continue;
            }
        };
        if names.contains(&name.as_str()) {
            let waits = drafts.iter().any(|draft| draft.starts(name));
            if waits && !drafts.iter().any(|draft| draft.starts(&container.name)) {
                let message = format!("`{}` joins `{name}`, which is started later", container.name);
                let help = format!("add a step that starts `{}` too, after `{name}`", container.name);
                reader.problem(span, message, "not there yet", help);
            }
        } else if later.iter().any(|container| container.name == *name) {
            let help = format!("define `{name}` before `{}`", container.name);
            reader.problem(
                span,
                format!("`{name}` is built after `{}`", container.name),
                "not there yet",
                help,
            );
        } else {
            reader.unknown(span, "container", name, &names);
        }
    }
}

/// What a container takes from the host's network namespace, with the place of each.
fn claims(container: &Container<'_, '_>) -> Vec<(String, Range<usize>)> {
    let spec = &container.spec;
    let links =
        spec.links.iter().enumerate().map(|(i, link)| (link.host.clone(), format!("links[{i}].host")));
    let devices = spec
        .devices
        .iter()
        .enumerate()
        .map(|(i, device)| (device.name.clone(), format!("devices[{i}].name")));
    links.chain(devices).map(|(name, path)| (name, locate(container.node, &path))).collect()
}

fn interfaces(
    reader: &mut Reader,
    container: &Container<'_, '_>,
    earlier: &[Container<'_, '_>],
    drafts: &[Draft<'_, '_>],
) {
    let mut taken: Vec<(String, &str)> = Vec::new();
    // What a stopped container had may be given to the next.
    for other in earlier.iter().filter(|other| !drafts.iter().any(|draft| draft.stops(&other.name))) {
        taken.extend(claims(other).into_iter().map(|(name, _)| (name, other.name.as_str())));
    }
    for (name, span) in claims(container) {
        if let Some((_, owner)) = taken.iter().find(|(claimed, _)| *claimed == name) {
            let message =
                format!("the interface `{name}` is claimed twice: by `{owner}` and `{}`", container.name);
            let help = "an interface is in one network namespace: give each container its own".to_owned();
            reader.problem(span, message, "already claimed", help);
        }
        taken.push((name, &container.name));
    }
}

fn used(
    reader: &mut Reader,
    container: &Container<'_, '_>,
    containers: &[Container<'_, '_>],
    drafts: &[Draft<'_, '_>],
) {
    let name = &container.name;
    let joined = |other: &Container<'_, '_>| {
        other.spec.join.values().any(|peer| *peer == Peer::Container(name.clone()))
    };
    let named = |draft: &Draft<'_, '_>| {
        let operation = draft.operation.as_ref().map(|(operation, _)| operation);
        draft.acts_in(name) || operation.is_some_and(|operation| operation.named_container() == Some(name))
    };
    // A container that could not be read may have been what was to be joined, or joins.
    let unread = containers.iter().any(|other| !other.whole) || drafts.iter().any(Draft::is_partial);
    let reserved = RESERVED.contains(&name.as_str());
    if !unread && !reserved && !containers.iter().any(joined) && !drafts.iter().any(named) {
        let help = format!("look into it with a step `in = \"{name}\"`, or remove it");
        reader.problem(
            container.key.clone(),
            format!("no step looks at the container `{name}`"),
            "never used",
            help,
        );
    }
}

impl Draft<'_, '_> {
    fn is_partial(&self) -> bool {
        self.actor.is_none() || self.operation.is_none()
    }
}

/// Who acts where, when, and on what.
pub(super) fn steps(reader: &mut Reader, containers: &[Container<'_, '_>], drafts: &[Draft<'_, '_>]) {
    for (index, draft) in drafts.iter().enumerate() {
        operation::check(reader, containers, draft);
        alive(reader, drafts, index);
        if draft.exec && matches!(draft.actor, Some((Actor::Host, _))) {
            let help = "`via` joins a container: name one in `in`, or remove `via`".to_owned();
            reader.problem(draft.span.clone(), "nobody joins the host", "`via = \"exec\"` in the host", help);
        }
    }
}

/// A step acts in a container only while it runs.
fn alive(reader: &mut Reader, drafts: &[Draft<'_, '_>], index: usize) {
    let Some((Actor::Container(name), span)) = &drafts[index].actor else { return };
    let last = drafts[..index].iter().rev().find(|draft| draft.starts(name) || draft.stops(name));
    let started_later = drafts[index..].iter().any(|draft| draft.starts(name));
    let message = match last {
        Some(draft) if draft.stops(name) => format!("`{name}` has been stopped before this step"),
        None if started_later => format!("`{name}` is started after this step"),
        _ => return,
    };
    let help = "a container acts between its start and its stop".to_owned();
    reader.problem(span.clone(), message, "does not run", help);
}

/// Where a field like `mounts[3].options` stands below a table; the deepest part of it that is written at all.
pub(super) fn locate(node: &Node<'_>, path: &str) -> Range<usize> {
    let mut here = node;
    for part in path.split(['.', '[', ']']).filter(|part| !part.is_empty()) {
        let next = match here.get_ref() {
            DeValue::Table(table) => table.get(part),
            DeValue::Array(list) => part.parse::<usize>().ok().and_then(|index| list.get(index)),
            _ => None,
        };
        match next {
            Some(next) => here = next,
            None => break,
        }
    }
    here.span()
}
