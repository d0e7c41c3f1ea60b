//! What a process of a container can get at while another joins it (CVE-2016-9962).

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sys::process::{self, Birth, clone, exit};

use super::{Done, Refusal};
use crate::refusal::outcome;
use protocol::event::Outcome;

/// How many times as long as a look where nobody is the others have until the next one: on a machine of any speed a process
/// that joins is looked at a few times on its way, and is not kept from it.
const PAUSES: u32 = 4;
/// A look that took longer was interrupted.
const LONGEST: Duration = Duration::from_millis(1);
/// So many numbers may be passed over.
const AHEAD: i32 = 4;
/// The descriptors that every program has are what its creator gave it.
const STANDARD: i32 = 2;

/// A child that looks at the processes which come.
#[derive(Debug)]
pub(super) struct Watch {
    child: i32,
    stream: BufReader<UnixStream>,
}

/// What was seen.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Seen {
    joined: BTreeSet<i32>,
    refused: bool,
    reached: BTreeSet<String>,
}

/// Begins to look, before all that has no such wish: so often that nobody gets by unseen.
pub(super) fn watch() -> Result<Watch, Refusal> {
    let (ours, theirs) = UnixStream::pair()?;
    let child = match clone(&[], None)? {
        Birth::Child => {
            drop(ours);
            exit(i32::from(look(theirs).is_err()))
        }
        Birth::Parent(child) => child,
    };
    drop(theirs);
    let mut watch = Watch { child, stream: BufReader::new(ours) };
    watch.hear()?;
    Ok(watch)
}

impl Watch {
    /// What was seen until now; the child ends.
    pub(super) fn end(mut self) -> Done {
        // One that is gone says no more, and that is told.
        let _ = self.stream.get_mut().write_all(b"\n");
        let seen: Seen = serde_json::from_value(self.hear()?)?;
        process::wait(self.child)?;
        Ok(json!({ "joined": seen.joined.len(), "refused": seen.refused, "reached": seen.reached }))
    }

    fn hear(&mut self) -> Done {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        match serde_json::from_str(&line) {
            Ok(Outcome::Value(value)) => Ok(value),
            Ok(Outcome::Errno(name)) => Err(Refusal::Named(name)),
            Ok(Outcome::Broken(reason) | Outcome::NoActor(reason)) => Err(Refusal::Broken(reason)),
            Err(_) => Err(Refusal::Broken("the child that looked is gone".into())),
        }
    }
}

/// The child's life: until its parent says a word, or is gone.
fn look(mut parent: UnixStream) -> io::Result<()> {
    let first = numbers("/proc").map_err(Refusal::from).and_then(|pids| {
        process::run_first()?;
        Ok(pids.last().copied().unwrap_or_default())
    });
    let last = match first {
        Ok(last) => last,
        Err(refusal) => return tell(&mut parent, Err(refusal)),
    };
    tell(&mut parent, Ok(Value::Null))?;
    parent.set_nonblocking(true)?;
    let (mut seen, mut shortest) = (Seen::default(), LONGEST);
    loop {
        match parent.read(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => {
                other?;
                return tell(&mut parent, serde_json::to_value(seen).map_err(Refusal::from));
            }
        }
        let started = Instant::now();
        seen.look(last);
        shortest = shortest.min(started.elapsed());
        sleep(shortest * PAUSES);
    }
}

impl Seen {
    /// Looks at all that came after `last`. The kernel numbers processes one after another (alloc_pid in kernel/pid.c), and
    /// it takes a hundred times as long to read the whole of `/proc`.
    fn look(&mut self, last: i32) {
        let newest = self.joined.last().copied().unwrap_or(last);
        let next = newest + 1..=newest + AHEAD;
        for pid in self.joined.iter().copied().chain(next).collect::<Vec<_>>() {
            let Ok(numbers) = numbers(&format!("/proc/{pid}/fd")) else { continue };
            self.joined.insert(pid);
            // A program reads its own `maps` when it begins (pthread_getattr_np).
            let own = PathBuf::from(format!("/proc/{pid}"));
            for number in numbers.into_iter().filter(|number| *number > STANDARD) {
                match fs::read_link(own.join("fd").join(number.to_string())) {
                    Ok(target) if target.starts_with(&own) => {}
                    Ok(target) => drop(self.reached.insert(target.display().to_string())),
                    Err(error) => self.refused |= error.kind() == io::ErrorKind::PermissionDenied,
                }
            }
        }
    }
}

fn tell(parent: &mut UnixStream, done: Done) -> io::Result<()> {
    let mut line = serde_json::to_vec(&outcome(done))?;
    line.push(b'\n');
    parent.write_all(&line)
}

/// The names in a folder that are numbers.
fn numbers(folder: &str) -> io::Result<BTreeSet<i32>> {
    let number = |entry: io::Result<fs::DirEntry>| {
        entry.map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok())).transpose()
    };
    fs::read_dir(folder)?.filter_map(number).collect()
}
