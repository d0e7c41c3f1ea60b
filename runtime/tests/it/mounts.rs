//! The root, what is in it, and what stays outside.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use crate::common::{Need, Said, mounts, need, on_a_host, run, skeleton, specification};
use rstest::rstest;
use tempfile::TempDir;

const OWN: [&str; 2] = ["--mount", "--pid"];

/// A container with that skeleton as its root.
fn in_skeleton(skeleton: &TempDir, more: &[&str], script: &str) -> Said {
    let path = skeleton.path().to_str().unwrap();
    run(&[&OWN[..], &["--skeleton", path, "--proc"], more].concat(), script)
}

#[test]
fn the_new_root_is_all_there_is() {
    if !need(Need::Root) {
        return;
    }
    let skeleton = skeleton();
    fs::write(skeleton.path().join("mine"), "x").unwrap();
    let before = mounts();
    let script =
        "ls /; stat -f -c %T /; cat /proc/self/mountinfo | wc -l; ls /../../mine; ls -d /tmp /usr 2>&1";
    let seen = in_skeleton(&skeleton, &["--tmpfs", "50M"], script);
    let mut names: Vec<_> = fs::read_dir(skeleton.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.extend(["proc".to_owned()]);
    names.sort();
    let lines: Vec<&str> = seen.out.lines().collect();
    assert_eq!(lines[..names.len()], names, "{seen:?}");
    assert_eq!(lines[names.len()], "tmpfs");
    assert!(seen.out.contains("/../../mine"), "{seen:?}");
    assert!(seen.out.contains("'/tmp': No such file"), "{seen:?}");
    assert_eq!(mounts(), before);
}

#[test]
fn the_tmpfs_is_as_large_as_it_was_asked_to_be() {
    if !need(Need::Root) {
        return;
    }
    let skeleton = skeleton();
    let script =
        "df -k / | tail -1 | (read a size b; echo $size); dd if=/dev/zero of=/big bs=1M count=21 2>&1";
    let seen = in_skeleton(&skeleton, &["--tmpfs", "20M", "--dev"], script);
    assert!(seen.out.contains("No space left on device"), "{seen:?}");
}

#[test]
fn the_skeleton_is_copied_whole() {
    if !need(Need::Root) {
        return;
    }
    let skeleton = skeleton();
    let at = |name: &str| skeleton.path().join(name);
    fs::write(at("secret"), "s").unwrap();
    fs::set_permissions(at("secret"), fs::Permissions::from_mode(0o4711)).unwrap();
    fs::hard_link(at("secret"), at("second")).unwrap();
    symlink("/nowhere", at("dangling")).unwrap();
    fs::create_dir(at("sticky")).unwrap();
    let shell = |script: &str| {
        let done =
            std::process::Command::new("/bin/sh").args(["-c", script]).current_dir(skeleton.path()).status();
        assert!(done.unwrap().success(), "{script}");
    };
    shell(
        "chown 3:4 secret; chmod 4711 secret; chmod 1777 sticky; mkdir team; chmod 2750 team; mkfifo pipe; mknod dev0 c 1 3; touch -d @1000000 secret",
    );
    let script = "cd /; stat -c '%n %f %u %g %h %s %t:%T %Y' secret second sticky team pipe dev0; readlink dangling; stat -c %i secret second | uniq | wc -l";
    let seen = in_skeleton(&skeleton, &[], script).ok();
    let expected = |name: &str| {
        let found = fs::symlink_metadata(at(name)).unwrap();
        let (major, minor) = (found.rdev() >> 8, found.rdev() & 0xff);
        format!(
            "{name} {:x} {} {} {} {} {major:x}:{minor:x} {}",
            found.mode(),
            found.uid(),
            found.gid(),
            found.nlink(),
            if found.is_dir() { 40 } else { found.size() },
            found.mtime()
        )
    };
    let mut lines = seen.lines();
    for name in ["secret", "second", "sticky", "team", "pipe", "dev0"] {
        assert_eq!(lines.next().unwrap(), expected(name));
    }
    assert_eq!(lines.collect::<Vec<_>>(), ["/nowhere", "1"]);
}

#[test]
fn the_root_may_be_a_directory() {
    if !need(Need::Root) {
        return;
    }
    let skeleton = skeleton();
    let path = skeleton.path().to_str().unwrap();
    let seen = run(&["--mount", "--root", path], "echo x >/written; ls -d /bin").ok();
    assert_eq!(seen, "/bin\n");
    assert_eq!(fs::read_to_string(skeleton.path().join("written")).unwrap(), "x\n");
    let refused = run(&["--mount", "--root", path, "--read-only"], "echo x >/again");
    assert!(refused.err.contains("Read-only file system"), "{refused:?}");
}

#[rstest]
#[case::private("private")]
#[case::slave("slave")]
#[case::shared("shared")]
#[case::unchanged("unchanged")]
fn the_root_is_pivoted_to_whatever_the_propagation(#[case] propagation: &str) {
    if !need(Need::Root) {
        return;
    }
    let skeleton = skeleton();
    let before = mounts();
    let spec = specification(&format!(
        "namespaces = ['mount']\npropagation = '{propagation}'\n[root]\ndir = '{}'\n",
        skeleton.path().display()
    ));
    assert_eq!(run(&["--spec", spec.path().to_str().unwrap()], "ls -d /bin").ok(), "/bin\n");
    assert_eq!(mounts(), before);
}

#[test]
fn the_old_root_stays_only_if_it_is_asked_for() {
    if !need(Need::Root) {
        return;
    }
    let skeleton = skeleton();
    let seen = in_skeleton(&skeleton, &["--keep-old", "/old"], "ls -d /old/etc/passwd; pwd").ok();
    assert_eq!(seen, "/old/etc/passwd\n/\n");
}

/// mkdir, chroot, and then up: the classic way out.
const ESCAPE: &str = "mkdir -p /x; exec chroot /x/../. /bin/sh -c 'ls -d /etc/hostname /usr/bin' 2>&1";

#[test]
fn a_chroot_is_made_without_a_mount_namespace() {
    if !need(Need::Root) {
        return;
    }
    let skeleton = skeleton();
    let path = skeleton.path().to_str().unwrap();
    let seen = run(&["--root", path, "--chroot"], "ls -d /bin /tmp 2>&1; readlink /proc/self/ns/mnt");
    assert!(seen.out.contains("/bin\n") && seen.out.contains("'/tmp': No such file"), "{seen:?}");
    assert!(!run(&["--root", path, "--chroot"], ESCAPE).out.contains("/usr/bin\n"));
}

#[test]
fn a_bind_mount_has_its_flags() {
    if !need(Need::Root) {
        return;
    }
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), "seen").unwrap();
    let skeleton = skeleton();
    let path = outside.path().display();
    let (writable, read_only) = (format!("{path}:/deep/er/rw"), format!("{path}:/ro:ro,nosuid,nodev,noexec"));
    let file = format!("{path}/file:/alone:ro");
    let flags = ["--bind", &writable, "--bind", &read_only, "--bind", &file];
    let script = "cat /deep/er/rw/file /ro/file /alone; echo 1 >/deep/er/rw/new; echo 2 >/ro/new; echo 3 >/alone; grep ' /ro ' /proc/self/mountinfo";
    let seen = in_skeleton(&skeleton, &flags, script);
    assert!(seen.out.starts_with("seenseenseen"), "{seen:?}");
    assert_eq!(seen.err.matches("Read-only file system").count(), 2, "{seen:?}");
    assert!(seen.out.contains("ro,nosuid,nodev,noexec"), "{seen:?}");
    assert_eq!(fs::read_to_string(outside.path().join("new")).unwrap(), "1\n");
}

#[test]
fn recursive_flags_reach_what_is_mounted_below() {
    if !need(Need::Root) {
        return;
    }
    let spec = |option: &str| {
        specification(&format!(
            "namespaces = ['mount']\nmounts = [\n\
             {{ type = 'tmpfs', target = '/mnt' }}, {{ type = 'tmpfs', target = '/mnt/below' }},\n\
             {{ type = 'rbind', source = '/mnt', target = '/media', options = ['{option}'] }} ]\n"
        ))
    };
    let script = "touch /media/x; touch /media/below/x";
    let count = |option| {
        let spec = spec(option);
        run(&["--spec", spec.path().to_str().unwrap()], script).err.matches("Read-only file system").count()
    };
    assert_eq!((count("ro"), count("rro")), (1, 2));
}

#[test]
fn a_link_in_the_image_leads_nowhere_outside() {
    if !need(Need::Root) {
        return;
    }
    let outside = tempfile::tempdir().unwrap();
    let skeleton = skeleton();
    symlink(outside.path(), skeleton.path().join("link")).unwrap();
    let bind = "/etc/passwd:/link/made".to_owned();
    let path = skeleton.path().to_str().unwrap();
    let seen = run(&["--mount", "--root", path, "--bind", &bind], "ls /link/made");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "{seen:?}");
    // The dangling link is not followed to make what it names.
    assert!(seen.failed(125).contains("mount[0] (rbind of /etc/passwd on /link/made): E"));
}

#[rstest]
#[case("proc", &["--proc"])]
#[case("sys", &["--net", "--sys"])]
#[case("dev", &["--dev"])]
fn a_link_in_place_of_a_kernel_file_system_is_refused(#[case] name: &str, #[case] flags: &[&str]) {
    if !need(Need::Root) {
        return;
    }
    let skeleton = skeleton();
    fs::create_dir(skeleton.path().join("elsewhere")).unwrap();
    symlink("/elsewhere", skeleton.path().join(name)).unwrap();
    let path = skeleton.path().to_str().unwrap();
    let said = run(&[&OWN[..], &["--skeleton", path], flags].concat(), "true").failed(125);
    assert!(said.contains(": ELOOP") && said.contains("symbolic link"), "{said}");
}

#[test]
fn dev_is_minimal_and_of_the_right_types() {
    if !need(Need::Root) {
        return;
    }
    let skeleton = skeleton();
    let script = "cd /dev; stat -c '%n %F %t:%T %a' null zero full random urandom tty; ls; readlink fd; stat -f -c %T pts shm";
    let seen = in_skeleton(&skeleton, &["--dev", "--ipc"], script).ok();
    let lines: Vec<&str> = seen.lines().collect();
    let node = |name: &str, device: &str| format!("{name} character special file {device} 666");
    let nodes = [
        ("null", "1:3"),
        ("zero", "1:5"),
        ("full", "1:7"),
        ("random", "1:8"),
        ("urandom", "1:9"),
        ("tty", "5:0"),
    ];
    assert_eq!(lines[..6], nodes.map(|(name, device)| node(name, device)));
    let listed = "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero";
    assert_eq!(lines[6..20].join(" "), listed);
    assert_eq!(lines[20], "/proc/self/fd");
}

#[test]
fn masked_paths_are_empty_and_read_only_ones_refuse() {
    if !need(Need::Root) {
        return;
    }
    let spec = specification(
        "namespaces = ['mount', 'pid']\nproc = true\n\
         masked = ['/proc/version', '/proc/bus', '/not/there']\nread-only = ['/proc/sys', '/not/there/either']\n",
    );
    let script = "cat /proc/version; ls /proc/bus; echo x >/proc/sys/kernel/domainname; echo end";
    let seen = run(&["--spec", spec.path().to_str().unwrap()], script);
    assert_eq!(seen.out, "end\n");
    assert!(seen.err.contains("Read-only file system"), "{seen:?}");
}

#[test]
fn masks_leave_the_machines_own_files_alone() {
    if !need(Need::Root) {
        return;
    }
    let before = mounts();
    run(&["--mount"], "true").ok();
    // Without a mount namespace nothing can be masked.
    run(&[], "true").ok();
    assert_eq!(mounts(), before);
}

#[test]
fn a_sysctl_is_set_before_the_tree_is_read_only() {
    if !need(Need::Root) {
        return;
    }
    let flags = ["--net", "--mount", "--pid", "--proc", "--sysctl", "net.ipv4.ip_forward=1"];
    let outside = || fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap();
    let before = outside();
    assert_eq!(run(&flags, "cat /proc/sys/net/ipv4/ip_forward").ok(), "1\n");
    assert_eq!(outside(), before);
    let unknown = ["--net", "--mount", "--pid", "--proc", "--sysctl", "net.nothing=1"];
    assert!(run(&unknown, "true").failed(125).contains("sysctl (net.nothing = 1): ENOENT"));
}

/// `/proc/sys/net` has other directories in each network namespace.
#[rstest]
#[case::hidden("masked", "ls /proc/sys/net/core; echo $?", "0\n")]
#[case::read_only(
    "read-only",
    "echo 1 2>/dev/null >/proc/sys/net/core/somaxconn && echo written; grep -c /proc/sys/net/core /proc/mounts",
    "1\n"
)]
fn what_is_closed_is_that_of_the_own_network(#[case] how: &str, #[case] look: &str, #[case] seen: &str) {
    if !need(Need::Root) {
        return;
    }
    let closed = ["masked", "read-only"].map(|key| {
        let paths = if key == how { "'/proc/sys/net/core'" } else { "" };
        format!("{key} = [{paths}]\n")
    });
    let spec =
        specification(&format!("namespaces = ['net', 'mount', 'pid']\nproc = true\n{}", closed.concat()));
    let path = spec.path().to_str().unwrap();
    assert_eq!(run(&["--spec", path], look).ok(), seen);
}

#[test]
fn a_false_sysctl_file_of_an_image_is_not_written() {
    if !need(Need::Root) {
        return;
    }
    let skeleton = skeleton();
    fs::create_dir_all(skeleton.path().join("proc/sys/net")).unwrap();
    fs::write(skeleton.path().join("proc/sys/net/false"), "before").unwrap();
    let path = skeleton.path().to_str().unwrap();
    let said = run(&["--net", "--mount", "--root", path, "--sysctl", "net.false=after"], "true").failed(125);
    assert!(said.contains("sysctl (net.false = after): EPERM"), "{said}");
    assert_eq!(fs::read_to_string(Path::new(path).join("proc/sys/net/false")).unwrap(), "before");
}

/// Whether a mount made on one side of a container with that propagation is seen on the other.
#[rstest]
#[case::private("private", "0 0")]
#[case::slave("slave", "0 1")]
#[case::shared("shared", "1 1")]
#[case::unchanged("unchanged", "1 1")]
fn a_mount_crosses_as_the_propagation_says(#[case] propagation: &str, #[case] crossed: &str) {
    if !need(Need::Root) {
        return;
    }
    let spec = specification(&format!(
        "namespaces = ['mount']\npropagation = '{propagation}'\ncapabilities = {{ keep = ['ALL'] }}\n"
    ));
    let seen = on_a_host(&format!(
        "mount --make-rshared /; mount -t tmpfs run /run; mkfifo /run/go /run/end
        count() {{ grep -c \" $1 \" /proc/self/mountinfo; }}
        $NSRUN run --spec {} -- /bin/sh -c 'mount -t tmpfs inner /mnt; echo >/run/go; read x </run/end
            grep -c \" /media \" /proc/self/mountinfo' >/run/inside &
        read x </run/go; outside=$(count /mnt); mount -t tmpfs outer /media; echo >/run/end; wait
        echo $outside $(cat /run/inside)",
        spec.path().display()
    ));
    assert_eq!(seen.out.trim(), crossed, "{seen:?}");
}

/// pivot_root(2) refuses a new root on a shared parent, which is found by its path (`\040` in mountinfo).
#[test]
fn the_root_may_lie_on_a_mount_with_a_space_in_its_path() {
    if !need(Need::Root) {
        return;
    }
    let spec = specification("namespaces = ['mount']\npropagation = 'shared'\n");
    let said = on_a_host(&format!(
        "mount --make-rshared /; mount -t tmpfs run /run; mkdir '/run/a space'; mount -t tmpfs inner '/run/a space'
        mkdir -p '/run/a space/root/bin'; cp /bin/busybox '/run/a space/root/bin/sh'
        $NSRUN run --spec {} --root '/run/a space/root' -- /bin/sh -c 'echo inside /bin/*'",
        spec.path().display()
    ));
    assert_eq!(said.out, "inside /bin/sh\n", "{said:?}");
}
