//! `nsrun exec`

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;

use super::message::Message;
use super::protect;
use super::supervise::{Watched, supervise};
use super::terminal::Terminal;
use crate::caps::short;
use crate::exec::{Exec, Joined};
use crate::spec::{Capabilities, Resource, Rlimit, Spec};
use sys::{self, credentials, descriptor, signal, terminal};

/// Run a program in the container of a process.
#[derive(Debug, Args)]
pub(super) struct ExecCommand {
    /// A process of the container
    #[arg(value_name = "PID")]
    pid: i32,
    /// User id inside
    #[arg(long, default_value_t = 0)]
    uid: u32,
    /// Group id inside
    #[arg(long, default_value_t = 0)]
    gid: u32,
    /// Working directory inside
    #[arg(long, value_name = "DIR", default_value = "/")]
    cwd: PathBuf,
    /// Whether the program gets a session of its own, and a terminal of its own where the caller has one
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    new_session: bool,
    /// The program and its arguments
    #[arg(last = true, value_name = "CMD", required = true)]
    command: Vec<String>,
}

impl ExecCommand {
    pub(super) fn run(self) -> Result<i32, Message> {
        // The container's own builder may be another, and none of its processes ends with this one.
        signal::block_all()?;
        // Whoever may trace what joins (CAP_SYS_PTRACE) reaches what that has open.
        descriptor::close_inherited(&BTreeSet::new())?;
        protect::go_on_sealed()?;
        let interactive = terminal::is_terminal(std::io::stdin());
        let mut container = of_process(self.pid)?;
        container.uid = self.uid;
        container.gid = self.gid;
        container.cwd = self.cwd;
        container.new_session = self.new_session;
        if let (true, Ok(kind)) = (interactive, std::env::var("TERM")) {
            container.env.insert("TERM".into(), kind);
        }
        let end = signal::watch_for_end()?;
        let terminal = Terminal::of_caller(self.new_session)?;
        let mut exec = Exec::new(self.command).cancel(end);
        if let Some((controlling, stdio)) = terminal.of_program()? {
            exec = exec.terminal(controlling).stdio(stdio);
        }
        let mut joined = exec.within(self.pid, &container)?;
        supervise(&mut joined, terminal)
    }
}

/// The confinement of a process: its bounding set, no_new_privs and limits. proc_pid_status(5), prlimit(2)
fn of_process(pid: i32) -> Result<Spec, Message> {
    let path = format!("/proc/{pid}/status");
    let status = sys::file::read_text(&path).map_err(|error| {
        Message::new(format!("{path}: {error}"), "give the number of a process of the container")
    })?;
    let fields: BTreeMap<&str, &str> = status
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name, value.trim()))
        .collect();
    let bounding = fields.get("CapBnd").and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(0);
    let kept = caps::all().into_iter().filter(|capability| capability.bitmask() & bounding != 0);
    Ok(Spec {
        capabilities: Capabilities { keep: kept.map(short).collect(), ..Capabilities::default() },
        no_new_privileges: fields.get("NoNewPrivs") != Some(&"0"),
        rlimits: limits(pid)?,
        ..Spec::default()
    })
}

/// Its limits, as far as they are not the caller's anyway.
fn limits(pid: i32) -> Result<BTreeMap<Resource, Rlimit>, Message> {
    let mut found = BTreeMap::new();
    for kind in credentials::RESOURCES {
        let theirs = credentials::limits_of(pid, kind).map_err(|errno| {
            let text = format!("cannot read the limits of process {pid}: {}", sys::errno_name(errno));
            Message::new(text, "run it as root, or as the user whose process it is")
        })?;
        if theirs != credentials::limits(kind)? {
            found.insert(kind, Rlimit { soft: theirs.0, hard: theirs.1 });
        }
    }
    Ok(found)
}

impl Watched for Joined {
    fn pid(&self) -> i32 {
        Joined::pid(self)
    }

    fn is_first(&self) -> bool {
        false
    }

    fn ended(&mut self) -> sys::Result<Option<crate::Status>> {
        self.try_wait()
    }

    fn send(&self, signal: i32) -> sys::Result<()> {
        self.signal_number(signal)
    }
}
