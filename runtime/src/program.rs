//! How the container's program is executed.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd};

use crate::channel::Channel;
use crate::job::Job;
use crate::spec::Spec;
use crate::step::Step;
use sys::launcher::{self, Launcher, Try};
use sys::{Errno, Result, process};

/// What becomes of the container's first process.
pub(crate) enum Program<'a> {
    /// The caller's own file, which is not looked for in the container.
    Open(BorrowedFd<'a>),
    /// What the launcher finds in the container.
    Launched(Launcher),
    /// The same without a launcher, where there is none for the architecture: then this process is a sealed copy.
    At(Paths),
}

impl<'a> Program<'a> {
    /// Prepares it, before the process is born that is to become it: the limits of that one are the container's.
    pub(crate) fn prepare(job: &'a Job<'_>, channel: &Channel) -> Result<Program<'a>> {
        if let Some(program) = &job.program {
            return Ok(Program::Open(program.as_fd()));
        }
        let paths = Paths::of(job.spec)?;
        if !launcher::EXISTS {
            return Ok(Program::At(paths));
        }
        let of = match &paths {
            Paths::One(path) => Try::Path(path),
            Paths::Searched(paths) => Try::Search(paths),
        };
        channel.launcher(job.position(Step::Execute), of).map(Program::Launched)
    }
}

/// Where a program is looked for.
pub(crate) enum Paths {
    One(CString),
    /// One after another: the program's name in each directory of the container's own PATH.
    Searched(Vec<CString>),
}

impl Paths {
    /// As execvp(3) does it: a name with a slash is a path.
    fn of(spec: &Spec) -> Result<Paths> {
        let text = |text: String| CString::new(text).map_err(|_| Errno::EINVAL);
        let name = spec.args.first().ok_or(Errno::EINVAL)?;
        if name.contains('/') {
            return text(name.clone()).map(Paths::One);
        }
        let directories = spec.env.get("PATH").map_or("", String::as_str).split(':');
        directories
            .map(|directory| text(format!("{directory}/{name}")))
            .collect::<Result<_>>()
            .map(Paths::Searched)
    }

    /// Returns why nothing could be executed.
    pub(crate) fn execute(&self, args: &[CString], env: &[CString]) -> Errno {
        let paths = match self {
            Paths::One(path) => return process::execute(path, args, env),
            Paths::Searched(paths) => paths,
        };
        let mut refused = Errno::ENOENT;
        for path in paths {
            match process::execute(path, args, env) {
                Errno::ENOENT | Errno::ENOTDIR => {}
                // It may still be elsewhere, but this is the better reason.
                Errno::EACCES => refused = Errno::EACCES,
                errno => return errno,
            }
        }
        refused
    }
}
