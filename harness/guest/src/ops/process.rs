//! Signals, orphans, and system calls by name.

use std::ffi::CString;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::str::FromStr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sys::probe::channel::Aside;
use sys::probe::raw::{self, Argument};
use sys::probe::task;
use sys::process::{self, Birth, clone, exit};
use sys::{Errno, Signal, signal};

use super::{Done, Refusal, done};
use crate::child;
use protocol::operation::{Kill, Syscall};

/// For what the kernel does at once, on a machine that may be slow.
const TIMEOUT: Duration = Duration::from_secs(1);

pub(super) fn kill(kill: &Kill) -> Done {
    let pid = kill
        .pid
        .ok_or_else(|| Refusal::Broken("only the host kills a container by name; say `pid`".into()))?;
    done(signal::send(pid, signal_number(&kill.signal)?))
}

fn signal_number(name: &str) -> Result<i32, Refusal> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    match Signal::from_str(&format!("SIG{}", name.trim_start_matches("SIG"))) {
        Ok(signal) => Ok(signal as i32),
        Err(_) => Err(Refusal::Broken(format!("no signal `{name}`"))),
    }
}

/// ```text
/// actor ── child ── grandchild
///            ╳      (its parent is gone: who is it now?)
///                   {pid, parent} ──▶ actor
///                   ◀── you may end
/// ```
pub(super) fn orphan() -> Done {
    let (ours, theirs) = UnixStream::pair()?;
    let child = match clone(&[], None)? {
        Birth::Child => {
            drop(ours);
            let pid = task::ids().map_or(0, |ids| ids.pid);
            match clone(&[], None) {
                Ok(Birth::Child) => exit(i32::from(be_orphaned(theirs, pid).is_err())),
                Ok(Birth::Parent(_)) => exit(0),
                Err(_) => exit(1),
            }
        }
        Birth::Parent(pid) => pid,
    };
    drop(theirs);
    process::wait(child)?;
    let mut reader = BufReader::new(ours);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let (pid, parent): (i32, i32) = serde_json::from_str(&line)?;
    reader.get_mut().write_all(b"\n")?;
    Ok(json!({ "parent": parent, "reaped": is_reaped(pid)? }))
}

/// The grandchild's life.
fn be_orphaned(mut actor: UnixStream, child: i32) -> Result<(), Refusal> {
    // Orphans are given away before it is told that their parent has ended (exit_notify in kernel/exit.c).
    process::ends_within(child, TIMEOUT)?;
    let ids = task::ids()?;
    writeln!(actor, "{}", json!((ids.pid, ids.ppid)))?;
    BufReader::new(actor).read_line(&mut String::new())?;
    Ok(())
}

/// Whether the process disappears, reaped by the actor if it is the actor's to reap.
fn is_reaped(pid: i32) -> Result<bool, Refusal> {
    let deadline = Instant::now() + TIMEOUT;
    while Instant::now() < deadline {
        match process::reap(Some(pid)) {
            Ok(Some(_)) => return Ok(signal::send(pid, 0) == Err(Errno::ESRCH)),
            // Another process's child.
            Err(Errno::ECHILD) if signal::send(pid, 0) == Err(Errno::ESRCH) => return Ok(true),
            Ok(None) | Err(Errno::ECHILD) => sleep(Duration::from_micros(200)),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(false)
}

/// Calls of which two processes return, or none: made in a child, of which one answers.
const APART: &[&str] = &["fork", "vfork", "clone", "clone3", "execve", "execveat", "exit", "exit_group"];
/// Calls that close descriptors by ranges or take any number: what is out of the way would be closed, too.
const CLOSING: &[&str] = &["close", "close_range", "dup2", "dup3"];

/// The call is made by the actor itself, for what it changes is there for the next step; but the channel is out of its way.
pub(super) fn syscall(call: &Syscall) -> Done {
    let number =
        raw::number(&call.name).ok_or_else(|| Refusal::Broken(format!("no system call `{}`", call.name)))?;
    let arguments = call.args.iter().map(argument).collect::<Result<Vec<_>, _>>()?;
    let among = |names: &[&str]| names.iter().any(|name| raw::number(name) == Some(number));
    if among(APART) {
        return child::apart(|| in_this_process(number, &arguments));
    }
    if among(CLOSING) {
        return Ok(raw::call(number, &arguments)?.into());
    }
    let aside = Aside::take().map_err(no_room)?;
    let returned = raw::call(number, &arguments);
    aside.put_back().map_err(|errno| Refusal::Broken(format!("the channel was closed: {errno}")))?;
    Ok(returned?.into())
}

/// For a child: the channel stays out of its way, and a further process that the call made says nothing.
fn in_this_process(number: i64, arguments: &[Argument]) -> Done {
    let _aside = Aside::take().map_err(no_room)?;
    let before = task::thread();
    let returned = raw::call(number, arguments);
    if task::thread() != before {
        exit(0)
    }
    Ok(returned?.into())
}

fn no_room(errno: Errno) -> Refusal {
    Refusal::Broken(format!("no room for two more descriptors, which a raw system call takes: {errno}"))
}

fn argument(value: &Value) -> Result<Argument, Refusal> {
    match value {
        Value::Number(number) => number.as_i64().map(Argument::Number),
        Value::String(text) => CString::new(text.as_str()).ok().map(Argument::Text),
        _ => None,
    }
    .ok_or_else(|| Refusal::Broken(format!("{value} is neither a number of 64 bits nor a text")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("KILL", 9)]
    #[case("SIGTERM", 15)]
    #[case("0", 0)]
    #[case("34", 34)]
    fn a_signal_has_a_number(#[case] name: &str, #[case] number: i32) {
        assert_eq!(signal_number(name), Ok(number));
    }

    #[test]
    fn an_unknown_signal_is_told() {
        assert_eq!(signal_number("KILLER"), Err(Refusal::Broken("no signal `KILLER`".into())));
    }
}
