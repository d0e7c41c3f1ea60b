//! From the kernel's first process to a machine like any other: modules, a root that pivot_root(2) takes, the usual mounts.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::Path;

use sys::probe::{device, machine};
use sys::{self, Errno, mount};

use super::skeleton;
use protocol::event::Ready;

/// Where the modules are in the initramfs; `order` has one file name a line.
const MODULES: &str = "/modules";
const NEW_ROOT: &str = "/new-root";

/// File system, source, target below the root, options, and its own data.
type Row = (&'static str, &'static str, &'static [&'static str], &'static str);

/// What is mounted on the new root, in order. A row that the kernel does not know is left out: a scenario that needs it
/// says so and is skipped.
const MOUNTS: &[Row] = &[
    ("proc", "proc", &["nosuid", "nodev", "noexec"], ""),
    ("sysfs", "sys", &["nosuid", "nodev", "noexec"], ""),
    ("devtmpfs", "dev", &["nosuid"], "mode=755"),
    ("devpts", "dev/pts", &["nosuid", "noexec"], "ptmxmode=666,mode=620,gid=5"),
    ("tmpfs", "dev/shm", &["nosuid", "nodev"], "mode=1777"),
    ("mqueue", "dev/mqueue", &["nosuid", "nodev", "noexec"], ""),
    ("cgroup2", "sys/fs/cgroup", &["nosuid", "nodev", "noexec"], ""),
    ("tmpfs", "tmp", &["nosuid", "nodev"], "mode=1777"),
    ("tmpfs", "run", &["nosuid", "nodev"], "mode=755"),
];

/// What init has for itself, on a root that no scenario reaches ([`super::world`]): where it looks.
const OWN: &[Row] = &[
    ("proc", "proc", &["nosuid", "nodev", "noexec"], ""),
    ("sysfs", "sys", &["nosuid", "nodev", "noexec"], ""),
    ("debugfs", "sys/kernel/debug", &["nosuid", "nodev", "noexec"], ""),
    ("cgroup2", "sys/fs/cgroup", &["nosuid", "nodev", "noexec"], ""),
    ("tmpfs", "dev", &["nosuid", "noexec"], "mode=700"),
];

/// What udev adds to `/dev`. TOMOYO, where it is in use, lets a descriptor be executed only if `/dev/fd` is there.
const LINKS: &[(&str, &str)] = &[
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// Makes the machine ready for containers.
pub(super) fn bring_up() -> io::Result<Ready> {
    let modules = load_modules()?;
    switch_root()?;
    // As systemd leaves it: a runtime that forgets to make its own mounts private is seen to leak.
    mount::propagate(Path::new("/"), mount::Flags::MS_SHARED | mount::Flags::MS_REC)?;
    device::set_up("lo", true)?;
    delegate_controllers()?;
    lower_paranoia()?;
    skeleton::make(Path::new(skeleton::ROOT))?;
    Ok(Ready { release: machine::names()?.release, modules, ..Ready::default() })
}

/// A module that cannot be loaded is no reason to stop: the host is told.
fn load_modules() -> io::Result<BTreeMap<String, Option<String>>> {
    let order = match fs::read_to_string(Path::new(MODULES).join("order")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        other => other?,
    };
    order.lines().map(|file| Ok((module_name(file), load_module(file)?))).collect()
}

/// The errno's name, if the kernel refused it.
fn load_module(file: &str) -> io::Result<Option<String>> {
    match machine::load_module(&File::open(Path::new(MODULES).join(file))?) {
        Ok(()) | Err(Errno::EEXIST) => Ok(None),
        Err(errno) => Ok(Some(sys::errno_name(errno))),
    }
}

/// The name that the kernel gives to the module in that file.
fn module_name(file: &str) -> String {
    file.split('.').next().unwrap_or(file).replace('-', "_")
}

/// The kernel refuses pivot_root(2) on the initramfs's root: move to a tmpfs, as switch_root(8) does.
fn switch_root() -> io::Result<()> {
    let new_root = Path::new(NEW_ROOT);
    fs::create_dir(new_root)?;
    mount::filesystem("tmpfs", "root", new_root, mount::Flags::empty(), "mode=755")?;
    move_files(new_root)?;
    for row in MOUNTS {
        mount_row(new_root, row)?;
    }
    for (name, target) in LINKS {
        symlink(target, new_root.join("dev").join(name))?;
    }
    std::env::set_current_dir(new_root)?;
    mount::filesystem("none", ".", Path::new("/"), mount::Flags::MS_MOVE, "")?;
    mount::chroot(Path::new("."))?;
    std::env::set_current_dir("/")
}

/// What else the host packed moves along.
fn move_files(new_root: &Path) -> io::Result<()> {
    fs::remove_dir_all(MODULES).or_else(absent)?;
    let stays = [new_root, Path::new("/dev"), Path::new("/root")];
    for entry in fs::read_dir("/")? {
        let from = entry?.path();
        if stays.contains(&from.as_path()) {
            continue;
        }
        move_tree(&from, &new_root.join(from.strip_prefix("/").unwrap_or(&from)))?;
    }
    Ok(())
}

fn absent(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn move_tree(from: &Path, to: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(from)?;
    if found.is_symlink() {
        symlink(fs::read_link(from)?, to)?;
    } else if found.is_dir() {
        fs::DirBuilder::new().mode(found.permissions().mode()).create(to)?;
        for entry in fs::read_dir(from)? {
            let from = entry?.path();
            move_tree(&from, &to.join(from.file_name().unwrap_or_default()))?;
        }
        return fs::remove_dir(from);
    } else {
        fs::copy(from, to)?;
    }
    fs::remove_file(from)
}

/// Mounts what init has for itself.
pub(super) fn mount_own(root: &Path) -> io::Result<()> {
    OWN.iter().try_for_each(|row| mount_row(root, row))
}

fn mount_row(root: &Path, (kind, target, options, data): &Row) -> io::Result<()> {
    let target = root.join(target);
    match fs::create_dir_all(&target) {
        // A kernel that does not know the file system has no directory for it in sysfs, and nobody else can make one.
        Err(error) if sys::errno_of(&error) == Errno::EPERM => return Ok(()),
        other => other?,
    }
    let flags = options.iter().filter_map(|word| mount::flag(word)).map(|(flag, _)| flag).collect();
    match mount::filesystem(kind, kind, &target, flags, data) {
        Ok(()) => Ok(()),
        // The kernel was built without it.
        Err(Errno::ENODEV) => Ok(()),
        Err(errno) => Err(io::Error::other(format!("mount {kind} on {}: {errno}", target.display()))),
    }
}

/// Containers' groups may use every controller that there is. cgroups(7), "Enabling and disabling controllers"
fn delegate_controllers() -> io::Result<()> {
    let group = Path::new("/sys/fs/cgroup");
    let controllers = match fs::read_to_string(group.join("cgroup.controllers")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for controller in controllers.split_whitespace() {
        fs::write(group.join("cgroup.subtree_control"), format!("+{controller}"))?;
    }
    Ok(())
}

/// Debian's kernels begin at 3, a level of their own at which CAP_PERFMON is not enough; everybody else's at 2.
fn lower_paranoia() -> io::Result<()> {
    let level = Path::new("/proc/sys/kernel/perf_event_paranoid");
    if level.exists() { fs::write(level, "2") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("veth.ko", "veth")]
    #[case("nf-log-syslog.ko", "nf_log_syslog")]
    fn a_module_has_the_name_that_the_kernel_gives_it(#[case] file: &str, #[case] name: &str) {
        assert_eq!(module_name(file), name);
    }

    #[test]
    fn every_option_is_a_flag() {
        for word in MOUNTS.iter().flat_map(|row| row.2) {
            assert!(mount::flag(word).is_some(), "{word}");
        }
    }
}
