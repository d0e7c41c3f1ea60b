//! A program that is run to its end.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, PipeWriter, Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt, FdMapping};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::statvfs::statvfs;
use nix::unistd::{Pid, geteuid};

use crate::{Error, Result};
use fork::Process;

/// Starts a program beside a shell in the same process group, which reads from a pipe that nobody writes to: its end is that
/// of the process that started both. The program knows nothing of that shell, which is the child of one that has ended.
const WATCHED: &str = r#"( (IFS= read -r _ <&3; kill -KILL 0) & ) ; exec "$@" 3<&-"#;
/// Where the shell finds the pipe.
const PIPE: i32 = 3;

/// How often a program is looked at.
const GLANCE: Duration = Duration::from_millis(5);
/// How often the room on its disk is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// A disk with less than this much room is full: no package and no index is so small.
const FULL: u64 = 64 << 10;
/// Bytes that a program may print: a package's description has kilobytes, an index of a distribution some megabytes.
const MOST_PRINTED: u64 = 64 << 20;

/// A program, its arguments, and what bounds it. It and all that it started end at its time limit, and with this process.
#[derive(Debug)]
pub struct Tool {
    title: String,
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    inside: Option<PathBuf>,
    limit: Duration,
    disk: Option<PathBuf>,
}

impl Tool {
    /// A program of `$PATH`, called `title` in errors.
    pub fn new(program: impl AsRef<OsStr>, title: impl Into<String>, limit: Duration) -> Self {
        Tool {
            title: title.into(),
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            inside: None,
            limit,
            disk: None,
        }
    }

    /// Adds arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The folder that it runs in.
    pub fn inside(mut self, folder: impl Into<PathBuf>) -> Self {
        self.inside = Some(folder.into());
        self
    }

    /// Ends it when there is no room left where this folder is: apt-get waits for ever there.
    pub(crate) fn writes_to(mut self, folder: impl Into<PathBuf>) -> Self {
        self.disk = Some(folder.into());
        self
    }

    /// Runs it. Returns what it printed on its standard output.
    ///
    /// # Errors
    /// It cannot be started, fails, takes longer than it may, or has no room: with its own words.
    pub fn output(&self) -> Result<String> {
        let mut output = memory().map_err(|error| self.failed(error))?;
        let mut errors = memory().map_err(|error| self.failed(error))?;
        let set = |command: &mut Command| {
            command.stdout(output.try_clone()?).stderr(errors.try_clone()?);
            Ok(())
        };
        let mut running = self.start(set).map_err(|error| self.failed(error))?;
        let ended = self.wait(&mut running, &[&output, &errors]);
        // What is left of its group ends with the pipe, before what it printed is read.
        drop(running);
        let text = |file: &mut File| {
            let mut bytes = Vec::new();
            file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map(|_| bytes)
        };
        let said = text(&mut errors).map_err(|error| self.failed(error))?;
        self.succeeded(ended, String::from_utf8_lossy(&said).trim())?;
        let printed = text(&mut output).map_err(|error| self.failed(error))?;
        Ok(String::from_utf8_lossy(&printed).into_owned())
    }

    /// Runs it. What it prints goes where this process prints.
    ///
    /// # Errors
    /// As [`Tool::output`]; its own words have been printed.
    pub fn run(&self) -> Result<()> {
        let mut running = self.start(|_| Ok(())).map_err(|error| self.failed(error))?;
        let ended = self.wait(&mut running, &[]);
        drop(running);
        self.succeeded(ended, "")
    }

    /// Runs it where people type, for one that asks for a password. It shares this process's group, for only that one may read
    /// from the terminal; a signal of the terminal reaches both.
    ///
    /// # Errors
    /// As [`Tool::run`].
    pub(crate) fn on_terminal(&self) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        let child = command.spawn().map_err(|error| self.failed(error))?;
        let mut process = Process::alone(Pid::from_raw(child.id().cast_signed()));
        let ended = process.wait(self.limit).map_err(|error| self.failed(error));
        self.succeeded(ended, "")
    }

    fn start(&self, streams: impl FnOnce(&mut Command) -> io::Result<()>) -> io::Result<Running> {
        let (pipe, held) = io::pipe()?;
        let mut command = Command::new("sh");
        command.args(["-c", WATCHED, "sh"]).arg(&self.program).args(&self.arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(folder) = &self.inside {
            command.current_dir(folder);
        }
        // In a group of its own it could not read from the terminal: it would be stopped (SIGTTIN).
        command.stdin(Stdio::null()).process_group(0);
        streams(&mut command)?;
        let pipe = FdMapping { parent_fd: pipe.into(), child_fd: PIPE };
        command.fd_mappings(vec![pipe]).map_err(io::Error::other)?;
        let child = command.spawn()?;
        let process = Process::leader(Pid::from_raw(child.id().cast_signed()));
        Ok(Running { process, _held: held })
    }

    fn wait(&self, running: &mut Running, printed: &[&File]) -> Result<ExitStatus> {
        let (until, mut next_look) = (Instant::now() + self.limit, Instant::now() + LOOK);
        // So short that nothing of apt's own is missed by it: a disk that is full once may have room again.
        let mut was_full = false;
        loop {
            if let Some(status) = running.process.ended().map_err(|error| self.failed(error))? {
                return Ok(status);
            }
            let now = Instant::now();
            if now > until {
                return Err(
                    self.failed(format!("it did not end within {}, and was killed", told(self.limit)))
                );
            }
            if now > next_look {
                next_look = now + LOOK;
                let sizes = printed.iter().filter_map(|file| Some(file.metadata().ok()?.len()));
                if sizes.max() > Some(MOST_PRINTED) {
                    return Err(self.failed(format!("it printed more than {} MiB", MOST_PRINTED >> 20)));
                }
                let full = self.disk.as_deref().filter(|folder| is_full(folder));
                if let Some(folder) = full.filter(|_| was_full) {
                    return Err(Error::NoRoom { doing: "write to", path: folder.to_path_buf() });
                }
                was_full = full.is_some();
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// An error if it did not end well.
    fn succeeded(&self, ended: Result<ExitStatus>, said: &str) -> Result<()> {
        match (ended, &self.disk) {
            (Ok(status), _) if status.success() => Ok(()),
            // ENOSPC in the words of strerror(3).
            (Ok(_), Some(folder)) if said.contains("No space left on device") || is_full(folder) => {
                Err(Error::NoRoom { doing: "write to", path: folder.clone() })
            }
            (ended, _) => self.ended_badly(ended, said),
        }
    }

    fn ended_badly(&self, ended: Result<ExitStatus>, said: &str) -> Result<()> {
        match ended {
            // The shell's own answer to a program that there is not (POSIX, 2.8.2).
            Ok(status) if said.is_empty() => Err(self.failed(status)),
            Ok(_) => Err(self.failed(said)),
            Err(Error::Command { program, said: why }) if !said.is_empty() => {
                Err(Error::Command { program, said: format!("{why}: {said}") })
            }
            Err(other) => Err(other),
        }
    }

    fn failed(&self, said: impl ToString) -> Error {
        Error::Command { program: self.title.clone(), said: said.to_string() }
    }
}

/// A program that runs, and the end of the pipe by which its group is known to be wanted.
struct Running {
    process: Process,
    _held: PipeWriter,
}

/// A file that needs no disk. Unlike a pipe it is not kept open by what a program left behind.
fn memory() -> io::Result<File> {
    Ok(File::from(memfd_create("output", MFdFlags::MFD_CLOEXEC)?))
}

/// Whether nothing can be written where a folder is. What cannot be found out is taken for room.
fn is_full(folder: &Path) -> bool {
    let Ok(disk) = statvfs(folder) else { return false };
    // root may use what is reserved (statvfs(3)).
    let blocks = if geteuid().is_root() { disk.blocks_free() } else { disk.blocks_available() };
    blocks.saturating_mul(disk.fragment_size()) < FULL
}

/// `5 s`, `10 min`
fn told(limit: Duration) -> String {
    match limit.as_secs() {
        seconds if seconds < 120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Tool {
        Tool::new("sh", "the script", limit).args(["-c", script])
    }

    fn runs(pid: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/status"))
            .is_ok_and(|status| !status.contains("State:\tZ"))
    }

    #[track_caller]
    fn assert_ends(pid: &str) {
        let until = Instant::now() + Duration::from_secs(5);
        while runs(pid) {
            assert!(Instant::now() < until, "{pid} runs on");
            std::thread::sleep(GLANCE);
        }
    }

    #[test]
    fn what_it_prints_and_how_it_ends() {
        let minute = Duration::from_secs(60);
        assert_eq!(shell("echo one; echo two >&2", minute).output().unwrap(), "one\n");
        let words = |script| shell(script, minute).output().unwrap_err().to_string();
        assert_eq!(words("echo why >&2; exit 3"), "the script failed: why");
        assert_eq!(words("exit 3"), "the script failed: exit status: 3");
        let none = Tool::new("/no/such/program", "it", minute).output().unwrap_err().to_string();
        assert!(none.starts_with("it failed: ") && none.contains("not found"), "{none}");
        let inside = Tool::new("pwd", "pwd", minute).inside("/proc").env("A", "b").output().unwrap();
        assert_eq!(inside, "/proc\n");
    }

    #[test]
    fn nothing_is_typed_to_it_and_it_has_no_child_that_it_did_not_start() {
        let minute = Duration::from_secs(60);
        let script = "cat; read -r children </proc/$$/task/$$/children; echo \"[$children]\"";
        assert_eq!(shell(script, minute).output().unwrap(), "[]\n");
    }

    #[test]
    fn at_its_time_limit_all_that_it_started_ends() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let script = format!("sleep 1000 & echo $! >{}; echo so far >&2; wait", file.path().display());
        let begun = Instant::now();
        let error = shell(&script, Duration::from_secs(1)).output().unwrap_err().to_string();
        assert_eq!(error, "the script failed: it did not end within 1 s, and was killed: so far");
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert_ends(std::fs::read_to_string(file.path()).unwrap().trim());
    }

    #[test]
    fn what_it_leaves_running_ends_with_it() {
        let begun = Instant::now();
        let left = shell("sleep 1000 & echo $!", Duration::from_secs(60)).output().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(10), "its output is not waited for");
        assert_ends(left.trim());
    }
}
