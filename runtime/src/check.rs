//! What can be known to be wrong with a specification before anything is built.

mod sysctl;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::{Component, Path};

use crate::caps::{ALL, names, parse, sets, unreachable};
use crate::mounts::Options;
use crate::net::{Address, destination};
use crate::problem::{Problem, Unknown};
use crate::spec::{Capabilities, IdMap, Namespace, Root, Spec, Switch};

impl Spec {
    /// Looks the specification over. Pure: what depends on the machine shows when the container is built.
    ///
    /// # Errors
    /// Every problem that was found.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let mut found = Problems(Vec::new());
        found.namespaces(self);
        found.users(self);
        found.root(self);
        found.mounts(self);
        found.network(self);
        found.capabilities(self);
        found.program(self);
        if found.0.is_empty() { Ok(()) } else { Err(found.0) }
    }
}

/// At most 64 bytes. uname(2)
const LONGEST_HOSTNAME: usize = 64;
/// IFNAMSIZ less the terminator.
const LONGEST_INTERFACE: usize = 15;

struct Problems(Vec<Problem>);

impl Problems {
    /// Notes a problem unless `holds`. The words are only put together for one.
    fn demand(&mut self, holds: bool, field: impl Display, message: impl Display, help: impl Display) {
        if !holds {
            let (field, message, help) = (field.to_string(), message.to_string(), help.to_string());
            self.0.push(Problem { field, message, help, unknown: None, missing: None });
        }
    }

    fn namespaces(&mut self, spec: &Spec) {
        for kind in &spec.namespaces {
            let both = spec.join.contains_key(kind);
            let message = format_args!("the {kind} namespace is joined and made");
            self.demand(
                !both,
                format_args!("join.{kind}"),
                message,
                "take it out of `namespaces` or of `join`",
            );
        }
        for (field, name) in [("hostname", &spec.hostname), ("domainname", &spec.domainname)] {
            let Some(name) = name else { continue };
            let message = format_args!("{} bytes, at most {LONGEST_HOSTNAME} are allowed", name.len());
            self.demand(name.len() <= LONGEST_HOSTNAME, field, message, "take a shorter name");
            self.demand(
                !name.contains('\0'),
                field,
                "it has a NUL byte, where uname(2) ends it",
                "take it out",
            );
            self.own(spec, Namespace::Uts, field, "the name would be the caller's too");
        }
        for name in spec.sysctls.keys().filter(|name| !sysctl::is_name(name)) {
            let message = format_args!("`{name}` is not the name of a sysctl");
            self.demand(false, "sysctls", message, "write it as sysctl(8) does: net.ipv4.ip_forward");
        }
        for name in spec.sysctls.keys().filter(|name| sysctl::is_name(name)) {
            match sysctl::owner(name) {
                Some(kind) => {
                    self.own(spec, kind, "sysctls", &format!("`{name}` would be set for the caller too"));
                }
                None => {
                    let message =
                        format_args!("`{name}` is of no namespace: it would be set for the whole machine");
                    self.demand(false, "sysctls", message, "set it outside, with sysctl(8)");
                }
            }
        }
    }

    /// The field needs a namespace that is made or joined.
    fn own(&mut self, spec: &Spec, kind: Namespace, field: impl Display, otherwise: &str) {
        let has = spec.namespaces.contains(&kind) || spec.join.contains_key(&kind);
        let article = if kind == Namespace::Ipc { "an" } else { "a" };
        self.takes(has, kind, field, format_args!("without {article} {kind} namespace {otherwise}"));
    }

    /// As [`Problems::demand`], and the way out is a namespace.
    fn takes(&mut self, holds: bool, kind: Namespace, field: impl Display, message: impl Display) {
        let before = self.0.len();
        self.demand(holds, field, message, format_args!("add \"{kind}\" to `namespaces`"));
        self.0[before..].iter_mut().for_each(|problem| problem.missing = Some(kind));
    }

    fn users(&mut self, spec: &Spec) {
        let made = spec.namespaces.contains(&Namespace::User);
        for (field, map) in [("uid-map", &spec.uid_map), ("gid-map", &spec.gid_map)] {
            let message = "it is the map of a user namespace, and none is made";
            self.takes(map.is_empty() || made, Namespace::User, field, message);
            for (index, row) in map.iter().enumerate() {
                let at = format_args!("{field}[{index}]");
                self.demand(
                    row.count > 0,
                    format_args!("{at}.count"),
                    "an empty row",
                    "take a count of at least 1",
                );
                let clash = map[..index].iter().any(|other| overlap(row, other));
                self.demand(!clash, at, "it overlaps an earlier row", "every id may be in one row only");
            }
        }
        let denied = made && !spec.setgroups && !spec.groups.is_empty();
        self.demand(!denied, "groups", "the user namespace denies setgroups(2)", "set `setgroups = true`");
        for (field, id) in [("uid", spec.uid), ("gid", spec.gid)] {
            let message = format_args!("{id} is what setresuid(2) takes for no change");
            self.demand(id != u32::MAX, field, message, "take a smaller one");
        }
        for (field, map, id) in [("uid", &spec.uid_map, spec.uid), ("gid", &spec.gid_map, spec.gid)] {
            let mapped = if map.is_empty() { id == 0 } else { map.iter().any(|row| holds(row, id)) };
            let message = format_args!("{id} is not mapped in the user namespace");
            self.demand(!made || mapped, field, message, format_args!("add a row to `{field}-map`"));
        }
    }

    fn root(&mut self, spec: &Spec) {
        let Some(root) = &spec.root else { return };
        let own = spec.namespaces.contains(&Namespace::Mount);
        let pivots = root.switch == Switch::Pivot;
        let moves = "without a mount namespace pivot_root would move the caller";
        let stays = "without a mount namespace it would stay";
        for (holds, field, message) in [
            (own || !pivots, "root.switch", moves),
            (own || root.tmpfs.is_none(), "root.tmpfs", stays),
            (own || !root.read_only, "root.read-only", stays),
        ] {
            self.takes(holds, Namespace::Mount, field, message);
        }
        self.sources(root);
        if let Some(old) = &root.keep_old {
            self.demand(pivots, "root.keep-old", "chroot keeps no old root", "take `switch = \"pivot\"`");
            self.path(old, "root.keep-old");
        }
    }

    fn sources(&mut self, root: &Root) {
        let one = root.dir.is_some() != root.tmpfs.is_some();
        self.demand(one, "root", "it needs either a directory or a tmpfs", "give `dir` or `tmpfs`, not both");
        let filled = root.skeleton.is_none() || root.tmpfs.is_some();
        let message = "a skeleton is copied into a tmpfs, and there is none";
        self.demand(filled, "root.skeleton", message, "give `tmpfs = \"50M\"`");
        if let Some(size) = &root.tmpfs {
            let message = format_args!("`{size}` is not a size");
            self.demand(
                is_size(size),
                "root.tmpfs",
                message,
                "write bytes, or a number with k, M, G or %: 50M",
            );
        }
    }

    fn mounts(&mut self, spec: &Spec) {
        for (present, field) in [(spec.proc, "proc"), (spec.sysfs, "sysfs"), (spec.dev, "dev")] {
            if present {
                self.own(spec, Namespace::Mount, field, "the mount would be the caller's too");
            }
        }
        if spec.sysfs {
            self.own(spec, Namespace::Net, "sysfs", "sysfs would show the caller's devices");
        }
        for (index, mount) in spec.mounts.iter().enumerate() {
            let field = |name: &str| format!("mounts[{index}].{name}");
            self.own(
                spec,
                Namespace::Mount,
                format_args!("mounts[{index}]"),
                "the mount would be the caller's too",
            );
            self.path(&mount.target, field("target"));
            let bind = matches!(mount.kind.as_str(), "bind" | "rbind");
            self.demand(
                !bind || !mount.source.is_empty(),
                field("source"),
                "a bind mount of what?",
                "give a path",
            );
            if let Err(word) = Options::parse(&mount.options) {
                let message = format_args!("`{word}` is not a flag of mount(8)");
                self.demand(
                    false,
                    field("options"),
                    message,
                    "options of the file system itself go into `data`",
                );
            }
        }
        for (field, paths) in [("masked", &spec.masked), ("read-only", &spec.read_only)] {
            for (index, path) in paths.iter().enumerate() {
                self.path(path, format_args!("{field}[{index}]"));
            }
        }
    }

    /// A path inside the container.
    fn path(&mut self, path: &Path, field: impl Display) {
        let message = format_args!("`{}` is not an absolute path", path.display());
        self.demand(
            path.is_absolute(),
            &field,
            message,
            "begin it with a slash: it is a path in the container",
        );
        let climbs = path.components().any(|part| part == Component::ParentDir);
        self.demand(!climbs, &field, format_args!("`{}` climbs up", path.display()), "write it without `..`");
    }

    fn network(&mut self, spec: &Spec) {
        let mut taken = BTreeSet::new();
        for (index, link) in spec.links.iter().enumerate() {
            let at = |name: &str| format!("links[{index}].{name}");
            self.own(spec, Namespace::Net, format_args!("links[{index}]"), "both ends would be the caller's");
            self.interface(&link.host, at("host"), taken.insert(("host", link.host.as_str())));
            self.interface(
                &link.container,
                at("container"),
                taken.insert(("inside", link.container.as_str())),
            );
            self.address(link.host_address.as_deref(), at("host-address"));
            self.address(link.container_address.as_deref(), at("container-address"));
        }
        for (index, device) in spec.devices.iter().enumerate() {
            let at = |name: &str| format!("devices[{index}].{name}");
            self.own(
                spec,
                Namespace::Net,
                format_args!("devices[{index}]"),
                "there is nowhere to move it to",
            );
            self.interface(&device.name, at("name"), taken.insert(("host", device.name.as_str())));
            let inside = device.rename.as_ref().unwrap_or(&device.name);
            let field = if device.rename.is_some() { at("rename") } else { at("name") };
            self.interface(inside, field, taken.insert(("inside", inside)));
            self.address(device.address.as_deref(), at("address"));
        }
        self.routes(spec);
        if spec.loopback {
            self.own(spec, Namespace::Net, "loopback", "it is the caller's `lo`");
        }
    }

    fn routes(&mut self, spec: &Spec) {
        for (index, route) in spec.routes.iter().enumerate() {
            self.own(spec, Namespace::Net, format_args!("routes[{index}]"), "it would be the caller's route");
            let Ok(via) = route.via.parse() else {
                let message = format_args!("`{}` is not an address", route.via);
                self.demand(
                    false,
                    format_args!("routes[{index}].via"),
                    message,
                    "write the gateway's address: 10.0.0.1",
                );
                continue;
            };
            let message = format_args!("`{}` is not a network that {via} leads to", route.to);
            let known = destination(&route.to, via).is_some();
            self.demand(known, format_args!("routes[{index}].to"), message, "write `default` or 10.0.0.0/8");
        }
    }

    fn interface(&mut self, name: &str, field: impl Display, free: bool) {
        let help = "a name has 1 to 15 bytes, no slash, no colon and no space";
        let message =
            format_args!("`{name}` has {} bytes, at most {LONGEST_INTERFACE} are allowed", name.len());
        self.demand(name.len() <= LONGEST_INTERFACE, &field, message, help);
        let odd = |byte: u8| matches!(byte, b'/' | b':') || byte.is_ascii_whitespace();
        let good = !name.is_empty() && name != "." && name != ".." && !name.bytes().any(odd);
        self.demand(good, &field, format_args!("`{name}` is not a name for an interface"), help);
        self.demand(
            free,
            field,
            format_args!("`{name}` is claimed twice"),
            "give each interface its own name",
        );
    }

    fn address(&mut self, address: Option<&str>, field: impl Display) {
        if let Some(Err(error)) = address.map(str::parse::<Address>) {
            self.demand(
                false,
                field,
                error.to_string(),
                "give the address and the length of its network's prefix",
            );
        }
    }

    fn capabilities(&mut self, spec: &Spec) {
        let wanted = &spec.capabilities;
        let before = self.0.len();
        for (field, list) in lists(wanted) {
            for (index, name) in list.iter().enumerate() {
                if !name.eq_ignore_ascii_case(ALL) && parse(name).is_none() {
                    let known: Vec<String> = [ALL.to_owned()].into_iter().chain(names()).collect();
                    self.0.push(Problem {
                        field: format!("capabilities.{field}[{index}]"),
                        message: format!("`{name}` is not a capability"),
                        help: format!("known are {}", known.join(" ")),
                        unknown: Some(Unknown { word: name.clone(), known }),
                        missing: None,
                    });
                }
            }
        }
        if self.0.len() == before {
            let sets = sets(wanted, spec.uid, &::caps::all());
            for (field, rule) in unreachable(&sets, spec.uid, spec.no_new_privileges) {
                let help = "these sets would not survive execve, see capabilities(7)";
                self.demand(false, format_args!("capabilities.{field}"), rule, help);
            }
        }
    }

    fn program(&mut self, spec: &Spec) {
        let given = spec.args.first().is_some_and(|name| !name.is_empty());
        self.demand(given, "args", "no program is given", "give at least its name");
        let no_nul = |text: &String| !text.contains('\0');
        self.demand(spec.args.iter().all(no_nul), "args", "an argument has a NUL byte", "take it out");
        let well_named = |name: &String| !name.is_empty() && !name.contains('=') && no_nul(name);
        let good = spec.env.keys().all(well_named) && spec.env.values().all(no_nul);
        self.demand(good, "env", "a name is empty, has `=`, or something has a NUL byte", "take it out");
        self.path(&spec.cwd, "cwd");
        self.demand(spec.umask <= 0o777, "umask", "more than 0777", "write it in octal: 0o022");
        for &fd in &spec.keep_fds {
            let message = format_args!("{fd} cannot be kept");
            self.demand(
                fd > 2,
                "keep-fds",
                message,
                "0, 1 and 2 are always the program's, the others begin at 3",
            );
        }
        if let Some(group) = &spec.cgroup {
            let good = !group.name.is_empty() && !group.name.contains('/') && !group.name.starts_with('.');
            self.demand(
                good,
                "cgroup.name",
                format_args!("`{}` is not a name", group.name),
                "take a name without `/`",
            );
            for file in group.limits.keys().filter(|file| !file.contains('.') || file.contains('/')) {
                let message = format_args!("`{file}` is not a file of a cgroup");
                self.demand(false, "cgroup.limits", message, "write memory.max, pids.max, …");
            }
        }
    }
}

fn lists(wanted: &Capabilities) -> Vec<(&'static str, &[String])> {
    let or_none = |list| Option::as_deref(list).unwrap_or_default();
    vec![
        ("keep", &wanted.keep),
        ("drop", &wanted.drop),
        ("bounding", or_none(&wanted.bounding)),
        ("permitted", or_none(&wanted.permitted)),
        ("effective", or_none(&wanted.effective)),
        ("inheritable", &wanted.inheritable),
        ("ambient", &wanted.ambient),
    ]
}

fn holds(row: &IdMap, id: u32) -> bool {
    id >= row.inside && id - row.inside < row.count
}

fn overlap(one: &IdMap, other: &IdMap) -> bool {
    let cross = |a: u32, b: u32| {
        let (a, b) = (u64::from(a), u64::from(b));
        a < b + u64::from(other.count) && b < a + u64::from(one.count)
    };
    cross(one.inside, other.inside) || cross(one.outside, other.outside)
}

fn is_size(text: &str) -> bool {
    let number = text.strip_suffix(['k', 'K', 'm', 'M', 'g', 'G', '%']).unwrap_or(text);
    number.parse::<u64>().is_ok()
}
