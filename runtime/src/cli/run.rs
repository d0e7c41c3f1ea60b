//! `nsrun run`

use std::collections::BTreeMap;

use clap::Args;

use super::flags::Flags;
use super::message::Message;
use super::protect;
use super::supervise::{Watched, supervise};
use super::terminal::Terminal;
use crate::container::Container;
use crate::names::namespaces;
use crate::output;
use crate::spec::Namespace;
use crate::step::Side;
use crate::trace::Trace;
use sys::{descriptor, signal};

/// Build a container and run a program in it.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Print each step as it happens, with the inodes of the namespaces that it changed
    #[arg(long)]
    trace: bool,
    #[command(flatten)]
    flags: Flags,
}

impl Run {
    pub(super) fn run(self) -> Result<i32, Message> {
        let spec = self.flags.into_spec()?;
        // From here on no signal ends this process: one that comes during set-up undoes that, a later one is the program's.
        signal::block_all()?;
        descriptor::close_inherited(&spec.keep_fds)?;
        if protect::is_needed(&spec) {
            protect::go_on_sealed()?;
        }
        let end = signal::watch_for_end()?;
        let terminal = Terminal::of_caller(spec.new_session)?;
        let mut seen = if self.trace { namespaces(None)? } else { BTreeMap::new() };
        let mut tell = |trace: &Trace| tell(trace, &mut seen);
        let mut container = Container::new(&spec).cancel(end);
        if self.trace {
            container = container.trace(&mut tell);
        }
        if let Some((controlling, stdio)) = terminal.of_program()? {
            container = container.terminal(controlling).stdio(stdio);
        }
        let mut running = container.spawn()?;
        let status = supervise(&mut running, terminal)?;
        running.stop_and_leave()?;
        Ok(status)
    }
}

/// Prints a step, and of the namespaces those that are not as they were `seen` last.
fn tell(trace: &Trace, seen: &mut BTreeMap<Namespace, u64>) {
    let side = match trace.side {
        Side::Parent => "parent",
        Side::Child => "child",
    };
    let index = trace.index.map(|index| format!("[{index}]")).unwrap_or_default();
    let detail = if trace.detail.is_empty() { String::new() } else { format!(" ({})", trace.detail) };
    let changed = trace.namespaces.iter().filter(|(kind, inode)| seen.get(kind) != Some(inode));
    let changed: String = changed.map(|(kind, inode)| format!("  {kind}:[{inode}]")).collect();
    output::say(output::one_line(&format!("{side:<6}  {}{index}{detail}{changed}", trace.step)));
    seen.extend(&trace.namespaces);
}

impl Watched for crate::Running {
    fn pid(&self) -> i32 {
        crate::Running::pid(self)
    }

    fn is_first(&self) -> bool {
        // The small init takes every signal and passes it on.
        self.spec().namespaces.contains(&Namespace::Pid) && !self.spec().init
    }

    fn ended(&mut self) -> sys::Result<Option<crate::Status>> {
        self.try_wait()
    }

    fn send(&self, signal: i32) -> sys::Result<()> {
        self.signal_number(signal)
    }
}
