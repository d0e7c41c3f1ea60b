//! What enters a container is never the program's file on the disk (CVE-2019-5736).
//!
//! A program of the container that is a script with the interpreter `/proc/self/exe` has the kernel execute what the process
//! was before: this program, with the container's own loader if it is dynamic, as a process of the container. From then on
//! `/proc/PID/exe` is a way to the file, and while nothing executes it any more, to write to it. So programs are executed
//! by way of a launcher ([`launcher`]), and where a process of the container is this program itself, it goes on as a sealed
//! copy first.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;

use super::message::Message;
use crate::spec::{Namespace, Spec};
use sys::probe::task;
use sys::{self, Errno, launcher, memory_file, process};

const OWN: &str = "/proc/self/exe";

/// Returns whether a process of a container could look at this program's process, which is no secret from one with
/// CAP_SYS_PTRACE: its init, one that joins it, and where the architecture has no launcher, one that becomes its program.
pub(super) fn is_needed(spec: &Spec) -> bool {
    spec.init || spec.join.contains_key(&Namespace::Pid) || !launcher::EXISTS
}

/// Goes on as a sealed copy of this program; returns if this is one. To be called before anything is done.
pub(super) fn go_on_sealed() -> Result<(), Message> {
    let own = match own()? {
        Some(own) => own,
        None => return Ok(()),
    };
    if memory_file::is_sealed(&own) {
        // What execveat(2) calls a program without a path differs from kernel to kernel.
        return task::set_name(c"nsrun").map_err(|errno| failed(errno, "a bug of nsrun"));
    }
    let help = "sysctl vm.memfd_noexec must be 0 or 1, and a few megabytes of memory free";
    let copy = memory_file::sealed_copy(&own).map_err(|errno| match errno {
        Errno::EFBIG => {
            failed(errno, "raise the limit on the size of files (ulimit -f): the copy is one, in memory")
        }
        _ => failed(errno, help),
    })?;
    let text = |text: OsString| CString::new(text.into_vec()).expect("arguments and variables hold no zero");
    let args: Vec<CString> = std::env::args_os().map(text).collect();
    let variable = |(mut name, value): (OsString, OsString)| {
        name.push("=");
        name.push(value);
        text(name)
    };
    let env: Vec<CString> = std::env::vars_os().map(variable).collect();
    Err(failed(process::execute_descriptor(copy.as_fd(), &args, &env), help))
}

/// Returns this program's file; without a procfs, that of the path by which it was executed. One that was executed by its
/// descriptor has none, and is the copy. Linux calls it `/dev/fd/N`: execveat(2)
fn own() -> Result<Option<File>, Message> {
    if let Ok(own) = File::open(OWN) {
        return Ok(Some(own));
    }
    let help = "mount a procfs on /proc";
    let path = process::executed_as().map_err(|errno| failed(errno, help))?;
    if path.starts_with("/dev/fd") {
        return Ok(None);
    }
    File::open(path).map(Some).map_err(|error| failed(sys::errno_of(&error), help))
}

fn failed(errno: Errno, help: &str) -> Message {
    let text = format!(
        "cannot go on as a copy of {OWN} that the container cannot write to: {}",
        sys::errno_name(errno)
    );
    Message::new(text, help)
}
