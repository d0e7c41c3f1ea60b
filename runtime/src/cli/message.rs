//! What `nsrun` says when something went wrong.

use crate::check::Problem;
use crate::output;
use crate::step::{Failure, Step};
use crate::sys::process::Status;
use crate::sys::{self, Errno, signal};

/// One message, its way out, and the exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) text: String,
    pub(super) help: Option<String>,
    pub(super) code: i32,
}

impl Message {
    pub(super) fn new(text: impl Into<String>, help: &str) -> Message {
        Message { text: text.into(), help: Some(help.to_owned()), code: super::FAILED }
    }

    pub(super) fn print(&self) -> i32 {
        output::say(format!("nsrun: {}", self.text));
        if let Some(help) = &self.help {
            output::say(format!("  help: {help}"));
        }
        self.code
    }
}

impl From<Failure> for Message {
    fn from(failure: Failure) -> Self {
        // As env(1) and every shell do it.
        let code = match (failure.step, failure.errno) {
            (Step::Execute, Errno::ENOENT) => 127,
            (Step::Execute, _) => 126,
            (Step::Channel, Errno::ECANCELED) => match signal::take_end() {
                Ok(Some(signal)) => Status::Signaled(signal).code(),
                _ => super::FAILED,
            },
            _ => super::FAILED,
        };
        Message { text: failure.to_string(), help: failure.help().map(str::to_owned), code }
    }
}

impl From<Vec<Problem>> for Message {
    fn from(problems: Vec<Problem>) -> Self {
        let one =
            |problem: &Problem| format!("{}: {}\n  help: {}", problem.field, problem.message, problem.help);
        let text = problems.iter().map(one).collect::<Vec<_>>().join("\nnsrun: ");
        Message { text, help: None, code: super::FAILED }
    }
}

impl From<Errno> for Message {
    fn from(errno: Errno) -> Self {
        Message {
            text: format!("lost the container: {}", sys::errno_name(errno)),
            help: None,
            code: super::FAILED,
        }
    }
}
