//! QEMU itself: finding it, installing it, and its command line.

use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cache::{Stamp, sha256_of};
pub use crate::process::in_path;
use crate::{Cache, Error, Progress, Result, Tool};

/// QEMU answers at once when it is asked of itself.
const ANSWER: Duration = Duration::from_secs(5);
/// A package manager that fetches QEMU over a slow line.
const INSTALL: Duration = Duration::from_secs(30 * 60);
const SUDO: &str = "sudo";

/// What a guest would gain that breaks out of an emulated device: QEMU forbids itself, by seccomp(2), all that it does not need
/// once it runs. It starts no program, becomes no other user, and gives itself no priority.
pub(crate) const CONFINED: &str = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

/// A QEMU that can emulate this machine's architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qemu {
    /// Its path.
    pub program: PathBuf,
    /// `7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)`
    pub version: String,
    /// Why it cannot forbid itself what it does not need (`-sandbox`): it was built without, or the kernel has no seccomp(2).
    /// `None`: it can.
    pub unconfined: Option<String>,
}

impl Qemu {
    /// What `migrate-incoming` calls the file with the state of the devices, which QEMU inherits with that number. Since QEMU
    /// 9.1 `fd:` is meant for pipes and sockets alone, and 11.1 refuses a file; `file:` there is since 8.2.
    pub(crate) fn state_in(&self, fd: RawFd) -> String {
        if self.release() < (9, 1) { format!("fd:{fd}") } else { format!("file:/proc/self/fd/{fd}") }
    }

    /// Where `migrate` writes the state of the devices to, which QEMU inherits with that number; `None` where it takes no such
    /// file, and it has to be sent over its monitor. As [`Qemu::state_in`].
    pub(crate) fn state_out(&self, fd: RawFd) -> Option<String> {
        (self.release() >= (9, 1)).then(|| format!("file:/proc/self/fd/{fd}"))
    }

    /// Whether it waits by io_uring(7) where the kernel has that. By epoll(7) otherwise.
    pub(crate) fn waits_by_io_uring(&self) -> bool {
        self.release() >= (10, 2)
    }

    fn release(&self) -> (u32, u32) {
        let numbers = self.version.split(|c: char| !c.is_ascii_digit());
        let mut numbers = numbers.map_while(|number| number.parse().ok());
        (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default())
    }
}

/// Finds QEMU in `$PATH`. If there is none, the error shows the command that installs it. Its version is asked for once,
/// and remembered until the program changes.
pub fn find(cache: &Cache) -> Result<Qemu> {
    let name = format!("qemu-system-{}", std::env::consts::ARCH);
    let missing = |program: &str| Error::Missing { program: program.to_owned(), way_out: way_out() };
    let program = in_path(&name).ok_or_else(|| missing(&name))?;
    if in_path("setpriv").is_none() {
        let way_out =
            "install util-linux with this system's package manager: it lets no QEMU outlive this program";
        return Err(Error::Missing { program: "setpriv".to_owned(), way_out: way_out.to_owned() });
    }
    let memory = cache.folder("qemu")?.join(sha256_of(program.as_os_str().as_encoded_bytes()) + ".json");
    let stamp = Stamp::of(&program)?;
    let known = cache.get(&memory).filter(|known: &Known| known.stamp == stamp);
    let known = match known {
        Some(known) => known,
        None => {
            let known = Known { stamp, version: version_of(&program)?, confined: confined(&program)? };
            cache.put(&memory, &known)?;
            known
        }
    };
    let Known { version, confined, .. } = known;
    Ok(Qemu { program, version, unconfined: confined.err() })
}

#[derive(Serialize, Deserialize)]
struct Known {
    stamp: Stamp,
    version: String,
    /// Or why not.
    confined: std::result::Result<(), String>,
}

/// Whether a QEMU can confine itself, or why not, in its own words.
fn confined(program: &Path) -> Result<std::result::Result<(), String>> {
    // It confines itself before it looks for machines, and makes none to list them.
    let asked = ["-sandbox", CONFINED, "-machine", "help"];
    match Tool::new(program, "qemu -sandbox", ANSWER).args(asked).output() {
        Ok(_) => Ok(Ok(())),
        Err(Error::Command { said, .. }) => Ok(Err(said.lines().last().unwrap_or_default().to_owned())),
        Err(other) => Err(other),
    }
}

/// `QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)` → what follows `version`.
fn version_of(program: &Path) -> Result<String> {
    let text = Tool::new(program, "qemu --version", ANSWER).args(["--version"]).output()?;
    let version = text.lines().next().and_then(|line| line.split_once("version "));
    let (_, version) = version.ok_or_else(|| {
        Error::unusable(
            program,
            "does not tell its version",
            "install QEMU anew with the system's package manager",
        )
    })?;
    Ok(version.trim().to_owned())
}

/// Installs QEMU with the system's package manager, and finds it. `progress` is told the commands first.
pub fn install(cache: &Cache, progress: &dyn Progress) -> Result<Qemu> {
    for command in
        install_commands().ok_or_else(|| Error::Missing { program: "QEMU".into(), way_out: way_out() })?
    {
        progress.step(&command.join(" "));
        let (program, arguments) = command.split_first().expect("a command has a program");
        let tool =
            Tool::new(program, program, INSTALL).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        if program == SUDO { tool.on_terminal()? } else { tool.output().map(drop)? }
    }
    find(cache)
}

fn way_out() -> String {
    match install_commands() {
        Some(commands) => {
            let lines: Vec<_> = commands.iter().map(|command| command.join(" ")).collect();
            format!("install it with `{}`", lines.join(" && "))
        }
        None => "install QEMU with this system's package manager".to_owned(),
    }
}

/// Commands that install QEMU here, with `sudo` in front if need be.
fn install_commands() -> Option<Vec<Vec<String>>> {
    let manager = MANAGERS.iter().find(|(program, _)| in_path(program).is_some())?;
    let root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").ok()?) == 0;
    Some(commands(manager.0, manager.1, std::env::consts::ARCH, root))
}

/// Package managers, and the arguments of each command that they need.
const MANAGERS: [(&str, &[&str]); 5] = [
    ("apt-get", &["update", "install --yes --no-install-recommends qemu-system-{deb}"]),
    ("dnf", &["install --assumeyes qemu-system-{deb}-core"]),
    ("pacman", &["--sync --refresh --noconfirm qemu-system-{deb}"]),
    ("zypper", &["--non-interactive install qemu-{deb}"]),
    ("apk", &["add qemu-system-{arch}"]),
];

fn commands(manager: &str, lines: &[&str], arch: &str, root: bool) -> Vec<Vec<String>> {
    // Debian: the package qemu-system-x86 has x86_64, qemu-system-arm has aarch64; others follow `arch`.
    let debian = match (manager, arch) {
        (_, "x86_64") => "x86",
        ("apt-get", "aarch64") => "arm",
        (_, other) => other,
    };
    let words = |line: &&str| {
        let line = line.replace("{deb}", debian).replace("{arch}", arch);
        let sudo = if root { None } else { Some(SUDO) };
        sudo.into_iter().chain([manager]).chain(line.split(' ')).map(str::to_owned).collect()
    };
    lines.iter().map(words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)", "fd:7", false)]
    #[case("9.0.2", "fd:7", false)]
    #[case("9.1.0", "file:/proc/self/fd/7", false)]
    #[case("10.0.2 (Debian 1:10.0.2+ds-2~bpo12+1)", "file:/proc/self/fd/7", false)]
    #[case("10.2.0", "file:/proc/self/fd/7", true)]
    #[case("11.0.50 (v11.0.0-12-g0123abc)", "file:/proc/self/fd/7", true)]
    fn releases_differ(#[case] version: &str, #[case] state: &str, #[case] waits_by_io_uring: bool) {
        let qemu = Qemu { program: "qemu".into(), version: version.into(), unconfined: None };
        assert_eq!((qemu.state_in(7).as_str(), qemu.waits_by_io_uring()), (state, waits_by_io_uring));
    }

    #[rstest::rstest]
    #[case(0, "x86_64", true, "apt-get install --yes --no-install-recommends qemu-system-x86")]
    #[case(0, "aarch64", false, "sudo apt-get install --yes --no-install-recommends qemu-system-arm")]
    #[case(1, "x86_64", true, "dnf install --assumeyes qemu-system-x86-core")]
    #[case(2, "aarch64", true, "pacman --sync --refresh --noconfirm qemu-system-aarch64")]
    #[case(3, "x86_64", true, "zypper --non-interactive install qemu-x86")]
    #[case(4, "x86_64", false, "sudo apk add qemu-system-x86_64")]
    fn install_command(#[case] index: usize, #[case] arch: &str, #[case] root: bool, #[case] expected: &str) {
        let (manager, lines) = MANAGERS[index];
        let commands = commands(manager, lines, arch, root);
        assert_eq!(commands.last().unwrap().join(" "), expected);
    }
}
