//! The caller's terminal, and the one that the program has instead.
//!
//! A program that shares the terminal of its caller types into it, by TIOCSTI, what the caller's shell then executes
//! (CVE-2017-5226). So it gets a pair of pseudoterminals, and what comes and goes is relayed:
//!
//! ```text
//! caller's terminal, raw          nsrun                    program
//! keys           ───────────────▶ ─── master ══ slave ───▶ its controlling terminal: Ctrl-C is a signal there
//! screen         ◀─────────────── ─── master ══ slave ◀───
//! size, SIGWINCH ───────────────▶ ─── TIOCSWINSZ ────────▶ SIGWINCH
//! ```

use std::fs::OpenOptions;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use super::message::Message;
use sys::descriptor::STANDARD;
use sys::terminal::{self, Pair, Settings};
use sys::{self, Errno, Signal, file, signal, socket};

/// Bytes that are relayed at a time.
const CHUNK: usize = 4096;
/// How often a job in the background looks whether it is in the foreground: a shell that lets a running one be that says nothing.
const LOOK: Duration = Duration::from_millis(200);

/// What terminal the program has.
pub(super) enum Terminal {
    /// None.
    Absent,
    /// The caller's, as the caller said explicitly.
    Shared,
    /// One of its own.
    Own(Box<Relay>),
}

impl Terminal {
    /// Makes one in place of the caller's, if any standard descriptor is one.
    pub(super) fn of_caller(new_session: bool) -> Result<Terminal, Message> {
        if !STANDARD.iter().any(terminal::is_terminal) {
            return Ok(Terminal::Absent);
        }
        if !new_session {
            return Ok(Terminal::Shared);
        }
        let relay = Relay::new().map_err(|errno| {
            let text = format!("cannot make a terminal for the program: {}", sys::errno_name(errno));
            Message::new(
                text,
                "mount a devpts on /dev/pts, or share the caller's terminal: --new-session=false",
            )
        });
        Ok(Terminal::Own(Box::new(relay?)))
    }

    /// The program's terminal and standard descriptors, if they are not the caller's.
    pub(super) fn of_program(&self) -> Result<Option<(OwnedFd, [OwnedFd; 3])>, Errno> {
        let Terminal::Own(relay) = self else { return Ok(None) };
        let slave = relay.pair.slave.as_fd();
        let one = |fd: BorrowedFd<'_>| {
            let fd = if terminal::is_terminal(fd) { slave } else { fd };
            fd.try_clone_to_owned().map_err(|error| sys::errno_of(&error))
        };
        let [input, output, error] = STANDARD;
        Ok(Some((one(slave)?, [one(input)?, one(output)?, one(error)?])))
    }
}

/// Both terminals, and what is on its way between them.
pub(super) struct Relay {
    pair: Pair,
    caller: Caller,
    signals: OwnedFd,
    to_program: Vec<u8>,
    to_caller: Vec<u8>,
}

/// The caller's terminal.
struct Caller {
    /// The standard descriptor that tells its size and settings.
    at: BorrowedFd<'static>,
    /// The same terminal, opened anew: so it never waits, and what others have open of it is as it was.
    screen: OwnedFd,
    before: Settings,
    /// Whether input comes from it, too.
    has_keys: bool,
    /// Whether it is raw, and its keys are the program's.
    taken: bool,
    /// Whether it is still there.
    gone: bool,
}

impl Relay {
    fn new() -> sys::Result<Relay> {
        let caller = Caller::find()?;
        let pair = Pair::open()?;
        let settings = if caller.has_keys { caller.before.clone() } else { caller.before.unprocessed() };
        settings.apply(&pair.slave)?;
        terminal::copy_size(caller.at, &pair.master)?;
        Ok(Relay { pair, caller, signals: signal::watch()?, to_program: Vec::new(), to_caller: Vec::new() })
    }

    /// Takes the caller's terminal, at the beginning, when this process is continued, and when it finds itself in the
    /// foreground: not in the background, where it is the shell's or another job's.
    pub(super) fn take(&mut self) -> sys::Result<()> {
        self.caller.take()?;
        self.resize();
        Ok(())
    }

    /// Whether there is nobody left to relay for.
    pub(super) fn caller_is_gone(&self) -> bool {
        self.caller.gone
    }

    /// Hands the size on.
    pub(super) fn resize(&self) {
        // A terminal that is gone has none; SIGHUP tells of that.
        let _ = terminal::copy_size(self.caller.at, &self.pair.master);
    }

    /// Waits until there is a signal, or something to relay, and relays it. Returns the signal that was typed, if the program
    /// leads the terminal's foreground group.
    pub(super) fn turn(&mut self, program: i32) -> sys::Result<Option<Signal>> {
        if self.caller.is_without_keys() && self.take().is_err() {
            self.caller.gone = true;
            return Ok(None);
        }
        let look = self.caller.is_without_keys().then_some(LOOK);
        let (keys, screen) = (self.caller.taken && self.to_program.is_empty(), !self.to_caller.is_empty());
        let [keys, output, input, screen] = socket::wait_for_any(
            &self.signals,
            [
                (self.caller.at, socket::Wish::Read, keys),
                (self.pair.master.as_fd(), socket::Wish::Read, self.to_caller.is_empty()),
                (self.pair.master.as_fd(), socket::Wish::Write, !self.to_program.is_empty()),
                (self.caller.screen.as_fd(), socket::Wish::Write, screen),
            ],
            look,
        )?;
        if output {
            let output = self.output()?;
            self.to_caller.extend(output);
        }
        if screen || output {
            self.show();
        }
        let typed = if keys { self.listen(program)? } else { None };
        if input || keys {
            let keys = std::mem::take(&mut self.to_program);
            let written = self.with_program(|pair| terminal::write(&pair.master, &keys))?;
            self.to_program = keys[written..].to_vec();
        }
        Ok(typed)
    }

    /// What the program wrote.
    fn output(&mut self) -> sys::Result<Vec<u8>> {
        let mut chunk = [0; CHUNK];
        let count = self.with_program(|pair| terminal::read(&pair.master, &mut chunk))?;
        Ok(chunk[..count.unwrap_or_default()].to_vec())
    }

    /// Does something with its terminal, which the program may have hung up, to open it anew as login programs do.
    fn with_program<T>(&mut self, mut done: impl FnMut(&Pair) -> sys::Result<T>) -> sys::Result<T> {
        match done(&self.pair) {
            Err(Errno::EIO) => {
                self.pair.reopen()?;
                done(&self.pair)
            }
            other => other,
        }
    }

    fn show(&mut self) {
        match terminal::write(&self.caller.screen, &self.to_caller) {
            Ok(written) => drop(self.to_caller.drain(..written)),
            // Nobody will see any more of it; the program is not to wait for that.
            Err(_) => {
                self.caller.gone = true;
                self.to_caller.clear();
            }
        }
    }

    /// Takes keys. Those that are signals are so in the program's terminal, by its settings at this moment.
    fn listen(&mut self, program: i32) -> sys::Result<Option<Signal>> {
        let mut chunk = [0; CHUNK];
        let count = match terminal::read(self.caller.at, &mut chunk) {
            Ok(None) => return Ok(None),
            Ok(Some(count)) if count > 0 => count,
            // It is gone, or another job's now (EIO, as SIGTTIN is blocked).
            other => {
                self.caller.taken = false;
                self.caller.gone |= other != Err(Errno::EIO);
                return Ok(None);
            }
        };
        self.to_program.extend(&chunk[..count]);
        let settings = self.with_program(|pair| Settings::of(&pair.slave))?;
        let typed = chunk[..count].iter().find_map(|&byte| settings.signal(byte));
        Ok(typed.filter(|_| terminal::foreground(&self.pair.master) == Ok(program)))
    }

    /// Shows what the program has left, and gives the caller's terminal back as it was.
    pub(super) fn finish(mut self) -> sys::Result<()> {
        loop {
            self.show();
            if self.to_caller.is_empty() {
                self.to_caller = self.output()?;
            }
            if self.to_caller.is_empty() {
                break;
            }
            let screen = [(self.caller.screen.as_fd(), socket::Wish::Write, true)];
            let [ready] = socket::wait_for_any(&self.signals, screen, None)?;
            // A terminal that takes no more must not keep who wants this process to end.
            if !ready && signal::take_end()?.is_some() {
                break;
            }
        }
        self.caller.give_back()
    }
}

impl Caller {
    fn find() -> sys::Result<Caller> {
        let [input, output, error] = STANDARD;
        let first = |of: [BorrowedFd<'static>; 3]| of.into_iter().find(|fd| terminal::is_terminal(fd));
        let at = first([input, output, error]).ok_or(Errno::ENOTTY)?;
        let screen = first([output, error, input]).ok_or(Errno::ENOTTY)?;
        let path = file::path_of(screen);
        let anew = OpenOptions::new().write(true).custom_flags(terminal::ANEW).open(path);
        // Without a procfs, or of another user: then it may wait.
        let screen = anew.map_or_else(|_| screen.try_clone_to_owned(), |file| Ok(file.into()));
        Ok(Caller {
            at,
            screen: screen.map_err(|error| sys::errno_of(&error))?,
            before: Settings::of(at)?,
            has_keys: terminal::is_terminal(input),
            taken: false,
            gone: false,
        })
    }

    /// Whether its keys could be the program's, and are not.
    fn is_without_keys(&self) -> bool {
        self.has_keys && !self.taken && !self.gone
    }

    fn take(&mut self) -> sys::Result<()> {
        if self.has_keys && !terminal::is_in_background(self.at) {
            self.before.raw().apply(self.at)?;
            self.taken = true;
        }
        Ok(())
    }

    fn give_back(&mut self) -> sys::Result<()> {
        let was = std::mem::take(&mut self.taken);
        if was && !self.gone && !terminal::is_in_background(self.at) {
            return self.before.apply(self.at);
        }
        Ok(())
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        // On the way out of an error, which is what is told.
        let _ = self.give_back();
    }
}
