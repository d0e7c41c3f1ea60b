//! The end of links.
//!
//! Soon after its deletion was asked for nobody sees a link any more, but the call returns ten milliseconds and more later,
//! when the kernel is done with what all CPUs had pending (`rcu_barrier()` in `netdev_run_todo()`). A caller that is about
//! to end leaves the calls to a process of its own, and does not wait for the last to return:
//!
//! ```text
//! caller                         helper                     kernel
//! listens
//! clone(2)    ───────────▶
//!                                RTM_DELLINK  ───────────▶  each link in turn …
//!             ◀───────────────────────────────────────────  RTM_DELLINK: is gone …
//!                                             ◀───────────  … and done with
//! goes on when all are gone
//!                                exits when all are done with
//! ```

use std::path::Path;

use crate::net::{Gone, Net};
use crate::step::{About, Fault};
use sys::process::{self, Birth};
use sys::{self, Errno, descriptor, file, socket};

/// Deletes links of this network namespace by their indices, whatever fails on the way; the first fault is told.
pub(crate) fn unlink(net: &Net, links: &[u32]) -> Result<(), Fault> {
    let mut done = Ok(());
    for &index in links {
        done = done.and(delete(net, index));
    }
    done
}

/// The same for a caller that is about to end: when it returns the links are gone, and there may be a child more, for which
/// nobody has to wait.
pub(crate) fn unlink_and_leave(net: &Net, links: &[u32]) -> Result<(), Fault> {
    match leave_to_helper(links) {
        Ok(true) => Ok(()),
        // There is none, or it could not do it either: what is in the way is met again, and told.
        Ok(false) | Err(_) => unlink(net, links),
    }
}

/// Whether a helper made the links go.
fn leave_to_helper(links: &[u32]) -> sys::Result<bool> {
    // In a copy of this process a lock that another thread holds would stay locked for ever.
    if !process::has_one_thread() {
        return Ok(false);
    }
    let gone = Gone::listen()?;
    match process::clone(&[], None)? {
        Birth::Child => help(links),
        Birth::Parent(helper) => are_gone(&gone, helper, links),
    }
}

/// Deletes a link, and with it the other end of the pair, before it returns.
fn delete(net: &Net, index: u32) -> Result<(), Fault> {
    match net.delete_link(index) {
        // The clean-up of the container's namespace was faster, and both ends are gone.
        Ok(()) | Err(Errno::ENODEV) => Ok(()),
        Err(errno) => Err(errno).about(|| format!("link with index {index}")),
    }
}

/// The helper's part.
fn help(links: &[u32]) -> ! {
    // Whoever waits for the end of a stream of the caller's, or unmounts its directory, does not wait for this process.
    let free = descriptor::close_from(0).and_then(|()| file::change_directory(Path::new("/")));
    let open = free.and_then(|()| Net::open());
    let done = open.map_err(Fault::from).and_then(|net| unlink(&net, links));
    process::exit(i32::from(done.is_err()))
}

/// Whether the kernel told that all of them are gone, before the helper ended.
fn are_gone(gone: &Gone, helper: i32, links: &[u32]) -> sys::Result<bool> {
    let end = process::watch(helper)?;
    let mut left = links.to_vec();
    while !left.is_empty() {
        if !socket::wait_for_either(gone, &end)? {
            return Ok(false);
        }
        let told = gone.next()?;
        left.retain(|index| !told.contains(index));
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_process_with_more_threads_gets_no_helper() {
        let helped = std::thread::spawn(|| super::leave_to_helper(&[])).join().unwrap();
        assert_eq!(helped, Ok(false));
    }
}
