use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};

use super::*;

/// Set for the process that the tests fork: what else it has.
const SUBJECT: &str = "VM_TEST_SUBJECT";

/// Not a test of its own: a process with some threads that wait.
#[test]
fn subject() {
    let Ok(what) = std::env::var(SUBJECT) else { return };
    let clock = || TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC).unwrap();
    let _timer = (what == "timer").then(clock);
    if what == "epoll" {
        std::thread::spawn(answer);
    }
    for _ in 0..3 {
        std::thread::spawn(|| {
            loop {
                std::thread::park()
            }
        });
    }
    println!("\nready");
    loop {
        std::thread::park();
    }
}

/// Answers each byte that comes on the standard error with the next one, as an epoll instance behind another one tells.
fn answer() -> nix::Result<()> {
    let epoll = || Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC);
    let (outer, inner, error) = (epoll()?, epoll()?, std::io::stderr());
    inner.add(&error, EpollEvent::new(EpollFlags::EPOLLIN, 7))?;
    outer.add(&inner.0, EpollEvent::new(EpollFlags::EPOLLIN, 8))?;
    loop {
        for (epoll, data) in [(&outer, 8), (&inner, 7)] {
            let mut events = [EpollEvent::empty()];
            while epoll.wait(&mut events, EpollTimeout::NONE) == Err(Errno::EINTR) {}
            assert_eq!(events[0].data(), data);
        }
        let mut byte = [0];
        nix::unistd::read(&error, &mut byte)?;
        nix::unistd::write(&error, &[byte[0] + 1])?;
    }
}

/// Ends with the test, also with one that fails.
struct Subject(Child);

impl Drop for Subject {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn start(what: &str) -> (Subject, Result<Original, Unforkable>) {
    start_with(what, Stdio::inherit())
}

fn start_with(what: &str, error: Stdio) -> (Subject, Result<Original, Unforkable>) {
    let (side_channel, end) = UnixStream::pair().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "original::tests::subject", "--nocapture"])
        .env(SUBJECT, what)
        .stdin(OwnedFd::from(end))
        .stdout(Stdio::piped())
        .stderr(error)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "ready"));
    let original = Original::new(child.id(), (side_channel, 0), true);
    (Subject(child), original)
}

/// In which call each thread waits, with what arguments, and where its stack and its program are: proc_pid_syscall(5).
/// The first thread is left out, for the test library wakes it now and then.
fn waits(process: u32) -> Vec<String> {
    let until = Instant::now() + TIMEOUT;
    loop {
        let threads = proc::threads(Pid::from_raw(process.cast_signed())).unwrap();
        let read = |thread| fs::read_to_string(format!("/proc/{process}/task/{thread}/syscall"));
        let calls: Vec<_> =
            threads.into_iter().skip(1).map(|thread| read(thread).unwrap_or_default()).collect();
        if !calls.iter().any(|call| call.starts_with("running")) {
            return calls;
        }
        assert!(Instant::now() < until, "{calls:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn each_thread_waits_where_it_waited_and_so_does_that_of_a_copy() {
    let (subject, original) = start("threads");
    let before = waits(subject.0.id());
    assert!(before.len() >= 4, "{before:?}");
    let mut original = original.unwrap();
    let copies = [original.fork(&[]).unwrap(), original.fork(&[]).unwrap()];
    assert_eq!(waits(subject.0.id()), before);
    for copy in &copies {
        assert_eq!(waits(copy.id()), before);
    }
}

#[test]
fn a_copy_that_cannot_be_made_whole_is_ended() {
    let (_subject, original) = start("part");
    let file = fs::File::open("/dev/null").unwrap();
    let mut original = original.unwrap();
    let refused = original.fork(&[(file.into(), -1)]).unwrap_err();
    assert_eq!(refused.to_string(), "recvmsg: EBADF: Bad file number");
    let refused = original.fork(&[]).unwrap_err();
    assert!(matches!(refused, Unforkable::HalfCopied), "{refused}");
    let subjects = || {
        let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path().join("environ"));
        processes.filter_map(|path| fs::read(path).ok()).filter(|environment| {
            environment.split(|byte| *byte == 0).any(|word| word == b"VM_TEST_SUBJECT=part")
        })
    };
    assert_eq!(subjects().count(), 1, "the original alone");
}

#[test]
fn what_two_would_share_is_refused() {
    let (_subject, original) = start("timer");
    let refused = original.err().expect("a timer is refused").to_string();
    assert!(refused.contains("anon_inode:[timerfd], of which a copy cannot have its own"), "{refused}");
}

#[test]
fn each_watches_its_own_files() {
    let pair = || {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(TIMEOUT)).unwrap();
        (ours, OwnedFd::from(theirs))
    };
    let asked = |mut socket: &UnixStream, byte| {
        socket.write_all(&[byte]).unwrap();
        let mut answer = [0];
        socket.read_exact(&mut answer).map(|()| answer[0])
    };
    let (to_original, end) = pair();
    let (_subject, original) = start_with("epoll", end.into());
    let mut original = original.unwrap();
    let (to_one, one_end) = pair();
    let (to_other, other_end) = pair();
    let _one = original.fork(&[(one_end, 2)]).unwrap();
    let _other = original.fork(&[(other_end, 2)]).unwrap();
    for (socket, byte) in [(&to_one, 1), (&to_other, 11), (&to_one, 21), (&to_original, 31), (&to_one, 41)] {
        assert_eq!(asked(socket, byte).unwrap(), byte + 1);
    }
    // Nobody was told of what came for another: that one would wait in read(2) now.
    for socket in [to_original, to_one, to_other] {
        assert_eq!(asked(&socket, 51).unwrap(), 52);
    }
}

/// Set for the process that holds another one.
const HOLDER: &str = "VM_TEST_HOLDER";

/// Not a test of its own: a process that holds its child, and tells its number.
#[test]
fn holder() {
    if std::env::var_os(HOLDER).is_none() {
        return;
    }
    let child = Subject(Command::new("sleep").arg("60").spawn().unwrap());
    let process = Pid::from_raw(child.0.id().cast_signed());
    let first = Tracee::seize(process, process).unwrap();
    println!("\nholds {process}");
    std::thread::sleep(TIMEOUT);
    drop(first);
}

#[test]
fn what_is_held_ends_with_who_holds_it() {
    let mut holder = Command::new(std::env::current_exe().unwrap());
    holder.args(["--exact", "original::tests::holder", "--nocapture"]).env(HOLDER, "1");
    let mut holder = Subject(holder.stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(holder.0.stdout.take().unwrap()).lines();
    let held = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("holds ")?.parse().ok());
    let held = Pid::from_raw(held.expect("it holds its child"));
    assert!(!proc::is_zombie(held));
    holder.0.kill().unwrap();
    let until = Instant::now() + TIMEOUT / 2;
    while !proc::is_zombie(held) {
        assert!(Instant::now() < until, "{held} goes on");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_process_at_work_is_not_forked() {
    let subject = Subject(Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap());
    let (side_channel, _end) = UnixStream::pair().unwrap();
    let refused = Original::new(subject.0.id(), (side_channel, 0), true).err().expect("it never waits");
    assert!(matches!(refused, Unforkable::NotWaiting), "{refused}");
}

/// Copies of the process with this environment, but for itself.
fn copies_of(original: u32, what: &str) -> Vec<Pid> {
    let mark = format!("{SUBJECT}={what}");
    let entries =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    let is_one = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        pid.cast_unsigned() != original
            && environment.split(|byte| *byte == 0).any(|word| word == mark.as_bytes())
    };
    entries.filter_map(|name| name.parse().ok()).filter(is_one).map(Pid::from_raw).collect()
}

#[test]
fn one_that_is_killed_while_it_is_made_is_not_waited_for() {
    let mut broken_off = 0;
    for round in 0..40 {
        let (subject, original) = start("killed");
        let mut original = original.unwrap();
        let number = subject.0.id();
        let (told, ended) = std::sync::mpsc::channel();
        // It is let go by who traces it. Copies are made until one is killed on its way, at most so many.
        let made = std::thread::spawn(move || {
            let broken_off = (0..50).any(|_| original.fork(&[]).is_err());
            let _ = told.send(broken_off);
        });
        let until = Instant::now() + 2 * TIMEOUT;
        let was_broken_off = loop {
            match ended.try_recv() {
                Ok(broken_off) => break broken_off,
                Err(_) => assert!(Instant::now() < until, "it is waited for without end"),
            }
            let copies = copies_of(number, "killed");
            std::thread::sleep(Duration::from_micros(round * 20));
            copies.into_iter().for_each(|copy| _ = kill(copy, Signal::SIGKILL));
        };
        made.join().unwrap();
        broken_off += usize::from(was_broken_off);
    }
    assert!(broken_off > 0, "none was killed on its way");
}
