//! Machines that are copied from one that was used before.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::guest::{Loud, TIMEOUT, ask, cache, config};
use crate::machine::{kill, running};
use vm::{Ending, Error, ForkServer, Machine, Template};

/// Set for the process that a test starts to be killed.
const VICTIM: &str = "VM_TEST_COPIES";

fn template() -> Template {
    Template::ensure(&config(), &cache(), TIMEOUT, &Loud).expect("a template")
}

fn fork_server(template: &Template) -> ForkServer {
    let exercise = |machine: &mut Machine| {
        assert_eq!(ask(machine, "write before", TIMEOUT).unwrap(), "GOT written");
        Ok::<(), Error>(())
    };
    template.fork_server(exercise).expect("a fork server")
}

fn say(machine: &mut Machine, line: &str) -> String {
    ask(machine, line, TIMEOUT).unwrap()
}

#[test]
fn copies_go_on_where_the_original_was_stopped_and_know_nothing_of_each_other() {
    let template = template();
    let fork_server = fork_server(&template);
    let mut one = fork_server.start().unwrap();
    assert_eq!(say(&mut one, "read"), "GOT before");
    assert_eq!(say(&mut one, "write one"), "GOT written");
    let mut two = fork_server.start().unwrap();
    assert_eq!(say(&mut two, "read"), "GOT before");
    assert_eq!(say(&mut one, "read"), "GOT one");
    assert_ne!(one.pid(), two.pid());
    drop((one, two, fork_server));
    let mut clone = template.start().unwrap();
    assert_eq!(say(&mut clone, "read"), "GOT nothing");
    assert!(template.is_unchanged());
}

#[test]
fn a_copy_has_the_same_threads_and_its_own_descriptors() {
    let template = template();
    let fork_server = fork_server(&template);
    let copy = fork_server.start().unwrap();
    assert_eq!(blocked_signals(copy.pid()), blocked_signals(fork_server.pid()));
    let (theirs, its_own) = (descriptors(fork_server.pid()), descriptors(copy.pid()));
    assert_eq!(theirs.keys().collect::<Vec<_>>(), its_own.keys().collect::<Vec<_>>());
    let both = |what: &str| {
        let theirs = theirs.values().filter(|descriptor| descriptor.starts_with(what)).collect::<Vec<_>>();
        let shared = its_own.values().filter(|descriptor| theirs.contains(descriptor)).count();
        (theirs.len(), shared)
    };
    // Its errors go where its console goes. The only socket that both have is the one by which files are given.
    assert_eq!(both("socket:"), (5, 1), "{theirs:?} {its_own:?}");
    assert!(matches!(both("anon_inode:[eventfd]"), (3.., 0)), "{theirs:?} {its_own:?}");
}

/// Of each thread, in their order.
fn blocked_signals(process: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let mut tasks: Vec<_> = tasks.map(|task| task.unwrap().path()).collect();
    tasks.sort();
    assert!(tasks.len() > 2, "{tasks:?}");
    let statuses = tasks.iter().map(|task| std::fs::read_to_string(task.join("status")).unwrap());
    statuses
        .map(|status| status.lines().find(|line| line.starts_with("SigBlk")).unwrap().to_owned())
        .collect()
}

/// What each stands for; what counts, with the kernel's number of it.
fn descriptors(process: u32) -> BTreeMap<u32, String> {
    let entries = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let describe = |entry: std::fs::DirEntry| {
        let fd = entry.file_name().to_string_lossy().parse().unwrap();
        let what = std::fs::read_link(entry.path()).unwrap().to_string_lossy().into_owned();
        let info = std::fs::read_to_string(format!("/proc/{process}/fdinfo/{fd}")).unwrap();
        let number = info.lines().find_map(|line| line.strip_prefix("eventfd-id:")).unwrap_or("");
        (fd, format!("{what} {number}"))
    };
    entries.map(|entry| describe(entry.unwrap())).collect()
}

#[test]
fn many_are_copied_at_a_time() {
    let template = template();
    let fork_server = fork_server(&template);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let fork_server = &fork_server;
            scope.spawn(move || {
                let mut copies: Vec<_> = (0..8).map(|_| fork_server.start().unwrap()).collect();
                for (number, copy) in copies.iter_mut().enumerate() {
                    assert_eq!(say(copy, &format!("write {thread}.{number}")), "GOT written");
                }
                for (number, copy) in copies.iter_mut().enumerate() {
                    assert_eq!(say(copy, "read"), format!("GOT {thread}.{number}"));
                }
                let pids: Vec<_> = copies.iter().map(Machine::pid).collect();
                drop(copies);
                assert!(!pids.into_iter().any(running), "a copy outlived its machine");
            });
        }
    });
}

#[test]
fn the_end_of_one_is_not_that_of_another() {
    let template = template();
    let fork_server = fork_server(&template);
    let (mut killed, mut panicked, mut hung) =
        (fork_server.start().unwrap(), fork_server.start().unwrap(), fork_server.start().unwrap());
    assert_eq!(ask(&mut hung, "hang", Duration::from_millis(300)), Err(Ending::Deadline));
    panicked.send("panic").unwrap();
    let panic = std::iter::repeat_with(|| panicked.receive(Instant::now() + TIMEOUT)).find_map(Result::err);
    assert!(
        matches!(&panic, Some(Ending::Init(line)) if line.contains("Attempted to kill init")),
        "{panic:?}"
    );
    assert!(panicked.console().contains("Kernel panic"), "{}", panicked.console());
    kill(killed.pid());
    let ending = killed.receive(Instant::now() + TIMEOUT).unwrap_err();
    assert_eq!(ending.to_string(), "QEMU ended: signal: 9 (SIGKILL)");
    let mut last = fork_server.start().unwrap();
    assert_eq!(last.console(), "", "what another one showed");
    assert_eq!(say(&mut last, "read"), "GOT before");
}

#[test]
fn copies_outlive_the_original_and_there_are_no_more_of_one_that_is_gone() {
    let template = template();
    let fork_server = fork_server(&template);
    let mut copy = fork_server.start().unwrap();
    kill(fork_server.pid());
    let error = fork_server.start().unwrap_err();
    assert!(matches!(error, Error::Unforkable(_)), "{error}");
    assert_eq!(say(&mut copy, "read"), "GOT before");
    drop(fork_server);
    assert_eq!(say(&mut copy, "read"), "GOT before");
}

/// Not a test of its own: makes copies, tells of them, and waits to be killed.
#[test]
fn victim() {
    if std::env::var_os(VICTIM).is_some() {
        let template = template();
        let fork_server = fork_server(&template);
        let copies: Vec<_> = (0..3).map(|_| fork_server.start().unwrap()).collect();
        for copy in &copies {
            println!("\nmachine {}", copy.pid());
        }
        println!("\nmachine all");
        // It dies while it forks, too.
        loop {
            drop(fork_server.start());
        }
    }
}

#[test]
fn copies_die_with_their_parent() {
    for round in 0..5 {
        let mut parent = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "fork_server::victim", "--nocapture"])
            .env(VICTIM, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
        let said = lines.filter_map(|line| Some(line.unwrap().strip_prefix("machine ")?.to_owned()));
        let copies: Vec<_> = said.take_while(|word| word != "all").collect();
        assert_eq!(copies.len(), 3);
        std::thread::sleep(Duration::from_millis(3 * round));
        let all = descendants(parent.id());
        assert!(all.len() >= 4, "the original and its copies: {all:?}");
        kill(parent.id());
        parent.wait().unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        while let Some(left) = all.iter().find(|pid| running(**pid)) {
            assert!(Instant::now() < deadline, "{left} runs on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// All processes that have this one as their parent.
fn descendants(parent: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).unwrap();
    let children = tasks.flat_map(|task| std::fs::read_to_string(task.unwrap().path().join("children")));
    children
        .flat_map(|text| text.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}
