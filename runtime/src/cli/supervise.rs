//! Waiting for the program, and passing signals on.

use super::message::Message;
use super::terminal::{Relay, Terminal};
use sys::process::Status;
use sys::signal::{self, Arrived};
use sys::{self, Errno, Signal, terminal};

/// A program to wait for.
pub(super) trait Watched {
    fn pid(&self) -> i32;
    /// Whether it ignores what it does not handle, as the first process of a PID namespace does.
    fn is_first(&self) -> bool;
    fn ended(&mut self) -> sys::Result<Option<Status>>;
    fn send(&self, signal: i32) -> sys::Result<()>;
}

/// Waits for the end and gives the exit code. Every signal must be blocked.
pub(super) fn supervise(program: &mut impl Watched, terminal: Terminal) -> Result<i32, Message> {
    let (status, fatal) = match terminal {
        Terminal::Own(relay) => relayed(program, *relay)?,
        Terminal::Absent => waited_for(program, false)?,
        Terminal::Shared => {
            let ended = waited_for(program, true)?;
            // A shell inside made its own process group the foreground one; a terminal that is gone needs none.
            let _ = terminal::take_foreground(std::io::stdin());
            ended
        }
    };
    Ok(fatal.map_or(status.code(), |signal| Status::Signaled(signal).code()))
}

/// How the program ended, and the signal that was meant to end it.
type Ended = (Status, Option<i32>);

fn waited_for(program: &mut impl Watched, shares_terminal: bool) -> sys::Result<Ended> {
    let mut fatal = None;
    loop {
        if let Some(status) = program.ended()? {
            return Ok((status, fatal));
        }
        let arrived = signal::wait()?;
        if arrived.signal != signal::CHILD {
            fatal = pass_on(program, arrived, shares_terminal)?.or(fatal);
        }
    }
}

fn relayed(program: &mut impl Watched, mut relay: Relay) -> sys::Result<Ended> {
    let mut fatal = None;
    relay.take()?;
    loop {
        while let Some(arrived) = signal::take()? {
            match arrived.signal {
                signal::CHILD => {}
                signal::RESIZED => relay.resize(),
                signal::CONTINUED => relay.take()?,
                _ => fatal = pass_on(program, arrived, false)?.or(fatal),
            }
        }
        if let Some(status) = program.ended()? {
            relay.finish()?;
            return Ok((status, fatal));
        }
        if let Some(typed) = relay.turn(program.pid())? {
            // The program's own terminal sends it.
            let arrived = Arrived { signal: typed as i32, from_kernel: true };
            fatal = pass_on(program, arrived, true)?.or(fatal);
        }
        if relay.caller_is_gone() {
            // As the caller's terminal, so the program's: it hangs up.
            drop(relay);
            let (status, later) = waited_for(program, false)?;
            return Ok((status, later.or(fatal)));
        }
    }
}

/// Passes a signal on. A first process would ignore what it does not handle, but whoever signals `nsrun` means the end: then
/// it is killed, and the signal is given back.
fn pass_on(program: &impl Watched, arrived: Arrived, by_terminal: bool) -> sys::Result<Option<i32>> {
    let handled = !program.is_first() || handles(program.pid(), arrived.signal);
    let ends = !handled && signal::ends_by_default(arrived.signal);
    // What the terminal sends, it sends to the program too.
    if !ends && arrived.from_kernel && by_terminal {
        return Ok(None);
    }
    let sent = program.send(if ends { Signal::SIGKILL as i32 } else { arrived.signal });
    match sent {
        // It ended just now, and is reaped next.
        Err(Errno::ESRCH) => Ok(None),
        other => other.map(|()| ends.then_some(arrived.signal)),
    }
}

/// Whether a process catches, ignores or blocks a signal: the masks in `/proc/PID/status`. proc_pid_status(5)
fn handles(pid: i32, signal: i32) -> bool {
    let status = sys::file::read_text(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    };
    let handled = mask("SigBlk:") | mask("SigIgn:") | mask("SigCgt:");
    handled >> (signal - 1) & 1 == 1
}
