//! Running `nsrun` on the kernel of this machine. Each test launches it: a container is never born in libtest's threads.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything may take before a test says that it hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// What a test cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// The true root, with the capabilities of one.
    Root,
    /// veth in the kernel.
    Veth,
    /// A cgroup2 that this process may make groups in.
    Cgroup,
    /// User namespaces for users who are not root.
    UnprivilegedUsers,
}

/// Whether the machine has it. A missing kernel feature is skipped, loudly; a missing privilege is an error in CI.
pub(crate) fn need(need: Need) -> bool {
    let (met, privilege) = match need {
        Need::Root => (is_root(), true),
        Need::Veth => (is_root() && has_veth(), false),
        Need::Cgroup => (is_root() && runtime::cgroup::available().is_ok(), false),
        Need::UnprivilegedUsers => (is_root() && unprivileged(&["-U"], "true").code == Some(0), false),
    };
    if !met {
        assert!(!(privilege && std::env::var_os("CI").is_some()), "CI must run these tests as root");
        eprintln!("SKIP: this machine has no {need:?}");
    }
    met
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    // CAP_SYS_ADMIN
    u64::from_str_radix(capabilities.trim(), 16).unwrap() >> 21 & 1 == 1
}

fn has_veth() -> bool {
    let probe = Command::new("unshare").args(["-n", "ip", "link", "add", "probe0", "type", "veth"]).output();
    probe.is_ok_and(|probe| probe.status.success())
}

/// What a program said, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: Option<i32>,
}

impl Said {
    pub(crate) fn of(output: Output) -> Said {
        Said {
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }

    /// The output of a run that must have worked.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.out
    }

    /// The messages of a run that must have failed with that code.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self.err
    }
}

/// The binary under test.
pub(crate) fn nsrun() -> &'static str {
    env!("CARGO_BIN_EXE_nsrun")
}

/// `nsrun run FLAGS -- /bin/sh -c SCRIPT`
pub(crate) fn run(flags: &[&str], script: &str) -> Said {
    Said::of(command(flags, script).output().unwrap())
}

/// The same, not yet started.
pub(crate) fn command(flags: &[&str], script: &str) -> Command {
    let mut command = Command::new(nsrun());
    command.arg("run").args(flags).args(["--", "/bin/sh", "-c", script]).stdin(Stdio::null());
    command
}

/// A shell script in network and mount namespaces of its own, as the host of containers: nothing of the machine changes.
/// `$NSRUN` is the binary under test.
pub(crate) fn on_a_host(script: &str) -> Said {
    let deadline = DEADLINE.as_secs().to_string();
    let mut host = Command::new("timeout");
    host.args([&deadline, "unshare", "-n", "-m", "/bin/sh", "-c", script]);
    host.env("NSRUN", nsrun()).stdin(Stdio::null());
    Said::of(host.output().unwrap())
}

/// `nsrun run FLAGS -- /bin/sh -c SCRIPT` as a user without any privilege.
pub(crate) fn unprivileged(flags: &[&str], script: &str) -> Said {
    unprivileged_in(Path::new("/"), flags, script)
}

/// The same, from a working directory.
pub(crate) fn unprivileged_in(cwd: &Path, flags: &[&str], script: &str) -> Said {
    let (_directory, nsrun) = public_nsrun();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "12345", "--regid", "12345", "--clear-groups"]).arg(nsrun).current_dir(cwd);
    command.arg("run").args(flags).args(["--", "/bin/sh", "-c", script]).stdin(Stdio::null());
    Said::of(command.output().unwrap())
}

/// The binary where every user can reach it.
fn public_nsrun() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = directory.path().join("nsrun");
    // By another process: a descriptor that writes, inherited by a child of another test, would make it "Text file busy".
    assert!(Command::new("cp").arg(nsrun()).arg(&copy).status().unwrap().success());
    (directory, copy)
}

/// A root directory with the machine's own shell and tools, and the libraries that they name.
pub(crate) fn skeleton() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for tool in [
        "sh", "cat", "ls", "stat", "id", "readlink", "dd", "df", "mkdir", "touch", "chroot", "grep", "wc",
        "uniq", "sleep",
    ] {
        install(root.path(), tool);
    }
    root
}

fn install(root: &Path, tool: &str) {
    let found = Command::new("/bin/sh").args(["-c", &format!("command -v {tool}")]).output().unwrap();
    let program = PathBuf::from(String::from_utf8(found.stdout).unwrap().trim());
    copy(&program, &root.join("bin").join(tool));
    let listed = Command::new("ldd").arg(&program).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let libraries: BTreeSet<&str> = listed.split_whitespace().filter(|word| word.starts_with('/')).collect();
    for library in libraries {
        copy(Path::new(library), &root.join(library.trim_start_matches('/')));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

/// A container that goes on while the test looks at it. Killed when dropped.
pub(crate) struct Background {
    pub(crate) nsrun: Child,
    /// The container's first process, as this side numbers it.
    pub(crate) pid: i32,
}

impl Background {
    /// Starts `nsrun run FLAGS` with a program that runs much longer than any test: it does not end with its standard input.
    pub(crate) fn start(flags: &[&str]) -> Background {
        Background::script(flags, "echo ready; exec sleep 60")
    }

    /// Starts a script that prints a line when it is ready.
    pub(crate) fn script(flags: &[&str], script: &str) -> Background {
        let mut nsrun = command(flags, script);
        let mut nsrun = nsrun.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut output = std::io::BufReader::new(nsrun.stdout.as_mut().unwrap());
        std::io::BufRead::read_line(&mut output, &mut line).unwrap();
        assert_eq!(line, "ready\n");
        let pid = children(nsrun.id())[0];
        Background { nsrun, pid }
    }

    /// What the inode of the namespace looks like, from this side.
    pub(crate) fn namespace(&self, kind: &str) -> String {
        namespace(&self.pid.to_string(), kind)
    }

    /// SIGKILL to `nsrun` alone.
    pub(crate) fn kill_nsrun(&mut self) {
        self.nsrun.kill().unwrap();
        self.nsrun.wait().unwrap();
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Already gone is what some tests want.
        let _ = self.nsrun.kill();
        let _ = self.nsrun.wait();
    }
}

/// `net:[4026531833]`
pub(crate) fn namespace(process: &str, kind: &str) -> String {
    fs::read_link(format!("/proc/{process}/ns/{kind}")).unwrap().to_string_lossy().into_owned()
}

/// The children of a process.
pub(crate) fn children(pid: u32) -> Vec<i32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    list.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// Waits until something holds.
#[track_caller]
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process is there and not just waiting to be reaped.
pub(crate) fn alive(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.is_empty() && !status.contains("State:\tZ")
}

/// The mounts that this side sees.
pub(crate) fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").unwrap()
}

/// A file with a specification.
pub(crate) fn specification(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    fs::write(file.path(), text).unwrap();
    file
}
