//! Birth, signals, joining, and an end that leaves nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use rstest::rstest;
use sys::Signal;

use crate::common::{
    Background, Need, Said, alive, children, command, eventually, mounts, need, nsrun, on_a_host, run,
    skeleton,
};

#[rstest]
#[case("exit 0", 0)]
#[case("exit 7", 7)]
#[case("kill -KILL $$", 137)]
#[case("kill -TERM $$", 143)]
fn the_exit_code_is_the_programs(#[case] script: &str, #[case] code: i32) {
    if !need(Need::Root) {
        return;
    }
    for flags in [&["--ipc"][..], &["--pid", "--init"]] {
        assert_eq!(run(flags, script).code, Some(code), "{flags:?}");
    }
}

#[test]
fn init_reaps_orphans_and_ends_with_the_program() {
    if !need(Need::Root) {
        return;
    }
    // The orphan's parent ends first; afterwards it is neither running nor a zombie.
    let script =
        "sh -c 'sleep 0.2 & echo $! >/dev/null; exit'; sleep 0.5; cat /proc/[0-9]*/stat | cut -d' ' -f1-4";
    let seen = run(&["--pid", "--mount", "--proc", "--init"], script).ok();
    let states: Vec<&str> = seen.lines().collect();
    assert!(states[0].starts_with("1 (nsrun) S 0"), "{seen}");
    assert!(states[1].starts_with("2 (sh) ") && states[1].ends_with(" 1"), "{seen}");
    assert!(states.iter().all(|state| !state.contains(") Z ") && !state.contains("(sleep)")), "{seen}");
}

#[test]
fn init_adopts_orphans_without_a_pid_namespace_too() {
    if !need(Need::Root) {
        return;
    }
    let script = "init=$PPID; sh -c 'sleep 5 & echo $!' >/run/nsrun-orphan; \
                  read orphan </run/nsrun-orphan; cut -d' ' -f4 /proc/$orphan/stat; echo $init; kill $orphan";
    let seen = on_a_host(&format!(
        "mount -t tmpfs run /run; $NSRUN run --init -- /bin/sh -c '{}'",
        script.replace('\'', "'\\''")
    ))
    .ok();
    let lines: Vec<&str> = seen.lines().collect();
    assert_eq!(lines[0], lines[1]);
}

#[rstest]
#[case::a_handler_gets_it(&["--pid"], "trap 'exit 3' TERM; echo ready; while :; do sleep 0.02; done", 3)]
#[case::init_passes_it_on(&["--pid", "--init"], "trap 'exit 4' TERM; echo ready; while :; do sleep 0.02; done", 4)]
#[case::the_first_process_would_ignore_it(&["--pid"], "echo ready; exec sleep 60", 143)]
#[case::without_a_pid_namespace(&[], "echo ready; exec sleep 60", 143)]
fn a_signal_for_nsrun_is_one_for_the_program(
    #[case] flags: &[&str],
    #[case] script: &str,
    #[case] code: i32,
) {
    if !need(Need::Root) {
        return;
    }
    let mut container = Background::script(flags, script);
    let nsrun = i32::try_from(container.nsrun.id()).unwrap();
    sys::signal::kill(nsrun, sys::Signal::SIGTERM).unwrap();
    assert_eq!(container.nsrun.wait().unwrap().code(), Some(code));
    assert!(!alive(container.pid));
}

#[test]
fn a_signal_that_nsrun_was_started_to_ignore_is_none_for_the_program() {
    if !need(Need::Root) {
        return;
    }
    // As nohup(1) starts it, which also looks after the terminal.
    let mut caller = Command::new("env");
    caller.args(["--ignore-signal=HUP", nsrun(), "run", "--", "/bin/sh", "-c", "echo ready; read x; exit 9"]);
    let mut caller = caller.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(caller.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    // A second one tells that the first was dealt with: nsrun takes its signals one after another.
    let nsrun = i32::try_from(caller.id()).unwrap();
    for signal in [Signal::SIGHUP, Signal::SIGWINCH] {
        sys::signal::kill(nsrun, signal).unwrap();
    }
    eventually("nsrun has taken them", || {
        let status = std::fs::read_to_string(format!("/proc/{nsrun}/status")).unwrap();
        let mut pending =
            status.lines().filter(|line| line.starts_with("SigPnd:") || line.starts_with("ShdPnd:"));
        pending.all(|line| line.ends_with("0000000000000000")) && status.contains("State:\tS")
    });
    // The end of its input ends it.
    drop(caller.stdin.take());
    assert_eq!(caller.wait().unwrap().code(), Some(9));
}

#[rstest]
#[case(&["--all"])]
#[case(&["--all", "--user"])]
#[case(&["--pid", "--init"])]
#[case(&["--init"])]
#[case(&[])]
fn a_killed_nsrun_takes_the_container_along(#[case] flags: &[&str]) {
    if !need(Need::Root) {
        return;
    }
    let before = mounts();
    let mut container = Background::start(flags);
    let inside = children(u32::try_from(container.pid).unwrap());
    container.kill_nsrun();
    eventually("the container is gone", || !alive(container.pid) && inside.iter().all(|&pid| !alive(pid)));
    assert_eq!(mounts(), before);
}

#[test]
fn a_killed_nsrun_leaves_no_link() {
    if !need(Need::Veth) {
        return;
    }
    let seen = on_a_host(
        "mount -t tmpfs run /run; mkfifo /run/go
        $NSRUN run -n --veth mybr0=mybr1 -- /bin/sh -c 'echo >/run/go; exec sleep 60' & nsrun=$!
        read x </run/go; ip -o link | grep -c mybr0; kill -KILL $nsrun
        for i in 1 2 3 4 5 6 7 8 9 10; do ip -o link | grep -q mybr0 || break; sleep 0.2; done
        ip -o link | grep -c mybr0",
    );
    assert_eq!(seen.out, "1\n0\n", "{seen:?}");
}

#[rstest]
#[case::during_the_copy("skeleton")]
fn a_nsrun_killed_during_set_up_leaves_nothing(#[case] _step: &str) {
    if !need(Need::Root) {
        return;
    }
    let skeleton = skeleton();
    // Enough to copy that the kill comes in the middle of it.
    for number in 0..3000 {
        std::fs::write(skeleton.path().join(number.to_string()), "x".repeat(4096)).unwrap();
    }
    let before = mounts();
    let path = skeleton.path().to_str().unwrap();
    let mut nsrun = command(&["--all", "--skeleton", path], "true").spawn().unwrap();
    eventually("the child is born", || !children(nsrun.id()).is_empty());
    let child = children(nsrun.id())[0];
    nsrun.kill().unwrap();
    nsrun.wait().unwrap();
    eventually("the child is gone", || !alive(child));
    assert_eq!(mounts(), before);
}

#[rstest]
#[case::ctrl_c(Signal::SIGINT, &["--hostname", "box"], 130)]
#[case::a_traced_one(Signal::SIGTERM, &["--trace", "--hostname", "box"], 143)]
fn a_signal_during_set_up_undoes_it(#[case] signal: Signal, #[case] flags: &[&str], #[case] code: i32) {
    if !need(Need::Root) {
        return;
    }
    // The container's side waits in sethostname(2). strace notices only afterwards that it was killed there.
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=sethostname"]);
    strace.args(["-e", "inject=sethostname:delay_enter=2000000"]);
    strace.args(["env", "--default-signal", nsrun(), "run", "--uts"]);
    let strace = strace.args(flags).args(["--", "true"]).stderr(Stdio::piped()).spawn();
    let strace = strace.expect("strace(1) runs: apt-get install strace");
    let name = |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let nsrun = || children(strace.id()).into_iter().find(|pid| name(pid) == "nsrun\n");
    let born = || nsrun().and_then(|pid| children(u32::try_from(pid).unwrap()).first().copied());
    let sethostname = format!("{} ", sys::probe::raw::number("sethostname").unwrap());
    let waits = |pid| {
        let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
        call.starts_with(&sethostname)
    };
    eventually("the container waits", || born().is_some_and(waits));
    let (nsrun, child) = (nsrun().unwrap(), born().unwrap());
    sys::signal::kill(nsrun, signal).unwrap();
    eventually("both end", || !alive(nsrun) && !alive(child));
    let said = Said::of(strace.wait_with_output().unwrap()).failed(code);
    assert!(said.contains("nsrun: channel (given up during set-up): ECANCELED\n"), "{said}");
}

fn exec(pid: i32, script: &str) -> Said {
    let mut command = Command::new(nsrun());
    command.args(["exec", &pid.to_string(), "--", "/bin/sh", "-c", script]).stdin(Stdio::null());
    Said::of(command.output().unwrap())
}

#[rstest]
#[case(&[])]
#[case(&["--user"])]
#[case(&["--init"])]
fn exec_joins_everything(#[case] more: &[&str]) {
    if !need(Need::Root) {
        return;
    }
    let skeleton = skeleton();
    let path = skeleton.path().to_str().unwrap();
    let flags = ["--all", "--hostname", "box", "--skeleton", path, "--proc", "--cap-drop", "MKNOD"];
    let container = Background::start(&[&flags[..], more].concat());
    let script = "for kind in uts ipc pid net mnt user cgroup; do readlink /proc/self/ns/$kind; done; \
                  cat /proc/sys/kernel/hostname; ls -d /bin; grep -E '^(Cap|NoNew)' /proc/self/status";
    let seen = exec(container.pid, script).ok();
    let mut lines = seen.lines();
    for kind in ["uts", "ipc", "pid", "net", "mnt", "user", "cgroup"] {
        assert_eq!(lines.next().unwrap(), container.namespace(kind));
    }
    assert_eq!([lines.next().unwrap(), lines.next().unwrap()], ["box", "/bin"]);
    let less = "00000000a00425fb";
    let sets: Vec<_> = lines.map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    // CVE-2022-29162: nothing inheritable.
    assert_eq!(sets, ["0000000000000000", less, less, less, "0000000000000000", "1"]);
}

#[rstest]
#[case::a_container("run")]
#[case::with_an_init("run --pid --init")]
#[case::a_program_in_one("exec PID")]
fn a_caller_that_ignores_the_end_of_children_does_not_matter(#[case] command: &str) {
    if !need(Need::Root) {
        return;
    }
    let container = Background::start(&["--uts"]);
    let command = command.replace("PID", &container.pid.to_string());
    let mut caller = Command::new("timeout");
    caller.args(["20", "env", "--ignore-signal=CHLD", nsrun()]).args(command.split(' '));
    let caller = caller.args(["--", "/bin/sh", "-c", "exit 9"]).stdin(Stdio::null()).output();
    let said = Said::of(caller.unwrap());
    assert_eq!((said.code, said.err.as_str()), (Some(9), ""));
}

#[test]
fn exec_has_the_containers_limits_and_ignores_no_signal() {
    if !need(Need::Root) {
        return;
    }
    let container = Background::start(&["--rlimit", "nofile=64:128", "--rlimit", "core=0"]);
    let script = "ulimit -Sn; ulimit -Hn; ulimit -Hc; grep -E '^Sig(Ign|Blk)' /proc/self/status";
    let mut caller = Command::new("env");
    caller.args(["--ignore-signal=HUP,INT,USR1", nsrun(), "exec", &container.pid.to_string()]);
    let said = Said::of(caller.args(["--", "/bin/sh", "-c", script]).stdin(Stdio::null()).output().unwrap());
    assert_eq!(said.ok(), "64\n128\n0\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

#[test]
fn exec_enters_a_chroot_too() {
    if !need(Need::Root) {
        return;
    }
    let skeleton = skeleton();
    let container = Background::start(&["--root", skeleton.path().to_str().unwrap(), "--chroot"]);
    let said = exec(container.pid, "ls -d /tmp /bin; exit 9");
    assert_eq!((said.out.as_str(), said.code), ("/bin\n", Some(9)));
}

#[test]
fn exec_into_nothing_says_so() {
    if !need(Need::Root) {
        return;
    }
    let said = exec(i32::MAX, "true").failed(125);
    assert!(said.contains("/proc/2147483647/status") && said.contains("help:"), "{said}");
}

#[test]
fn an_exec_dies_with_its_nsrun() {
    if !need(Need::Root) {
        return;
    }
    let container = Background::start(&["--all"]);
    let mut exec = Command::new(nsrun());
    exec.args(["exec", &container.pid.to_string(), "--", "/bin/sh", "-c", "sleep 60; true"]);
    let mut exec = exec.stdin(Stdio::piped()).spawn().unwrap();
    // The shell, once the process between has gone and the program runs.
    let program =
        |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default() == "sh\n";
    eventually("it runs", || children(exec.id()).first().is_some_and(|&pid| program(pid)));
    let joined = children(exec.id())[0];
    exec.kill().unwrap();
    exec.wait().unwrap();
    eventually("it is gone", || !alive(joined));
    assert!(alive(container.pid));
}

#[test]
fn each_step_is_traced_with_what_it_changed() {
    if !need(Need::Root) {
        return;
    }
    let said = run(&["--trace", "--uts", "--pid", "--hostname", "box"], "readlink /proc/self/ns/uts");
    let steps: Vec<&str> = said.err.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    let expected = "clone reset-signals unshare die-with-parent new-session hostname bounding ids capabilities \
                    die-with-parent no-new-privileges working-directory umask stdio close-descriptors execute";
    assert_eq!(steps.join(" "), expected);
    let unshared = said.err.lines().find(|line| line.contains("unshare (uts)")).unwrap();
    assert!(unshared.ends_with(said.out.trim()), "{said:?}");
}

#[test]
fn a_trace_that_nobody_reads_any_more_neither_ends_the_container_nor_leaves_anything() {
    if !need(Need::Veth) {
        return;
    }
    let seen = on_a_host(
        "mount -t tmpfs run /run; mounts=$(cat /proc/self/mountinfo)
        { $NSRUN run --trace -n -m --veth mybr0=mybr1 -- /bin/sh -c 'echo ran >/run/it; exit 5'; echo $? >/run/code; } 2>&1 |
            head -1
        cat /run/it /run/code; ip -o link | grep -c mybr0; [ \"$mounts\" = \"$(cat /proc/self/mountinfo)\" ] && echo same",
    );
    let lines: Vec<&str> = seen.out.lines().collect();
    assert!(lines[0].starts_with("parent  clone"), "{seen:?}");
    assert_eq!(lines[1..], ["ran", "5", "0", "same"], "{seen:?}");
}

/// A session of `nsrun run FLAGS -- PROGRAM` on a terminal, in which `typed` is typed once the program said `ready`, and
/// again until it ends: a first Ctrl-C may meet the shell that is about to become the program. script(1) asks `$SHELL` to
/// run it, and Ctrl-C would end a shell that stays, as dash does, hence the `exec`.
fn on_a_terminal(flags: &str, program: &str, typed: &'static [u8]) -> Said {
    // Who runs these tests may ignore Ctrl-C, as a shell's background jobs do.
    let command = format!("exec env --default-signal {} run {flags} -- /bin/sh -c '{program}'", nsrun());
    let mut script = Command::new("script");
    script.args(["--quiet", "--flush", "--return", "--command", &command, "/dev/null"]);
    let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(script.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), "ready");
    let mut keyboard = script.stdin.take().unwrap();
    let typist = std::thread::spawn(move || {
        while keyboard.write_all(typed).is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
    });
    let mut out = String::new();
    output.read_to_string(&mut out).unwrap();
    let code = script.wait().unwrap().code();
    typist.join().unwrap();
    Said { out, err: String::new(), code }
}

const INTERRUPT: &[u8] = b"\x03";

#[rstest]
#[case::typed_lines_arrive("--pid", "echo ready; read x; echo got $x; exit 5", b"word\n", 5)]
#[case::a_handler_gets_ctrl_c(
    "--pid",
    "trap \"exit 7\" INT; echo ready; while :; do sleep 0.02; done",
    INTERRUPT,
    7
)]
#[case::a_program_without_a_handler_ends("--pid", "(sleep 0.2; echo ready) & exec sleep 60", INTERRUPT, 130)]
#[case::under_init_too("--pid --init", "(sleep 0.2; echo ready) & exec sleep 60", INTERRUPT, 130)]
#[case::and_without_a_pid_namespace("", "(sleep 0.2; echo ready) & exec sleep 60", INTERRUPT, 130)]
fn a_terminal_is_the_programs(
    #[case] flags: &str,
    #[case] program: &str,
    #[case] typed: &'static [u8],
    #[case] code: i32,
) {
    if !need(Need::Root) {
        return;
    }
    let said = on_a_terminal(flags, program, typed);
    assert_eq!(said.code, Some(code), "{said:?}");
    assert_eq!(said.out.contains("got word"), code == 5, "{said:?}");
}
