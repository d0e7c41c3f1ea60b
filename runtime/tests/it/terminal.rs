//! A caller at a terminal: what the program has of it, and what it cannot do to it (CVE-2017-5226).

use std::fs::File;
use std::io::Write;
use std::process::{Child, Command};
use std::time::Instant;

use rstest::rstest;
use sys::Signal;
use sys::terminal::{self, Pair, Settings};

use crate::common::{Background, DEADLINE, Need, alive, children, eventually, need, nsrun};

/// A shell that runs a script, at a terminal which is all that it has.
struct Session {
    shell: Child,
    master: File,
    shown: String,
}

impl Session {
    /// Starts it. In the script `$NSRUN` is the binary under test.
    fn start(script: &str) -> Session {
        Session::start_in("/bin/sh", script)
    }

    fn start_in(shell: &str, script: &str) -> Session {
        let Pair { master, slave } = Pair::open().unwrap();
        resize(&master, 33, 99);
        // Whoever runs the tests may ignore what a terminal sends, as under nohup(1).
        let mut session = Command::new("env");
        session.args(["--default-signal=HUP,INT,QUIT", "setsid", "--ctty", "--wait", shell, "-c", script]);
        session.env("NSRUN", nsrun());
        session.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap()).stderr(slave);
        let shell = session.spawn().unwrap();
        Session { shell, master: master.into(), shown: String::new() }
    }

    fn types(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Reads until these words were shown; returns all that was.
    #[track_caller]
    fn shows(&mut self, words: &str) -> &str {
        let start = Instant::now();
        while !self.shown.contains(words) {
            assert!(start.elapsed() < DEADLINE && self.look(), "no {words:?} in {:?}", self.shown);
        }
        &self.shown
    }

    /// Reads what is there next; false if nothing will be.
    fn look(&mut self) -> bool {
        assert!(sys::socket::is_readable_within(&self.master, DEADLINE).unwrap(), "{:?}", self.shown);
        let mut chunk = [0; 65536];
        match terminal::read(&self.master, &mut chunk) {
            Ok(count) => self.shown += std::str::from_utf8(&chunk[..count.unwrap_or(0)]).unwrap(),
            // Nothing has the other end open any more.
            Err(_) => return false,
        }
        true
    }

    /// All that was shown, and the exit code.
    fn ends(mut self) -> (String, Option<i32>) {
        while self.look() {}
        (std::mem::take(&mut self.shown), self.shell.wait().unwrap().code())
    }

    /// The process `nsrun` that the shell runs.
    fn nsrun(&self) -> i32 {
        let name = |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let shell = self.shell.id();
        let mut all = std::iter::once(shell.cast_signed()).chain(descendants(shell));
        all.find(|pid| name(pid) == "nsrun\n").unwrap()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Already ended, mostly.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

fn descendants(pid: u32) -> Vec<i32> {
    let below = children(pid);
    let further = below.iter().flat_map(|&pid| descendants(pid.cast_unsigned()));
    below.iter().copied().chain(further).collect()
}

/// By a program of others.
fn resize(master: impl std::os::fd::AsFd, rows: u16, columns: u16) {
    let master = master.as_fd().try_clone_to_owned().unwrap();
    let size = [rows.to_string(), columns.to_string()];
    let stty = Command::new("stty").args(["rows", &size[0], "cols", &size[1]]).stdin(master).status();
    assert!(stty.unwrap().success());
}

/// Types a line into the terminal by the number of TIOCSTI, in Python; CAP_SYS_ADMIN makes up for dev.tty.legacy_tiocsti.
fn typing(request: &str) -> String {
    format!(
        r#"python3 -c '
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for byte in b"forged\n":
    done = libc.syscall(16, 0, ctypes.c_ulong({request}), ctypes.byref(ctypes.c_char(byte)))
    if done:
        print("refused", os.strerror(ctypes.get_errno()))
        break
'"#
    )
}

const TIOCSTI: &str = "0x5412";

#[rstest]
#[case::a_container("run --cap-add SYS_ADMIN", TIOCSTI, false)]
#[case::in_a_pid_namespace("run --pid --cap-add SYS_ADMIN", TIOCSTI, false)]
#[case::that_shares_the_terminal("run --cap-add SYS_ADMIN --new-session=false", TIOCSTI, true)]
#[case::with_high_bits("run --cap-add SYS_ADMIN --new-session=false", "0x100005412", true)]
#[case::into_a_console("run --cap-add SYS_ADMIN --new-session=false", "0x541c", true)]
#[case::with_set_user_id("run --cap-add SYS_ADMIN --new-session=false --no-new-privs=false", TIOCSTI, true)]
#[case::a_process_that_joins("exec PID", TIOCSTI, false)]
#[case::that_joins_and_shares_it("exec --new-session=false PID", TIOCSTI, true)]
fn nothing_is_typed_into_the_callers_terminal(
    #[case] command: &str,
    #[case] request: &str,
    #[case] refused: bool,
) {
    if !need(Need::Root) {
        return;
    }
    let container = Background::start(&["--uts", "--cap-add", "SYS_ADMIN"]);
    let command = command.replace("PID", &container.pid.to_string());
    let script = format!("$NSRUN {command} -- {}; echo ended; read line; echo got $line", typing(request));
    let mut session = Session::start(&script);
    session.shows("ended");
    session.types("own\n");
    let (shown, code) = session.ends();
    assert!(shown.contains("got own\r\n"), "{shown}");
    assert_eq!(shown.contains("refused Operation not permitted"), refused, "{shown}");
    assert_eq!(code, Some(0));
}

#[test]
fn a_terminal_that_is_not_protected_is_typed_into() {
    // The control: what the other test looks for can be seen.
    if !need(Need::Root) {
        return;
    }
    let mut session = Session::start(&format!("{}; echo ended; read line; echo got $line", typing(TIOCSTI)));
    session.shows("ended");
    session.types("own\n");
    let (shown, _) = session.ends();
    assert!(shown.contains("got forged\r\n"), "{shown}");
}

#[rstest]
#[case::of_the_file("new-session = true", "", "terminal 0 of a session of its own")]
#[case::of_the_file("new-session = false", "", "terminal 0 of the caller's session")]
#[case::of_the_flag("new-session = false", "--new-session=true", "terminal 0 of a session of its own")]
#[case::of_nothing("", "", "terminal 0 of a session of its own")]
fn what_is_said_explicitly_wins(#[case] spec: &str, #[case] flags: &str, #[case] expected: &str) {
    if !need(Need::Root) {
        return;
    }
    let spec = crate::common::specification(spec);
    let inside = "test -t 0 && echo terminal $(($(ps -o sid= $$) == $$)) >/dev/tty";
    let script = format!("$NSRUN run --spec {} {flags} -- sh -c '{inside}'", spec.path().display());
    let (shown, code) = Session::start(&script).ends();
    let own = u8::from(expected.ends_with("its own"));
    assert_eq!((shown.as_str(), code), (format!("terminal {own}\r\n").as_str(), Some(0)));
}

#[rstest]
#[case::a_container("run --pid --mount --proc")]
#[case::with_an_init("run --pid --init --mount --proc")]
#[case::a_process_that_joins("exec PID")]
fn the_size_arrives_inside(#[case] command: &str) {
    if !need(Need::Root) {
        return;
    }
    let container = Background::start(&["--uts"]);
    let command = command.replace("PID", &container.pid.to_string());
    let inside = "trap \"stty size; exit 4\" WINCH; stty size; while :; do sleep 0.02; done";
    let mut session = Session::start(&format!("$NSRUN {command} -- /bin/sh -c '{inside}'"));
    session.shows("33 99\r\n");
    resize(&session.master, 44, 111);
    session.shows("44 111\r\n");
    assert_eq!(session.ends().1, Some(4));
}

/// Is ready when it is not the shell any more, which catches SIGINT: what waits for it then is lost with its handler.
const SLEEPS: &str = "(sleep 0.2; echo ready) & exec sleep 60";

#[rstest]
#[case::a_handler("run", "trap 'exit 5' INT; echo ready; while :; do sleep 0.02; done", 5)]
#[case::none("run", SLEEPS, 130)]
#[case::the_first_process("run --pid", "trap 'exit 6' INT; echo ready; while :; do sleep 0.02; done", 6)]
#[case::a_first_process_that_would_ignore_it("run --pid", SLEEPS, 130)]
#[case::with_an_init("run --pid --init", SLEEPS, 130)]
#[case::a_process_that_joins("exec PID", SLEEPS, 130)]
#[case::at_a_terminal_that_is_shared("run --new-session=false", SLEEPS, 130)]
fn ctrl_c_reaches_the_program(#[case] command: &str, #[case] inside: &str, #[case] code: i32) {
    if !need(Need::Root) {
        return;
    }
    let container = Background::start(&["--uts"]);
    let command = command.replace("PID", &container.pid.to_string());
    // The shell outlives the signal, where it gets it too.
    let script = format!("trap : INT; $NSRUN {command} -- /bin/sh -c \"{inside}\"; echo ended $?");
    let mut session = Session::start(&script);
    session.shows("ready");
    session.types("\x03");
    session.shows(&format!("ended {code}\r\n"));
}

#[rstest]
#[case::at_the_end("exit 3", "ended 3")]
#[case::by_a_crash("stty raw; kill -SEGV $$", "ended 139")]
#[case::after_a_signal("echo ready; exec sleep 60", "ended 143")]
fn the_settings_are_as_before(#[case] inside: &str, #[case] ended: &str) {
    if !need(Need::Root) {
        return;
    }
    let script = format!(
        "before=$(stty -g); $NSRUN run -- /bin/sh -c '{inside}'; echo ended $?; \
         test \"$before\" = \"$(stty -g)\" && echo the same"
    );
    let mut session = Session::start(&script);
    if inside.contains("ready") {
        session.shows("ready");
        let master = session.master.try_clone().unwrap();
        let raw = || Settings::of(&master).unwrap().signal(3).is_none();
        eventually("the terminal is raw", raw);
        sys::signal::kill(session.nsrun(), Signal::SIGTERM).unwrap();
    }
    let (shown, _) = session.ends();
    assert!(shown.contains(ended) && shown.ends_with("the same\r\n"), "{shown}");
}

#[test]
fn no_output_is_lost() {
    if !need(Need::Root) {
        return;
    }
    for _ in 0..5 {
        let script = "$NSRUN run --pid -- /bin/sh -c 'seq 1 20000; echo the end'";
        let (shown, code) = Session::start(script).ends();
        assert_eq!(code, Some(0));
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!((lines.len(), lines[19_999], lines[20_000]), (20_001, "20000", "the end"));
    }
}

#[test]
fn what_is_no_terminal_stays_as_it_is() {
    if !need(Need::Root) {
        return;
    }
    let inside = "for fd in 0 1 2; do test -t $fd && echo $fd >&2; done; cat; echo out";
    let script = format!("echo in | $NSRUN run -- /bin/sh -c '{inside}' | cat -A");
    let (shown, code) = Session::start(&script).ends();
    // Without keys of its own it leaves the terminal alone, and each line ends once. Two ways lead there.
    let mut lines: Vec<&str> = shown.split_inclusive('\n').collect();
    lines.sort_unstable();
    assert_eq!((lines, code), (vec!["2\r\n", "in$\r\n", "out$\r\n"], Some(0)));
}

/// Of the shells one continues every job that it brings to the foreground, the other only one that had stopped.
#[rstest]
fn in_the_background_the_terminal_is_the_shells(#[values("/bin/dash", "/bin/bash")] shell: &str) {
    if !need(Need::Root) {
        return;
    }
    let script = "set -m; before=$(stty -g); $NSRUN run -- /bin/sh -c 'echo in; read x; echo got $x' & \
                  sleep 0.3; test \"$before\" = \"$(stty -g)\" && echo the same; fg; echo ended $?";
    let mut session = Session::start_in(shell, script);
    session.shows("the same");
    session.types("word\n");
    let (shown, _) = session.ends();
    assert!(shown.contains("got word\r\n") && shown.contains("ended 0\r\n"), "{shown}");
}

#[test]
fn a_caller_that_hangs_up_ends_the_program() {
    if !need(Need::Root) {
        return;
    }
    let mut session = Session::start("exec $NSRUN run --pid -- /bin/sh -c 'echo ready; exec sleep 60'");
    session.shows("ready");
    let nsrun = session.nsrun();
    let program = children(nsrun.cast_unsigned())[0];
    session.master = File::open("/dev/null").unwrap();
    eventually("both end", || !alive(nsrun) && !alive(program));
}

/// What reads from a terminal in the background goes with that terminal, `nsrun` between or not.
#[test]
fn in_the_background_a_caller_that_hangs_up_ends_the_reader() {
    if !need(Need::Root) {
        return;
    }
    let script = "set -m; $NSRUN run -- /bin/sh -c 'echo in; read x; read y' & sleep 0.1; echo ready; wait";
    let mut session = Session::start_in("/bin/bash", script);
    session.shows("in\r");
    session.shows("ready");
    let nsrun = session.nsrun();
    let program = children(nsrun.cast_unsigned())[0];
    session.shell.kill().unwrap();
    session.master = File::open("/dev/null").unwrap();
    eventually("both end", || !alive(nsrun) && !alive(program));
}

#[test]
fn a_program_may_hang_its_terminal_up_and_open_it_anew() {
    if !need(Need::Root) {
        return;
    }
    let inside = r#"python3 -c '
import ctypes, os, signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
name = os.ttyname(0)
assert ctypes.CDLL(None).vhangup() == 0
try:
    os.write(1, b"still\n")
except OSError:
    pass
terminal = os.open(name, os.O_RDWR)
os.write(terminal, b"anew\n")
os.write(terminal, b"got " + os.read(terminal, 9))
'"#;
    let mut session =
        Session::start(&format!("$NSRUN run --cap-add SYS_TTY_CONFIG -- {inside}; echo ended $?"));
    session.shows("anew\r\n");
    session.types("word\n");
    let (shown, _) = session.ends();
    assert!(shown.contains("got word\r\n") && shown.contains("ended 0\r\n"), "{shown}");
    assert!(!shown.contains("still"), "{shown}");
}
