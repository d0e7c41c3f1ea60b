//! The container's init: it forwards signals to the program, reaps every orphan, and ends with the program.

use sys::process::{self, Birth, Status};
use sys::{self, Errno, descriptor, signal};

/// Splits this process in two. The program's half comes back; the init's half never does.
///
/// `own_pids`: this process is PID 1 of its namespace. Otherwise it has to ask for the orphans.
pub(crate) fn split(own_pids: bool, inspectable: bool) -> sys::Result<()> {
    if !own_pids {
        process::adopt_orphans()?;
    }
    // Before the fork, or the program's end could be missed.
    signal::block_all()?;
    match process::clone(&[], None)? {
        Birth::Child => {
            process::die_with_parent()?;
            signal::reset()
        }
        Birth::Parent(program) => {
            // The channel above all: the parent waits for its end.
            descriptor::close_from(3)?;
            // It stays in the container, which may be allowed to look at it, and is not to see what its caller was given.
            process::forget_arguments_and_environment();
            if !inspectable {
                // Its memory and its `/proc/1/exe` are the caller's (CVE-2019-5736).
                process::forbid_inspection()?;
            }
            process::exit(serve(program).map_or(125, Status::code))
        }
    }
}

fn serve(program: i32) -> sys::Result<Status> {
    loop {
        let arrived = signal::wait()?;
        if arrived.signal != signal::CHILD {
            forward(program, arrived)?;
        }
        while let Some((pid, status)) = process::reap(None)? {
            if pid == program {
                return Ok(status);
            }
        }
    }
}

fn forward(program: i32, arrived: signal::Arrived) -> sys::Result<()> {
    // What the terminal sends it sends to the whole process group, the program included.
    if arrived.from_kernel {
        return Ok(());
    }
    match signal::send(program, arrived.signal) {
        // It ended just now, and is reaped next.
        Err(Errno::ESRCH) => Ok(()),
        other => other,
    }
}
