//! Whether the running kernel has what a scenario needs: features are looked for, versions are not compared.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use crate::network;
use flate2::read::GzDecoder;
use runtime::spec::Namespace;
use sys::probe::machine;
use sys::probe::raw::{self, Argument};
use sys::process::{self, Birth, Status, clone, exit};
use sys::{Errno, Signal, mount, signal};

use super::ops;
use protocol::plan::Need;

/// A system call that waits is there. One that is not is told of at once, on a machine whose host may have little time for it.
const TIMEOUT: Duration = Duration::from_secs(2);

/// `None` if the need is met, else what was looked for.
pub(super) fn unmet(need: &Need) -> io::Result<Option<String>> {
    let (met, looked_for) = match need {
        Need::Module(name) => (has_module(name)?, without_module(name)),
        Need::Filesystem(name) => (
            has_filesystem(name)?,
            format!("mount(2) knows no file system `{name}`, and it is not in /proc/filesystems"),
        ),
        Need::Namespace(kind) => {
            let file = format!("/proc/self/ns/{}", kind.file());
            let met = Path::new(&file).exists() || tried(&[*kind], || true)?;
            (met, format!("no {file}, and clone(2) makes none"))
        }
        Need::Path(path) => (Path::new(path).exists(), format!("no {path}")),
        Need::Controller(name) => {
            let file = "/sys/fs/cgroup/cgroup.controllers";
            (has_word(&read(file)?, name), format!("no `{name}` in {file}"))
        }
        Need::Config(option) => match configuration()? {
            Some(text) => (sets(&text, option), format!("the kernel was built without {option}")),
            None => match without_configuration(option) {
                Some(met) => {
                    (met, format!("the kernel has no {option}: clock_getres(2) gives more than 1 ns"))
                }
                None => (
                    false,
                    format!("{option} is not known: there is no /proc/config.gz (CONFIG_IKCONFIG_PROC)"),
                ),
            },
        },
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

/// Tried: a list may be missing, and a name in it may be of no use.
fn has_filesystem(name: &str) -> io::Result<bool> {
    let mounts = || {
        let kind = mount::filesystem(name, name, Path::new("/"), mount::Flags::empty(), "");
        kind != Err(Errno::ENODEV)
    };
    Ok(has_word(&read("/proc/filesystems")?, name) || tried(&[Namespace::Mount], mounts)?)
}

/// In no list but that of the kernel's symbols is a module that is built in and has no parameters: its initcall names it.
/// Where a kernel keeps no symbols either, the device or the file system that the module is for is tried.
fn has_module(name: &str) -> io::Result<bool> {
    let name = name.replace('-', "_");
    if Path::new("/sys/module").join(&name).exists()
        || read("/proc/kallsyms")?.contains(&format!("__initcall__kmod_{name}__"))
    {
        return Ok(true);
    }
    let makes = || network::makes(&name);
    let built_in = || -> io::Result<bool> {
        let option = format!("CONFIG_{}", name.to_uppercase());
        Ok(configuration()?.is_some_and(|text| sets(&text, &option)))
    };
    Ok(tried(&[Namespace::Net], makes)? || has_filesystem(&name)? || built_in()?)
}

fn without_module(name: &str) -> String {
    format!(
        "no module `{name}`: it is not loaded, the kernel makes no device and mounts no file system of that name, \
         and no list of what is built in has it"
    )
}

/// The configuration that the kernel was built with, if it tells. CONFIG_IKCONFIG_PROC
fn configuration() -> io::Result<Option<String>> {
    let file = match File::open("/proc/config.gz") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// What the running kernel tells of an option by what it does, if it does.
fn without_configuration(option: &str) -> Option<bool> {
    // hrtimer_get_res() in kernel/time/hrtimer.c
    (option == "CONFIG_HIGH_RES_TIMERS").then(|| machine::clock_resolution() == Ok(Duration::from_nanos(1)))
}

/// Whether an option is `y` or `m`. A module would have been packed and loaded, had it been there.
fn sets(configuration: &str, option: &str) -> bool {
    configuration
        .lines()
        .any(|line| line.split_once('=').is_some_and(|(name, value)| name == option && value != "n"))
}

/// Tries in a child with namespaces of its own, so that nothing of it stays. `false` if there are no such namespaces.
fn tried(namespaces: &[Namespace], holds: impl FnOnce() -> bool) -> io::Result<bool> {
    const HOLDS: i32 = 0;
    let pid = match clone(namespaces, None) {
        Ok(Birth::Child) => {
            // Without this a mount would be seen in the namespace that this one was copied from.
            let private =
                || mount::propagate(Path::new("/"), mount::Flags::MS_PRIVATE | mount::Flags::MS_REC);
            let apart = !namespaces.contains(&Namespace::Mount) || private().is_ok();
            exit(if apart && holds() { HOLDS } else { 1 })
        }
        Ok(Birth::Parent(pid)) => pid,
        Err(Errno::EINVAL) => return Ok(false),
        Err(errno) => return Err(errno.into()),
    };
    Ok(process::wait(pid)? == Status::Exited(HOLDS))
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
    if !process::ends_within(pid, TIMEOUT)? {
        signal::kill(pid, Signal::SIGKILL)?;
    }
    Ok(process::wait(pid)? != Status::Exited(NO_SUCH_CALL))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    #[case(Need::Module("no-such-module".into()), false)]
    #[case(Need::Path("/proc/self/ns".into()), true)]
    #[case(Need::Path("/no/such/file".into()), false)]
    fn a_need_is_met_or_not(#[case] need: Need, #[case] met: bool) {
        assert_eq!(unmet(&need).unwrap().is_none(), met);
    }
}
