//! A program that whoever is in the container keeps from being started.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sys::Signal;

use crate::common::{Background, Need, children, need, nsrun};

/// By SIGTERM, which nobody who runs tests ignores: a shell's background jobs ignore SIGINT, and so does what they start.
#[test]
fn exec_into_a_container_that_stops_it_can_be_given_up() {
    if !need(Need::Root) {
        return;
    }
    // It stops whatever comes in before that is its program.
    let stops = "trap '' STOP; echo ready; while :; do kill -STOP -1 2>/dev/null; done";
    let container = Background::script(&["--pid", "--mount", "--proc"], stops);
    let mut entering = entering_and_stopped(container.pid);
    sys::signal::kill(entering.id().cast_signed(), Signal::SIGTERM).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while entering.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `nsrun exec` whose child was stopped before it was its program.
fn entering_and_stopped(container: i32) -> std::process::Child {
    for _ in 0..50 {
        let mut entering = Command::new(nsrun());
        entering.args(["exec", &container.to_string(), "--", "/bin/sleep", "60"]);
        let mut entering = entering.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        let stat = |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let is_it = |pid: &i32| stat(pid).contains(") T ") && !stat(pid).contains("(sleep)");
        let found = children(entering.id());
        if found.iter().any(is_it) {
            return entering;
        }
        for pid in found {
            // It may have ended by itself.
            let _ = sys::signal::kill(pid, Signal::SIGKILL);
        }
        entering.wait().unwrap();
    }
    panic!("it was never stopped on its way");
}
