//! Each namespace: what the container sees, and what the machine keeps.

use std::process::{Command, Stdio};

use rstest::rstest;
use sys::{Signal, signal};

use crate::common::{
    Background, Need, Said, alive, children, command, eventually, mounts, namespace, need, nsrun, run,
    unprivileged,
};

#[rstest]
#[case("uts", "--uts")]
#[case("ipc", "--ipc")]
#[case("pid", "--pid")]
#[case("net", "--net")]
#[case("mnt", "--mount")]
#[case("user", "--user")]
#[case("cgroup", "--cgroup-ns")]
fn a_namespace_is_its_own_and_the_others_are_shared(#[case] made: &str, #[case] flag: &str) {
    if !need(Need::Root) {
        return;
    }
    let script = "for kind in uts ipc pid net mnt user cgroup; do readlink /proc/self/ns/$kind; done";
    let seen = run(&[flag], script).ok();
    for (line, kind) in seen.lines().zip(["uts", "ipc", "pid", "net", "mnt", "user", "cgroup"]) {
        let shared = line == namespace("self", kind);
        assert_eq!(shared, kind != made, "{kind} of a container with {flag}: {line}");
    }
}

#[test]
fn the_hostname_is_the_containers_own() {
    if !need(Need::Root) {
        return;
    }
    let before = hostname();
    assert_eq!(run(&["--uts", "--hostname", "mycontainer"], "uname -n").ok(), "mycontainer\n");
    assert_eq!(
        run(&["--uts", "--domainname", "example"], "cat /proc/sys/kernel/domainname").ok(),
        "example\n"
    );
    assert_eq!(hostname(), before);
}

fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap()
}

#[test]
fn the_program_is_the_first_process() {
    if !need(Need::Root) {
        return;
    }
    let script = "echo $$ $PPID; echo /proc/[0-9]*; head -c 7 /proc/1/cmdline";
    let seen = run(&["--pid", "--mount", "--proc"], script).ok();
    assert_eq!(seen, "1 0\n/proc/1\n/bin/sh");
}

#[test]
fn the_network_has_lo_alone_and_it_is_down() {
    if !need(Need::Root) {
        return;
    }
    let script = "tail -n +3 /proc/net/dev | cut -d: -f1; cat /sys/class/net/lo/flags";
    let flags = ["--net", "--mount", "--sys"];
    assert_eq!(run(&flags, script).ok().split_whitespace().collect::<Vec<_>>(), ["lo", "0x8"]);
    let up = run(&[&flags[..], &["--loopback"]].concat(), script).ok();
    assert_eq!(up.split_whitespace().collect::<Vec<_>>(), ["lo", "0x9"]);
}

#[test]
fn objects_of_system_v_stay_inside() {
    if !need(Need::Root) {
        return;
    }
    let count = || std::fs::read_to_string("/proc/sysvipc/shm").unwrap().lines().count();
    let before = count();
    let flags = ["--ipc", "--pid", "--mount", "--proc"];
    let seen = run(&flags, "ipcmk -M 4096 >/dev/null; tail -n +2 /proc/sysvipc/shm | wc -l").ok();
    assert_eq!(seen.trim(), "1");
    assert_eq!(count(), before);
}

#[test]
fn a_mount_is_seen_inside_only() {
    if !need(Need::Root) {
        return;
    }
    let before = mounts();
    let script = "mount -t tmpfs inner /mnt && grep -c inner /proc/self/mountinfo";
    assert_eq!(run(&["--mount", "--cap-add", "SYS_ADMIN"], script).ok(), "1\n");
    assert_eq!(mounts(), before);
}

#[test]
fn root_inside_is_the_caller_outside() {
    if !need(Need::Root) {
        return;
    }
    let container = Background::start(&[
        "--user",
        "--uid-map",
        "0:100000:65536",
        "--gid-map",
        "0:100000:65536",
        "--uid",
        "7",
    ]);
    let status = std::fs::read_to_string(format!("/proc/{}/status", container.pid)).unwrap();
    assert!(status.contains("Uid:\t100007\t100007\t100007\t100007"), "{status}");
    assert!(status.contains("Gid:\t100000\t100000\t100000\t100000"), "{status}");
    let setgroups = std::fs::read_to_string(format!("/proc/{}/setgroups", container.pid)).unwrap();
    assert_eq!(setgroups, "deny\n");
}

#[test]
fn an_unprivileged_caller_gets_a_whole_container() {
    if !need(Need::UnprivilegedUsers) {
        return;
    }
    let script = "id -u; uname -n; echo $$; cat /proc/self/uid_map; stat -c %t:%T /dev/null; cat /sys/class/net/lo/flags";
    let flags = ["--all", "--hostname", "box", "--proc", "--sys", "--dev", "--loopback"];
    let seen = unprivileged(&flags, script).ok();
    assert_eq!(
        seen.split_whitespace().collect::<Vec<_>>(),
        ["0", "box", "1", "0", "12345", "1", "1:3", "0x9"]
    );
}

#[test]
fn a_cgroup_namespace_shows_its_own_root() {
    if !need(Need::Cgroup) {
        return;
    }
    let name = format!("nsrun-test-{}", std::process::id());
    let outside = command(&["--cgroup", &name], "grep ^0:: /proc/self/cgroup").output().unwrap();
    assert!(String::from_utf8(outside.stdout).unwrap().trim_end().ends_with(&name));
    let inside = run(&["--cgroup", &name, "--cgroup-ns"], "grep ^0:: /proc/self/cgroup").ok();
    assert_eq!(inside, "0::/\n");
}

#[rstest]
#[case("net", &[])]
#[case("uts", &[])]
#[case("ipc", &[])]
#[case("pid", &[])]
#[case("mount", &[])]
#[case("net", &["--user"])]
fn a_namespace_of_another_container_is_joined(#[case] kind: &str, #[case] more: &[&str]) {
    if !need(Need::Root) {
        return;
    }
    let file = if kind == "mount" { "mnt" } else { kind };
    let other = Background::start(&[&format!("--{kind}")]);
    let join = format!("{kind}={}", other.pid);
    let flags = [&["--join", &join], more].concat();
    let seen = run(&flags, &format!("readlink /proc/self/ns/{file}")).ok();
    assert_eq!(seen.trim(), other.namespace(file));
    assert_ne!(seen.trim(), namespace("self", file));
}

#[test]
fn a_user_namespace_is_joined_with_what_it_owns() {
    if !need(Need::Root) {
        return;
    }
    let other = Background::start(&["--user", "--uts", "--hostname", "theirs", "--net"]);
    let join = |kind| format!("{kind}={}", other.pid);
    let flags = ["--join", &join("user"), "--join", &join("uts"), "--join", &join("net")];
    let seen = run(&flags, "uname -n; id -u; readlink /proc/self/ns/user").ok();
    assert_eq!(seen.lines().collect::<Vec<_>>(), ["theirs", "0", &other.namespace("user")]);
}

/// `nsrun run FLAGS -- true` where clone(2) returns in a process that gives birth only so long after its child is there.
fn with_late_parents(microseconds: u32, flags: &[&str]) -> Command {
    let delay = format!("inject=clone:delay_exit={microseconds}");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=clone", "-e", &delay]);
    strace.args([nsrun(), "run"]).args(flags).args(["--", "true"]);
    strace
}

#[test]
fn a_child_may_be_faster_than_the_word_of_its_birth() {
    if !need(Need::Root) {
        return;
    }
    let other = Background::start(&["--net"]);
    let join = format!("net={}", other.pid);
    let run = |flags: &[&str]| {
        let mut strace = with_late_parents(100_000, flags);
        Said::of(strace.output().expect("strace(1) runs: apt-get install strace"))
    };
    run(&["--join", &join, "--mount"]).ok();
    let traced = run(&["--trace", "--join", &join, "--mount"]);
    let steps: Vec<&str> = traced.err.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(steps[..4], ["join", "clone", "reset-signals", "unshare"], "{traced:?}");
}

/// Kills a process when dropped, if it is still there.
struct Killed(i32);

impl Drop for Killed {
    fn drop(&mut self) {
        // What ended already is as it should be.
        let _ = signal::kill(self.0, Signal::SIGKILL);
    }
}

#[test]
fn a_process_that_is_killed_while_it_gives_birth_is_told_and_its_child_does_not_live_on() {
    if !need(Need::Root) {
        return;
    }
    let other = Background::start(&["--net"]);
    let mut strace = with_late_parents(3_000_000, &["--join", &format!("net={}", other.pid)]);
    let strace = strace.stderr(Stdio::piped()).spawn().expect("strace(1) runs: apt-get install strace");
    let comm = |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let nsrun = || children(strace.id()).into_iter().find(|pid| comm(pid) == "nsrun\n");
    // The one that joins, and the one that is to be the program.
    let born = || nsrun().map_or_else(Vec::new, |pid| children(u32::try_from(pid).unwrap()));
    eventually("both are born", || born().len() == 2);
    let nsrun = Killed(nsrun().unwrap());
    let [intermediate, child] = children(u32::try_from(nsrun.0).unwrap())[..] else { unreachable!() };
    signal::kill(intermediate, Signal::SIGKILL).unwrap();
    eventually("nsrun notices", || !alive(nsrun.0));
    let said = Said::of(strace.wait_with_output().unwrap()).failed(125);
    assert!(said.contains("killed by signal 9 during set-up"), "{said}");
    assert!(!alive(child));
}
