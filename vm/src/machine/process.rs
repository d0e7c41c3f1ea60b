//! QEMU's process: born so that it dies with its parent, and always waited for.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt, FdMapping};

/// The command for a program that is killed when this process ends, even by SIGKILL.
pub(super) fn command(program: &Path, arguments: &[OsString]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]);
    // A parent that ended before setpriv asked for the signal sends none; by then it is not the parent any more.
    command.args(["sh", "-c", r#"[ "$PPID" = "$0" ] && exec "$@""#]).arg(std::process::id().to_string());
    command.arg(program).args(arguments);
    command
}

/// Takes the terminal away from a program.
pub(super) fn detach(command: &mut Command, stderr: OwnedFd) {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    // The terminal's Ctrl-C is for us: we end QEMU when it is time.
    command.process_group(0);
}

/// Starts it, with these file descriptors and no others.
pub(super) fn start(mut command: Command, inherited: Vec<FdMapping>) -> io::Result<Child> {
    command.fd_mappings(inherited).map_err(io::Error::other)?;
    spawn(command)
}

/// Waits for a process, and kills it when patience is at its end.
pub(super) fn wait(child: &mut Child, patience: Duration) -> io::Result<ExitStatus> {
    let until = Instant::now() + patience;
    while Instant::now() < until {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill()?;
    child.wait()
}

type Order = (Command, Sender<io::Result<Child>>);

/// The parent-death signal comes when the *thread* ends that made the child (prctl(2), PR_SET_PDEATHSIG). So one thread
/// makes all of them, and lives as long as the process.
static NURSERY: LazyLock<Mutex<Sender<Order>>> = LazyLock::new(|| {
    let (sender, orders) = channel::<Order>();
    std::thread::spawn(move || {
        for (mut command, answer) in orders {
            // Whoever asked is waiting; if not, the child ends with the answer.
            let _ = answer.send(command.spawn());
        }
    });
    Mutex::new(sender)
});

fn spawn(command: Command) -> io::Result<Child> {
    let (answer, child) = channel();
    let lost = || io::Error::other("the thread that starts processes is gone");
    NURSERY.lock().unwrap_or_else(PoisonError::into_inner).send((command, answer)).map_err(|_| lost())?;
    child.recv().map_err(|_| lost())?
}
