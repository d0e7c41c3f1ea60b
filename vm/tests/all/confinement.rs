//! QEMU forbids itself what it does not need: whoever breaks out of an emulated device starts no program.

use std::time::Duration;

use crate::guest::{Loud, TIMEOUT, cache, config, ready};
use vm::{Error, Machine, Template};

/// Filters of a process, of which each thread has as many: the first number is that of the threads.
fn filters(process: u32) -> (usize, Vec<u32>) {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let status = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("status")).unwrap();
    let mut counts: Vec<u32> = Vec::new();
    let statuses: Vec<String> = tasks.map(|task| status(task.unwrap())).collect();
    for status in &statuses {
        let field = |name| {
            let value = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            value.trim().parse::<u32>().unwrap()
        };
        assert_eq!((field("NoNewPrivs:"), field("Seccomp:")), (1, 2), "{status}");
        counts.push(field("Seccomp_filters:"));
    }
    counts.dedup();
    (statuses.len(), counts)
}

#[test]
fn every_machine_is_confined_in_all_of_its_threads() {
    let config = config();
    assert_eq!(config.qemu.unconfined, None, "this machine's QEMU can");
    let booted = ready(&config);
    let (threads, its_own) = filters(booted.pid());
    assert!(threads > 1 && its_own.len() == 1, "{its_own:?}");
    booted.stop();

    let template = Template::ensure(&config, &cache(), TIMEOUT, &Loud).unwrap();
    let clone = template.start().unwrap();
    assert_eq!(filters(clone.pid()).1, its_own);

    let nothing = |machine: &mut Machine| {
        // Threads that QEMU makes for a while have ended by then.
        std::thread::sleep(Duration::from_millis(50));
        assert!(machine.boot_time().is_some());
        Ok::<(), Error>(())
    };
    let original = template.fork_server(nothing).unwrap();
    assert_eq!(filters(original.pid()).1, its_own);
    // What it may do to be copied, its copies must not.
    let copy = original.start().unwrap();
    assert_eq!(filters(copy.pid()).1, [its_own[0] + 1]);
}
