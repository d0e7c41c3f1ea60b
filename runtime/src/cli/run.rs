//! `nsrun run`

use std::os::fd::OwnedFd;

use clap::Args;

use super::flags::Flags;
use super::message::Message;
use super::protect;
use super::supervise::{Watched, supervise};
use crate::container::Container;
use crate::names::namespaces;
use crate::output;
use crate::spec::{Namespace, Spec};
use crate::step::Side;
use crate::sys::signal;
use crate::trace::Trace;

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
        if protect::is_needed(&spec) {
            protect::go_on_sealed()?;
        }
        // From here on no signal ends this process: one that comes during set-up undoes that, a later one is the program's.
        signal::block_all()?;
        let end = signal::watch_for_end()?;
        let mut running =
            if self.trace { traced(&spec, end)? } else { Container::new(&spec).cancel(end).spawn()? };
        let status = supervise(&mut running, !spec.new_session)?;
        running.stop_and_leave()?;
        Ok(status)
    }
}

fn traced(spec: &Spec, end: OwnedFd) -> Result<crate::Running, Message> {
    let mut last = namespaces(None)?;
    let mut print = |trace: &Trace| {
        let side = match trace.side {
            Side::Parent => "parent",
            Side::Child => "child",
        };
        let index = trace.index.map(|index| format!("[{index}]")).unwrap_or_default();
        let detail = if trace.detail.is_empty() { String::new() } else { format!(" ({})", trace.detail) };
        let changed = trace.namespaces.iter().filter(|(kind, inode)| last.get(kind) != Some(inode));
        let changed: String = changed.map(|(kind, inode)| format!("  {kind}:[{inode}]")).collect();
        output::say(format!("{side:<6}  {}{index}{detail}{changed}", trace.step));
        last.extend(&trace.namespaces);
    };
    Ok(Container::new(spec).cancel(end).trace(&mut print).spawn()?)
}

impl Watched for crate::Running {
    fn pid(&self) -> i32 {
        crate::Running::pid(self)
    }

    fn is_first(&self) -> bool {
        // The small init takes every signal and passes it on.
        self.spec().namespaces.contains(&Namespace::Pid) && !self.spec().init
    }

    fn ended(&mut self) -> crate::sys::Result<Option<crate::Status>> {
        self.try_wait()
    }

    fn send(&self, signal: i32) -> crate::sys::Result<()> {
        self.signal_number(signal)
    }
}
