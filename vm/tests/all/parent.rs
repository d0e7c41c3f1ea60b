//! No QEMU outlives the process that started it, and none dies with a mere thread.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::guest::{TIMEOUT, ask, config, ready};

/// Set for the process that the tests start to be killed.
const VICTIM: &str = "VM_TEST_VICTIM";

/// Not a test of its own: boots a machine, tells its process, and waits to be killed.
#[test]
fn victim() {
    if std::env::var_os(VICTIM).is_some() {
        let machine = ready(&config());
        println!("\nmachine {}", machine.pid());
        std::thread::sleep(TIMEOUT);
    }
}

#[rstest::rstest]
#[case::killed("KILL", "")]
#[case::terminated("TERM", "")]
#[case::ctrl_c("INT", "-")]
fn qemu_dies_with_its_parent(#[case] signal: &str, #[case] group: &str) {
    use std::os::unix::process::CommandExt;
    // A shell that starts this test in the background may ignore SIGINT, and what ignores it at its start does so on.
    let mut parent = Command::new("env")
        .arg("--default-signal=INT")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "parent::victim", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        // A terminal sends Ctrl-C to the whole group.
        .process_group(0)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let machine = lines.find_map(|line| Some(line.unwrap().strip_prefix("machine ")?.to_owned())).unwrap();
    let process = Path::new("/proc").join(machine);
    assert!(process.exists());
    let target = format!("{group}{}", parent.id());
    let status = Command::new("kill").args([&format!("-{signal}"), "--", &target]).status().unwrap();
    assert!(status.success());
    parent.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while process.exists() {
        assert!(Instant::now() < deadline, "QEMU runs on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn qemu_outlives_the_thread_that_booted_it() {
    let mut machine = std::thread::spawn(|| ready(&config())).join().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(ask(&mut machine, "hello", TIMEOUT).unwrap(), "GOT hello");
}
