//! The flags that describe a container, and the file that can do it too.

use std::path::{Path, PathBuf};

use super::message::Message;
use super::words::{Bind, Ended, Limit, Pair, Row, Word};
use crate::caps::ALL;
use crate::output;
use crate::spec::{Capabilities, Cgroup, Device, Namespace, Peer, Resource, Root, Route, Spec, Switch, Veth};
use clap::Args;
use sys::{credentials, input, terminal};

/// What `nsrun run` and `nsrun explain` take.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Read the container from a file in TOML; other flags change it
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    #[command(flatten)]
    namespaces: Namespaces,
    #[command(flatten)]
    root: RootFlags,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    process: Process,
    /// The program and its arguments
    #[arg(last = true, value_name = "CMD")]
    command: Vec<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Namespaces")]
struct Namespaces {
    /// Every namespace; the user namespace only for a caller who is not root
    #[arg(short = 'a', long)]
    all: bool,
    /// Own hostname
    #[arg(short = 'u', long)]
    uts: bool,
    /// Own System V IPC objects and POSIX message queues
    #[arg(short = 'i', long)]
    ipc: bool,
    /// Own process numbers: the program is PID 1
    #[arg(short = 'p', long)]
    pid: bool,
    /// Own network devices
    #[arg(short = 'n', long)]
    net: bool,
    /// Own mounts
    #[arg(short = 'm', long)]
    mount: bool,
    /// Own users: the caller is root inside
    #[arg(short = 'U', long)]
    user: bool,
    /// Own view of the cgroups
    #[arg(short = 'C', long)]
    cgroup_ns: bool,
    /// Enter the namespace of a process or file instead: net=1234
    #[arg(long, value_name = "KIND=PID")]
    join: Vec<Pair<Word<Namespace>, Peer>>,
    /// Hostname, with --uts
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// NIS domain name, with --uts
    #[arg(long, value_name = "NAME")]
    domainname: Option<String>,
    /// Row of the user map: 0:100000:65536
    #[arg(long, value_name = "INSIDE:OUTSIDE:COUNT")]
    uid_map: Vec<Row>,
    /// Row of the group map
    #[arg(long, value_name = "INSIDE:OUTSIDE:COUNT")]
    gid_map: Vec<Row>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Root and mounts")]
struct RootFlags {
    /// A tmpfs of that size becomes the root
    #[arg(long, value_name = "SIZE")]
    tmpfs: Option<String>,
    /// Directory copied into the tmpfs (of 50M unless --tmpfs says another size)
    #[arg(long, value_name = "DIR")]
    skeleton: Option<PathBuf>,
    /// This directory becomes the root
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// chroot instead of pivot_root
    #[arg(long)]
    chroot: bool,
    /// Keep the old root there instead of detaching it
    #[arg(long, value_name = "DIR")]
    keep_old: Option<PathBuf>,
    /// Read-only root
    #[arg(long)]
    read_only: bool,
    /// Fresh /proc
    #[arg(long)]
    proc: bool,
    /// Read-only /sys
    #[arg(long)]
    sys: bool,
    /// Minimal /dev
    #[arg(long)]
    dev: bool,
    /// Bind mount, with what is mounted below it; options as of mount(8)
    #[arg(long, value_name = "SRC:DST[:OPTIONS]")]
    bind: Vec<Bind>,
    /// Kernel parameter: net.ipv4.ip_forward=1
    #[arg(long, value_name = "NAME=VALUE")]
    sysctl: Vec<Pair<String, String>>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
struct Network {
    /// Bring lo up
    #[arg(long)]
    loopback: bool,
    /// veth pair: mybr0:192.168.47.11/24=mybr1:192.168.47.12/24
    #[arg(long, value_name = "HOST[:ADDR]=INSIDE[:ADDR]")]
    veth: Vec<Pair<Ended, Ended>>,
    /// Move a device in
    #[arg(long, value_name = "NAME[:ADDR]")]
    device: Vec<Ended>,
    /// Route by way of a gateway: default=192.168.47.11
    #[arg(long, value_name = "TO=VIA")]
    route: Vec<Pair<String, String>>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Program")]
struct Process {
    /// Keep a capability, or ALL
    #[arg(long, value_name = "CAP")]
    cap_add: Vec<String>,
    /// Drop a capability, or ALL (those of --cap-add stay)
    #[arg(long, value_name = "CAP")]
    cap_drop: Vec<String>,
    /// Whether execve can gain no privileges [default: true]
    #[arg(long, value_name = "BOOL", action = clap::ArgAction::Set)]
    no_new_privs: Option<bool>,
    /// User id inside
    #[arg(long)]
    uid: Option<u32>,
    /// Group id inside
    #[arg(long)]
    gid: Option<u32>,
    /// Supplementary group
    #[arg(long, value_name = "GID")]
    group: Vec<u32>,
    /// Environment variable; nothing is inherited
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<Pair<String, String>>,
    /// Working directory inside
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,
    /// Run a small init as the first process, which reaps orphans and forwards signals
    #[arg(long)]
    init: bool,
    /// Resource limit: nofile=64:128
    #[arg(long, value_name = "NAME=SOFT[:HARD]")]
    rlimit: Vec<Pair<Word<Resource>, Limit>>,
    /// Make a cgroup of that name for the container
    #[arg(long, value_name = "NAME")]
    cgroup: Option<String>,
    /// Limit of the cgroup: memory.max=64M
    #[arg(long, value_name = "FILE=VALUE", requires = "cgroup")]
    limit: Vec<Pair<String, String>>,
    /// Whether the program gets a session of its own, and a terminal of its own where the caller has one [default: true]
    #[arg(long, value_name = "BOOL", action = clap::ArgAction::Set)]
    new_session: Option<bool>,
    /// Descriptor beyond 0, 1 and 2 that the program keeps
    #[arg(long, value_name = "FD")]
    keep_fd: Vec<i32>,
}

impl Flags {
    /// The container that was asked for, checked.
    pub(super) fn into_spec(self) -> Result<Spec, Message> {
        let mut spec = self.spec.as_deref().map_or_else(|| Ok(Spec::default()), load)?;
        self.namespaces.apply(&mut spec);
        self.root.apply(&mut spec);
        self.network.apply(&mut spec);
        self.process.apply(&mut spec);
        if !self.command.is_empty() {
            spec.args = self.command;
        }
        if terminal::is_terminal(std::io::stdin())
            && let Ok(kind) = std::env::var("TERM")
        {
            spec.env.entry("TERM".into()).or_insert(kind);
        }
        spec.check()?;
        Ok(spec)
    }
}

/// Reads a specification: a file, or what another program writes.
fn load(path: &Path) -> Result<Spec, Message> {
    let shown = path.display();
    let text = input::receive_text(path, input::TEXT)
        .map_err(|error| Message::new(format!("{shown}: {error}"), "give --spec a file in TOML"))?;
    toml::from_str(&text).map_err(|error| {
        let error = format!("{}: {}", output::one_line(&shown.to_string()), error.to_string().trim_end());
        Message::of_lines(error.lines(), "`nsrun run --help` names what a container can have")
    })
}

impl Namespaces {
    fn apply(self, spec: &mut Spec) {
        let (user, _) = credentials::effective_ids();
        let chosen = |kind: &Namespace| match kind {
            Namespace::Uts => self.uts || self.all,
            Namespace::Ipc => self.ipc || self.all,
            Namespace::Pid => self.pid || self.all,
            Namespace::Net => self.net || self.all,
            Namespace::Mount => self.mount || self.all,
            Namespace::Cgroup => self.cgroup_ns || self.all,
            Namespace::User => self.user || (self.all && user != 0),
        };
        spec.join.extend(self.join.into_iter().map(|Pair(kind, peer)| (kind.0, peer)));
        let made = Namespace::ALL.iter().copied().filter(chosen);
        // What is joined is not made by --all; that both were asked for by name is for the check to tell.
        let joined = &spec.join;
        spec.namespaces.extend(made.filter(|kind| !self.all || !joined.contains_key(kind)));
        spec.hostname = self.hostname.or(spec.hostname.take());
        spec.domainname = self.domainname.or(spec.domainname.take());
        spec.uid_map.extend(self.uid_map.into_iter().map(|Row(row)| row));
        spec.gid_map.extend(self.gid_map.into_iter().map(|Row(row)| row));
    }
}

impl RootFlags {
    fn apply(self, spec: &mut Spec) {
        let tmpfs = self.tmpfs.or_else(|| self.skeleton.is_some().then(|| "50M".to_owned()));
        if tmpfs.is_some() || self.root.is_some() {
            spec.root = Some(Root { tmpfs, dir: self.root, skeleton: self.skeleton, ..Root::default() });
        }
        if let Some(root) = &mut spec.root {
            if self.chroot {
                root.switch = Switch::Chroot;
            }
            root.keep_old = self.keep_old.or(root.keep_old.take());
            root.read_only |= self.read_only;
        }
        spec.proc |= self.proc;
        spec.sysfs |= self.sys;
        spec.dev |= self.dev;
        spec.mounts.extend(self.bind.into_iter().map(|Bind(mount)| mount));
        spec.sysctls.extend(self.sysctl.into_iter().map(|Pair(name, value)| (name, value)));
    }
}

impl Network {
    fn apply(self, spec: &mut Spec) {
        spec.loopback |= self.loopback;
        spec.links.extend(self.veth.into_iter().map(|Pair(host, container)| Veth {
            host: host.name,
            host_address: host.address,
            container: container.name,
            container_address: container.address,
            mtu: None,
            down: false,
        }));
        let device = |end: Ended| Device { name: end.name, address: end.address, rename: None, mtu: None };
        spec.devices.extend(self.device.into_iter().map(device));
        spec.routes.extend(self.route.into_iter().map(|Pair(to, via)| Route { to, via }));
    }
}

impl Process {
    fn apply(self, spec: &mut Spec) {
        capabilities(&mut spec.capabilities, self.cap_add, self.cap_drop);
        spec.no_new_privileges = self.no_new_privs.unwrap_or(spec.no_new_privileges);
        spec.uid = self.uid.unwrap_or(spec.uid);
        spec.gid = self.gid.unwrap_or(spec.gid);
        spec.groups.extend(self.group);
        spec.env.extend(self.env.into_iter().map(|Pair(name, value)| (name, value)));
        spec.cwd = self.cwd.unwrap_or_else(|| spec.cwd.clone());
        spec.init |= self.init;
        spec.rlimits.extend(self.rlimit.into_iter().map(|Pair(kind, limit)| (kind.0, limit.0)));
        if let Some(name) = self.cgroup {
            let limits = self.limit.into_iter().map(|Pair(file, value)| (file, value)).collect();
            spec.cgroup = Some(Cgroup { name, limits });
        }
        spec.new_session = self.new_session.unwrap_or(spec.new_session);
        spec.keep_fds.extend(self.keep_fd);
    }
}

/// `--cap-drop ALL` takes the default away, and `--cap-add` puts single ones back: what people know from other engines.
fn capabilities(wanted: &mut Capabilities, add: Vec<String>, drop: Vec<String>) {
    let all = |name: &String| name.eq_ignore_ascii_case(ALL);
    if drop.iter().any(all) {
        wanted.keep.clear();
    }
    wanted.drop.extend(drop.into_iter().filter(|name| !all(name)));
    wanted.keep.extend(add);
}
