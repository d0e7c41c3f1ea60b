//! Whether the running kernel has what a scenario needs: features are looked for, versions are not compared.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use runtime::sys::probe::raw::{self, Argument};
use runtime::sys::process::{self, Birth, Status, clone, exit};
use runtime::sys::{Errno, Signal, signal};

use super::ops;
use crate::plan::Need;

/// A system call that waits is there. One that is not is told of at once, on a machine whose host may have little time for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// `None` if the need is met, else what was looked for.
pub(super) fn unmet(need: &Need) -> io::Result<Option<String>> {
    let (met, looked_for) = match need {
        Need::Module(name) => (has_module(name)?, format!("no module `{name}`, loaded or built in")),
        Need::Filesystem(name) => (has_filesystem(name)?, format!("no `{name}` in /proc/filesystems")),
        Need::Namespace(kind) => {
            let path = format!("/proc/self/ns/{}", kind.file());
            (Path::new(&path).exists(), format!("no {path}"))
        }
        Need::Path(path) => (Path::new(path).exists(), format!("no {path}")),
        Need::Controller(name) => {
            let file = "/sys/fs/cgroup/cgroup.controllers";
            (has_word(&read(file)?, name), format!("no `{name}` in {file}"))
        }
        // Only the host has the kernel's configuration, and looked already.
        Need::Config(_) => (true, String::new()),
        Need::Capability(name) => match ops::cannot_exercise(name) {
            Some(reason) => (false, reason),
            None => (true, String::new()),
        },
        Need::Syscall(name) => match raw::number(name) {
            Some(number) => (has_syscall(number)?, format!("{name}(2) gives ENOSYS")),
            None => (false, format!("no system call `{name}` is known to nsproof for this architecture")),
        },
    };
    Ok((!met).then_some(looked_for))
}

/// A file that is absent has nothing in it.
fn read(path: &str) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => other,
    }
}

fn has_word(text: &str, word: &str) -> bool {
    text.split_whitespace().any(|found| found == word)
}

fn has_filesystem(name: &str) -> io::Result<bool> {
    Ok(has_word(&read("/proc/filesystems")?, name))
}

/// A built-in module without parameters is in no list but that of the kernel's symbols: its initcall names it.
fn has_module(name: &str) -> io::Result<bool> {
    let name = name.replace('-', "_");
    if Path::new("/sys/module").join(&name).exists() || has_filesystem(&name)? {
        return Ok(true);
    }
    Ok(read("/proc/kallsyms")?.contains(&format!("__initcall__kmod_{name}__")))
}

/// Called in a child with arguments that no call accepts: one that does something all the same does it to the child.
fn has_syscall(number: i64) -> io::Result<bool> {
    const NO_SUCH_CALL: i32 = 38;
    let pid = match clone(&[], None)? {
        Birth::Child => {
            let refused = raw::call(number, &[const { Argument::Number(-1) }; 6]) == Err(Errno::ENOSYS);
            exit(if refused { NO_SUCH_CALL } else { 0 })
        }
        Birth::Parent(pid) => pid,
    };
    if !process::ends_within(pid, PATIENCE)? {
        signal::kill(pid, Signal::SIGKILL)?;
    }
    Ok(process::wait(pid)? != Status::Exited(NO_SUCH_CALL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::spec::Namespace;

    #[rstest::rstest]
    #[case(Need::Syscall("getpid".into()), true)]
    #[case(Need::Syscall("pause".into()), true)]
    #[case(Need::Syscall("exit".into()), true)]
    #[case(Need::Syscall("tuxcall".into()), false)]
    #[case(Need::Syscall("no-such-call".into()), false)]
    #[case(Need::Capability("CAP_CHOWN".into()), true)]
    #[case(Need::Capability("CAP_NET_BROADCAST".into()), false)]
    #[case(Need::Namespace(Namespace::Uts), true)]
    #[case(Need::Filesystem("proc".into()), true)]
    #[case(Need::Filesystem("nofs".into()), false)]
    #[case(Need::Path("/proc/self/ns".into()), true)]
    #[case(Need::Path("/no/such/file".into()), false)]
    fn a_need_is_met_or_not(#[case] need: Need, #[case] met: bool) {
        assert_eq!(unmet(&need).unwrap().is_none(), met);
    }
}
