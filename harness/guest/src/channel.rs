//! The channel to the host: lines of JSON on the second serial port.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};

use runtime::output;
use sys::probe::machine;
use sys::{Errno, errno_of};

use super::world::World;
use protocol::event::{Envelope, Event};
use protocol::plan::Request;

/// In init's own `/dev`.
const PORT: &str = "ttyS1";

/// The serial port, and the numbering of what is sent.
#[derive(Debug)]
pub(super) struct Channel<'a> {
    world: &'a World,
    port: Port,
    key: String,
    seq: u32,
}

#[derive(Debug)]
struct Port {
    reader: BufReader<File>,
    writer: File,
}

impl<'a> Channel<'a> {
    pub(super) fn open(world: &'a World) -> io::Result<Self> {
        Ok(Channel { world, port: Port::open(world)?, key: String::new(), seq: 0 })
    }

    /// Waits for the next request. A line that is none is told on the console, for the host's developer.
    pub(super) fn receive(&mut self) -> io::Result<Request> {
        loop {
            let mut line = Vec::new();
            if self.port.reader.read_until(b'\n', &mut line)? == 0 {
                self.reclaim()?;
                continue;
            }
            match serde_json::from_slice(&line) {
                Ok(request) => return Ok(request),
                Err(error) => {
                    output::say(format!("guest: a line of {} bytes is no request: {error}", line.len()));
                }
            }
        }
    }

    /// Undoes what a container may have done to the port. The host says nothing before the scenario's ending, so whatever
    /// waits to be read is not the host's.
    pub(super) fn reclaim(&mut self) -> io::Result<()> {
        self.port = Port::open(self.world)?;
        Ok(machine::forget_input(&self.port.writer)?)
    }

    /// Every event from now on carries this key and is numbered from 0.
    pub(super) fn begin(&mut self, key: String) {
        self.key = key;
        self.seq = 0;
    }

    /// Sends one event. It begins on a line of its own, whatever a container may have written to the port.
    pub(super) fn send(&mut self, event: Event) -> io::Result<()> {
        let envelope = Envelope { key: self.key.clone(), seq: self.seq, event };
        self.seq += 1;
        let line = format!("\n{}\n", serde_json::to_string(&envelope)?);
        match self.port.writer.write_all(line.as_bytes()) {
            Err(error) if errno_of(&error) == Errno::EIO => {
                self.reclaim()?;
                self.port.writer.write_all(line.as_bytes())
            }
            other => other,
        }
    }
}

impl Port {
    /// Opens the port, again if need be: when a session ends whose controlling terminal it became, because somebody opened
    /// it, the kernel hangs it up, and every descriptor from before is dead (drivers/tty/tty_jobctrl.c). It is
    /// closed by execve(2): no container inherits it.
    fn open(world: &World) -> io::Result<Self> {
        let writer = world.device(PORT);
        let writer = writer.map_err(|error| io::Error::other(format!("{PORT} cannot be opened: {error}")))?;
        machine::make_raw(&writer)?;
        machine::refuse_others(&writer)?;
        Ok(Port { reader: BufReader::new(writer.try_clone()?), writer })
    }
}
