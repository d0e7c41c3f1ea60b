//! Processes that we start: none outlives us, however we end, and each is waited for.
//!
//! ```text
//! QEMU           one process, in a group of its own; the kernel kills it with us (PR_SET_PDEATHSIG)
//! every other    a process group that is killed as a whole: at its time limit, at its end, and with us
//! ```
//! The signal at a parent's death reaches the child alone, and apt-get, cargo and make have children of their own. So they
//! run beside a shell that waits for the end of a pipe which only we hold, and that kills its own group then.

mod tool;

use std::ffi::OsString;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, PoisonError};

use command_fds::{CommandFdExt, FdMapping};
use fork::Process;
use nix::unistd::Pid;

pub use tool::Tool;

/// The command for a program without children that is killed when this process ends, even by SIGKILL. `filter`: a descriptor
/// that it inherits, of a file that says what it may call (util-linux 2.41).
pub(crate) fn command(program: &Path, arguments: &[OsString], filter: Option<RawFd>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if let Some(filter) = filter {
        // Who may gain privileges may not be filtered.
        command.args(["--no-new-privs", "--seccomp-filter"]).arg(format!("/proc/self/fd/{filter}"));
    }
    command.arg("--");
    // A parent that ended before setpriv asked for the signal sends none; by then it is not the parent any more.
    command.args(["sh", "-c", r#"[ "$PPID" = "$0" ] && exec "$@""#]).arg(std::process::id().to_string());
    command.arg(program).args(arguments);
    command
}

/// Takes the terminal away from a program, but for its errors, which are among the file descriptors that it inherits.
pub(crate) fn detach(command: &mut Command) {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    // The terminal's Ctrl-C is for us: we end QEMU when it is time.
    command.process_group(0);
}

/// Starts it, with these file descriptors and no others.
pub(crate) fn start(mut command: Command, inherited: Vec<FdMapping>) -> io::Result<Process> {
    command.fd_mappings(inherited).map_err(io::Error::other)?;
    spawn(command)
}

type Order = (Command, Sender<io::Result<Process>>);

/// The parent-death signal comes when the *thread* ends that made the child (prctl(2), PR_SET_PDEATHSIG). So one thread
/// makes all of them, and lives as long as the process.
static SPAWNER: LazyLock<Mutex<Sender<Order>>> = LazyLock::new(|| {
    let (sender, orders) = channel::<Order>();
    std::thread::spawn(move || {
        for (mut command, answer) in orders {
            // The one who asked is waiting; if not, the child ends with the answer.
            let _ = answer
                .send(command.spawn().map(|child| Process::alone(Pid::from_raw(child.id().cast_signed()))));
        }
    });
    Mutex::new(sender)
});

fn spawn(command: Command) -> io::Result<Process> {
    let (answer, child) = channel();
    let lost = || io::Error::other("the thread that starts processes is gone");
    SPAWNER.lock().unwrap_or_else(PoisonError::into_inner).send((command, answer)).map_err(|_| lost())?;
    child.recv().map_err(|_| lost())?
}

/// The path of a program in `$PATH`. One that is given with an absolute path is where it says, or nowhere.
pub fn in_path(program: impl AsRef<Path>) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let executable = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    };
    let folders = std::env::var_os("PATH").unwrap_or_default();
    // Joined to a folder, an absolute path takes its place.
    std::env::split_paths(&folders).map(|folder| folder.join(&program)).find(executable)
}
