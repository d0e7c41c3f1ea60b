//! What the program may still do.

use std::fs;
use std::os::fd::AsRawFd;
use std::process::Stdio;

use rstest::rstest;

use crate::common::{Background, Need, Said, command, need, nsrun, run, specification};

/// The five sets and no_new_privs, as `/proc/self/status` has them.
fn sets(flags: &[&str]) -> Vec<String> {
    let seen = run(flags, "grep -E '^(Cap|NoNew)' /proc/self/status").ok();
    seen.lines().map(|line| line.split_whitespace().nth(1).unwrap().to_owned()).collect()
}

/// Inheritable, permitted, effective, bounding, ambient, no_new_privs.
#[rstest]
#[case::the_default(&[], [0, KEPT, KEPT, KEPT, 0, 1])]
#[case::none(&["--cap-drop", "ALL"], [0, 0, 0, 0, 0, 1])]
#[case::one_less(&["--cap-drop", "MKNOD"], [0, KEPT - (1 << 27), KEPT - (1 << 27), KEPT - (1 << 27), 0, 1])]
#[case::one_more(&["--cap-add", "cap_net_admin"], [0, KEPT + (1 << 12), KEPT + (1 << 12), KEPT + (1 << 12), 0, 1])]
#[case::one_alone(&["--cap-drop", "all", "--cap-add", "KILL"], [0, 1 << 5, 1 << 5, 1 << 5, 0, 1])]
#[case::another_user(&["--uid", "1000", "--gid", "1000"], [0, 0, 0, KEPT, 0, 1])]
#[case::privileges_may_be_gained(&["--no-new-privs=false"], [0, KEPT, KEPT, KEPT, 0, 0])]
fn the_five_sets_are_those_asked_for(#[case] flags: &[&str], #[case] expected: [u64; 6]) {
    if !need(Need::Root) {
        return;
    }
    let [sets @ .., gains] = expected;
    let expected: Vec<String> =
        sets.iter().map(|set| format!("{set:016x}")).chain([gains.to_string()]).collect();
    assert_eq!(self::sets(flags), expected);
}

/// The default's fourteen.
const KEPT: u64 = 0xa804_25fb;

#[rstest]
#[case::ambient("uid = 1000\n[capabilities]\ninheritable = ['NET_RAW']\nambient = ['NET_RAW']", [1 << 13, 1 << 13, 1 << 13, KEPT, 1 << 13])]
#[case::ambient_of_root("[capabilities]\ninheritable = ['KILL']\nambient = ['KILL']", [1 << 5, KEPT, KEPT, KEPT, 1 << 5])]
#[case::less_permitted("[capabilities]\npermitted = ['KILL']", [0, 1 << 5, 1 << 5, KEPT, 0])]
#[case::inheritable_of_a_user("uid = 1000\n[capabilities]\ninheritable = ['KILL']", [1 << 5, 0, 0, KEPT, 0])]
#[case::in_a_user_namespace("namespaces = ['user']", [0, KEPT, KEPT, KEPT, 0])]
fn the_five_sets_of_a_specification(#[case] text: &str, #[case] expected: [u64; 5]) {
    if !need(Need::Root) {
        return;
    }
    let spec = specification(text);
    let seen = sets(&["--spec", spec.path().to_str().unwrap()]);
    assert_eq!(seen[..5], expected.map(|set| format!("{set:016x}")));
}

#[rstest]
#[case::sys_admin("mount -t tmpfs x /mnt", &["--mount"])]
#[case::chown("chown 1 /tmp/owned", &["--cap-drop", "CHOWN"])]
#[case::sys_time("date -s @0", &[])]
fn a_dropped_capability_is_missed(#[case] action: &str, #[case] flags: &[&str]) {
    if !need(Need::Root) {
        return;
    }
    let said = run(flags, &action.replace("/tmp/owned", "/proc/self/comm"));
    assert_ne!(said.code, Some(0), "{said:?}");
}

#[test]
fn ids_groups_and_mask_are_those_asked_for() {
    if !need(Need::Root) {
        return;
    }
    let flags = ["--uid", "1", "--gid", "2", "--group", "3", "--group", "4"];
    assert_eq!(run(&flags, "id -u; id -g; id -G; umask").ok(), "1\n2\n2 3 4\n0022\n");
    let spec = specification("umask = 0o077");
    assert_eq!(run(&["--spec", spec.path().to_str().unwrap()], "umask; id -G").ok(), "0077\n0\n");
}

#[test]
fn the_environment_is_the_containers_alone() {
    if !need(Need::Root) {
        return;
    }
    let mut leaky = command(&["--env", "A=b=c"], "/usr/bin/env | sort");
    let seen = String::from_utf8(leaky.env("LEAK", "1").output().unwrap().stdout).unwrap();
    let names: Vec<&str> =
        seen.lines().filter(|line| !line.starts_with("PWD=") && !line.starts_with("_=")).collect();
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(names, ["A=b=c", "HOME=/", path]);
}

#[test]
fn limits_are_set() {
    if !need(Need::Root) {
        return;
    }
    let flags = ["--rlimit", "nofile=64:128", "--rlimit", "core=0"];
    assert_eq!(run(&flags, "ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc").ok(), "64\n128\n0\n0\n");
}

#[test]
fn the_working_directory_is_inside() {
    if !need(Need::Root) {
        return;
    }
    assert_eq!(run(&["--cwd", "/usr/bin"], "pwd; readlink /proc/self/cwd").ok(), "/usr/bin\n/usr/bin\n");
    assert!(
        run(&["--cwd", "/not/there"], "true").failed(125).contains("working-directory (/not/there): ENOENT")
    );
}

#[test]
fn a_working_directory_outside_of_the_root_is_refused() {
    if !need(Need::Root) {
        return;
    }
    // CVE-2024-21626: a descriptor of the caller's that leads out.
    let leak = fs::File::open("/").unwrap();
    sys::descriptor::set_inheritable(leak.as_raw_fd(), true).unwrap();
    let skeleton = crate::common::skeleton();
    let way_out = format!("/proc/self/fd/{}", leak.as_raw_fd());
    let path = skeleton.path().to_str().unwrap();
    let flags = ["--mount", "--pid", "--proc", "--skeleton", path, "--cwd", &way_out];
    let said = run(&flags, "true").failed(125);
    // The number is nobody's, or one of nsrun's own sockets.
    let nowhere = said.contains(": ENOENT") || said.contains(": ENOTDIR");
    assert!(said.contains("working-directory") && nowhere, "{said}");
}

#[test]
fn descriptors_are_closed_but_for_those_to_keep() {
    if !need(Need::Root) {
        return;
    }
    let list = |flags: &[&str]| {
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", "exec 8</etc 9</usr; exec \"$@\"", "sh", nsrun(), "run"]).args(flags);
        shell
            .args(["--", "/bin/sh", "-c", "for fd in /proc/$$/fd/*; do readlink $fd; done"])
            .stdin(Stdio::null());
        String::from_utf8(shell.output().unwrap().stdout).unwrap()
    };
    assert!(!list(&[]).contains("/usr"), "{}", list(&[]));
    let kept = list(&["--keep-fd", "9"]);
    assert!(kept.contains("/usr\n") && !kept.contains("/etc\n"), "{kept}");
}

/// Whoever may trace nsrun's processes would reach them (CVE-2016-9962).
#[rstest]
#[case::run("run")]
#[case::exec("exec $$")]
fn nsrun_itself_keeps_nothing_of_its_callers_open(#[case] command: &str) {
    if !need(Need::Root) {
        return;
    }
    let script = format!("exec 8</etc 9</usr; {} {command} -- /bin/sh -c 'ls /proc/$PPID/fd'", nsrun());
    let said = Said::of(std::process::Command::new("/bin/sh").args(["-c", &script]).output().unwrap()).ok();
    // It has opened some by then, with lower numbers.
    assert!(said.starts_with("0\n1\n2\n") && said.lines().all(|fd| !matches!(fd, "8" | "9")), "{said}");
}

#[test]
fn a_descriptor_to_keep_must_be_open() {
    if !need(Need::Root) {
        return;
    }
    let said = run(&["--keep-fd", "77"], "true").failed(125);
    assert!(said.contains("close-descriptors (descriptor 77 is to be kept): EBADF"), "{said}");
}

#[test]
fn signals_are_as_a_new_program_expects_them() {
    if !need(Need::Root) {
        return;
    }
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", "trap '' TERM USR1; exec \"$@\"", "sh", nsrun()]);
    shell.args(["run", "--", "grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"]).stdin(Stdio::null());
    let output = shell.output().unwrap();
    let seen = String::from_utf8(output.stdout).unwrap();
    assert_eq!(seen, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

#[test]
fn the_program_is_in_a_session_of_its_own() {
    if !need(Need::Root) {
        return;
    }
    let container = Background::start(&[]);
    let session = sys::process::session(Some(container.pid)).unwrap();
    assert_eq!(session, container.pid);
}

#[test]
fn a_cgroup_has_its_limits_and_is_removed() {
    if !need(Need::Cgroup) {
        return;
    }
    let name = format!("nsrun-limits-{}", std::process::id());
    let said: Said =
        run(&["--cgroup", &name, "--limit", "cgroup.max.depth=3"], "grep ^0:: /proc/self/cgroup");
    assert!(said.clone().ok().trim_end().ends_with(&name), "{said:?}");
    let mounts = crate::common::mounts();
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 ")).unwrap().split(' ').nth(4).unwrap();
    assert!(!std::path::Path::new(mount).join(&name).exists());
    for (limit, failure) in
        [("nothing.max=3", "cgroup (+nothing in"), ("cgroup.nothing=3", "/cgroup.nothing = 3): E")]
    {
        let said = run(&["--cgroup", &name, "--limit", limit], "true").failed(125);
        assert!(said.contains(failure), "{said}");
        assert!(!std::path::Path::new(mount).join(&name).exists(), "{limit}");
    }
}

#[test]
fn a_cgroup_that_is_there_is_anothers() {
    if !need(Need::Cgroup) {
        return;
    }
    let name = format!("nsrun-there-{}", std::process::id());
    let container = Background::start(&["--cgroup", &name]);
    let said = run(&["--cgroup", &name], "true").failed(125);
    assert!(said.contains("EEXIST") && said.contains("help: a cgroup of that name exists"), "{said}");
    drop(container);
}

#[rstest]
#[case::with_the_small_init("run --pid --init --")]
#[case::with_a_launcher("run --")]
fn a_limit_on_the_size_of_files_is_named(#[case] flags: &str) {
    if !need(Need::Root) {
        return;
    }
    let script = format!("ulimit -f 0; exec {} {flags} /bin/true", nsrun());
    let out = std::process::Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(125), "{said}");
    assert!(said.contains("EFBIG") && said.contains("ulimit -f"), "{said}");
}

#[test]
fn groups_that_a_container_makes_below_its_own_go_with_it() {
    if !need(Need::Cgroup) {
        return;
    }
    let name = format!("nsrun-below-{}", std::process::id());
    let mounts = crate::common::mounts();
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 ")).unwrap().split(' ').nth(4).unwrap();
    let make = format!("mkdir -p {mount}$(sed -n s/^0:://p /proc/self/cgroup)/a/b && echo made");
    assert_eq!(run(&["--cgroup", &name], &make).ok(), "made\n");
    let left: Vec<_> = walk(std::path::Path::new(mount), &name);
    assert!(left.is_empty(), "{left:?}");
}

/// Groups of this name, wherever they are.
fn walk(folder: &std::path::Path, name: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
    folders.flat_map(|path| if path.ends_with(name) { vec![path] } else { walk(&path, name) }).collect()
}

#[rstest]
#[case::of_a_user_namespace(&["--user", "--pid", "--mount", "--proc", "--init"])]
#[case::with_all_rights(&["--pid", "--mount", "--proc", "--init", "--cap-add", "ALL"])]
fn the_init_tells_nobody_what_its_caller_was_given(#[case] flags: &[&str]) {
    if !need(Need::Root) {
        return;
    }
    let script = "cat /proc/1/environ /proc/1/cmdline | tr '\\0' '\\n'; echo; echo seen";
    let mut command = command(flags, script);
    let said = Said::of(command.env("SECRET", "of the caller").output().unwrap()).ok();
    assert!(said.ends_with("seen\n"), "{said}");
    assert!(!said.contains("SECRET") && !said.contains("environ"), "{said}");
}

#[test]
fn with_a_umask_of_0_nothing_is_made_that_everybody_can_write_to() {
    if !need(Need::Cgroup) {
        return;
    }
    let name = format!("nsrun-umask-{}", std::process::id());
    let skeleton = crate::common::skeleton();
    let path = skeleton.path().to_str().unwrap();
    // Shared memory and queues are everybody's, and asked for by --dev.
    let inside = "stat -c '%A %n' /* /new /new/* /new/*/* /old /dev/* /dev/pts/* | grep -v '^[lc]' | grep '^........w. '; umask";
    let flags =
        format!("--all --proc --dev --skeleton {path} --keep-old /old --bind /etc:/new/etc --cgroup {name}");
    let group = format!(
        "$(grep -m1 ' cgroup2 ' /proc/self/mountinfo | cut -d' ' -f5)$(sed -n s/^0:://p /proc/self/cgroup)/{name}"
    );
    let seen = crate::common::on_a_host(&format!(
        "umask 000; {{ sleep 0.3; stat -c '%a' {group}; }} & \
         $NSRUN run {flags} -- sh -c \"{inside}; sleep 0.6\"; wait"
    ));
    let asked = "drwxrwxrwt /dev/mqueue\ndrwxrwxrwt /dev/shm\n";
    assert_eq!((seen.out, seen.err.as_str()), (format!("{asked}0022\n755\n"), ""));
}

/// Waits for a process that has not become its program yet, and has no more rights than this one; tells whether its memory can
/// be opened, which takes the same as to trace it. ptrace(2), PTRACE_MODE_ATTACH
const WATCHER: &str = "own=$(grep ^CapEff /proc/self/status); echo ready; { sleep 15; echo unseen; } &
    while :; do for process in /proc/[0-9]*; do
        read name <$process/comm && case $name in NAME) true;; *) false;; esac || continue
        grep -q MARK $process/cmdline || continue
        test \"$(grep ^CapEff $process/status)\" = \"$own\" || continue
        (exec 3<$process/mem) && echo open || echo refused
        exec sleep 60
    done; done 2>/dev/null";

#[rstest]
#[case::by_the_container_that_it_joins(&["--pid", "--mount", "--proc"], "exec PID")]
#[case::by_one_with_all_rights_in_a_user_namespace(&["--all", "--user", "--proc", "--cap-add", "ALL"], "exec PID")]
#[case::by_one_whose_pids_it_joins(&["--pid", "--mount", "--proc"], "run --join pid=PID")]
#[case::by_another_container(&["--uts"], "run --uts")]
#[case::by_another_of_the_same_pids(&["--uts"], "run --uts --init")]
fn until_it_is_its_program_it_cannot_be_traced(
    #[case] flags: &[&str],
    #[case] command: &str,
    // At the end of its set-up, and as the launcher.
    #[values("umask", "execve")] call: &str,
) {
    if !need(Need::Root) {
        return;
    }
    // What execveat(2) calls a program without a path differs from kernel to kernel.
    let name = if call == "execve" { "memfd:launcher | [0-9] | [0-9][0-9]" } else { "nsrun" };
    // On a host there may be others of that name.
    let mark = format!("{call}-{}", command.replace(' ', "-"));
    let watcher = WATCHER.replace("NAME", name).replace("MARK", &mark);
    let mut container = Background::script(flags, &watcher);
    let command = command.replace("PID", &container.pid.to_string());
    // It waits in that call. strace traces it too, which does not keep its memory from being opened.
    let mut joining = std::process::Command::new("strace");
    joining.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    joining.args(["-e", &format!("inject={call}:delay_enter=700000")]);
    joining.arg(nsrun()).args(command.split(' ')).args(["--", "/bin/true", &mark]);
    joining.stdin(Stdio::null());
    let output = joining.output().expect("strace(1) runs: apt-get install strace");
    assert_eq!(Said::of(output).ok(), "");
    let mut told = String::new();
    let mut output = std::io::BufReader::new(container.nsrun.stdout.as_mut().unwrap());
    std::io::BufRead::read_line(&mut output, &mut told).unwrap();
    // The launcher belongs to the user namespace, whose root may look at it. It has the end of a socket, and no more.
    let expected = if call == "execve" && flags.contains(&"--user") { "open\n" } else { "refused\n" };
    assert_eq!(told, expected);
}
