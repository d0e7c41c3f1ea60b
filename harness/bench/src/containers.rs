//! How long a container takes to start, and to come and go, next to those of other programs. Each takes its turn in each
//! round.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sys::process;
use tempfile::TempDir;

use super::row::{Row, Unit, find};
use super::stage::{PROGRAM, Stage, flags};

/// Containers of each kind in a round.
const CONTAINERS: usize = 8;
/// The kernel takes namespaces down some time after their last process has ended; the next container is not to pay for it.
const PAUSE: Duration = Duration::from_millis(20);
/// A container that is silent for so long hangs.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) const START: &str = "container until its program runs";
/// Not what the kernel does afterwards: it takes the namespaces down, and is done with the link.
const WHOLE: &str = "container until its command has ended";
pub(super) const NSRUN: &str = "nsrun, the demo";
const UNLINKED: &str = "nsrun, no link";
pub(super) const UNSHARE: &str = "unshare";
pub(super) const BWRAP: &str = "bwrap --unshare-all";
pub(super) const CRUN: &str = "crun run";
const LEAN_CRUN: &str = "crun run, no cgroup";

/// Adds the rows; a program that is not there, or does not work here, has one too.
pub(super) fn measure(nsrun: &Path, samples: usize, rows: &mut Vec<Row>) {
    let measured = tempfile::tempdir().and_then(|folder| {
        let nsrun = Installed::copy(nsrun)?;
        // Namespaces and priorities belong to a thread, and end with it.
        let worker = || Stage::set(folder.path()).map(|stage| contest(&stage, &nsrun.program, samples));
        std::thread::scope(|scope| scope.spawn(worker).join().expect("a worker does not panic"))
    });
    match measured {
        Ok(found) => rows.extend(found),
        Err(error) => {
            let note = format!("no network, mounts and files of its own to start it in ({error}): be root");
            rows.push(unmeasured(START, NSRUN).note(note));
        }
    }
}

/// A program as it is installed. What a linker wrote page by page is in single pages in the page cache, and takes an eighth
/// longer to start than the same when it was copied, or read from the disk, as the others were.
struct Installed {
    program: PathBuf,
    _folder: TempDir,
}

impl Installed {
    /// Beside it, on the same file system.
    fn copy(program: &Path) -> io::Result<Self> {
        let folder = tempfile::tempdir_in(program.parent().unwrap_or(Path::new(".")))?;
        let copy = folder.path().join(program.file_name().unwrap_or_default());
        fs::copy(program, &copy)?;
        Ok(Installed { program: copy, _folder: folder })
    }
}

struct Contender {
    name: &'static str,
    note: &'static str,
    command: Vec<OsString>,
    started: Vec<Duration>,
    ended: Vec<Duration>,
    /// Why there is nothing more to measure.
    fault: Option<String>,
}

fn contest(stage: &Stage, nsrun: &Path, samples: usize) -> Vec<Row> {
    let mut contenders = contenders(stage, nsrun);
    // On a busy machine whoever sleeps and wakes would wait for its turn, and that is all that would be measured.
    let ordinary = process::run_first().err().map(|errno| format!("at ordinary priority ({errno})"));
    for _ in 0..samples * CONTAINERS {
        for contender in contenders.iter_mut().filter(|contender| contender.fault.is_none()) {
            std::thread::sleep(PAUSE);
            match time(&contender.command) {
                Ok((started, ended)) => {
                    contender.started.push(started);
                    contender.ended.push(ended);
                }
                Err(fault) => contender.fault = Some(fault),
            }
        }
    }
    let started = contenders.iter().map(|contender| contender.row(START, &contender.started));
    let ended = contenders.iter().map(|contender| contender.row(WHOLE, &contender.ended));
    let mut rows: Vec<Row> = started.chain(ended).collect();
    let found = rows.clone();
    rows.iter_mut()
        .filter(|row| row.name == NSRUN)
        .for_each(|row| row.note = ordinary.clone().or(row.note.take()));
    for row in &mut rows {
        *row = row.clone().compared(find(&found, &row.group, NSRUN));
    }
    rows
}

fn contenders(stage: &Stage, nsrun: &Path) -> Vec<Contender> {
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let inside = stage.root().join(PROGRAM.trim_start_matches('/'));
    let nsrun = |linked| [vec![nsrun.into()], flags(stage, linked)].concat();
    let oci = |program: &str, options: &[&str]| {
        let state = [OsString::from("--root"), stage.state(program)];
        let bundle = [OsString::from("--bundle"), stage.bundle().into()];
        let parts = [words(&[program]), words(options), state.into(), words(&["run"]), bundle.into()];
        [parts.concat(), words(&["bench"])].concat()
    };
    let unshare = words(&["unshare", "-u", "-i", "-p", "-n", "-m", "--fork", "--mount-proc"]);
    let unshare = [unshare, vec![inside.into()]].concat();
    let bwrap = words(&["bwrap", "--unshare-all", "--proc", "/proc", "--bind"]);
    let bwrap = [bwrap, vec![stage.root().into(), "/".into()], words(&["--", PROGRAM])].concat();
    [
        (NSRUN, "all namespaces, link with addresses, tmpfs root, masks, capabilities", nsrun(true)),
        (UNLINKED, "the same without the veth pair, which no other makes", nsrun(false)),
        (UNSHARE, "-u -i -p -n -m --fork --mount-proc; no root of its own", unshare),
        (BWRAP, "bind root, no masks", bwrap),
        (CRUN, "bind root, masks, capabilities, cgroup", oci("crun", &[])),
        (LEAN_CRUN, "--cgroup-manager=disabled", oci("crun", &["--cgroup-manager=disabled"])),
        ("runc run", "bind root, masks, capabilities, cgroup", oci("runc", &[])),
    ]
    .map(|(name, note, command)| Contender::new(name, note, command))
    .into()
}

impl Contender {
    fn new(name: &'static str, note: &'static str, command: Vec<OsString>) -> Self {
        let fault = vm::qemu::in_path(&command[0]).is_none().then(|| "not installed".to_owned());
        Contender { name, note, command, started: Vec::new(), ended: Vec::new(), fault }
    }

    fn row(&self, group: &str, times: &[Duration]) -> Row {
        match &self.fault {
            Some(fault) => unmeasured(group, self.name).note(fault),
            None => Row::times(group, self.name, times).note(self.note),
        }
    }
}

fn unmeasured(group: &str, name: &str) -> Row {
    Row::of(group, name, Unit::Milliseconds, &[])
}

/// From the start of a command until its container's program says its byte, and until it has ended, and all that share its
/// output.
fn time(command: &[OsString]) -> Result<(Duration, Duration), String> {
    let (program, arguments) = command.split_first().expect("a command has a program");
    let io = |error: io::Error| error.to_string();
    let (mut ours, theirs) = UnixStream::pair().map_err(io)?;
    let (mut words, said) = UnixStream::pair().map_err(io)?;
    for stream in [&ours, &words] {
        stream.set_read_timeout(Some(TIMEOUT)).map_err(io)?;
    }
    let begun = Instant::now();
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let mut child = command
        .stdout(std::os::fd::OwnedFd::from(theirs))
        .stderr(std::os::fd::OwnedFd::from(said))
        .spawn()
        .map_err(io)?;
    // The command holds ends of the streams, which would never end.
    drop(command);
    let first = ours.read(&mut [0]).map(|count| (count, begun.elapsed()));
    let last = ours.read(&mut [0]).map(|_| begun.elapsed());
    let (Ok((1, started)), Ok(ended)) = (first, last) else { return Err(fault(child, &mut words)) };
    let status = child.wait().map_err(io)?;
    if status.success() { Ok((started, ended)) } else { Err(fault(child, &mut words)) }
}

/// What a command said that did not start a container.
fn fault(mut child: Child, words: &mut UnixStream) -> String {
    // It may have ended already.
    let _ = child.kill();
    let status = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
    let mut said = String::new();
    // Whoever still holds the other end has until the deadline.
    let _ = words.read_to_string(&mut said);
    format!("{status}: {}", said.trim().lines().last().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn a_program_that_is_missing_is_a_row() {
        let contender = Contender::new("a name", "", words(&["no-such-program-anywhere"]));
        let row = contender.row(START, &[]);
        assert_eq!((row.n, row.values, row.note.as_deref()), (0, None, Some("not installed")));
    }

    #[test]
    fn an_installed_program_is_a_copy_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("a-program");
        fs::write(&program, "#!/bin/sh\necho; exit 7\n").unwrap();
        fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let installed = Installed::copy(&program).unwrap();
        fs::remove_file(&program).unwrap();
        assert_eq!(time(&[installed.program.clone().into()]).unwrap_err(), "exit status: 7: ");
        drop(installed);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_first_byte_comes_before_the_end() {
        let (started, ended) = time(&words(&["sh", "-c", "echo; sleep 0.2"])).unwrap();
        assert!(started < ended && ended >= Duration::from_millis(200), "{started:?} {ended:?}");
    }

    #[rstest::rstest]
    #[case("echo 'not allowed' >&2; exit 3", "exit status: 3: not allowed")]
    #[case("echo; echo 'too late' >&2; exit 4", "exit status: 4: too late")]
    fn what_fails_is_told(#[case] script: &str, #[case] told: &str) {
        assert_eq!(time(&words(&["sh", "-c", script])).unwrap_err(), told);
    }
}
