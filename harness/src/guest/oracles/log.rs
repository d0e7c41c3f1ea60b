//! Faults in the kernel log.

use std::fs::File;
use std::io::{self, Read};

use runtime::sys::probe::machine;
use runtime::sys::{Errno, errno_of};

/// What the kernel says when something is wrong with itself.
const FAULTS: &[&str] = &[
    "WARNING:",
    "BUG:",
    "kernel BUG at",
    "Oops",
    "KASAN",
    "KCSAN",
    "KMSAN",
    "UBSAN",
    "general protection fault",
    "Unable to handle kernel",
    "divide error",
    "invalid opcode",
    "refcount_t:",
    "list_add corruption",
    "list_del corruption",
    "scheduling while atomic",
    "INFO: possible",
    "INFO: task",
    "INFO: rcu",
    "soft lockup",
    "possible circular locking",
    "possible recursive locking",
    "possible irq lock inversion",
    "suspicious RCU usage",
    "suspicious rcu_dereference",
    "unregister_netdevice: waiting",
    "unreferenced object",
];

/// The log from some position on.
pub(super) struct KernelLog(File);

impl KernelLog {
    pub(super) fn open() -> io::Result<KernelLog> {
        machine::kernel_log().map(KernelLog)
    }

    /// The lines since the last call that tell of a fault.
    pub(super) fn faults(&mut self) -> io::Result<Vec<String>> {
        let mut faults = Vec::new();
        let mut record = [0; 8192];
        loop {
            match self.0.read(&mut record) {
                Ok(0) => return Ok(faults),
                Ok(length) => faults.extend(fault(&String::from_utf8_lossy(&record[..length]))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(faults),
                // Records were overwritten before they were read: the next read gives the oldest that is left.
                Err(error) if errno_of(&error) == Errno::EPIPE => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The text of a record of `/dev/kmsg`, if the kernel wrote it and it tells of a fault.
fn fault(record: &str) -> Option<String> {
    let (head, text) = record.split_once(';')?;
    let priority: u32 = head.split(',').next()?.parse().ok()?;
    // What a process writes to /dev/kmsg never has the kernel's own facility, 0.
    let from_kernel = priority >> 3 == 0;
    // A record of several lines comes in one, its line ends escaped. kmsg(4)
    let mut lines = text.lines().next()?.split("\\x0a");
    let told = lines.find(|line| FAULTS.iter().any(|word| line.contains(word)))?;
    from_kernel.then(|| told.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("4,339,5140900,-;WARNING: CPU: 0 PID: 1 at net/core/dev.c:11\n SUBSYSTEM=x\n", true)]
    #[case("3,9,5,-;BUG: kernel NULL pointer dereference, address: 0000000000000008\n", true)]
    #[case("0,9,5,-;unregister_netdevice: waiting for lo to become free. Usage count = 3\n", true)]
    #[case("4,9,5,-;refcount_t: underflow; use-after-free.\n", true)]
    #[case("6,339,5140900,-;veth: a link came up\n", false)]
    // Facility 1: a process wrote it.
    #[case("12,9,5,-;WARNING: not the kernel\n", false)]
    #[case("no record", false)]
    fn only_the_kernel_tells_of_faults(#[case] record: &str, #[case] told: bool) {
        assert_eq!(fault(record).is_some(), told);
    }

    #[test]
    fn the_text_is_without_head_and_dictionary() {
        let record = "4,1,2,-;WARNING: at x.c; y\n SUBSYSTEM=net\n";
        assert_eq!(fault(record).as_deref(), Some("WARNING: at x.c; y"));
        let record = "4,1,2,-;=====\\x0aWARNING: gone\\x0a=====\n";
        assert_eq!(fault(record).as_deref(), Some("WARNING: gone"));
    }
}
