//! Files that others wrote: only regular ones, and no larger than what is meant could be. A FIFO would be waited for, a
//! device read without end.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::fcntl::{self, FcntlArg, OFlag};

/// The largest scenario or baseline, in bytes: several hundred times the largest of this project.
pub const TEXT: u64 = 1 << 20;
/// The largest report or recorded run, in bytes: ten thousand scenarios on ten kernels.
pub const RECORD: u64 = 1 << 30;

/// Returns a file's bytes.
///
/// # Errors
/// What the system says; a folder, a device or a FIFO; a file of more than `most` bytes.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Asked before it is opened: to open a FIFO waits, and to open a device may do something.
    whole(open(path)?, most)
}

/// Returns a file, opened.
///
/// # Errors
/// What the system says; a folder, a device or a FIFO.
pub fn open(path: &Path) -> io::Result<File> {
    if let Some(other) = kind(path)? {
        return Err(io::Error::other(format!("it is {other}, not a regular file")));
    }
    // A file of procfs can be one to wait for (`/proc/kmsg`): it says EAGAIN then.
    fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

/// Returns the bytes of a file, or of what a shell's `<(…)` writes.
///
/// # Errors
/// As [`read`], but for a FIFO; for that, if nobody opens it to write for five seconds.
pub fn read_or_receive(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    if kind(path)? == Some(FIFO) { whole(receive(path, OTHER_SIDE)?, most) } else { read(path, most) }
}

/// Writes a file anew; what is a FIFO, into it.
///
/// # Errors
/// What the system says; a FIFO that nobody opens to read for as long as a writer is waited for.
pub fn write_or_send(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|data| data.file_type().is_fifo()) {
        send(path, bytes, OTHER_SIDE)
    } else {
        fs::write(path, bytes)
    }
}

fn send(path: &Path, bytes: &[u8], timeout: Duration) -> io::Result<()> {
    let deadline = Instant::now() + timeout;
    let mut fifo = loop {
        match fs::OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path) {
            // Nobody has it open to read. fifo(7)
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) && Instant::now() < deadline => {
                sleep(Duration::from_millis(5));
            }
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
                let words = format!("it is {FIFO}, and for {} s nobody read from it", timeout.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, words));
            }
            other => break other?,
        }
    };
    fcntl::fcntl(&fifo, FcntlArg::F_SETFL(OFlag::empty()))?;
    fifo.write_all(bytes)
}

/// How long a FIFO's other side is waited for: whoever has one has started it before, or starts it at once.
const OTHER_SIDE: Duration = Duration::from_secs(5);

/// What somebody writes to a FIFO, to its end.
fn receive(path: &Path, timeout: Duration) -> io::Result<impl Read> {
    let mut fifo = fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let deadline = Instant::now() + timeout;
    let mut first = [0];
    let length = loop {
        match fifo.read(&mut first) {
            // Nobody has it open to write. fifo(7)
            Ok(0) if Instant::now() > deadline => {
                let words = format!("it is {FIFO}, and for {} s nobody wrote to it", timeout.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, words));
            }
            Ok(0) => sleep(Duration::from_millis(5)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break 0,
            other => break other?,
        }
    };
    // From now on it is waited for.
    fcntl::fcntl(&fifo, FcntlArg::F_SETFL(OFlag::empty()))?;
    Ok(io::Cursor::new(first).take(length as u64).chain(fifo))
}

const FIFO: &str = "a FIFO";

/// What is there in place of a regular file.
fn kind(path: &Path) -> io::Result<Option<&'static str>> {
    let kind = fs::metadata(path)?.file_type();
    Ok(match () {
        () if kind.is_file() => None,
        () if kind.is_dir() => Some("a folder"),
        () if kind.is_fifo() => Some(FIFO),
        () if kind.is_socket() => Some("a socket"),
        () => Some("a device"),
    })
}

fn whole(file: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!("it is larger than {} MiB", most >> 20)));
    }
    Ok(bytes)
}

/// Returns a file's text.
///
/// # Errors
/// As [`read`], and bytes that are not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    text(read(path, most)?)
}

/// Returns the text of a file, or of what a shell's `<(…)` writes.
///
/// # Errors
/// As [`read_or_receive`], and bytes that are not UTF-8.
pub fn receive_text(path: &Path, most: u64) -> io::Result<String> {
    text(read_or_receive(path, most)?)
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        io::Error::new(io::ErrorKind::InvalidData, format!("it is not UTF-8 at byte {offset}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::device("/dev/zero", "it is a device, not a regular file")]
    #[case::folder("/etc", "it is a folder, not a regular file")]
    #[case::too_large("/proc/self/exe", "it is larger than 0 MiB")]
    #[case::absent("/no/such/file", "No such file or directory")]
    fn what_is_no_file_or_too_large_is_told(#[case] path: &str, #[case] told: &str) {
        let error = read(Path::new(path), 4096).unwrap_err().to_string();
        assert!(error.starts_with(told), "{error}");
    }

    fn fifo() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        (folder, path)
    }

    #[test]
    fn a_fifo_is_not_waited_for() {
        let (_folder, path) = fifo();
        assert_eq!(read(&path, 1).unwrap_err().to_string(), "it is a FIFO, not a regular file");
        let told = receive(&path, Duration::from_millis(50)).err().unwrap();
        assert_eq!(told.to_string(), "it is a FIFO, and for 0 s nobody wrote to it");
    }

    #[test]
    fn a_fifo_without_a_reader_is_not_waited_for() {
        let (_folder, path) = fifo();
        let told = send(&path, b"text", Duration::from_millis(50)).unwrap_err().to_string();
        assert_eq!(told, "it is a FIFO, and for 0 s nobody read from it");
        let from = path.clone();
        let reader = std::thread::spawn(move || fs::read(from).unwrap());
        let long = vec![b'x'; 1 << 20];
        write_or_send(&path, &long).unwrap();
        assert_eq!(reader.join().unwrap(), long);
    }

    #[test]
    fn what_is_written_to_a_fifo_is_received_however_late() {
        let (_folder, path) = fifo();
        let to = path.clone();
        let writer = std::thread::spawn(move || {
            let mut file = fs::OpenOptions::new().write(true).open(to).unwrap();
            for _ in 0..3 {
                sleep(Duration::from_millis(50));
                std::io::Write::write_all(&mut file, b"text").unwrap();
            }
        });
        assert_eq!(read_or_receive(&path, 100).unwrap(), b"texttexttext");
        writer.join().unwrap();
    }
}
