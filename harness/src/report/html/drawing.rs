//! A scenario's containers as a drawing: a column for the host and for each container; a line for each kind of namespace, on which
//! those who share one are joined; a line for each pair of interfaces.

use maud::{Markup, html};
use runtime::spec::{Device, Namespace, Peer, Veth};

use super::notes;
use crate::report::details;
use protocol::plan::NamedSpec;

// Pixels.
const LABELS: usize = 58;
const COLUMN: usize = 236;
const GAP: usize = 40;
const HEAD: usize = 46;
const LANE: usize = 28;
const PILL: usize = 20;
const LINK: usize = 44;
const NOTE: usize = 17;
/// Characters that fit into a column, in its monospaced letters.
const FIT: usize = 31;

/// Whose namespace it is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Owner {
    /// Of the column; 0 is the host.
    Column(usize),
    /// Of a process or a file that is not drawn.
    Elsewhere(String),
}

pub(super) fn render(containers: &[NamedSpec]) -> Markup {
    let links: Vec<Wire<'_>> = wires(containers);
    let notes: Vec<Vec<String>> = containers.iter().map(|container| notes::of(&container.spec)).collect();
    let workers = HEAD + 12;
    let network = workers + Namespace::ALL.len() * LANE + 8;
    let words = network + links.len() * LINK + 12;
    let height = words + notes.iter().map(Vec::len).max().unwrap_or(0) * NOTE + 8;
    let width = left(containers.len() + 1) - GAP + 2;
    html! {
        svg.drawing viewBox=(format!("0 0 {width} {height}")) width=(width) height=(height) role="img" aria-label=(told(containers)) {
            @for column in 0..=containers.len() {
                rect.box.{ "s" (color(column)) } x=(left(column)) y="1" width=(COLUMN) height=(height - 2) rx="10" {}
            }
            (head(0, "host", "the virtual machine"))
            @for (column, container) in (1..).zip(containers) {
                (head(column, &container.name, container.spec.hostname.as_deref().unwrap_or_default()))
            }
            @for (row, namespace) in Namespace::ALL.iter().copied().enumerate() {
                (worker(containers, namespace, workers + row * LANE))
            }
            @for (row, wire) in links.iter().enumerate() { (self::wire(wire, network + row * LINK)) }
            @for (column, lines) in (1..).zip(&notes) { (self::notes(column, lines, words)) }
        }
    }
}

/// The drawing in words.
fn told(containers: &[NamedSpec]) -> String {
    let own = |container: &NamedSpec| {
        let own = Namespace::ALL.iter().filter(|namespace| container.spec.namespaces.contains(namespace));
        let names: Vec<String> = own.map(Namespace::to_string).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        format!("{}: own namespaces {names}", container.name)
    };
    containers.iter().map(own).collect::<Vec<_>>().join("; ")
}

fn left(column: usize) -> usize {
    LABELS + column * (COLUMN + GAP)
}

/// The colours repeat after six containers.
fn color(column: usize) -> usize {
    if column == 0 { 0 } else { (column - 1) % 6 + 1 }
}

fn head(column: usize, name: &str, below: &str) -> Markup {
    html! {
        text.name x=(left(column) + 12) y="22" { (fitted(name)) }
        text.small x=(left(column) + 12) y="38" { (fitted(below)) }
    }
}

/// Whose namespaces of one kind the columns have.
fn owners(containers: &[NamedSpec], namespace: Namespace) -> Vec<Owner> {
    let mut owners = vec![Owner::Column(0)];
    for (column, container) in (1..).zip(containers) {
        let joined = container.spec.join.get(&namespace);
        owners.push(match joined {
            _ if container.spec.namespaces.contains(&namespace) => Owner::Column(column),
            None => Owner::Column(0),
            Some(Peer::Container(name)) => match containers.iter().position(|other| other.name == *name) {
                // The other stands earlier in the file, so that its owner is known.
                Some(other) if other + 1 < owners.len() => owners[other + 1].clone(),
                _ => Owner::Elsewhere(name.clone()),
            },
            Some(peer) => Owner::Elsewhere(String::from(peer.clone())),
        });
    }
    owners
}

fn worker(containers: &[NamedSpec], namespace: Namespace, y: usize) -> Markup {
    let owners = owners(containers, namespace);
    html! {
        text.worker x="0" y=(y + 14) { (namespace.to_string()) }
        @for (column, owner) in owners.iter().enumerate() {
            @if let Some(next) = (column + 1..owners.len()).find(|&next| owners[next] == *owner) {
                path.joint.{ "s" (shade(owner)) } d=(joint(column, next, y)) {}
            }
        }
        @for (column, owner) in owners.iter().enumerate() {
            rect.pill.{ "s" (shade(owner)) }.own[*owner == Owner::Column(column)]
                x=(left(column) + 10) y=(y) width=(COLUMN - 20) height=(PILL) rx=(PILL / 2) {}
            text.pill-text x=(left(column) + COLUMN / 2) y=(y + 14) { (fitted(&whose(containers, column, owner))) }
        }
    }
}

fn shade(owner: &Owner) -> usize {
    match owner {
        Owner::Column(column) => color(*column),
        Owner::Elsewhere(_) => 7,
    }
}

/// From one pill to the next of the same namespace: straight to the neighbour, else above those between.
fn joint(from: usize, to: usize, y: usize) -> String {
    let (start, end, middle) = (left(from) + COLUMN - 10, left(to) + 10, y + PILL / 2);
    if to == from + 1 {
        format!("M{start},{middle} H{end}")
    } else {
        format!("M{start},{middle} h10 V{} H{} V{middle} h10", y - 4, end - 10)
    }
}

fn whose(containers: &[NamedSpec], column: usize, owner: &Owner) -> String {
    match owner {
        Owner::Column(0) if column == 0 => "its own".into(),
        Owner::Column(0) => "the host's".into(),
        Owner::Column(own) if *own == column => "its own".into(),
        Owner::Column(other) => format!("{}'s", containers[other - 1].name),
        Owner::Elsewhere(peer) => format!("of {peer}"),
    }
}

/// What leads from the host's network namespace into a container's.
struct Wire<'a> {
    column: usize,
    host: [&'a str; 2],
    container: [&'a str; 2],
    kind: &'static str,
}

fn wires(containers: &[NamedSpec]) -> Vec<Wire<'_>> {
    let mut wires = Vec::new();
    for (column, container) in (1..).zip(containers) {
        wires.extend(container.spec.links.iter().map(|link| veth(column, link)));
        wires.extend(container.spec.devices.iter().map(|device| moved(column, device)));
    }
    wires
}

fn veth(column: usize, link: &Veth) -> Wire<'_> {
    Wire {
        column,
        host: [&link.host, link.host_address.as_deref().unwrap_or_default()],
        container: [&link.container, link.container_address.as_deref().unwrap_or_default()],
        kind: if link.down { "down" } else { "veth" },
    }
}

fn moved(column: usize, device: &Device) -> Wire<'_> {
    Wire {
        column,
        host: [&device.name, "moves"],
        container: [
            device.rename.as_deref().unwrap_or(&device.name),
            device.address.as_deref().unwrap_or_default(),
        ],
        kind: "moved",
    }
}

fn wire(wire: &Wire<'_>, y: usize) -> Markup {
    let (start, end, middle) = (left(0) + COLUMN - 10, left(wire.column) + 10, y + 18);
    html! {
        path.wire.dashed[wire.kind != "veth"] d=(format!("M{start},{middle} H{end}")) {}
        text.small.wire-text x=(start + 10 + GAP / 2) y=(middle - 5) { (wire.kind) }
        (interface(0, wire.host, y))
        (interface(wire.column, wire.container, y))
    }
}

fn interface(column: usize, [name, address]: [&str; 2], y: usize) -> Markup {
    html! {
        rect.interface x=(left(column) + 10) y=(y) width=(COLUMN - 20) height="36" rx="5" {}
        text.mono x=(left(column) + 20) y=(y + 15) { (fitted(name)) }
        text.mono.small x=(left(column) + 20) y=(y + 29) { (fitted(address)) }
    }
}

fn notes(column: usize, lines: &[String], y: usize) -> Markup {
    html! {
        @for (row, line) in lines.iter().enumerate() {
            text.note x=(left(column) + 12) y=(y + 12 + row * NOTE) xml:space="preserve" { (fitted(line)) }
        }
    }
}

/// As much of a text as a column has room for; the whole of it is shown by the pointer.
fn fitted(text: &str) -> Markup {
    let clean = details::one_line(text);
    let short: String = clean.chars().take(FIT - 1).collect();
    html! {
        @if clean.chars().count() > FIT { (short) "…" title { (clean) } } @else { (clean) }
    }
}
