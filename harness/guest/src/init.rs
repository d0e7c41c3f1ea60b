//! PID 1: brings the machine up, runs one scenario after another, and looks after each what it left.

use std::convert::Infallible;
use std::error::Error;
use std::ffi::{CStr, CString};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use runtime::output;
use sys::probe::machine;
use sys::process::{self, Birth, clone, exit};
use sys::{Errno, Signal, memory_file, signal};

use super::boot;
use super::channel::Channel;
use super::inheritable::Inheritable;
use super::integrity::Integrity;
use super::oom::OutOfMemory;
use super::oracles::Watch;
use super::runner::{self, LOOK, Told};
use super::world::World;
use protocol::event::{Event, Outcome};
use protocol::plan::{After, Request, Run};

/// How long after a scenario's own deadline the runner may go on to take its containers down.
const TEARDOWN: Duration = Duration::from_secs(2);

/// What the sealed copy of this program is called with.
pub const SEALED: &str = "sealed";
/// This program's file in the initramfs.
const FILE: &str = "/init";

/// An environment for a runtime to forget: what builds containers has one, as the callers of runtimes do.
const VARIABLE: &CStr = c"CREATOR=guest";

/// Goes on as a copy of this program that nobody can write to: containers execute it as their probe, and it would otherwise be
/// within their reach by `/proc/self/exe` (CVE-2019-5736). Returns only if that cannot be.
pub fn seal() -> Result<Infallible, Box<dyn Error>> {
    let copy = memory_file::sealed_copy(&File::open(FILE)?)?;
    // Its memory is the machine's again.
    fs::remove_file(FILE)?;
    let args = [c"init".to_owned(), CString::new(SEALED)?];
    Err(format!("execveat: {}", process::execute_descriptor(copy.as_fd(), &args, &[VARIABLE.to_owned()]))
        .into())
}

/// Before the reason for which init ends. The host knows the line (`vm::Ending::Init`).
const ENDED: &str = "guest: init ended: ";

/// Runs until the machine ends. If it were to return, the kernel would panic, and that is told of the kernel only: so the
/// reason is said, and the machine ended.
pub fn run() -> Result<Infallible, Box<dyn Error>> {
    let Err(error) = serve();
    output::say(format!("{ENDED}{error}"));
    Err(format!("the machine does not restart: {}", machine::restart()).into())
}

fn serve() -> Result<Infallible, Box<dyn Error>> {
    let inheritable = Inheritable::reserve()?;
    let mut ready = boot::bring_up()?;
    machine::reap_children_unseen()?;
    let world = World::make()?;
    let mut channel = Channel::open(&world)?;
    let mut watch = Watch::begin(&world)?;
    watch.introduce(&mut ready)?;
    channel.send(Event::Ready(ready))?;
    loop {
        match channel.receive()? {
            Request::Run(run) => scenario(&mut channel, &mut watch, &inheritable, *run)?,
            Request::Shell { term } => {
                world.enter_machine()?;
                shell(&term)?;
                return Err(end_machine());
            }
            Request::PowerOff => return Err(end_machine()),
        }
    }
}

/// Returns only if the machine goes on.
fn end_machine() -> Box<dyn Error> {
    machine::power_off();
    format!("the machine does not restart: {}", machine::restart()).into()
}

/// A shell on the console until it ends. setsid(1) makes the console its terminal; both were packed by the host. No scenario
/// comes after it: its programs can wait for their children, as they are used to, and init reaps orphans itself.
fn shell(term: &str) -> io::Result<()> {
    let console = File::options().read(true).write(true).open("/dev/ttyS0")?;
    let program = if Path::new("/bin/bash").exists() { "/bin/bash" } else { "/bin/sh" };
    machine::reap_children_by_hand()?;
    let shell = Command::new("/bin/setsid")
        .args(["--ctty", "--wait", program])
        .env_clear()
        .envs([("PATH", "/bin"), ("HOME", "/"), ("TERM", term)])
        .stdin(console.try_clone()?)
        .stdout(console.try_clone()?)
        .stderr(console)
        .spawn()?;
    while process::wait_any()?.0.cast_unsigned() != shell.id() {}
    Ok(())
}

/// Runs one, among the machine's mounts, and comes home from there.
fn scenario(
    channel: &mut Channel<'_>,
    watch: &mut Watch<'_>,
    inheritable: &Inheritable,
    run: Run,
) -> io::Result<()> {
    machine::set_wall_clock(run.clock_ns)?;
    stir(&run.seed)?;
    channel.begin(run.key);
    let scenario = run.plan.scenario.clone();
    let made = run.plan.may_make();
    channel.send(Event::Begin { scenario })?;

    let (events, runner_end) = UnixStream::pair()?;
    let look = if run.after == After::Look { LOOK } else { Duration::ZERO };
    let deadline = Instant::now() + Duration::from_millis(run.plan.deadline_ms) + look + TEARDOWN;
    let memory = OutOfMemory::watch()?;
    let integrity = Integrity::new(watch.world().proc()?, &run.plan);
    watch.world().enter_machine()?;
    let runner = match clone(&[], None)? {
        Birth::Child => {
            drop(events);
            exit(runner::run(run.plan, run.after, runner_end, memory, integrity, inheritable))
        }
        Birth::Parent(pid) => pid,
    };
    drop(runner_end);
    let mut heard = Heard::default();
    let last = forward(channel, watch, events, deadline, &memory, &mut heard)?;
    if matches!(last, Last::Kept) {
        return channel.send(Event::Kept);
    }
    end(runner)?;
    watch.world().come_home()?;
    if let Last::Lost(lost) = last {
        channel.send(heard.broken_off(lost))?;
        watch.clear()?;
    }
    channel.reclaim()?;
    let oracles = watch.look(heard.faults, &made, || channel.send(Event::Settling))?;
    channel.send(Event::Oracles(oracles))?;
    channel.send(Event::End { steps: heard.steps })
}

/// What the runner told.
#[derive(Debug, Default)]
struct Heard {
    /// Steps with an outcome.
    steps: u32,
    /// The step that it is at.
    in_flight: Option<u32>,
    faults: Vec<String>,
}

impl Heard {
    /// What to tell when no more will be heard.
    fn broken_off(&mut self, lost: Lost) -> Event {
        let words = lost.to_string();
        let outcome = match lost {
            Lost::Deadline | Lost::OutOfMemory => Outcome::Broken(words.clone()),
            Lost::Gone => Outcome::NoActor(words.clone()),
            Lost::Failed(_) => return Event::Lost { reason: words },
        };
        match self.in_flight.take() {
            Some(index) => {
                self.steps += 1;
                Event::Step { index, outcome, us: 0 }
            }
            None => Event::Lost { reason: words },
        }
    }
}

/// How the runner's telling came to its end.
enum Last {
    /// It is done.
    Done,
    /// Its steps are done, and it stays.
    Kept,
    /// It will not tell any more.
    Lost(Lost),
}

/// Why the runner tells no more.
enum Lost {
    Deadline,
    /// It was ended.
    Gone,
    /// It was ended when there was no memory left.
    OutOfMemory,
    /// By its own fault, in its words.
    Failed(String),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lost::Deadline => "the scenario's deadline passed",
            Lost::Gone => "the runner ended before the scenario did",
            Lost::OutOfMemory => "the runner ended before the scenario did: memory ran out",
            Lost::Failed(reason) => reason,
        })
    }
}

/// Hands on what the runner tells, until it is done, ends early, or the deadline passes. Meanwhile the kernel log is read:
/// one that is not overwrites what it has said.
fn forward(
    channel: &mut Channel<'_>,
    watch: &mut Watch<'_>,
    events: UnixStream,
    deadline: Instant,
    memory: &OutOfMemory,
    heard: &mut Heard,
) -> io::Result<Last> {
    let mut reader = BufReader::new(events);
    loop {
        if reader.buffer().is_empty() {
            watch.read_log_until_readable(reader.get_ref(), deadline)?;
        }
        // A timeout of zero would mean none.
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        reader.get_ref().set_read_timeout(Some(left))?;
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(Last::Lost(Lost::Deadline));
            }
            Err(error) => return Err(error),
        }
        match serde_json::from_str(&line) {
            Ok(Told::Event(event)) => {
                if matches!(event, Event::Step { .. }) {
                    heard.steps += 1;
                    heard.in_flight = None;
                }
                channel.send(event)?;
            }
            Ok(Told::Trying(index)) => heard.in_flight = Some(index),
            Ok(Told::Fault(fault)) => heard.faults.push(fault),
            Ok(Told::Kept) => return Ok(Last::Kept),
            Ok(Told::Done) => return Ok(Last::Done),
            Ok(Told::Failed(reason)) => return Ok(Last::Lost(Lost::Failed(reason))),
            Err(_) if memory.killed()? => return Ok(Last::Lost(Lost::OutOfMemory)),
            Err(_) => return Ok(Last::Lost(Lost::Gone)),
        }
    }
}

/// Ends the runner, which has no more to say.
fn end(runner: i32) -> io::Result<()> {
    match signal::kill(runner, Signal::SIGKILL).and_then(|()| process::wait(runner)) {
        // The kernel reaps init's children unseen.
        Ok(_) | Err(Errno::ECHILD | Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Mixes the host's random bytes into the pool: clones of one machine would else all draw the same numbers.
fn stir(seed: &str) -> io::Result<()> {
    let bytes =
        seed_bytes(seed).ok_or_else(|| io::Error::other("the seed is not 32 bytes in hexadecimal"))?;
    Ok(machine::add_entropy(&File::options().write(true).open("/dev/random")?, &bytes)?)
}

fn seed_bytes(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}
