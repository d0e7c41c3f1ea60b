//! Machines on the distribution's own kernel: they boot, talk, and end in every way there is.

use std::time::{Duration, Instant};

use crate::guest::{TIMEOUT, ask, config, ready};
use vm::{Ending, Machine};

#[test]
fn boots_and_talks() {
    let mut machine = Machine::boot(&config()).unwrap();
    assert_eq!(machine.boot_time(), None);
    let line = machine.wait_until_ready(Instant::now() + TIMEOUT).unwrap();
    assert_eq!(line, "READY veth.ko overlay.ko");
    assert!(machine.boot_time().unwrap() > Duration::from_millis(10));
    assert_eq!(ask(&mut machine, "hello", TIMEOUT).unwrap(), "GOT hello");
    ask(&mut machine, "console", TIMEOUT).unwrap();
    // The console is another stream than the channel: its line may come after the answer.
    let deadline = Instant::now() + TIMEOUT;
    while machine.console_tail(1) != ["hello"] {
        assert!(Instant::now() < deadline, "{}", machine.console());
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = machine.pid();
    machine.stop();
    assert!(!running(pid));
}

#[test]
fn a_panic_comes_after_the_last_words() {
    let mut machine = ready(&config());
    machine.send("panic").unwrap();
    let started = Instant::now();
    let mut lines = Vec::new();
    let ending = loop {
        match machine.receive(started + TIMEOUT) {
            Ok(line) => lines.push(line),
            Err(ending) => break ending,
        }
    };
    assert!(lines.contains(&"last words".to_owned()), "{lines:?}");
    assert!(matches!(&ending, Ending::Init(line) if line.contains("Attempted to kill init")), "{ending:?}");
    assert!(started.elapsed() < TIMEOUT / 2, "a panic ends the wait");
    assert_eq!(machine.receive(Instant::now()), Err(ending.clone()));
    assert_eq!(machine.send("more").unwrap_err(), ending);
    assert!(machine.console().contains("Call Trace"), "{}", machine.console());
}

#[test]
fn a_guest_that_stays_after_its_panic_is_not_waited_for() {
    let mut config = config();
    // The later word wins: no reboot.
    config.append = "panic=0".into();
    let mut machine = ready(&config);
    machine.send("panic").unwrap();
    let started = Instant::now();
    let ending = std::iter::repeat_with(|| machine.receive(started + TIMEOUT)).find_map(Result::err).unwrap();
    assert!(matches!(&ending, Ending::Init(line) if line.contains("Attempted to kill init")), "{ending:?}");
    assert!(started.elapsed() < TIMEOUT / 2, "a panic ends the wait");
    assert!(running(machine.pid()));
}

#[rstest::rstest]
#[case("hang")]
#[case("sleep")]
fn a_guest_that_says_nothing_meets_its_deadline(#[case] how: &str) {
    let mut machine = ready(&config());
    let asked = Instant::now();
    assert_eq!(ask(&mut machine, how, Duration::from_millis(500)), Err(Ending::Deadline));
    assert!(asked.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_qemu_that_was_killed_is_told_apart() {
    let mut machine = ready(&config());
    kill(machine.pid());
    let ending = machine.receive(Instant::now() + TIMEOUT).unwrap_err();
    assert!(matches!(&ending, Ending::Exited(_)), "{ending:?}");
    assert_eq!(ending.to_string(), "QEMU ended: signal: 9 (SIGKILL)");
}

#[test]
fn a_qemu_that_refuses_says_why() {
    let mut config = config();
    config.memory_mib = u32::MAX;
    let mut machine = Machine::boot(&config).unwrap();
    let ending = machine.receive(Instant::now() + TIMEOUT).unwrap_err();
    assert!(matches!(&ending, Ending::Exited(_)), "{ending:?}");
    assert!(!machine.console_tail(1).is_empty(), "QEMU's own words");
}

#[test]
fn no_line_of_a_flood_is_lost() {
    let mut machine = ready(&config());
    machine.send("flood").unwrap();
    let mut expected = 0;
    while expected < 20_000 {
        let line = machine.receive(Instant::now() + TIMEOUT).unwrap();
        if line.starts_with(' ') {
            assert_eq!(line.trim(), expected.to_string());
            expected += 1;
        }
    }
}

#[test]
fn a_truncated_initramfs_is_told_apart() {
    let mut config = config();
    let whole = std::fs::read(&config.initramfs.path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    config.initramfs.path = folder.path().join("cut.cpio");
    std::fs::write(&config.initramfs.path, &whole[..whole.len() / 2]).unwrap();
    let mut machine = Machine::boot(&config).unwrap();
    let ending = machine.receive(Instant::now() + TIMEOUT).unwrap_err();
    assert!(matches!(ending, Ending::Panic(_)), "{ending:?}");
}

/// A kernel that is damaged so that it stops where there is no console yet: what unpacks it finds out, and halts.
#[test]
fn a_kernel_that_prints_nothing_is_not_waited_for() {
    let mut config = config();
    let mut image = std::fs::read(&config.kernel.image).unwrap();
    let middle = image.len() / 2;
    image[middle..middle + 4096].fill(0xa5);
    let folder = tempfile::tempdir().unwrap();
    config.kernel.image = folder.path().join("vmlinuz");
    std::fs::write(&config.kernel.image, image).unwrap();
    let mut machine = Machine::boot(&config).unwrap();
    let ending = machine.wait_until_ready(Instant::now() + 3 * TIMEOUT).unwrap_err();
    assert!(matches!(ending, Ending::Silence(length) if length < TIMEOUT), "{ending:?}");
    assert!(ending.to_string().starts_with("the guest printed nothing for 30 s"), "{ending}");
}

pub(crate) fn running(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

pub(crate) fn kill(pid: u32) {
    let status = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status().expect("kill");
    assert!(status.success());
}
