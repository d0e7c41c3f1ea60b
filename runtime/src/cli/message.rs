//! What `nsrun` says when something went wrong.

use crate::output;
use crate::problem::Problem;
use crate::spec::Namespace;
use crate::step::{Failure, Step};
use sys::process::Status;
use sys::{self, Errno, signal};

/// One message, its way out, and the exit code. What is in it from outside was made a part of its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    lines: Vec<String>,
    code: i32,
}

impl Message {
    pub(super) fn new(text: impl AsRef<str>, help: &str) -> Message {
        Message::of_lines([text.as_ref()], help)
    }

    /// The same with a text of several lines.
    pub(super) fn of_lines<'a>(lines: impl IntoIterator<Item = &'a str>, help: &str) -> Message {
        let mut message = Message { lines: Vec::new(), code: super::FAILED };
        message.add(lines, Some(help));
        message
    }

    fn add<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>, help: Option<&str>) {
        let first = self.lines.len();
        self.lines.extend(lines.into_iter().map(output::one_line));
        self.lines[first].insert_str(0, "nsrun: ");
        self.lines.extend(help.map(|help| format!("  help: {}", output::one_line(help))));
    }

    pub(super) fn print(&self) -> i32 {
        output::say(self.lines.join("\n"));
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
        let mut message = Message { lines: Vec::new(), code };
        message.add([failure.to_string().as_str()], failure.help());
        message
    }
}

impl From<Vec<Problem>> for Message {
    fn from(problems: Vec<Problem>) -> Self {
        let mut message = Message { lines: Vec::new(), code: super::FAILED };
        for problem in &problems {
            let text = format!("{}: {}", problem.field, problem.message);
            // Who typed flags is told of a flag.
            let help = match problem.missing {
                Some(Namespace::Cgroup) => "give the container one: --cgroup-ns".to_owned(),
                Some(kind) => format!("give the container one: --{kind}"),
                None => problem.help.clone(),
            };
            message.add([text.as_str()], Some(&help));
        }
        message
    }
}

impl From<Errno> for Message {
    fn from(errno: Errno) -> Self {
        let mut message = Message { lines: Vec::new(), code: super::FAILED };
        message.add([format!("lost the container: {}", sys::errno_name(errno)).as_str()], None);
        message
    }
}
