//! QEMU's monitor (QMP): the little of it that saving and restoring a machine needs.
//!
//! ```text
//! template                      clone (all sent before QEMU runs, so that it never waits for us)
//! qmp_capabilities              qmp_capabilities
//! migrate-set-capabilities      migrate-set-capabilities
//! migrate STATE                 migrate-incoming STATE
//!   ◀── MIGRATION completed       ◀── RESUME
//! quit
//!
//! fork server                        its copies
//! stop ─▶ STOP                  cont ─▶ RESUME
//! ```
//! `x-ignore-shared` leaves out the memory that lies in a file. The template is not stopped first: QEMU stops it while
//! it saves, and a state that was saved running goes on running by itself when it is restored.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IoSlice, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use serde_json::{Value, json};

/// A connection to QEMU's monitor.
#[derive(Debug)]
pub(super) struct Monitor {
    stream: BufReader<UnixStream>,
    /// When the first message was read.
    greeted: Option<Instant>,
}

impl Monitor {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { stream: BufReader::new(stream), greeted: None }
    }

    /// When QEMU's first message was read; it is read only by who waits for another one.
    pub(super) fn greeted(&self) -> Option<Instant> {
        self.greeted
    }

    /// Asks for the state of the devices to be written to what QEMU inherits.
    pub(super) fn save(&mut self, place: &str) -> io::Result<()> {
        self.ask(&[
            json!({"execute": "qmp_capabilities"}),
            capabilities(&["x-ignore-shared", "events"]),
            json!({"execute": "migrate", "arguments": {"uri": place}}),
        ])
    }

    /// Asks for the state of the devices to be written to a file that it is given: before `file:` there was, an outgoing
    /// migration took no descriptor that is inherited, and `exec:` needs a program, which QEMU must not start.
    pub(super) fn save_to(&mut self, file: &File) -> io::Result<()> {
        const NAME: &str = "state";
        self.ask(&[json!({"execute": "qmp_capabilities"}), capabilities(&["x-ignore-shared", "events"])])?;
        let line = format!("{}\n", json!({"execute": "getfd", "arguments": {"fdname": NAME}}));
        let rights = [file.as_raw_fd()];
        let rights = [ControlMessage::ScmRights(&rights)];
        let message = [IoSlice::new(line.as_bytes())];
        sendmsg::<()>(self.stream.get_ref().as_raw_fd(), &message, &rights, MsgFlags::empty(), None)?;
        self.ask(&[json!({"execute": "migrate", "arguments": {"uri": format!("fd:{NAME}")}})])
    }

    /// Asks for the state of the devices to be read from what QEMU inherits.
    pub(super) fn restore(&mut self, source: &str) -> io::Result<()> {
        self.ask(&[
            json!({"execute": "qmp_capabilities"}),
            capabilities(&["x-ignore-shared"]),
            json!({"execute": "migrate-incoming", "arguments": {"uri": source}}),
        ])
    }

    /// Asks for an interrupt that no guest can mask.
    pub(super) fn interrupt(&mut self) -> io::Result<()> {
        self.ask(&[json!({"execute": "inject-nmi"})])
    }

    /// Stops the guest, and waits until it is stopped.
    pub(super) fn freeze(&mut self, deadline: Instant) -> io::Result<()> {
        self.ask(&[json!({"execute": "stop"})])?;
        self.wait(deadline, |reply| reply["event"] == "STOP")
    }

    /// Lets the guest go on, and waits until it does.
    pub(super) fn thaw(&mut self, deadline: Instant) -> io::Result<()> {
        self.ask(&[json!({"execute": "cont"})])?;
        self.resumed(deadline)
    }

    /// Asks QEMU to end.
    pub(super) fn quit(&mut self) -> io::Result<()> {
        self.ask(&[json!({"execute": "quit"})])
    }

    /// Waits until the state is written.
    pub(super) fn saved(&mut self, deadline: Instant) -> io::Result<()> {
        self.wait(deadline, |reply| reply["event"] == "MIGRATION" && reply["data"]["status"] == "completed")
    }

    /// Waits until the guest runs.
    pub(super) fn resumed(&mut self, deadline: Instant) -> io::Result<()> {
        self.wait(deadline, |reply| reply["event"] == "RESUME")
    }

    fn ask(&mut self, commands: &[Value]) -> io::Result<()> {
        let lines: String = commands.iter().map(|command| format!("{command}\n")).collect();
        self.stream.get_mut().write_all(lines.as_bytes())
    }

    /// Reads until a message is the one that is waited for; an error if one tells of an error.
    fn wait(&mut self, deadline: Instant, done: impl Fn(&Value) -> bool) -> io::Result<()> {
        loop {
            let message = self.next(deadline)?;
            if let Some(refusal) = refusal(&message) {
                return Err(io::Error::other(refusal));
            }
            if done(&message) {
                return Ok(());
            }
        }
    }

    fn next(&mut self, deadline: Instant) -> io::Result<Value> {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.stream.get_ref().set_read_timeout(Some(left))?;
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.greeted.get_or_insert_with(Instant::now);
        Ok(serde_json::from_str(&line)?)
    }
}

fn capabilities(names: &[&str]) -> Value {
    let on: Vec<_> = names.iter().map(|name| json!({"capability": name, "state": true})).collect();
    json!({"execute": "migrate-set-capabilities", "arguments": {"capabilities": on}})
}

fn refusal(message: &Value) -> Option<String> {
    if let Some(description) = message["error"]["desc"].as_str() {
        return Some(description.to_owned());
    }
    (message["event"] == "MIGRATION" && message["data"]["status"] == "failed")
        .then(|| "migration failed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monitor(replies: &str) -> (Monitor, UnixStream) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(replies.as_bytes()).unwrap();
        (Monitor::new(ours), theirs)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    #[test]
    fn other_messages_are_passed_over() {
        let (mut monitor, _qemu) = monitor(concat!(
            "{\"QMP\": {}}\n{\"return\": {}}\n{\"event\": \"MIGRATION\", \"data\": {\"status\": \"setup\"}}\n",
            "{\"event\": \"RESUME\"}\n",
        ));
        monitor.resumed(soon()).unwrap();
    }

    #[rstest::rstest]
    #[case("{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such thing\"}}\n", "no such thing")]
    #[case("{\"event\": \"MIGRATION\", \"data\": {\"status\": \"failed\"}}\n", "migration failed")]
    fn errors_are_told(#[case] reply: &str, #[case] told: &str) {
        let (mut monitor, _qemu) = monitor(reply);
        assert_eq!(monitor.saved(soon()).unwrap_err().to_string(), told);
    }

    #[test]
    fn silence_and_an_end_are_told_apart() {
        let (mut silent, _qemu) = monitor("{\"return\": {}}\n");
        assert_eq!(silent.resumed(soon()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let (mut ended, qemu) = monitor("");
        drop(qemu);
        assert_eq!(ended.resumed(soon()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
