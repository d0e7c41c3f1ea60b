//! The runner's end of the conversation with a probe.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::oom::OomProtection;
use super::order::{Order, OtherUser, Reply};
use protocol::operation::Operation;

const CONSOLE: &str = "/dev/console";
/// The longest reply in bytes: more than any file, tree or table of a container fills.
const LONGEST: u64 = 16 << 20;

/// A probe to ask.
pub(super) struct Link {
    stream: BufReader<UnixStream>,
    protection: OomProtection,
    /// Whether an order was given up at its deadline: what comes then may be its reply.
    given_up: bool,
}

/// Why there is no reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// The probe closed its end: it ended, or a step made it close its descriptors.
    Ended,
    /// The scenario's deadline.
    Deadline,
    /// Something came that does not answer what was asked: no reply can be trusted any more.
    Forged(String),
}

impl Link {
    /// A link, and the probe's standard input, output and error.
    pub(super) fn new() -> io::Result<(Link, [OwnedFd; 3])> {
        let (ours, theirs) = UnixStream::pair()?;
        let console = File::options().write(true).open(CONSOLE)?;
        let link = Link { stream: BufReader::new(ours), protection: OomProtection::new()?, given_up: false };
        Ok((link, [theirs.try_clone()?.into(), theirs.into(), console.into()]))
    }

    /// Has the probe perform one operation.
    pub(super) fn ask(
        &mut self,
        operation: &Operation,
        other_user: Option<OtherUser>,
        deadline: Instant,
    ) -> Result<Reply, Lost> {
        let Link { stream, protection, given_up } = self;
        if *given_up {
            return Err(Lost::Deadline);
        }
        let asked = protection.under(|| Ok(exchange(stream, operation, other_user, deadline)));
        let asked = asked.unwrap_or_else(|error| Err(error.into()));
        *given_up = matches!(asked, Err(Lost::Deadline));
        asked
    }

    /// Tells the probe that this is all. What it says then, it says unasked.
    pub(super) fn hang_up(&mut self) {
        // A probe that is gone needs not be told.
        let _ = self.stream.get_ref().shutdown(Shutdown::Write);
    }

    /// Whether the probe said something that it was not asked for. It must have ended.
    pub(super) fn surplus(mut self) -> Result<(), Lost> {
        if self.given_up { Ok(()) } else { unasked(&mut self.stream) }
    }
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock => Lost::Deadline,
            _ => Lost::Ended,
        }
    }
}

fn exchange(
    stream: &mut BufReader<UnixStream>,
    operation: &Operation,
    other_user: Option<OtherUser>,
    deadline: Instant,
) -> Result<Reply, Lost> {
    unasked(stream)?;
    // A timeout of zero would mean none.
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    stream.get_ref().set_read_timeout(Some(left))?;
    let nonce = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
    let mut line = serde_json::to_vec(&Order { nonce, operation: operation.clone(), other_user })
        .map_err(io::Error::from)?;
    line.push(b'\n');
    stream.get_mut().write_all(&line)?;
    let mut reply = Vec::new();
    match stream.by_ref().take(LONGEST).read_until(b'\n', &mut reply)? {
        0 => Err(Lost::Ended),
        _ => answer(&reply, nonce).map_err(Lost::Forged),
    }
}

/// The reply in a line, if it is one to the order with this nonce.
fn answer(line: &[u8], nonce: u64) -> Result<Reply, String> {
    let shown = || String::from_utf8_lossy(&line[..line.len().min(80)]).trim_end().to_owned();
    match serde_json::from_slice::<Reply>(line) {
        Ok(reply) if reply.nonce == nonce => Ok(reply),
        Ok(_) => Err(format!("a reply to no order: {}", shown())),
        Err(_) if u64::try_from(line.len()) == Ok(LONGEST) => {
            Err(format!("a line without an end: {}", shown()))
        }
        Err(error) => Err(format!("a line that is no reply ({error}): {}", shown())),
    }
}

/// That nothing waits to be read.
fn unasked(stream: &mut BufReader<UnixStream>) -> Result<(), Lost> {
    stream.get_ref().set_nonblocking(true)?;
    let waiting = match stream.fill_buf() {
        Ok(waiting) => Ok(String::from_utf8_lossy(&waiting[..waiting.len().min(80)]).trim_end().to_owned()),
        Err(error) => Err(error.kind()),
    };
    stream.get_ref().set_nonblocking(false)?;
    match waiting {
        // The end, which the next question finds, too.
        Ok(text) if text.is_empty() && stream.buffer().is_empty() => Ok(()),
        Ok(text) => Err(Lost::Forged(format!("a line that was not asked for: {text}"))),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (BufReader<UnixStream>, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (BufReader::new(ours), theirs)
    }

    /// Asks a probe that answers with `answer` of the order's nonce.
    fn asked(answer: impl FnOnce(u64) -> String + Send + 'static) -> Result<Reply, Lost> {
        let (mut ours, mut theirs) = pair();
        let probe = std::thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(theirs.try_clone().unwrap()).read_line(&mut line).unwrap();
            let order: Order = serde_json::from_str(&line).unwrap();
            theirs.write_all(answer(order.nonce).as_bytes()).unwrap();
        });
        let deadline = Instant::now() + Duration::from_secs(10);
        let reply = exchange(&mut ours, &Operation::Hostname, None, deadline);
        probe.join().unwrap();
        reply.and_then(|reply| unasked(&mut ours).map(|()| reply))
    }

    fn reply(nonce: u64) -> String {
        format!("{{\"nonce\":{nonce},\"outcome\":{{\"value\":1}},\"us\":1}}\n")
    }

    #[test]
    fn the_reply_to_the_order_is_taken() {
        assert_eq!(asked(reply).unwrap().outcome, protocol::event::Outcome::Value(1.into()));
        assert_eq!(asked(|_| String::new()).unwrap_err(), Lost::Ended);
    }

    #[rstest::rstest]
    #[case::of_another_order(|nonce: u64| reply(nonce ^ 1), "a reply to no order")]
    #[case::without_a_nonce(
        |_| "{\"outcome\":{\"value\":\"forged\"},\"us\":1}\n".to_owned(), "a line that is no reply"
    )]
    #[case::none(|_| "noise\n".to_owned(), "a line that is no reply")]
    #[case::before_the_true_one(|nonce: u64| reply(0) + &reply(nonce), "a reply to no order")]
    #[case::after_the_true_one(|nonce: u64| reply(nonce) + &reply(nonce), "a line that was not asked for")]
    #[case::a_part_of_a_line_after_it(|nonce: u64| reply(nonce) + " ", "a line that was not asked for")]
    fn what_answers_no_order_is_told(#[case] answer: fn(u64) -> String, #[case] told: &str) {
        match asked(answer).unwrap_err() {
            Lost::Forged(words) => assert!(words.starts_with(told), "{words}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_late_reply_is_no_forgery_and_answers_nothing() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let protection = OomProtection::none();
        let mut link = Link { stream: BufReader::new(ours), protection, given_up: false };
        let ask = |link: &mut Link| link.ask(&Operation::Hostname, None, Instant::now()).unwrap_err();
        assert_eq!(ask(&mut link), Lost::Deadline);
        theirs.write_all(reply(1).as_bytes()).unwrap();
        assert_eq!(ask(&mut link), Lost::Deadline);
        assert_eq!(link.surplus(), Ok(()));
    }

    #[test]
    fn a_line_without_an_end_is_not_waited_for() {
        let endless = vec![b'x'; usize::try_from(LONGEST).unwrap()];
        assert!(answer(&endless, 1).unwrap_err().starts_with("a line without an end: xxx"));
    }
}
