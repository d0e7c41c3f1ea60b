//! A running virtual machine.

pub mod arguments;
mod console;
mod monitor;
mod silence;
mod streams;
mod wire;

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use command_fds::FdMapping;

use crate::accelerator::Accelerator;
use crate::ending::Ending;
use crate::process;
use crate::{Error, Initramfs, Kernel, Qemu, Result};
use arguments::{Role, Screen, arguments, fd};
use console::Console;
use fork::Original;
use fork::Process;
use monitor::Monitor;
use silence::Silence;
use streams::{Streams, mapping};
use wire::Wire;

/// How long a guest that panicked may go on to print, and QEMU to end.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// How long a guest may leave what is sent to it unread.
const SEND_DEADLINE: Duration = Duration::from_secs(10);

/// What to boot, and on what.
#[derive(Debug, Clone)]
pub struct Config {
    /// The emulator.
    pub qemu: Qemu,
    /// The kernel.
    pub kernel: Kernel,
    /// The first files.
    pub initramfs: Initramfs,
    /// Who executes the guest's code.
    pub accelerator: Accelerator,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Virtual CPUs.
    pub cpus: u32,
    /// More words for the kernel's command line.
    pub append: String,
    /// Whether a line says that the guest is ready. Firmware and kernel own the channel's port before the guest does,
    /// and may write to it.
    pub is_ready: fn(&str) -> bool,
}

/// How far a machine had come when, each from QEMU's start; `None` for what did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phases {
    /// A clone's QEMU ran, and greeted on its monitor. Nobody listens for that when a machine boots.
    pub emulator: Option<Duration>,
    /// The console showed its first line. A kernel that is told to be quiet shows none.
    pub console: Option<Duration>,
    /// As [`Machine::boot_time`].
    pub ready: Option<Duration>,
}

/// A virtual machine. QEMU ends when this is dropped, and when this process ends, however it ends.
#[derive(Debug)]
pub struct Machine {
    process: Process,
    channel: UnixStream,
    monitor: Monitor,
    wire: Receiver<Wire>,
    /// Streams of `wire` that are not at their end: the console and the channel.
    open: u8,
    console: Console,
    started: Instant,
    accelerator: Accelerator,
    is_ready: fn(&str) -> bool,
    ready: Option<Duration>,
    panic: Option<(String, Instant)>,
    ended: Option<Ending>,
}

impl Machine {
    /// Starts QEMU. The guest has not begun to boot when this returns.
    pub fn boot(config: &Config) -> Result<Self> {
        Self::start(config, Role::Boot, Screen::Kept, vec![])
    }

    /// Boots a guest whose memory is a file, and whose state will be written to another one.
    pub(crate) fn boot_template(config: &Config, ram: File, state: File) -> Result<Self> {
        let files = vec![mapping(ram, fd::RAM), mapping(state, fd::STATE)];
        Self::start(config, Role::Template, Screen::Kept, files)
    }

    /// Goes on from a template's memory and state. The guest runs when this returns. QEMU inherits `more`: what it takes to be
    /// copied.
    pub(crate) fn restore(
        config: &Config,
        ram: File,
        state: File,
        screen: Screen,
        more: Vec<FdMapping>,
        deadline: Instant,
    ) -> Result<Self> {
        let role = if more.is_empty() { Role::Clone } else { Role::Original };
        let mut inherited = vec![mapping(ram, fd::RAM), mapping(state, fd::STATE)];
        inherited.extend(more);
        let mut machine = Self::start(config, role, screen, inherited)?;
        machine.monitored(|monitor| monitor.resumed(deadline))?;
        machine.ready = Some(machine.started.elapsed());
        Ok(machine)
    }

    /// Stops the guest.
    pub(crate) fn freeze(&mut self, deadline: Instant) -> Result<()> {
        self.monitored(|monitor| monitor.freeze(deadline))
    }

    /// A copy of a frozen machine. The guest runs when this returns.
    pub(crate) fn copy(original: &Mutex<Original>, config: &Config, deadline: Instant) -> Result<Self> {
        let refused = Error::io("start", &config.qemu.program);
        let (streams, ends) = Streams::new(Screen::Kept).map_err(refused)?;
        let files: Vec<_> = ends.into_iter().map(|end| (end.parent_fd, end.child_fd)).collect();
        let started = Instant::now();
        let process = original.lock().expect("no thread panics while it forks").fork(&files)?;
        // Only the copy holds them now: they are at their end when it ends.
        drop(files);
        let mut machine = Self::new(process, streams, started, config);
        machine.monitored(|monitor| monitor.thaw(deadline))?;
        machine.ready = Some(machine.started.elapsed());
        Ok(machine)
    }

    /// Writes the state of the devices to the file that it was booted with, and ends QEMU.
    pub(crate) fn save(mut self, qemu: &Qemu, state: &File, path: &Path, deadline: Instant) -> Result<()> {
        self.monitored(|monitor| {
            match qemu.state_out(fd::STATE) {
                Some(place) => monitor.save(&place)?,
                None => monitor.save_to(state)?,
            }
            monitor.saved(deadline)?;
            monitor.quit()
        })?;
        self.process
            .wait(deadline.saturating_duration_since(Instant::now()))
            .map(drop)
            .map_err(Error::io("save", path))
    }

    fn start(config: &Config, role: Role, screen: Screen, inherited: Vec<FdMapping>) -> Result<Self> {
        Self::try_start(config, role, screen, inherited).map_err(Error::io("start", &config.qemu.program))
    }

    fn try_start(
        config: &Config,
        role: Role,
        screen: Screen,
        mut inherited: Vec<FdMapping>,
    ) -> io::Result<Self> {
        let (mut streams, ends) = Streams::new(screen)?;
        if matches!(role, Role::Clone | Role::Original) {
            streams.monitor.restore(&config.qemu.state_in(fd::STATE))?;
        }
        let is_filtered = inherited.iter().any(|mapping| mapping.child_fd == fd::FILTER);
        let filter = is_filtered.then_some(fd::FILTER);
        let mut command = process::command(&config.qemu.program, &arguments(config, role, screen), filter);
        if screen == Screen::Kept {
            process::detach(&mut command);
        }
        inherited.extend(ends);
        let started = Instant::now();
        let process = process::start(command, inherited)?;
        Ok(Self::new(process, streams, started, config))
    }

    fn new(process: Process, streams: Streams, started: Instant, config: &Config) -> Self {
        let Streams { channel, monitor, wire, open, console } = streams;
        Self {
            process,
            channel,
            monitor,
            wire,
            open,
            console,
            started,
            accelerator: config.accelerator,
            is_ready: config.is_ready,
            ready: None,
            panic: None,
            ended: None,
        }
    }

    /// Does something with the monitor. Its failure is the machine's ending, if the machine has ended.
    fn monitored<T>(&mut self, action: impl FnOnce(&mut Monitor) -> io::Result<T>) -> Result<T> {
        action(&mut self.monitor).map_err(|error| {
            let ending = match error.kind() {
                io::ErrorKind::WouldBlock => Ending::Deadline,
                io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
                    self.finish()
                }
                _ => Ending::Lost(error.to_string()),
            };
            self.not_ready(ending)
        })
    }

    /// The failure of a machine that was not to end yet.
    pub(crate) fn not_ready(&self, ending: Ending) -> Error {
        Error::NotReady { ending, console: self.console_tail(20) }
    }

    /// Sends a line.
    pub fn send(&mut self, line: &str) -> std::result::Result<(), Ending> {
        let sent = self.channel.write_all(line.as_bytes()).and_then(|()| self.channel.write_all(b"\n"));
        match sent {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Ending::Deadline),
            // QEMU closed its end.
            Err(_) => Err(self.finish()),
        }
    }

    /// The next line from the guest, without its end. Lines that came before the machine's ending come before it here,
    /// too; after it, the ending is told again and again.
    pub fn receive(&mut self, deadline: Instant) -> std::result::Result<String, Ending> {
        if let Some(ending) = &self.ended {
            return Err(ending.clone());
        }
        loop {
            let until = self.panic.as_ref().map_or(deadline, |(_, last_words)| deadline.min(*last_words));
            match self.wire.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Wire::Line(line)) => return Ok(line),
                Ok(Wire::Panic(line)) => {
                    self.panic.get_or_insert_with(|| (line, Instant::now() + LAST_WORDS));
                }
                Ok(Wire::Flood) => return Err(self.end(Ending::Flood)),
                Ok(Wire::Closed) => {
                    self.open -= 1;
                    if self.open == 0 {
                        return Err(self.finish());
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.finish()),
                Err(RecvTimeoutError::Timeout) => match &self.panic {
                    Some((line, last_words)) if *last_words <= Instant::now() => {
                        return Err(self.end(Ending::fatal(line.clone())));
                    }
                    _ => return Err(Ending::Deadline),
                },
            }
        }
    }

    /// The line by which the guest says that it is ready; what came before it is passed over. A clone says none. A kernel that
    /// prints nothing is not waited for until the deadline.
    pub fn wait_until_ready(&mut self, deadline: Instant) -> std::result::Result<String, Ending> {
        let mut silence = Silence::new(self.pid());
        loop {
            match self.receive(deadline.min(silence.until())) {
                Ok(line) if (self.is_ready)(&line) => {
                    self.ready = Some(self.started.elapsed());
                    return Ok(line);
                }
                Ok(_) => silence.broken(Instant::now()),
                Err(Ending::Deadline) if Instant::now() < deadline => {
                    self.console.last_line().into_iter().for_each(|at| silence.broken(at));
                    if let Some(length) = silence.too_long() {
                        return Err(self.end(Ending::Silence(length)));
                    }
                }
                Err(ending) => return Err(ending),
            }
        }
    }

    /// What the console showed: the last 256 KiB of it. Nothing, if it is a terminal's.
    pub fn console(&self) -> String {
        self.console.text()
    }

    /// The console's last `count` lines; after a panic as many, from a little before the line that tells of it.
    pub fn console_tail(&self, count: usize) -> Vec<String> {
        self.console.tail(count)
    }

    /// From QEMU's start until the guest was ready, `None` before [`Machine::wait_until_ready`]; of a clone, from QEMU's
    /// start until the guest went on.
    pub fn boot_time(&self) -> Option<Duration> {
        self.ready
    }

    /// The parts of [`Machine::boot_time`].
    pub fn phases(&self) -> Phases {
        let since = |moment: Instant| moment.saturating_duration_since(self.started);
        Phases {
            emulator: self.monitor.greeted().map(since),
            console: self.console.first_line().map(since),
            ready: self.ready,
        }
    }

    /// Who executes the guest's code.
    pub fn accelerator(&self) -> Accelerator {
        self.accelerator
    }

    /// QEMU's process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends a clone's CPUs a non-maskable interrupt, as a watchdog would. What its kernel makes of one that no device
    /// explains is told by `kernel.unknown_nmi_panic` (Documentation/admin-guide/sysctl/kernel.rst).
    pub fn interrupt(&mut self) -> Result<()> {
        self.monitored(Monitor::interrupt)
    }

    /// Ends QEMU now.
    pub fn stop(self) {
        drop(self);
    }

    /// QEMU closed its streams: it ends, or it has.
    fn finish(&mut self) -> Ending {
        if let Some(ending) = &self.ended {
            return ending.clone();
        }
        let panic = self.panic.take().map(|(line, _)| line).or_else(|| self.console.panic());
        let ending = match (panic, self.process.wait(LAST_WORDS)) {
            (Some(line), _) => Ending::fatal(line),
            (None, Ok(status)) => Ending::Exited(status),
            (None, Err(error)) => Ending::Lost(error.to_string()),
        };
        self.end(ending)
    }

    fn end(&mut self, ending: Ending) -> Ending {
        self.ended = Some(ending.clone());
        ending
    }
}
