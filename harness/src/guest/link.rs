//! The runner's end of the conversation with a probe.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::probe::{Order, Reply};
use super::shield::Shield;

const CONSOLE: &str = "/dev/console";

/// A probe to ask.
pub(super) struct Link {
    stream: BufReader<UnixStream>,
    shield: Shield,
}

/// Why there is no reply.
#[derive(Debug)]
pub(super) enum Lost {
    /// The probe closed its end: it ended, or a step made it close its descriptors.
    Ended,
    /// The scenario's deadline.
    Deadline,
    /// It said something else.
    Garbage(String),
}

impl Link {
    /// A link, and the probe's standard input, output and error.
    pub(super) fn new() -> io::Result<(Link, [OwnedFd; 3])> {
        let (ours, theirs) = UnixStream::pair()?;
        let console = File::options().write(true).open(CONSOLE)?;
        let link = Link { stream: BufReader::new(ours), shield: Shield::new()? };
        Ok((link, [theirs.try_clone()?.into(), theirs.into(), console.into()]))
    }

    /// Has the probe perform one operation.
    pub(super) fn ask(&mut self, order: &Order, deadline: Instant) -> Result<Reply, Lost> {
        let Link { stream, shield } = self;
        shield.under(|| exchange(stream, order, deadline)).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Lost::Deadline,
            io::ErrorKind::InvalidData => Lost::Garbage(error.to_string()),
            _ => Lost::Ended,
        })
    }
}

fn exchange(stream: &mut BufReader<UnixStream>, order: &Order, deadline: Instant) -> io::Result<Reply> {
    // A timeout of zero would mean none.
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    stream.get_ref().set_read_timeout(Some(left))?;
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    stream.get_mut().write_all(&line)?;
    let mut reply = String::new();
    match stream.read_line(&mut reply)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => serde_json::from_str(&reply).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
    }
}
