//! What the guest's console showed, kept in memory.

use crate::ending::INIT_ENDED;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Bytes that are kept.
const KEPT: usize = 256 << 10;

/// Lines before a panic that may tell why.
const BEFORE_PANIC: usize = 5;

/// The console's text, shared with the thread that reads it.
#[derive(Debug, Clone, Default)]
pub(super) struct Console(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    bytes: Vec<u8>,
    panic: Option<String>,
    first_line: Option<Instant>,
    last_line: Option<Instant>,
}

impl Console {
    /// The text so far; carriage returns are left out.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().bytes).replace('\r', "")
    }

    /// The last `count` lines. A panic's call trace is long, and what matters stands before it: then as many lines from
    /// a little before the panic.
    pub(super) fn tail(&self, count: usize) -> Vec<String> {
        let text = self.text();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.len().saturating_sub(count);
        let panic = lines.iter().position(|line| fatal(line).is_some());
        let from = panic.map_or(last, |panic| panic.saturating_sub(BEFORE_PANIC).min(last));
        lines[from..].iter().take(count).map(ToString::to_string).collect()
    }

    /// The line that told of a panic.
    pub(super) fn panic(&self) -> Option<String> {
        self.lock().panic.clone()
    }

    /// When the first line came.
    pub(super) fn first_line(&self) -> Option<Instant> {
        self.lock().first_line
    }

    /// When the last line came.
    pub(super) fn last_line(&self) -> Option<Instant> {
        self.lock().last_line
    }

    /// Adds a line. If it is the first that tells of a panic, it is given back.
    pub(super) fn add(&self, line: &[u8]) -> Option<String> {
        let mut inner = self.lock();
        let now = Instant::now();
        inner.first_line.get_or_insert(now);
        inner.last_line = Some(now);
        inner.bytes.extend_from_slice(line);
        if inner.bytes.len() > 2 * KEPT {
            let superfluous = inner.bytes.len() - KEPT;
            inner.bytes.drain(..superfluous);
        }
        if inner.panic.is_some() {
            return None;
        }
        inner.panic = fatal(&String::from_utf8_lossy(line));
        inner.panic.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lines after which the guest runs no more, or was not made whole (kernel/panic.c, init/initramfs.c).
fn fatal(line: &str) -> Option<String> {
    let words = [INIT_ENDED, "Kernel panic - not syncing", "Initramfs unpacking failed"];
    let start = words.iter().find_map(|word| line.find(word))?;
    Some(line[start..].trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_once() {
        let console = Console::default();
        assert_eq!(console.add(b"[    1.0] all is well\r\n"), None);
        let panic = "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000000";
        assert_eq!(console.add(format!("[    1.1] {panic}\r\n").as_bytes()).as_deref(), Some(panic));
        assert_eq!(console.add(format!("[    1.2] {panic}\r\n").as_bytes()), None);
        assert_eq!(console.panic().as_deref(), Some(panic));
        assert!(console.text().starts_with("[    1.0] all is well\n[    1.1]"));
    }

    #[test]
    fn an_init_that_ends_is_no_panic() {
        use super::super::Ending;
        let ending = |line: &str| Ending::fatal(fatal(line).unwrap());
        let by_itself = ending("guest: init ended: ttyS1 cannot be opened: ENOENT\r\n");
        assert_eq!(by_itself, Ending::Init("ttyS1 cannot be opened: ENOENT".into()));
        assert_eq!(by_itself.to_string(), "the guest's init ended: ttyS1 cannot be opened: ENOENT");
        let killed = "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b";
        assert_eq!(ending(&format!("[    1.1] {killed}\r\n")), Ending::Init(killed.into()));
        let fault = "Kernel panic - not syncing: sysrq triggered crash";
        assert_eq!(ending(fault), Ending::Panic(fault.into()));
    }

    #[test]
    fn the_tail_begins_before_the_panic() {
        let console = Console::default();
        (0..30).for_each(|number| drop(console.add(format!("line {number}\n").as_bytes())));
        assert_eq!(console.tail(2), ["line 28", "line 29"]);
        console.add(b"Kernel panic - not syncing: because\n");
        (0..30).for_each(|number| drop(console.add(format!("trace {number}\n").as_bytes())));
        let tail = console.tail(8);
        assert_eq!((tail.len(), &*tail[0], &*tail[7]), (8, "line 25", "trace 1"));
        assert!(tail[5].contains("because"));
    }

    #[test]
    fn the_end_is_kept() {
        let console = Console::default();
        for number in 0..100_000 {
            console.add(format!("line {number}\n").as_bytes());
        }
        let text = console.text();
        assert!(text.len() <= 2 * KEPT && text.ends_with("line 99999\n"), "{}", text.len());
    }
}
