//! The channel to the host: lines of JSON on the second serial port.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};

use runtime::sys::probe::machine;

use crate::event::{Envelope, Event};
use crate::plan::Request;

const PORT: &str = "/dev/ttyS1";

/// The serial port, and the numbering of what is sent.
#[derive(Debug)]
pub(super) struct Channel {
    reader: BufReader<File>,
    writer: File,
    key: String,
    seq: u32,
}

impl Channel {
    /// Opens the port. Rust's standard library opens every file close-on-exec: no container inherits it.
    pub(super) fn open() -> io::Result<Self> {
        let port = OpenOptions::new().read(true).write(true).open(PORT)?;
        machine::make_raw(&port)?;
        Ok(Channel { reader: BufReader::new(port.try_clone()?), writer: port, key: String::new(), seq: 0 })
    }

    /// Waits for the next request. A line that is none is told on the console, for the host's developer.
    pub(super) fn receive(&mut self) -> io::Result<Request> {
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the channel hung up"));
            }
            match serde_json::from_str(&line) {
                Ok(request) => return Ok(request),
                Err(error) => eprintln!("guest: a line of {} bytes is no request: {error}", line.len()),
            }
        }
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
        self.writer.write_all(line.as_bytes())
    }
}
