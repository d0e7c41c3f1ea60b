//! Why an operation has no value, and how it is told.

use std::io;

use protocol::event::Outcome;
use serde_json::Value;
use sys::Errno;

/// Why there is no value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The kernel said no.
    Errno(Errno),
    /// The kernel said no in another process, which told the errno's name.
    Named(String),
    /// It could not be tried.
    Broken(String),
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Refusal::Errno(errno)
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(errno) => Refusal::Errno(Errno::from_raw(errno)),
            // The standard library waits by itself and gives no errno then.
            None if error.kind() == io::ErrorKind::TimedOut => Refusal::Errno(Errno::ETIMEDOUT),
            None => Refusal::Broken(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Self {
        Refusal::Broken(error.to_string())
    }
}

pub(super) type Done = Result<Value, Refusal>;

/// As it is told to the host.
pub(super) fn outcome(done: Done) -> Outcome {
    match done {
        Ok(value) => Outcome::Value(value),
        Err(Refusal::Errno(errno)) => Outcome::Errno(sys::errno_name(errno)),
        Err(Refusal::Named(name)) => Outcome::Errno(name),
        Err(Refusal::Broken(reason)) => Outcome::Broken(reason),
    }
}
