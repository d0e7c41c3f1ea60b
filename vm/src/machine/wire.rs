//! The threads that read what QEMU sends: it must never wait, for a serial port that cannot be emptied drops bytes.

use crate::ending::LONGEST_LINE;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Sender;

use super::console::Console;

/// Bytes of the console that are looked at as one line.
const LONGEST_CONSOLE_LINE: usize = 4096;

/// What the threads tell.
#[derive(Debug)]
pub(super) enum Wire {
    /// A line of the channel.
    Line(String),
    /// The console told of a panic.
    Panic(String),
    /// A line of the channel grew too long.
    Flood,
    /// A stream is at its end.
    Closed,
}

/// Reads the console to its end.
pub(super) fn read_console(stream: UnixStream, console: Console, wire: Sender<Wire>) -> io::Result<()> {
    thread("console", move || {
        let mut reader = BufReader::new(stream);
        while let Some(line) = next(&mut reader, LONGEST_CONSOLE_LINE) {
            if let Some(panic) = console.add(&line)
                && wire.send(Wire::Panic(panic)).is_err()
            {
                return;
            }
        }
        // Without a listener there is nobody to tell.
        let _ = wire.send(Wire::Closed);
    })
}

/// Reads the channel to its end. A line that lacks its end when QEMU ends is none.
pub(super) fn read_channel(stream: UnixStream, wire: Sender<Wire>) -> io::Result<()> {
    thread("channel", move || {
        let mut reader = BufReader::with_capacity(1 << 16, stream);
        while let Some(mut line) = next(&mut reader, LONGEST_LINE) {
            if line.pop() != Some(b'\n') {
                if line.len() + 1 >= LONGEST_LINE {
                    let _ = wire.send(Wire::Flood);
                }
                break;
            }
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            // A guest that begins each line anew, so that noise ends before it, sends empty ones: they say nothing.
            if line.is_empty() {
                continue;
            }
            if wire.send(Wire::Line(String::from_utf8_lossy(&line).into_owned())).is_err() {
                return;
            }
        }
        let _ = wire.send(Wire::Closed);
    })
}

/// The next line with its end, or so much of it. A stream that breaks is at its end.
fn next(reader: &mut impl BufRead, longest: usize) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let limit = longest as u64;
    match reader.by_ref().take(limit).read_until(b'\n', &mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line),
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).stack_size(128 << 10).spawn(work).map(drop)
}
