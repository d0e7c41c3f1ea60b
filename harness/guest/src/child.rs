//! Work that must not change the process that asks for it: done in a child, its result sent back.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::Value;
use sys::probe::task;
use sys::process::{Birth, Status, clone, exit, wait};

use super::refusal::{Refusal, outcome};
use protocol::event::Outcome;

/// Does `work` in a child, which ends with it.
pub(super) fn apart(work: impl FnOnce() -> Result<Value, Refusal>) -> Result<Value, Refusal> {
    let (mut ours, mut theirs) = UnixStream::pair()?;
    let pid = match clone(&[], None)? {
        Birth::Child => {
            drop(ours);
            let answer = serde_json::to_vec(&outcome(work()));
            // A parent that is gone needs no answer.
            let sent = answer.is_ok_and(|answer| theirs.write_all(&answer).is_ok());
            exit(i32::from(!sent))
        }
        Birth::Parent(pid) => pid,
    };
    drop(theirs);
    let mut answer = Vec::new();
    ours.read_to_end(&mut answer)?;
    let status = wait(pid)?;
    match serde_json::from_slice(&answer) {
        Ok(Outcome::Value(value)) => Ok(value),
        Ok(Outcome::Errno(name)) => Err(Refusal::Named(name)),
        Ok(Outcome::Broken(reason) | Outcome::NoActor(reason)) => Err(Refusal::Broken(reason)),
        Err(_) => Err(Refusal::Broken(format!("the child {}", ended(status)))),
    }
}

/// How a process ended, in words: `was killed by SIGKILL`.
pub(super) fn ended(status: Status) -> String {
    match status {
        Status::Exited(code) => format!("exited with {code}"),
        Status::Signaled(number) => match task::signal_name(number) {
            Some(name) => format!("was killed by {name}"),
            None => format!("was killed by signal {number}"),
        },
    }
}
