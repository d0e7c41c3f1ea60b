//! Faults in the kernel log.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};

use sys::probe::machine;
use sys::{Errno, errno_of};

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

/// Lines of faults that are kept: a kernel that warns without end is told of by the first of them.
const KEPT: usize = 64;

/// The kernel log, read from its beginning on.
///
/// Neither syslog(2) (`dmesg --clear`, `dmesg --read-clear`) nor a sysctl (`kernel.printk`, `kernel.printk_devkmsg`,
/// `kernel.dmesg_restrict`) takes a record from a descriptor that is open: only one that is overwritten before it is read
/// is lost, and then the numbers of those that are left tell of it.
pub(super) struct KernelLog {
    file: File,
    seen: Seen,
}

/// What was read since it was last taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Lines that tell of a fault.
    pub(super) faults: Vec<String>,
    /// Records that were not read.
    pub(super) lost: u64,
}

impl KernelLog {
    /// Opens the log and reads what the kernel said so far: that gives the number of the next record.
    pub(super) fn open() -> io::Result<KernelLog> {
        let mut log = KernelLog { file: machine::kernel_log()?, seen: Seen::default() };
        log.read()?;
        Ok(log)
    }

    /// Reads what is there. It is called while a scenario runs, too: the kernel overwrites the oldest records.
    pub(super) fn read(&mut self) -> io::Result<()> {
        // As long as a record can be (CONSOLE_EXT_LOG_MAX): the kernel refuses to give a part of one.
        let mut record = [0; 8192];
        loop {
            match self.file.read(&mut record) {
                Ok(0) => return Ok(()),
                Ok(length) => self.seen.record(&String::from_utf8_lossy(&record[..length])),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // Records were overwritten before they were read: the next read gives the oldest that is left.
                Err(error) if errno_of(&error) == Errno::EPIPE => self.seen.overwritten = true,
                Err(error) => return Err(error),
            }
        }
    }

    /// What came since the last call.
    pub(super) fn take(&mut self) -> io::Result<Told> {
        self.read()?;
        Ok(self.seen.take())
    }
}

impl AsFd for KernelLog {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// What the records said.
#[derive(Debug, Default)]
struct Seen {
    /// The number that the next record has if none is lost.
    next: Option<u64>,
    /// The kernel said that there is a gap.
    overwritten: bool,
    lost: u64,
    faults: Vec<String>,
    /// Faults that are not kept.
    more: usize,
}

impl Seen {
    fn record(&mut self, record: &str) {
        match number(record) {
            // The log does not begin with 0 if the machine has been up for long: it is no gap of this reader's.
            Some(number) => {
                self.lost += number.saturating_sub(self.next.unwrap_or(number));
                self.next = Some(number + 1);
            }
            None => self.lost += 1,
        }
        if let Some(fault) = fault(record) {
            if self.faults.len() < KEPT { self.faults.push(fault) } else { self.more += 1 }
        }
    }

    fn take(&mut self) -> Told {
        let mut faults = std::mem::take(&mut self.faults);
        if self.more > 0 {
            faults.push(format!("and {} more such lines", std::mem::take(&mut self.more)));
        }
        let overwritten = u64::from(std::mem::take(&mut self.overwritten));
        Told { faults, lost: std::mem::take(&mut self.lost).max(overwritten) }
    }
}

/// The sequence number of a record of `/dev/kmsg`: `6,339,5140900,-;text`. Documentation/ABI/testing/dev-kmsg
fn number(record: &str) -> Option<u64> {
    let (head, _) = record.split_once(';')?;
    head.split(',').nth(1)?.parse().ok()
}

/// The text of a record of `/dev/kmsg`, if the kernel wrote it and it tells of a fault.
fn fault(record: &str) -> Option<String> {
    let (head, text) = record.split_once(';')?;
    let priority: u32 = head.split(',').next()?.parse().ok()?;
    // What a process writes to /dev/kmsg never has the kernel's own facility, 0.
    let from_kernel = priority >> 3 == 0;
    // A record of several lines comes in one, its line ends escaped. kmsg(4)
    let mut lines = text.lines().next()?.split("\\x0a");
    let told = lines.find(|line| !is_of_a_program(line) && FAULTS.iter().any(|word| line.contains(word)))?;
    from_kernel.then(|| told.to_owned())
}

/// The longest name of a process. TASK_COMM_LEN in include/linux/sched.h, without its NUL
const NAME: usize = 15;

/// Whether the line tells of a program that was ended for a fault of its own: `probe[93]: segfault at 0 ip …`, and on x86
/// `traps: probe[93] general protection fault ip:…`, `traps: probe[93] trap invalid opcode ip:…`. The name is the program's
/// choice, but too short to hide a fault of the kernel behind it. show_signal_msg in arch/x86/mm/fault.c, do_trap_no_signal
/// and exc_general_protection in arch/x86/kernel/traps.c
fn is_of_a_program(line: &str) -> bool {
    let is_process = |text: &str| {
        let Some((name, pid)) = text.rsplit_once('[') else { return false };
        name.len() <= NAME && !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit())
    };
    let follows = |line: &str, words: &str| line.match_indices(words).any(|(at, _)| is_process(&line[..at]));
    match line.strip_prefix("traps: ") {
        Some(line) => line.contains(" ip:") && line.contains(" sp:") && follows(line, "] "),
        None => line.contains(" ip ") && line.contains(" sp ") && follows(line, "]: segfault at "),
    }
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
    #[case(
        "6,9,5,-;traps: probe[93] general protection fault ip:401f2a sp:7ffe error:0 in init[400000+1000]\n",
        false
    )]
    #[case(
        "6,9,5,-;traps: probe[93] trap invalid opcode ip:401f2a sp:7ffe error:0 in init[400000+1000]\n",
        false
    )]
    #[case("6,9,5,-;traps: BUG: x[y] [1][93] trap divide error ip:401f2a sp:7ffe error:0\n", false)]
    #[case("6,9,5,-;Oops[93]: segfault at 0 ip 0000 sp 7ffe error 4 in init[400000+1000]\n", false)]
    // What a program's name cannot be made to look like.
    #[case(
        "0,9,5,-;general protection fault, probably for non-canonical address 0xdead: 0000 [#1] PREEMPT\n",
        true
    )]
    #[case("0,9,5,-;traps: PANIC: double fault, error_code: 0x0 in x[93] ip: sp: Oops\n", true)]
    #[case("4,9,5,-;WARNING: CPU: 0 PID: 93 Comm: x[93]: segfault at  ip  sp \n", true)]
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

    #[test]
    fn a_gap_in_the_numbers_is_what_was_lost() {
        let mut seen = Seen::default();
        // What was said before anybody read is no gap.
        seen.record("6,339,1,-;veth: a link came up\n");
        seen.record("6,340,2,-;veth: it went down\n");
        assert_eq!(seen.take(), Told::default());
        seen.record("4,352,3,-;WARNING: at x.c\n");
        assert_eq!(seen.take(), Told { faults: vec!["WARNING: at x.c".into()], lost: 11 });
        seen.record("6,353,4,-;all is well\n");
        assert_eq!(seen.take(), Told::default());
        seen.record("no record");
        assert_eq!(seen.take(), Told { faults: Vec::new(), lost: 1 });
    }

    #[test]
    fn a_gap_that_only_the_kernel_tells_of_is_one_too() {
        let mut seen = Seen { overwritten: true, ..Seen::default() };
        assert_eq!(seen.take().lost, 1);
        assert_eq!(seen.take().lost, 0);
    }

    #[test]
    fn faults_without_end_are_counted() {
        let mut seen = Seen::default();
        (0..100).for_each(|number| seen.record(&format!("4,{number},1,-;WARNING: {number}\n")));
        let Told { faults, lost } = seen.take();
        assert_eq!((faults.len(), &*faults[KEPT], lost), (KEPT + 1, "and 36 more such lines", 0));
    }
}
